#include "http/router.h"


static int af_route_path(const af_route_t *route, const char *path, size_t len,
    af_path_param_t *params);


static const struct {
    ngx_uint_t   method;
    ngx_str_t    name;
} af_methods[] = {
    { NGX_HTTP_GET, ngx_string("GET") },
    { NGX_HTTP_HEAD, ngx_string("HEAD") },
    { NGX_HTTP_POST, ngx_string("POST") },
    { NGX_HTTP_PUT, ngx_string("PUT") },
    { NGX_HTTP_PATCH, ngx_string("PATCH") },
    { NGX_HTTP_DELETE, ngx_string("DELETE") },
    { NGX_HTTP_OPTIONS, ngx_string("OPTIONS") },
    { 0, ngx_null_string }
};


void
af_route_match(const af_route_t *const *tables, ngx_uint_t method,
    const ngx_str_t *path, af_match_t *match)
{
    int                n;
    size_t             len;
    af_path_param_t    params[AF_PATH_PARAMS];
    const af_route_t  *route;

    ngx_memzero(match, sizeof(af_match_t));

    len = path->len;

    if (len > 1 && path->data[len - 1] == '/') {
        len--;
    }

    if (method == NGX_HTTP_HEAD) {
        method = NGX_HTTP_GET;
    }

    for ( /* void */ ; *tables; tables++) {
        for (route = *tables; route->path; route++) {

            n = af_route_path(route, (char *) path->data, len, params);

            if (n == -1) {
                continue;
            }

            match->methods |= route->method;

            if (route->method == method && match->route == NULL) {
                match->route = route;
                match->nparams = n;
                ngx_memcpy(match->params, params, n * sizeof(params[0]));
            }
        }
    }
}


static int
af_route_path(const af_route_t *route, const char *path, size_t len,
    af_path_param_t *params)
{
    int  n;

    n = af_path_match(route->path, path, len, params);

    return (n == -1 && route->alias)
           ? af_path_match(route->alias, path, len, params) : n;
}


ngx_int_t
af_route_allow(ngx_http_request_t *r, const char *header, ngx_uint_t methods)
{
    u_char      *p, *allow;
    ngx_uint_t   i;

    methods |= NGX_HTTP_OPTIONS;

    if (methods & NGX_HTTP_GET) {
        methods |= NGX_HTTP_HEAD;
    }

    allow = ngx_pnalloc(r->pool, 64);
    if (allow == NULL) {
        return NGX_ERROR;
    }

    p = allow;

    for (i = 0; af_methods[i].method; i++) {
        if (methods & af_methods[i].method) {
            p = ngx_sprintf(p, "%s%V", p == allow ? "" : ", ",
                            &af_methods[i].name);
        }
    }

    return af_set_header(r, header, allow, p - allow, NULL);
}
