#include "http/https.h"
#include "http/login.h"
#include "http/origin.h"
#include "conf/params.h"
#include "check/return.h"


typedef struct {
    ngx_str_t  confirm;
} af_login_params_t;


static af_login_t *af_login_create(ngx_conf_t *cf, ngx_str_t *url);
static af_login_t *af_login_raise(ngx_conf_t *cf, const af_login_t *confirm);
static const char *af_login_parse(ngx_str_t *url, af_login_t *login);
static char *af_login_add_origin(ngx_conf_t *cf, af_login_returns_t *returns,
    ngx_str_t *value);
static const af_login_t *af_login_for(ngx_http_request_t *r,
    const af_verdict_t *verdict);
static ngx_uint_t af_login_is_there(ngx_http_request_t *r,
    const af_login_t *login);
static void af_login_unchallenge(ngx_http_request_t *r);
static ngx_int_t af_login_redirect(ngx_http_request_t *r,
    const af_login_t *login);
static ngx_int_t af_login_location(ngx_http_request_t *r,
    const af_login_t *login, const ngx_str_t *value);
static ngx_int_t af_login_escape(ngx_http_request_t *r, const ngx_str_t *url,
    ngx_str_t *value);
static ngx_uint_t af_login_header_is(ngx_http_request_t *r, const char *name,
    const char *value);


static const af_param_t  af_login_params[] = {
    af_param("confirm=", af_param_str, af_login_params_t, confirm),
    { .name = ngx_null_string }
};


char *
af_login_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_loc_conf_t *alcf = conf;

    ngx_str_t          *value;
    af_login_t         *login;
    af_login_params_t   params;

    if (alcf->login != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;
    alcf->login = NULL;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        return (cf->args->nelts == 2) ? NGX_CONF_OK
                                      : "is off, and has a parameter";
    }

    ngx_memzero(&params, sizeof(params));

    if (af_params(cf, 2, af_login_params, &params) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    login = af_login_create(cf, &value[1]);
    if (login == NULL) {
        return NGX_CONF_ERROR;
    }

    if (params.confirm.len) {

        login->confirm = af_login_create(cf, &params.confirm);
        if (login->confirm == NULL) {
            return NGX_CONF_ERROR;
        }

        login->raise = af_login_raise(cf, login->confirm);
        if (login->raise == NULL) {
            return NGX_CONF_ERROR;
        }

        /* "return" is for either */

        if ((login->confirm->path.len == 0) != (login->path.len == 0)) {
            return "has a path, and a URL of another host";
        }
    }

    alcf->login = login;
    af_conf_main(cf)->site_used = 1;

    return NGX_CONF_OK;
}


/* whoever has no second factor must be told so there */

static af_login_t *
af_login_raise(ngx_conf_t *cf, const af_login_t *confirm)
{
    ngx_str_t  url;

    url.data = ngx_pnalloc(cf->pool, confirm->url.len + sizeof("?aal=2") - 1);
    if (url.data == NULL) {
        return NULL;
    }

    url.len = ngx_sprintf(url.data, "%V%caal=2", &confirm->url,
                          confirm->separator)
              - url.data;

    return af_login_create(cf, &url);
}


/* NULL: it was logged why not */

static af_login_t *
af_login_create(ngx_conf_t *cf, ngx_str_t *url)
{
    af_login_t  *login;
    const char  *why;

    login = ngx_pcalloc(cf->pool, sizeof(af_login_t));
    if (login == NULL) {
        return NULL;
    }

    why = af_login_parse(url, login);

    if (why) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid value \"%V\": %s",
                           url, why);
        return NULL;
    }

    return login;
}


/* returns NULL, or what is wrong */

