#include "flow/route.h"


static int af_route_path(const af_route_t *route, const char *path, size_t len,
    af_path_param_t *params);


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
