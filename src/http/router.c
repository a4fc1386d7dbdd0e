#include "http/router.h"


static ngx_uint_t af_route_path(const char *pattern, const ngx_str_t *path,
    af_match_t *match);
static u_char *af_route_segment_end(u_char *p, u_char *last);


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
    ngx_str_t          trimmed;
    af_match_t         found;
    const af_route_t  *route;

    ngx_memzero(match, sizeof(af_match_t));

    trimmed = *path;

    if (trimmed.len > 1 && trimmed.data[trimmed.len - 1] == '/') {
        trimmed.len--;
    }

    if (method == NGX_HTTP_HEAD) {
        method = NGX_HTTP_GET;
    }

    for ( /* void */ ; *tables; tables++) {
        for (route = *tables; route->path; route++) {

            if (!af_route_path(route->path, &trimmed, &found)) {
                continue;
            }

            match->methods |= route->method;

            if (route->method == method && match->route == NULL) {
                match->route = route;
                match->nparams = found.nparams;
                ngx_memcpy(match->params, found.params, sizeof(found.params));
            }
        }
    }
}


static ngx_uint_t
af_route_path(const char *pattern, const ngx_str_t *path, af_match_t *match)
{
    u_char  *p, *last, *end, *name, *name_end;

    p = path->data;
    last = path->data + path->len;
    name = (u_char *) pattern;

    match->nparams = 0;

    while (*name && p < last) {

        if (*name != '{') {
            if (*name++ != *p++) {
                return 0;
            }

            continue;
        }

        name_end = (u_char *) ngx_strchr(name, '}');
        end = af_route_segment_end(p, last);

        if (!af_is_uuid((char *) p, end - p)) {
            return 0;
        }

        match->params[match->nparams].name.data = name + 1;
        match->params[match->nparams].name.len = name_end - name - 1;
        match->params[match->nparams].value.data = p;
        match->params[match->nparams].value.len = end - p;
        match->nparams++;

        name = name_end + 1;
        p = end;
    }

    return *name == '\0' && p == last;
}


static u_char *
af_route_segment_end(u_char *p, u_char *last)
{
    while (p < last && *p != '/') {
        p++;
    }

    return p;
}


ngx_int_t
af_route_allow(ngx_http_request_t *r, ngx_uint_t methods)
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

    return af_set_header(r, "Allow", allow, p - allow, NULL);
}
