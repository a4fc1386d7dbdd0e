#include "http/cors.h"
#include "http/origin.h"
#include "conf/params.h"


/*
 * How long browsers may cache a preflight, in seconds: except for Firefox, none
 * does longer than Chromium's two hours.
 */
#define AF_CORS_MAX_AGE  "7200"


static void *af_cors_parse(ngx_conf_t *cf);
static char *af_cors_add(ngx_conf_t *cf, af_cors_t *cors, ngx_str_t *value);
static ngx_int_t af_cors_answer(ngx_http_request_t *r, const af_cors_t *cors);
static ngx_int_t af_cors_allow(ngx_http_request_t *r, ngx_uint_t methods);
static ngx_int_t af_cors_allow_headers(ngx_http_request_t *r);
static ngx_int_t af_cors_header_filter(ngx_http_request_t *r);
static const af_cors_t *af_cors_policy(ngx_http_request_t *r);
static ngx_int_t af_cors_headers(ngx_http_request_t *r,
    const af_cors_t *cors);
static void af_cors_remove(ngx_http_request_t *r, const char *name,
    const char *value);
static ngx_uint_t af_cors_lists(const af_cors_t *cors,
    const af_origin_t *origin);


static ngx_http_output_header_filter_pt  af_cors_next_filter;


#define af_cors_set(r, name, text)                                           \
    af_set_header(r, name, (u_char *) text, sizeof(text) - 1, NULL)


char *
af_cors_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_loc_conf_t *alcf = conf;

    if (alcf->cors != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    alcf->cors = af_cors_parse(cf);
    af_conf_line(cf, &alcf->cors_line);

    return (alcf->cors == NGX_CONF_ERROR) ? NGX_CONF_ERROR : NGX_CONF_OK;
}


/*
 * NULL if it is "off", or else the policy, or NGX_CONF_ERROR having logged why
 */

static void *
af_cors_parse(ngx_conf_t *cf)
{
    char        *rv;
    af_cors_t   *cors;
    ngx_str_t   *value;
    ngx_uint_t   i, n, any;

    value = cf->args->elts;
    n = cf->args->nelts;

    if (n == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        return NULL;
    }

    cors = ngx_pcalloc(cf->pool, sizeof(af_cors_t));
    if (cors == NULL) {
        return NGX_CONF_ERROR;
    }

    if (n > 2 && ngx_strcmp(value[n - 1].data, "credentials") == 0) {
        cors->credentials = 1;
        n--;
    }

    any = (n == 2 && ngx_strcmp(value[1].data, "*") == 0);

    if (any && cors->credentials) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"autoflow_cors_origins\" can't be \"*\" with "
                           "\"credentials\": browsers refuse this, list the "
                           "origins");
        return NGX_CONF_ERROR;
    }

    for (i = 1; !any && i < n; i++) {

        rv = af_cors_add(cf, cors, &value[i]);

        if (rv != NGX_CONF_OK) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"autoflow_cors_origins\" has an invalid "
                               "origin \"%V\": %s", &value[i], rv);
            return NGX_CONF_ERROR;
        }
    }

    return cors;
}


static char *
af_cors_add(ngx_conf_t *cf, af_cors_t *cors, ngx_str_t *value)
{
    const char   *why;
    af_origin_t  *origin;

    if (ngx_strcmp(value->data, "null") == 0) {
        return "any page can make its origin null";
    }

    if (ngx_strcmp(value->data, "*") == 0) {
        return "any origin stands alone";
    }

    if (ngx_strcmp(value->data, "credentials") == 0) {
        return "this is the last parameter";
    }

    if (cors->origins == NULL) {
        cors->origins = ngx_array_create(cf->pool, 2, sizeof(af_origin_t));
    }

    origin = cors->origins ? ngx_array_push(cors->origins) : NULL;

    if (origin == NULL) {
        return "out of memory";
    }

    why = af_origin_parse((char *) value->data, value->len, origin);

    if (why == NULL && origin->any_port) {
        cors->any_port = 1;
    }

    return (char *) why;
}


