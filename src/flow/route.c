#include "flow/route.h"


static int af_route_path(const af_route_t *route, const char *path, size_t len,
    af_path_param_t *params);
static ngx_uint_t af_route_selected(const af_route_t *route,
    const ngx_str_t *args);


void
af_route_match(const af_section_t *sections, ngx_uint_t method,
    const ngx_str_t *path, const ngx_str_t *args, af_match_t *match)
{
    int                n;
    size_t             len;
    ngx_uint_t         number;
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

    number = 0;

    for ( /* void */ ; sections->routes; sections++) {
        for (route = sections->routes; route->path; route++, number++) {

            n = af_route_path(route, (char *) path->data, len, params);

            if (n == -1) {
                continue;
            }

            match->methods |= route->method;

            if (route->method == method && match->route == NULL
                && af_route_selected(route, args))
            {
                match->route = route;
                match->number = number;
                match->nparams = n;
                ngx_memcpy(match->params, params, n * sizeof(params[0]));
            }
        }
    }

    if (match->route == NULL) {
        match->problem = (match->methods == 0 || (match->methods & method))
                         ? AF_NOT_FOUND : AF_METHOD_NOT_ALLOWED;
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


/* literally, as all clients write it */

static ngx_uint_t
af_route_selected(const af_route_t *route, const ngx_str_t *args)
{
    u_char  *p, *end, *last;
    size_t   len;

    if (route->selector == NULL) {
        return 1;
    }

    len = ngx_strlen(route->selector);
    last = args->data + args->len;

    for (p = args->data; p < last; p = end + 1) {
        end = ngx_strlchr(p, last, '&');
        end = end ? end : last;

        if ((size_t) (end - p) == len
            && ngx_strncmp(p, route->selector, len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


af_budget_t
af_route_budget(const af_route_t *route)
{
    if (route->budget != AF_BUDGET_BY_METHOD) {
        return route->budget;
    }

    return (route->method & (NGX_HTTP_GET|NGX_HTTP_OPTIONS))
           ? AF_BUDGET_NONE : AF_BUDGET_CHANGES;
}
