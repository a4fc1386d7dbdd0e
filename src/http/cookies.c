#include "http/cookies.h"
#include "http/cors.h"
#include "token/base64url.h"


/*
 * Octets of a name and a value: a browser that gets more keeps what it has
 * (RFC 6265bis, section 5.6).
 */
#define AF_COOKIE_MAX  4096

/* HMAC with SHA-256 of a session's id, in base64url, with its zero */
#define AF_CSRF_SIZE  af_base64url_size(crypto_auth_hmacsha256_BYTES)


static ngx_int_t af_cookie_set_access(ngx_http_request_t *r,
    const ngx_str_t *access);
static ngx_int_t af_cookie_set(ngx_http_request_t *r, af_cookie_t cookie,
    const ngx_str_t *value, time_t max_age);
static ngx_str_t af_cookie_name(ngx_http_request_t *r, af_cookie_t cookie);
static ngx_str_t af_cookie_path(ngx_http_request_t *r, af_cookie_t cookie);
static ngx_int_t af_cookies_hide(ngx_http_request_t *r);
static void af_cookie_remove(ngx_str_t *cookies, const ngx_str_t *name);
static ngx_uint_t af_cookie_next(u_char **p, u_char *last, ngx_str_t *pair);
static ngx_uint_t af_cookie_is(const ngx_str_t *pair, const ngx_str_t *name);
static void af_csrf_token(const af_derived_key_t key,
    const ngx_str_t *session_id, char token[AF_CSRF_SIZE]);
static ngx_uint_t af_csrf_is_safe(ngx_http_request_t *r);
static ngx_uint_t af_csrf_forwarded_is_safe(ngx_http_request_t *r);
static ngx_uint_t af_csrf_same(const ngx_str_t *a, const u_char *b,
    size_t len);


/* names that browsers hold us to (RFC 6265bis, section 4.1.3) */

static const struct {
    ngx_str_t  plain;          /* in development, without https */
    ngx_str_t  host;
    ngx_str_t  domain;         /* for other hosts, too */
} af_cookie_names[] = {
    [AF_COOKIE_ACCESS] = { ngx_string("af_access"),
                           ngx_string("__Host-af_access"),
                           ngx_string("__Secure-af_access") },

    [AF_COOKIE_REFRESH] = { ngx_string("af_refresh"),
                            ngx_string("__Secure-af_refresh"),
                            ngx_string("__Secure-af_refresh") },

    [AF_COOKIE_CSRF] = { ngx_string("af_csrf"),
                         ngx_string("af_csrf"),
                         ngx_string("af_csrf") }
};


static const ngx_str_t  af_samesites[] = {
    [AF_SAMESITE_LAX] = ngx_string("Lax"),
    [AF_SAMESITE_STRICT] = ngx_string("Strict"),
    [AF_SAMESITE_NONE] = ngx_string("None")
};


static const ngx_str_t  af_cookie_root = ngx_string("/");
static const ngx_str_t  af_cookie_empty = ngx_string("");


ngx_uint_t
af_cookies_on(ngx_http_request_t *r)
{
    return af_loc_conf(r)->cookies != NULL;
}


/*
 * Not $cookie_…: nginx minds neither case nor that a comma is a part of a
 * value.  So a site beside ours, which can't set a cookie whose name begins
 * with "__Host-", could set one that looks the same.
 */

void
af_cookie(ngx_http_request_t *r, af_cookie_t cookie, ngx_str_t *value)
{
    u_char                   *p, *last;
    ngx_str_t                 name, pair;
    ngx_uint_t                n;
    ngx_table_elt_t          *h;
    ngx_http_autoflow_ctx_t  *ctx;

    ngx_str_set(value, "");

    if (!af_cookies_on(r)) {
        return;
    }

    name = af_cookie_name(r, cookie);

    for (n = 0; (h = af_header_in(r, "cookie", n)) != NULL; n++) {

        p = h->value.data;
        last = p + h->value.len;

        while (af_cookie_next(&p, last, &pair)) {

            if (af_cookie_is(&pair, &name)
                && ngx_strncmp(pair.data, name.data, name.len) == 0)
            {
                value->data = pair.data + name.len + 1;
                value->len = pair.len - name.len - 1;
                return;
            }
        }
    }

    ctx = (cookie == AF_COOKIE_REFRESH) ? af_request_find_ctx(r) : NULL;

    if (ctx && ctx->refresh_cookie.len) {
        *value = ctx->refresh_cookie;
    }
}