/* any local page, whoever serves it, may read the responses */

char *
af_cors_merge(ngx_conf_t *cf, const ngx_http_autoflow_loc_conf_t *prev,
    ngx_http_autoflow_loc_conf_t *conf)
{
    if (conf->cors == NGX_CONF_UNSET_PTR) {
        conf->cors = prev->cors;
        conf->cors_line = prev->cors_line;
    }

    if (conf->cors == NGX_CONF_UNSET_PTR || conf->cors == NULL
        || !conf->cors->any_port
        || af_conf_main(cf)->environment == AF_DEVELOPMENT)
    {
        return NGX_CONF_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "\"autoflow_cors_origins\" allows any port of a host, which "
                  "is for \"autoflow_environment development\" only, "
                  "in %s:%ui", conf->cors_line.file, conf->cors_line.line);

    return NGX_CONF_ERROR;
}


/* Preflights */

ngx_int_t
af_cors_handler(ngx_http_request_t *r)
{
    ngx_http_autoflow_ctx_t       *ctx;
    ngx_http_autoflow_loc_conf_t  *alcf;

    alcf = af_loc_conf(r);

    if (r != r->main || alcf->cors == NGX_CONF_UNSET_PTR) {
        return NGX_DECLINED;
    }

    /* applies to error pages, too, which may be in other locations */

    ctx = af_request_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->cors = alcf->cors;

    /* for those who ask for a verdict, a 204 would let the request pass */

    if (alcf->cors == NULL || alcf->verify || !af_cors_preflight(r)) {
        return NGX_DECLINED;
    }

    return af_cors_answer(r, alcf->cors);
}


ngx_uint_t
af_cors_preflight(ngx_http_request_t *r)
{
    return r->method == NGX_HTTP_OPTIONS
           && af_header_in(r, "origin", 0)
           && af_header_in(r, "access-control-request-method", 0);
}