static const char *
af_login_parse(ngx_str_t *url, af_login_t *login)
{
    u_char       *query;
    af_return_t   kind;
    af_origin_t   origin;

    kind = af_return_check((char *) url->data, url->len, &origin);

    if (kind == AF_RETURN_REFUSED) {
        return "it must be a path, or the URL of another host";
    }

    if (ngx_strlchr(url->data, url->data + url->len, '#')) {
        return "it has a fragment";
    }

    query = ngx_strlchr(url->data, url->data + url->len, '?');

    login->url = *url;
    login->separator = query ? '&' : '?';

    if (kind == AF_RETURN_LOCAL) {
        login->path.data = url->data;
        login->path.len = query ? (size_t) (query - url->data) : url->len;
    }

    return NULL;
}


char *
af_login_return_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_loc_conf_t *alcf = conf;

    char                *why;
    u_char              *p;
    size_t               len;
    ngx_str_t           *value;
    ngx_uint_t           i;
    af_login_returns_t  *returns;

    if (alcf->login_returns) {
        return "is duplicate";
    }

    value = cf->args->elts;
    len = 0;

    for (i = 1; i < cf->args->nelts; i++) {
        len += value[i].len + 1;
    }

    returns = ngx_pcalloc(cf->pool, sizeof(af_login_returns_t));
    p = ngx_pnalloc(cf->pool, len);

    if (returns == NULL || p == NULL
        || ngx_array_init(&returns->origins, cf->pool, cf->args->nelts,
                          sizeof(af_origin_t))
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    returns->sources.data = p;
    returns->sources.len = len;

    for (i = 1; i < cf->args->nelts; i++) {
        p = ngx_sprintf(p, " %V", &value[i]);

        why = af_login_add_origin(cf, returns, &value[i]);

        if (why != NGX_CONF_OK) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"autoflow_login_return\" has an invalid "
                               "origin \"%V\": %s", &value[i], why);
            return NGX_CONF_ERROR;
        }
    }

    alcf->login_returns = returns;

    return NGX_CONF_OK;
}


static char *
af_login_add_origin(ngx_conf_t *cf, af_login_returns_t *returns,
    ngx_str_t *value)
{
    const char   *why;
    af_origin_t  *origin;

    origin = ngx_array_push(&returns->origins);
    if (origin == NULL) {
        return "out of memory";
    }

    why = af_origin_parse((char *) value->data, value->len, origin);

    if (why == NULL && ngx_strncasecmp(value->data, (u_char *) "http", 4) != 0)
    {
        why = "it is neither http nor https";
    }

    return (char *) why;
}


void
af_login_merge(const ngx_http_autoflow_loc_conf_t *prev,
    ngx_http_autoflow_loc_conf_t *conf)
{
    ngx_conf_merge_ptr_value(conf->login, prev->login, NULL);

    if (conf->login_returns == NULL) {
        conf->login_returns = prev->login_returns;
    }
}


/*
 * Other tokens would still be there, and refused, after signing in; and so
 * would an account without the role.
 */

ngx_uint_t
af_login_helps(const af_verdict_t *verdict)
{
    if (verdict->status == AF_TOKEN_FORBIDDEN
        || verdict->status == AF_TOKEN_INSUFFICIENT
        || af_problems[verdict->problem].status != NGX_HTTP_UNAUTHORIZED)
    {
        return 0;
    }

    return verdict->status == AF_TOKEN_MISSING || verdict->identity->cookie;
}


/* where to go on; NULL: it stays refused */

static const af_login_t *
af_login_for(ngx_http_request_t *r, const af_verdict_t *verdict)
{
    const af_login_t      *login;
    const af_condition_t  *condition;

    login = af_loc_conf(r)->login;

    if (login && verdict->status == AF_TOKEN_INSUFFICIENT) {
        condition = verdict->condition;

        return !verdict->identity->cookie
               ? NULL
               : (condition->aal > 1 || condition->level > 1)
               ? login->raise : login->confirm;
    }

    return af_login_helps(verdict) ? login : NULL;
}


