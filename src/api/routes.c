#include "api/api.h"


static const af_route_t *const  af_routes[] = {
    af_auth_routes,
    af_sessions_routes,
    af_account_routes,
    af_recovery_routes,
    af_system_routes,
    NULL
};


ngx_int_t
af_api_handler(ngx_http_request_t *r)
{
    ngx_str_t  path, *base;

    base = &af_loc_conf(r)->base;

    if (r->uri.len < base->len
        || ngx_strncmp(r->uri.data, base->data, base->len) != 0)
    {
        ngx_str_null(&path);

    } else {
        path.data = r->uri.data + base->len;
        path.len = r->uri.len - base->len;

        if (path.len == 0) {
            ngx_str_set(&path, "/");
        }
    }

    return af_flow(r, af_routes, &path);
}