static ngx_int_t
af_cors_answer(ngx_http_request_t *r, const af_cors_t *cors)
{
    ngx_int_t                      rc;
    ngx_uint_t                     methods;
    af_origin_t                    origin;
    ngx_http_autoflow_loc_conf_t  *alcf;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    alcf = af_loc_conf(r);
    methods = alcf->methods ? alcf->methods(r) : 0;

    if (methods && af_allow(r, "Allow", methods) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (af_cors_set(r, "Vary", "Access-Control-Request-Method, "
                               "Access-Control-Request-Headers")
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (cors->origins == NULL
        || (af_request_origin(r, &origin) && af_cors_lists(cors, &origin)))
    {
        if (af_cors_allow(r, methods) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    return af_respond(r, NGX_HTTP_NO_CONTENT, NULL, 0);
}


/* a page may read the 404 of an unknown path */

static ngx_int_t
af_cors_allow(ngx_http_request_t *r, ngx_uint_t methods)
{
    if (methods == 0) {
        methods = NGX_HTTP_GET|NGX_HTTP_POST|NGX_HTTP_PUT|NGX_HTTP_PATCH
                  |NGX_HTTP_DELETE;
    }

    if (af_allow(r, "Access-Control-Allow-Methods", methods) != NGX_OK
        || af_cors_allow_headers(r) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return af_cors_set(r, "Access-Control-Max-Age", AF_CORS_MAX_AGE);
}


/*
 * The headers that an upstream accepts are unknown; the list of origins is what
 * keeps strangers out.
 */

static ngx_int_t
af_cors_allow_headers(ngx_http_request_t *r)
{
    u_char           *p;
    size_t            len;
    ngx_table_elt_t  *asked;

    static const char  known[] =
        "Authorization, Content-Type, X-CSRF-Token, X-Request-ID";

    asked = af_header_in(r, "access-control-request-headers", 0);

    if (asked == NULL || asked->value.len == 0) {
        return af_cors_set(r, "Access-Control-Allow-Headers", known);
    }

    len = sizeof(known) - 1 + sizeof(", ") - 1 + asked->value.len;

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_sprintf(p, "%s, %V", known, &asked->value);

    return af_set_header(r, "Access-Control-Allow-Headers", p, len, NULL);
}


/* Responses */

void
af_cors_filter_add(void)
{
    af_cors_next_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = af_cors_header_filter;
}


static ngx_int_t
af_cors_header_filter(ngx_http_request_t *r)
{
    const af_cors_t  *cors;

    if (r == r->main) {
        cors = af_cors_policy(r);

        if (cors && af_cors_headers(r, cors) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return af_cors_next_filter(r);
}


/* the location's policy, or else that of the original location */

static const af_cors_t *
af_cors_policy(ngx_http_request_t *r)
{
    const af_cors_t          *cors;
    ngx_http_autoflow_ctx_t  *ctx;

    cors = af_loc_conf(r)->cors;

    if (cors != NGX_CONF_UNSET_PTR) {
        return cors;
    }

    ctx = af_request_find_ctx(r);

    return ctx ? ctx->cors : NULL;
}


static ngx_int_t
af_cors_headers(ngx_http_request_t *r, const af_cors_t *cors)
{
    af_origin_t       origin;
    const ngx_str_t  *text;

    /* an upstream's own policy is removed: ours alone decides */

    af_cors_remove(r, "Access-Control-Allow-Origin", NULL);
    af_cors_remove(r, "Access-Control-Allow-Credentials", NULL);

    if (cors->origins == NULL) {
        if (af_cors_set(r, "Access-Control-Allow-Origin", "*") != NGX_OK) {
            return NGX_ERROR;
        }

    } else {
        af_cors_remove(r, "Vary", "Origin");

        if (af_cors_set(r, "Vary", "Origin") != NGX_OK) {
            return NGX_ERROR;
        }

        text = af_request_origin(r, &origin);

        if (text == NULL || !af_cors_lists(cors, &origin)) {
            return NGX_OK;
        }

        if (af_set_header(r, "Access-Control-Allow-Origin", text->data,
                          text->len, NULL)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (cors->credentials
        && af_cors_set(r, "Access-Control-Allow-Credentials", "true")
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* in addition to those that the upstream exposes */

    return af_cors_set(r, "Access-Control-Expose-Headers",
                       "Allow, ETag, Location, Retry-After, "
                       "WWW-Authenticate, X-Request-ID");
}


/* removes headers by name; with a value, only those that have it */

static void
af_cors_remove(ngx_http_request_t *r, const char *name, const char *value)
{
    size_t            len, value_len;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    len = ngx_strlen(name);
    value_len = value ? ngx_strlen(value) : 0;

    for (part = &r->headers_out.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len == len
                && ngx_strncasecmp(h[i].key.data, (u_char *) name, len) == 0
                && (value == NULL
                    || (h[i].value.len == value_len
                        && ngx_strncasecmp(h[i].value.data, (u_char *) value,
                                           value_len)
                           == 0)))
            {
                h[i].hash = 0;
            }
        }
    }
}


ngx_uint_t
af_cors_trusts(ngx_http_request_t *r, const af_origin_t *origin)
{
    const af_cors_t  *cors;

    cors = af_cors_policy(r);

    return cors && cors->credentials && af_cors_lists(cors, origin);
}


static ngx_uint_t
af_cors_lists(const af_cors_t *cors, const af_origin_t *origin)
{
    ngx_uint_t          i;
    const af_origin_t  *listed;

    listed = cors->origins->elts;

    for (i = 0; i < cors->origins->nelts; i++) {
        if (af_origin_matches(&listed[i], origin)) {
            return 1;
        }
    }

    return 0;
}
