#include "flow/route.h"


#define af_routes_slot(routes, i)                                             \
    (&(routes)->slots[(i) & ((routes)->size - 1)])


static ngx_uint_t af_routes_size(const af_section_t *sections);
static void af_routes_add(af_routes_t *routes, const char *path,
    const af_route_t *route, ngx_uint_t number);
static void af_route_try(const af_route_slot_t *slot, ngx_uint_t method,
    const ngx_str_t *path, const ngx_str_t *args, af_match_t *match);
static ngx_uint_t af_route_selected(const af_route_t *route,
    const ngx_str_t *args);


af_routes_t *
af_routes_create(ngx_pool_t *pool, const af_section_t *sections)
{
    ngx_uint_t           number;
    af_routes_t         *routes;
    const af_route_t    *route;
    const af_section_t  *section;

    routes = ngx_palloc(pool, sizeof(af_routes_t));
    if (routes == NULL) {
        return NULL;
    }

    routes->size = af_routes_size(sections);

    routes->slots = ngx_pcalloc(pool, routes->size * sizeof(af_route_slot_t));
    if (routes->slots == NULL) {
        return NULL;
    }

    number = 0;

    for (section = sections; section->routes; section++) {
        for (route = section->routes; route->path; route++, number++) {
            af_routes_add(routes, route->path, route, number);

            if (route->alias) {
                af_routes_add(routes, route->alias, route, number);
            }
        }
    }

    return routes;
}


/* a power of 2, so that the table is at most half full */

static ngx_uint_t
af_routes_size(const af_section_t *sections)
{
    ngx_uint_t         n, size;
    const af_route_t  *route;

    n = 0;

    for ( /* void */ ; sections->routes; sections++) {
        for (route = sections->routes; route->path; route++) {
            n += route->alias ? 2 : 1;
        }
    }

    for (size = 2; size < 2 * n; size *= 2) {
        /* void */
    }

    return size;
}


/* those of one hash stay in the order of the tables */

static void
af_routes_add(af_routes_t *routes, const char *path, const af_route_t *route,
    ngx_uint_t number)
{
    uint32_t          hash;
    ngx_uint_t        i;
    af_route_slot_t  *slot;

    hash = af_path_hash(path, ngx_strlen(path));

    for (i = hash; af_routes_slot(routes, i)->path; i++) {
        /* void */
    }

    slot = af_routes_slot(routes, i);
    slot->path = path;
    slot->route = route;
    slot->number = number;
    slot->hash = hash;
}


void
af_route_match(const af_routes_t *routes, ngx_uint_t method,
    const ngx_str_t *path, const ngx_str_t *args, af_match_t *match)
{
    uint32_t                hash;
    ngx_str_t               trimmed;
    ngx_uint_t              i;
    const af_route_slot_t  *slot;

    ngx_memzero(match, sizeof(af_match_t));

    trimmed = *path;

    if (trimmed.len > 1 && trimmed.data[trimmed.len - 1] == '/') {
        trimmed.len--;
    }

    if (method == NGX_HTTP_HEAD) {
        method = NGX_HTTP_GET;
    }

    hash = af_path_hash((char *) trimmed.data, trimmed.len);
    slot = af_routes_slot(routes, hash);

    for (i = hash; slot->path; slot = af_routes_slot(routes, ++i)) {
        if (slot->hash == hash) {
            af_route_try(slot, method, &trimmed, args, match);
        }
    }

    if (match->route == NULL) {
        match->problem = (match->methods == 0 || (match->methods & method))
                         ? AF_NOT_FOUND : AF_METHOD_NOT_ALLOWED;
    }
}


static void
af_route_try(const af_route_slot_t *slot, ngx_uint_t method,
    const ngx_str_t *path, const ngx_str_t *args, af_match_t *match)
{
    int              n;
    af_path_param_t  params[AF_PATH_PARAMS];

    n = af_path_match(slot->path, (char *) path->data, path->len, params);

    if (n == -1) {
        return;
    }

    match->methods |= slot->route->method;

    if (slot->route->method == method && match->route == NULL
        && af_route_selected(slot->route, args))
    {
        match->route = slot->route;
        match->number = slot->number;
        match->nparams = n;
        ngx_memcpy(match->params, params, n * sizeof(params[0]));
    }
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
