#include "api/api.h"


const af_route_t *const  af_api_routes[] = {
    af_auth_routes,
    af_sessions_routes,
    af_account_routes,
    af_recovery_routes,
    af_users_routes,
    af_roles_routes,
    af_audit_routes,
    af_system_routes,
    NULL
};


static void af_api_path(ngx_http_request_t *r, ngx_str_t *path);


static void
af_api_path(ngx_http_request_t *r, ngx_str_t *path)
{
    ngx_str_t  *base;

    base = &af_loc_conf(r)->base;

    if (r->uri.len < base->len
        || ngx_strncmp(r->uri.data, base->data, base->len) != 0)
    {
        ngx_str_null(path);

    } else {
        path->data = r->uri.data + base->len;
        path->len = r->uri.len - base->len;

        if (path->len == 0) {
            ngx_str_set(path, "/");
        }
    }
}


ngx_int_t
af_api_handler(ngx_http_request_t *r)
{
    ngx_str_t  path;

    af_api_path(r, &path);

    return af_flow(r, af_api_routes, &path);
}


ngx_uint_t
af_api_methods(ngx_http_request_t *r)
{
    ngx_str_t   path;
    af_match_t  match;

    af_api_path(r, &path);
    af_route_match(af_api_routes, r->method, &path, &match);

    return match.methods;
}