ngx_int_t
af_login(ngx_http_request_t *r, const af_verdict_t *verdict)
{
    const af_login_t          *login;
    ngx_http_autoflow_ctx_t   *ctx;
    ngx_http_core_loc_conf_t  *clcf;

    login = af_login_for(r, verdict);

    if (login == NULL
        || !(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))
        || !af_login_is_for_people(r) || af_login_is_there(r, login))
    {
        return NGX_DECLINED;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (clcf->satisfy == NGX_HTTP_SATISFY_ALL) {
        return af_login_redirect(r, login);
    }

    ctx = af_request_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->login = login;

    return NGX_DECLINED;
}


void
af_login_forget(ngx_http_request_t *r)
{
    ngx_http_autoflow_ctx_t  *ctx;

    ctx = af_request_find_ctx(r);

    if (ctx) {
        ctx->login = NULL;
    }
}


ngx_int_t
af_login_handler(ngx_http_request_t *r)
{
    const af_login_t         *login;
    ngx_http_autoflow_ctx_t  *ctx;

    ctx = af_request_find_ctx(r);

    if (ctx == NULL || ctx->login == NULL) {
        return NGX_DECLINED;
    }

    login = ctx->login;

    af_login_forget(r);
    af_login_unchallenge(r);

    return af_login_redirect(r, login);
}


/* as nginx does when another handler has let the request pass */

static void
af_login_unchallenge(ngx_http_request_t *r)
{
    ngx_table_elt_t  *h;

#if (nginx_version >= 1023000)
    for (h = r->headers_out.www_authenticate; h; h = h->next) {
        h->hash = 0;
    }
#else
    h = r->headers_out.www_authenticate;

    if (h) {
        h->hash = 0;
    }
#endif
}


/*
 * https://w3c.github.io/webappsec-fetch-metadata/: browsers send these headers
 * by https, and to this machine.
 */

ngx_uint_t
af_login_is_for_people(ngx_http_request_t *r)
{
    if (af_header_in(r, "sec-fetch-mode", 0)
        || af_header_in(r, "sec-fetch-dest", 0))
    {
        return af_login_header_is(r, "sec-fetch-mode", "navigate")
               && (af_header_in(r, "sec-fetch-dest", 0) == NULL
                   || af_login_header_is(r, "sec-fetch-dest", "document"));
    }

    return af_accepts(r, "text/html");
}


static ngx_uint_t
af_login_header_is(ngx_http_request_t *r, const char *name, const char *value)
{
    ngx_table_elt_t  *h;

    h = af_header_in(r, name, 0);

    return h && h->value.len == ngx_strlen(value)
           && ngx_strncmp(h->value.data, value, h->value.len) == 0;
}


/* a page of one's own that demands a token itself would lead to itself */

static ngx_uint_t
af_login_is_there(ngx_http_request_t *r, const af_login_t *login)
{
    return login->path.len == r->uri.len
           && ngx_strncmp(login->path.data, r->uri.data, r->uri.len) == 0;
}


