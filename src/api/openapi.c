#include "api/openapi.h"
#include "api/document.h"
#include "http/cookies.h"

#include <sodium.h>


/* octets of a document's hash that are in its ETag */
#define AF_OPENAPI_HASH  16

/* the maximum length of a base and a path, in octets */
#define AF_OPENAPI_PATH  512


static void af_openapi_place(af_openapi_t *openapi,
    const ngx_http_core_loc_conf_t *clcf);
static ngx_int_t af_openapi_make(ngx_conf_t *cf, ngx_array_t *made,
    af_openapi_t *openapi);
static ngx_uint_t af_openapi_is_same(ngx_conf_t *cf, const af_openapi_t *a,
    const af_openapi_t *b);
static ngx_uint_t af_openapi_lists_same(const af_openapi_t *a,
    const af_openapi_t *b);
static ngx_uint_t af_openapi_serve_both(const af_openapi_t *a,
    const af_openapi_t *b, const char *path);
static ngx_int_t af_openapi_text(ngx_conf_t *cf, af_openapi_t *openapi);
static char *af_openapi_document(ngx_conf_t *cf, const af_openapi_t *openapi);
static const char *af_openapi_cookie(ngx_conf_t *cf,
    const ngx_http_autoflow_loc_conf_t *conf, af_cookie_t cookie);
static ngx_uint_t af_openapi_serves(const void *data, const char *path);
static ngx_uint_t af_openapi_covers(const af_openapi_t *openapi,
    const char *path);
static ngx_uint_t af_openapi_is_sibling(const af_openapi_t *a,
    const af_openapi_t *b);
static ngx_int_t af_openapi_answer(af_ctx_t *ctx);


const af_step_pt  af_openapi_steps[] = { af_openapi_answer, NULL };