ngx_uint_t
af_cookies_hold(ngx_http_request_t *r, const ngx_str_t *text)
{
    ngx_uint_t        n;
    ngx_table_elt_t  *h;

    for (n = 0; (h = af_header_in(r, "cookie", n)) != NULL; n++) {
        if (text->len
            && memmem(h->value.data, h->value.len, text->data, text->len))
        {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
af_cookies_set(ngx_http_request_t *r, const ngx_str_t *access,
    const ngx_str_t *refresh, const ngx_str_t *session_id)
{
    char                            csrf[AF_CSRF_SIZE];
    ngx_str_t                       token;
    ngx_http_autoflow_main_conf_t  *amcf;

    amcf = af_main_conf(r);

    af_csrf_token(amcf->csrf_keys[0], session_id, csrf);

    token.data = (u_char *) csrf;
    token.len = ngx_strlen(csrf);

    if (af_cookie_set_access(r, access) != NGX_OK
        || af_cookie_set(r, AF_COOKIE_REFRESH, refresh, amcf->refresh_ttl)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return af_cookie_set(r, AF_COOKIE_CSRF, &token, amcf->refresh_ttl);
}


/* not that the token of an earlier session goes on */

static ngx_int_t
af_cookie_set_access(ngx_http_request_t *r, const ngx_str_t *access)
{
    ngx_str_t  name;

    name = af_cookie_name(r, AF_COOKIE_ACCESS);

    if (name.len + access->len <= AF_COOKIE_MAX) {
        return af_cookie_set(r, AF_COOKIE_ACCESS, access,
                             af_main_conf(r)->access_ttl);
    }

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "autoflow: an access token of %uz octets is too long for a "
                  "cookie: its account has too many roles", access->len);

    return af_cookie_set(r, AF_COOKIE_ACCESS, &af_cookie_empty, 0);
}


ngx_int_t
af_cookies_expire(ngx_http_request_t *r)
{
    ngx_uint_t  cookie;

    for (cookie = AF_COOKIE_ACCESS; cookie <= AF_COOKIE_CSRF; cookie++) {
        if (af_cookie_set(r, cookie, &af_cookie_empty, 0) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
af_cookie_set(ngx_http_request_t *r, af_cookie_t cookie,
    const ngx_str_t *value, time_t max_age)
{
    u_char              *p, *text;
    size_t               len;
    ngx_str_t            name, path;
    const ngx_str_t     *samesite;
    const af_cookies_t  *cookies;

    cookies = af_loc_conf(r)->cookies;
    samesite = &af_samesites[cookies->samesite];

    name = af_cookie_name(r, cookie);
    path = af_cookie_path(r, cookie);

    len = name.len + value->len + path.len + samesite->len
          + cookies->domain.len + NGX_TIME_T_LEN
          + sizeof("=; Path=; Max-Age=; SameSite=; Domain=; HttpOnly; Secure");

    text = ngx_pnalloc(r->pool, len);
    if (text == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(text, "%V=%V; Path=%V; Max-Age=%T; SameSite=%V", &name,
                    value, &path, max_age, samesite);

    if (cookies->domain.len) {
        p = ngx_sprintf(p, "; Domain=%V", &cookies->domain);
    }

    if (cookie != AF_COOKIE_CSRF) {
        p = ngx_sprintf(p, "; HttpOnly");
    }

    if (af_main_conf(r)->environment != AF_DEVELOPMENT) {
        p = ngx_sprintf(p, "; Secure");
    }

    return af_set_header(r, "Set-Cookie", text, p - text, NULL);
}


static ngx_str_t
af_cookie_name(ngx_http_request_t *r, af_cookie_t cookie)
{
    if (af_main_conf(r)->environment == AF_DEVELOPMENT) {
        return af_cookie_names[cookie].plain;
    }

    return af_loc_conf(r)->cookies->domain.len ? af_cookie_names[cookie].domain
                                               : af_cookie_names[cookie].host;
}


/* the refresh cookie is for the API alone: where this one is mounted */

static ngx_str_t
af_cookie_path(ngx_http_request_t *r, af_cookie_t cookie)
{
    const af_cookies_t            *cookies;
    ngx_http_autoflow_loc_conf_t  *alcf;

    alcf = af_loc_conf(r);
    cookies = alcf->cookies;

    if (cookie != AF_COOKIE_REFRESH) {
        return af_cookie_root;
    }

    return cookies->path.len ? cookies->path : alcf->mount;
}


ngx_int_t
af_cookies_handler(ngx_http_request_t *r)
{
    ngx_str_t                 refresh;
    ngx_http_autoflow_ctx_t  *ctx;

    if (r != r->main || !af_cookies_on(r) || af_loc_conf(r)->base.data) {
        return NGX_DECLINED;
    }

    af_cookie(r, AF_COOKIE_REFRESH, &refresh);

    if (refresh.len) {

        ctx = af_request_ctx(r);
        if (ctx == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        ctx->refresh_cookie = refresh;
    }

    return (af_cookies_hide(r) == NGX_OK) ? NGX_DECLINED
                                          : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


static ngx_int_t
af_cookies_hide(ngx_http_request_t *r)
{
    ngx_str_t         name, value;
    ngx_uint_t        n;
    ngx_table_elt_t  *h;

    name = af_cookie_name(r, AF_COOKIE_REFRESH);

    for (n = 0; (h = af_header_in(r, "cookie", n)) != NULL; n++) {

        if (ngx_strlcasestrn(h->value.data, h->value.data + h->value.len,
                             name.data, name.len - 1)
            == NULL)
        {
            continue;
        }

        /* the header lines of the client stay as they are, in a log too */

        value.len = h->value.len;
        value.data = ngx_pnalloc(r->pool, value.len + 1);
        if (value.data == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(value.data, h->value.data, value.len);
        af_cookie_remove(&value, &name);
        value.data[value.len] = '\0';

        h->value = value;
    }

    return NGX_OK;
}


/* all of this name, whatever an upstream makes of its letters */

static void
af_cookie_remove(ngx_str_t *cookies, const ngx_str_t *name)
{
    u_char     *p, *last, *dst;
    ngx_str_t   pair;

    p = cookies->data;
    dst = p;
    last = p + cookies->len;

    while (af_cookie_next(&p, last, &pair)) {

        if (af_cookie_is(&pair, name)) {
            continue;
        }

        if (dst != cookies->data) {
            *dst++ = ';';
            *dst++ = ' ';
        }

        dst = ngx_movemem(dst, pair.data, pair.len);
    }

    cookies->len = dst - cookies->data;
}


/* the next of "a=1; b=2" (RFC 6265, section 5.4); returns 0 at the end */

static ngx_uint_t
af_cookie_next(u_char **p, u_char *last, ngx_str_t *pair)
{
    u_char  *end;

    while (*p < last && (**p == ' ' || **p == ';')) {
        (*p)++;
    }

    end = ngx_strlchr(*p, last, ';');

    pair->data = *p;
    pair->len = (end ? end : last) - *p;
    *p += pair->len;

    return pair->len != 0;
}


/* but for case */

static ngx_uint_t
af_cookie_is(const ngx_str_t *pair, const ngx_str_t *name)
{
    return pair->len > name->len && pair->data[name->len] == '='
           && ngx_strncasecmp(pair->data, name->data, name->len) == 0;
}


int
af_csrf_key(const unsigned char *secret, size_t len, af_derived_key_t key)
{
    return af_derive(secret, len, "autoflow csrf", key, AF_DERIVED_KEY_SIZE);
}


ngx_uint_t
af_csrf_passes(ngx_http_request_t *r, const ngx_str_t *session_id)
{
    char                            token[AF_CSRF_SIZE];
    ngx_str_t                       cookie;
    ngx_uint_t                      i;
    ngx_table_elt_t                *h;
    ngx_http_autoflow_main_conf_t  *amcf;

    if (af_csrf_is_safe(r) || af_cors_origin_kind(r) == AF_ORIGIN_OWN) {
        return 1;
    }

    h = af_header_in(r, "x-csrf-token", 0);

    if (h == NULL || h->value.len == 0) {
        return 0;
    }

    if (session_id->len == 0) {
        af_cookie(r, AF_COOKIE_CSRF, &cookie);

        return af_csrf_same(&h->value, cookie.data, cookie.len);
    }

    amcf = af_main_conf(r);

    for (i = 0; amcf->db && i < amcf->secrets->nelts; i++) {

        af_csrf_token(amcf->csrf_keys[i], session_id, token);

        if (af_csrf_same(&h->value, (u_char *) token, AF_CSRF_SIZE - 1)) {
            return 1;
        }
    }

    return 0;
}


ngx_uint_t
af_csrf_foreign(ngx_http_request_t *r)
{
    ngx_table_elt_t  *h;

    if (!af_cookies_on(r) || af_csrf_is_safe(r)) {
        return 0;
    }

    switch (af_cors_origin_kind(r)) {

    case AF_ORIGIN_OWN:
        return 0;

    case AF_ORIGIN_FOREIGN:
        return 1;

    default:
        break;
    }

    /* https://w3c.github.io/webappsec-fetch-metadata/#sec-fetch-site-header */

    h = af_header_in(r, "sec-fetch-site", 0);

    return h && ngx_strcmp(h->value.data, "same-origin") != 0
           && ngx_strcmp(h->value.data, "none") != 0;
}


/*
 * (RFC 9110, section 9.2.1).  But whoever opens a WebSocket may send through
 * it whatever they like, and any page may.  (Proxies that ask may keep Upgrade
 * to themselves.)
 */

static ngx_uint_t
af_csrf_is_safe(ngx_http_request_t *r)
{
    ngx_table_elt_t  *h;

    static u_char  websocket[] = "websocket";

    if (af_header_in(r, "sec-websocket-key", 0)) {
        return 0;
    }

    h = af_header_in(r, "upgrade", 0);

    if (h && ngx_strlcasestrn(h->value.data, h->value.data + h->value.len,
                              websocket, sizeof(websocket) - 2))
    {
        return 0;
    }

    /* a proxy that asks has to say of what */

    if (af_loc_conf(r)->verify && r == r->main) {
        return af_csrf_forwarded_is_safe(r);
    }

    return (r->main->method & (NGX_HTTP_GET|NGX_HTTP_HEAD|NGX_HTTP_OPTIONS))
           != 0;
}


static ngx_uint_t
af_csrf_forwarded_is_safe(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_table_elt_t  *h;

    static const ngx_str_t  safe[] = {
        ngx_string("GET"), ngx_string("HEAD"), ngx_string("OPTIONS"),
        ngx_null_string
    };

    h = af_header_in(r, "x-forwarded-method", 0);

    if (h == NULL || af_header_in(r, "x-forwarded-method", 1)) {
        return 0;
    }

    for (i = 0; safe[i].len; i++) {
        if (h->value.len == safe[i].len
            && ngx_strncmp(h->value.data, safe[i].data, safe[i].len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static void
af_csrf_token(const af_derived_key_t key, const ngx_str_t *session_id,
    char token[AF_CSRF_SIZE])
{
    u_char  octets[crypto_auth_hmacsha256_BYTES];

    (void) crypto_auth_hmacsha256(octets, session_id->data, session_id->len,
                                  key);
    (void) sodium_bin2base64(token, AF_CSRF_SIZE, octets, sizeof(octets),
                             AF_BASE64URL);
}


static ngx_uint_t
af_csrf_same(const ngx_str_t *a, const u_char *b, size_t len)
{
    return a->len == len && len && sodium_memcmp(a->data, b, len) == 0;
}