static ngx_int_t
af_login_redirect(ngx_http_request_t *r, const af_login_t *login)
{
    ngx_str_t  value;

    if (af_login_return_here(r, &value) != NGX_OK
        || af_login_location(r, login, &value) != NGX_OK
        || af_set_header(r, "Cache-Control", (u_char *) "no-store",
                         sizeof("no-store") - 1, NULL)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_HTTP_MOVED_TEMPORARILY;
}


/* not as headers_out.location, see af_answer_redirect() */

static ngx_int_t
af_login_location(ngx_http_request_t *r, const af_login_t *login,
    const ngx_str_t *value)
{
    u_char  *p, *location;

    location = ngx_pnalloc(r->pool, login->url.len + sizeof("?return=") - 1
                                    + value->len);
    if (location == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(location, login->url.data, login->url.len);

    if (value->len) {
        p = ngx_sprintf(p, "%creturn=%V", login->separator, value);
    }

    ngx_http_clear_location(r);

    return af_set_header(r, "Location", location, p - location, NULL);
}


/*
 * The proxy's request is about another one, which it describes, perhaps of
 * another host.
 */

ngx_int_t
af_login_forwarded(ngx_http_request_t *r, const af_verdict_t *verdict)
{
    u_char            *p;
    ngx_str_t          url, value;
    ngx_table_elt_t   *proto, *host, *uri;
    const af_login_t  *login;

    login = af_login_for(r, verdict);
    proto = af_header_in(r, "x-forwarded-proto", 0);
    host = af_header_in(r, "x-forwarded-host", 0);
    uri = af_header_in(r, "x-forwarded-uri", 0);

    if (login == NULL
        || !(af_login_header_is(r, "x-forwarded-method", "GET")
             || af_login_header_is(r, "x-forwarded-method", "HEAD"))
        || !af_login_is_for_people(r))
    {
        return NGX_DECLINED;
    }

    ngx_str_set(&value, "");

    if (proto && host && uri) {
        url.len = proto->value.len + sizeof("://") - 1 + host->value.len
                  + uri->value.len;

        url.data = ngx_pnalloc(r->pool, url.len);
        if (url.data == NULL) {
            return NGX_ERROR;
        }

        p = ngx_sprintf(url.data, "%V://%V%V", &proto->value, &host->value,
                        &uri->value);
        url.len = p - url.data;

        if (af_login_return(r, &url)
            && af_login_escape(r, &url, &value) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return af_login_location(r, login, &value);
}


ngx_int_t
af_login_return_here(ngx_http_request_t *r, ngx_str_t *value)
{
    u_char            *p;
    ngx_str_t          url, host;
    const af_login_t  *login;

    ngx_str_set(value, "");

    login = af_loc_conf(r)->login;
    ngx_str_null(&host);

    if (login && login->path.len == 0 && r->headers_in.host) {
        host = r->headers_in.host->value;
    }

    if (host.len == 0) {
        return af_login_escape(r, &r->unparsed_uri, value);
    }

    url.data = ngx_pnalloc(r->pool, sizeof("https://") - 1 + host.len
                                    + r->unparsed_uri.len);
    if (url.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(url.data, "%s://%V%V", af_https(r) ? "https" : "http",
                    &host, &r->unparsed_uri);
    url.len = p - url.data;

    return af_login_escape(r, &url, value);
}


/* what is too long is left out */

static ngx_int_t
af_login_escape(ngx_http_request_t *r, const ngx_str_t *url, ngx_str_t *value)
{
    u_char  *p;

    if (url->len > AF_RETURN_MAX) {
        return NGX_OK;
    }

    /* three octets of one, at most */

    value->data = ngx_pnalloc(r->pool, 3 * url->len);
    if (value->data == NULL) {
        return NGX_ERROR;
    }

    p = (u_char *) ngx_escape_uri(value->data, url->data, url->len,
                                  NGX_ESCAPE_URI_COMPONENT);
    value->len = p - value->data;

    return NGX_OK;
}


ngx_uint_t
af_login_return(ngx_http_request_t *r, const ngx_str_t *value)
{
    ngx_uint_t                 i;
    af_origin_t                origin, *trusted;
    const af_login_returns_t  *returns;

    switch (af_return_check((char *) value->data, value->len, &origin)) {

    case AF_RETURN_LOCAL:
        return 1;

    case AF_RETURN_ABSOLUTE:
        break;

    default:
        return 0;
    }

    if (af_request_is_same_origin(r, &origin)) {
        return 1;
    }

    returns = af_loc_conf(r)->login_returns;
    trusted = returns ? returns->origins.elts : NULL;

    for (i = 0; returns && i < returns->origins.nelts; i++) {
        if (af_origin_matches(&trusted[i], &origin)) {
            return 1;
        }
    }

    return 0;
}