static const af_field_t  af_openapi_fields[] = {
    { "openapi", &af_type_string, AF_REQUIRED, NULL },
    { "info", &af_type_object, AF_REQUIRED, NULL },
    { "servers", &af_type_array, AF_REQUIRED, NULL },
    { "tags", &af_type_array, AF_REQUIRED, NULL },
    { "paths", &af_type_object, AF_REQUIRED, NULL },
    { "components", &af_type_object, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

const af_schema_t  af_openapi_schema = {
    "OpenApi", af_openapi_fields, NULL
};


char *
af_openapi_add(ngx_conf_t *cf, ngx_http_autoflow_loc_conf_t *alcf)
{
    af_openapi_t                  *openapi, **noted;
    ngx_http_autoflow_srv_conf_t  *ascf;

    ascf = af_conf_srv(cf);

    if (ascf->openapis == NULL) {
        ascf->openapis = ngx_array_create(cf->pool, 8, sizeof(af_openapi_t *));
        if (ascf->openapis == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    noted = ngx_array_push(ascf->openapis);
    openapi = ngx_pcalloc(cf->pool, sizeof(af_openapi_t));

    if (noted == NULL || openapi == NULL) {
        return NGX_CONF_ERROR;
    }

    *noted = openapi;

    openapi->conf = alcf;
    openapi->siblings = ascf->openapis;
    af_openapi_place(openapi,
                     ngx_http_conf_get_module_loc_conf(cf,
                                                       ngx_http_core_module));

    alcf->openapi = openapi;

    return NGX_CONF_OK;
}


/* what leads to other locations isn't known here: any path may */

static void
af_openapi_place(af_openapi_t *openapi, const ngx_http_core_loc_conf_t *clcf)
{
    if (clcf->noname || clcf->named || clcf->lmt_excpt) {
        return;
    }

#if (NGX_PCRE)
    if (clcf->regex) {
        return;
    }
#endif

    openapi->name = clcf->name;
    openapi->exact = clcf->exact_match;
}


ngx_int_t
af_openapi_init(ngx_conf_t *cf)
{
    ngx_uint_t                      i, n;
    ngx_array_t                    *made;
    af_openapi_t                  **openapi;
    ngx_http_core_srv_conf_t      **cscf;
    ngx_http_core_main_conf_t      *cmcf;
    ngx_http_autoflow_srv_conf_t   *ascf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    cscf = cmcf->servers.elts;

    made = ngx_array_create(cf->temp_pool, 4, sizeof(af_openapi_t *));
    if (made == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < cmcf->servers.nelts; i++) {
        ascf = cscf[i]->ctx->srv_conf[ngx_http_autoflow_module.ctx_index];

        openapi = ascf->openapis ? ascf->openapis->elts : NULL;

        for (n = 0; openapi && n < ascf->openapis->nelts; n++) {
            if (af_openapi_make(cf, made, openapi[n]) != NGX_OK) {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


/* or take that of another location: hundreds of servers may have the same */

static ngx_int_t
af_openapi_make(ngx_conf_t *cf, ngx_array_t *made, af_openapi_t *openapi)
{
    ngx_uint_t      i;
    af_openapi_t  **other;

    if (!af_openapi_covers(openapi, "/openapi.json")) {
        return NGX_OK;
    }

    other = made->elts;

    for (i = 0; i < made->nelts; i++) {
        if (af_openapi_is_same(cf, other[i], openapi)) {
            openapi->text = other[i]->text;
            openapi->etag = other[i]->etag;
            return NGX_OK;
        }
    }

    other = ngx_array_push(made);
    if (other == NULL) {
        return NGX_ERROR;
    }

    *other = openapi;

    return af_openapi_text(cf, openapi);
}


/* compares all that a document depends on */

static ngx_uint_t
af_openapi_is_same(ngx_conf_t *cf, const af_openapi_t *a,
    const af_openapi_t *b)
{
    return af_openapi_is_sibling(a, b)
           && af_openapi_cookie(cf, a->conf, AF_COOKIE_ACCESS)
              == af_openapi_cookie(cf, b->conf, AF_COOKIE_ACCESS)
           && (a->conf->https == AF_HTTPS_OFF)
              == (b->conf->https == AF_HTTPS_OFF)
           && (a->siblings == b->siblings || af_openapi_lists_same(a, b));
}


/* in different servers */

static ngx_uint_t
af_openapi_lists_same(const af_openapi_t *a, const af_openapi_t *b)
{
    const af_route_t    *route;
    const af_section_t  *section;

    for (section = a->conf->dialect->sections; section->routes; section++) {
        for (route = section->routes; route->path; route++) {

            if (!af_openapi_serve_both(a, b, route->path)
                || (route->alias
                    && !af_openapi_serve_both(a, b, route->alias)))
            {
                return 0;
            }
        }
    }

    return 1;
}


/* or neither */

static ngx_uint_t
af_openapi_serve_both(const af_openapi_t *a, const af_openapi_t *b,
    const char *path)
{
    return af_openapi_serves(a, path) == af_openapi_serves(b, path);
}


static ngx_int_t
af_openapi_text(ngx_conf_t *cf, af_openapi_t *openapi)
{
    char    *text;
    u_char   hash[AF_OPENAPI_HASH];
    size_t   len;

    text = af_openapi_document(cf, openapi);
    if (text == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "can't make the API's document: no memory, or two "
                      "schemas have one name");
        return NGX_ERROR;
    }

    len = ngx_strlen(text);
    openapi->text.data = ngx_pnalloc(cf->pool, len);
    openapi->etag.data = ngx_pnalloc(cf->pool, 2 * AF_OPENAPI_HASH + 2);

    if (openapi->text.data && openapi->etag.data) {
        openapi->text.len = len;
        ngx_memcpy(openapi->text.data, text, len);

        crypto_generichash(hash, sizeof(hash), openapi->text.data, len, NULL,
                           0);

        openapi->etag.len = 2 * AF_OPENAPI_HASH + 2;
        openapi->etag.data[0] = '"';
        *ngx_hex_dump(openapi->etag.data + 1, hash, sizeof(hash)) = '"';
    }

    free(text);

    return openapi->text.len ? NGX_OK : NGX_ERROR;
}


/* to be freed with free() */

static char *
af_openapi_document(ngx_conf_t *cf, const af_openapi_t *openapi)
{
    char                                *text, *base;
    json_t                              *json;
    af_document_conf_t                   conf;
    const ngx_http_autoflow_loc_conf_t  *alcf;

    alcf = openapi->conf;

    base = ngx_pnalloc(cf->temp_pool, alcf->base.len + 1);
    if (base == NULL) {
        return NULL;
    }

    ngx_sprintf((u_char *) base, "%V%Z", &alcf->base);

    conf.dialect = alcf->dialect;
    conf.base = base;
    conf.cookie = af_openapi_cookie(cf, alcf, AF_COOKIE_ACCESS);
    conf.readable = af_openapi_cookie(cf, alcf, AF_COOKIE_CSRF);
    conf.https = (alcf->https != AF_HTTPS_OFF);
    conf.serves = af_openapi_serves;
    conf.data = openapi;

    json = af_document(&conf);
    text = json_dumps(json, JSON_COMPACT);
    json_decref(json);

    return text;
}


/* NULL: they are off */

static const char *
af_openapi_cookie(ngx_conf_t *cf, const ngx_http_autoflow_loc_conf_t *conf,
    af_cookie_t cookie)
{
    return conf->cookies
           ? (char *) af_cookie_name_in(af_conf_main(cf), conf->cookies,
                                        cookie)->data
           : NULL;
}


static ngx_uint_t
af_openapi_serves(const void *data, const char *path)
{
    const af_openapi_t *openapi = data;

    ngx_uint_t      i;
    af_openapi_t  **sibling;

    sibling = openapi->siblings->elts;

    for (i = 0; i < openapi->siblings->nelts; i++) {
        if (af_openapi_is_sibling(sibling[i], openapi)
            && af_openapi_covers(sibling[i], path))
        {
            return 1;
        }
    }

    return 0;
}


/* whether requests for the base and the path get to the location */

static ngx_uint_t
af_openapi_covers(const af_openapi_t *openapi, const char *path)
{
    u_char            name[AF_OPENAPI_PATH];
    size_t            len;
    const ngx_str_t  *place;

    place = &openapi->name;

    if (place->len == 0) {
        return 1;
    }

    len = ngx_snprintf(name, sizeof(name), "%V%s", &openapi->conf->base, path)
          - name;

    return len >= place->len
           && ngx_strncmp(name, place->data, place->len) == 0
           && (!openapi->exact || len == place->len);
}


static ngx_uint_t
af_openapi_is_sibling(const af_openapi_t *a, const af_openapi_t *b)
{
    return a->conf->dialect == b->conf->dialect
           && a->conf->base.len == b->conf->base.len
           && ngx_strncmp(a->conf->base.data, b->conf->base.data,
                          a->conf->base.len)
              == 0;
}


json_t *
af_openapi_path(ngx_http_request_t *r, const char *path)
{
    ngx_str_t  *base;

    base = &af_loc_conf(r)->base;

    return af_openapi_serves(af_loc_conf(r)->openapi, path)
           ? json_sprintf("%.*s%s", (int) base->len, base->data, path)
           : json_null();
}


static ngx_int_t
af_openapi_answer(af_ctx_t *ctx)
{
    af_openapi_t  *openapi;

    openapi = af_loc_conf(ctx->request)->openapi;

    return openapi->text.len
           ? af_answer_cached(ctx, &openapi->text, &openapi->etag)
           : af_problem(ctx, AF_NOT_FOUND, NULL);
}
