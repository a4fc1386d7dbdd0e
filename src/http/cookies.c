#include "http/cookies.h"


/*
 * Octets of a name and a value: browsers ignore larger cookies, and keep the
 * previous one (RFC 6265bis, section 5.6).
 */
#define AF_COOKIE_MAX  4096


static ngx_int_t af_cookies_set_access(ngx_http_request_t *r,
    const ngx_str_t *access);
static ngx_uint_t af_cookies_are_too_long(ngx_http_request_t *r,
    const ngx_str_t *access);
static ngx_int_t af_cookies_expire_legacy(ngx_http_request_t *r);
static ngx_int_t af_cookie_text(ngx_http_request_t *r, af_cookie_t cookie,
    const ngx_str_t *path, const ngx_str_t *value, time_t max_age,
    ngx_str_t *text);
static ngx_int_t af_cookie_set(ngx_http_request_t *r, af_cookie_t cookie,
    const ngx_str_t *path, const ngx_str_t *value, time_t max_age);
static const ngx_str_t *af_cookie_name(ngx_http_request_t *r,
    af_cookie_t cookie);
static ngx_uint_t af_cookie_is_current(ngx_http_request_t *r,
    af_cookie_t cookie, const ngx_str_t *path);

static ngx_uint_t af_cookies_strip(ngx_http_request_t *r);
static ngx_int_t af_cookies_hide(ngx_http_request_t *r, const ngx_str_t *name);
static ngx_int_t af_cookies_hide_in(ngx_http_autoflow_ctx_t *ctx,
    ngx_str_t *line, const ngx_str_t *name);
static ngx_uint_t af_cookie_is_any(const ngx_str_t *pair,
    const ngx_str_t *name);
static ngx_uint_t af_cookie_line(ngx_http_request_t *r, ngx_uint_t n,
    ngx_str_t *line);
static ngx_uint_t af_cookie_next(u_char **p, u_char *last, ngx_str_t *pair);


/*
 * Browsers enforce these prefixes (RFC 6265bis, section 4.1.3): a "__Host-"
 * cookie was set by this very host, over https and for all paths.
 */

static const struct {
    ngx_str_t  plain;          /* in development, without https */
    ngx_str_t  host;
    ngx_str_t  domain;         /* for other hosts of the domain, too */
    unsigned   readable:1;     /* by scripts */
} af_cookies[] = {
    [AF_COOKIE_ACCESS] = { ngx_string("af_access"),
                           ngx_string("__Host-af_access"),
                           ngx_string("__Secure-af_access"), 0 },

    [AF_COOKIE_REFRESH] = { ngx_string("af_refresh"),
                            ngx_string("__Host-af_refresh"),
                            ngx_string("__Secure-af_refresh"), 0 },

    [AF_COOKIE_CSRF] = { ngx_string("af_csrf"),
                         ngx_string("__Host-af_csrf"),
                         ngx_string("__Secure-af_csrf"), 1 },

    [AF_COOKIE_LEGACY_REFRESH] = { ngx_string("af_refresh"),
                                   ngx_string("__Secure-af_refresh"),
                                   ngx_string("__Secure-af_refresh"), 0 },

    [AF_COOKIE_LEGACY_CSRF] = { ngx_string("af_csrf"),
                                ngx_string("af_csrf"),
                                ngx_string("af_csrf"), 1 },

    [AF_COOKIE_LANGUAGE] = { ngx_string("af_language"),
                             ngx_string("__Host-af_language"),
                             ngx_string("__Secure-af_language"), 0 },

    [AF_COOKIE_DEVICE] = { ngx_string("af_device"),
                           ngx_string("__Host-af_device"),
                           ngx_string("__Secure-af_device"), 0 }
};


static const ngx_str_t  af_cookie_prefixes[] = {
    ngx_string("__Host-"), ngx_string("__Secure-"), ngx_null_string
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
 * Not $cookie_…, since nginx ignores case, and allows commas in values.  So a
 * sibling site, which can't set a cookie with the prefix "__Host-", could set
 * one that looks the same.
 */

ngx_uint_t
af_cookie(ngx_http_request_t *r, af_cookie_t cookie,
    ngx_str_t values[AF_COOKIE_VALUES])
{
    u_char           *p, *last;
    ngx_str_t         line, pair;
    ngx_uint_t        i, n;
    const ngx_str_t  *name;

    if (!af_cookies_on(r)) {
        return 0;
    }

    n = 0;
    name = af_cookie_name(r, cookie);

    for (i = 0; af_cookie_line(r, i, &line); i++) {

        p = line.data;
        last = p + line.len;

        while (n < AF_COOKIE_VALUES && af_cookie_next(&p, last, &pair)) {

            if (pair.len > name->len + 1
                && pair.data[name->len] == '='
                && ngx_strncmp(pair.data, name->data, name->len) == 0)
            {
                values[n].data = pair.data + name->len + 1;
                values[n].len = pair.len - name->len - 1;
                n++;
            }
        }
    }

    return n;
}


ngx_uint_t
af_cookies_contain(ngx_http_request_t *r, const ngx_str_t *text)
{
    ngx_str_t   line;
    ngx_uint_t  i;

    for (i = 0; text->len && af_cookie_line(r, i, &line); i++) {
        if (memmem(line.data, line.len, text->data, text->len)) {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
af_cookies_set(ngx_http_request_t *r, const ngx_str_t *access,
    const ngx_str_t *refresh, const ngx_str_t *csrf)
{
    time_t  max_age;

    max_age = af_main_conf(r)->refresh_ttl;

    if (af_cookies_set_access(r, access) != NGX_OK
        || af_cookie_set(r, AF_COOKIE_REFRESH, &af_cookie_root, refresh,
                         max_age)
           != NGX_OK
        || af_cookie_set(r, AF_COOKIE_CSRF, &af_cookie_root, csrf, max_age)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return af_cookies_expire_legacy(r);
}


ngx_int_t
af_cookies_set_csrf(ngx_http_request_t *r, const ngx_str_t *csrf)
{
    return af_cookie_set(r, AF_COOKIE_CSRF, &af_cookie_root, csrf,
                         af_main_conf(r)->refresh_ttl);
}


ngx_int_t
af_cookies_set_one(ngx_http_request_t *r, af_cookie_t cookie,
    const ngx_str_t *value, time_t max_age)
{
    return af_cookie_set(r, cookie, &af_cookie_root, value, max_age);
}


/* otherwise the token of an earlier session would remain in use */

static ngx_int_t
af_cookies_set_access(ngx_http_request_t *r, const ngx_str_t *access)
{
    if (!af_cookies_are_too_long(r, access)) {
        return af_cookie_set(r, AF_COOKIE_ACCESS, &af_cookie_root, access,
                             af_main_conf(r)->access_ttl);
    }

    return af_cookie_set(r, AF_COOKIE_ACCESS, &af_cookie_root,
                         &af_cookie_empty, 0);
}


static ngx_uint_t
af_cookies_are_too_long(ngx_http_request_t *r, const ngx_str_t *access)
{
    const ngx_str_t  *name;

    name = af_cookie_name(r, AF_COOKIE_ACCESS);

    if (name->len + access->len <= AF_COOKIE_MAX) {
        return 0;
    }

    af_request_log(NGX_LOG_ERR, r,
                   "an access token of %uz octets is too long for a "
                   "cookie: its account has too many roles", access->len);

    return 1;
}


ngx_int_t
af_cookies_expire(ngx_http_request_t *r)
{
    ngx_uint_t  cookie;

    for (cookie = AF_COOKIE_ACCESS; cookie <= AF_COOKIE_CSRF; cookie++) {
        if (af_cookie_set(r, cookie, &af_cookie_root, &af_cookie_empty, 0)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return af_cookies_expire_legacy(r);
}


/*
 * A browser has a refresh cookie for every path where it logged in or
 * refreshed, possibly outdated, and sends it there.
 */

static ngx_int_t
af_cookies_expire_legacy(ngx_http_request_t *r)
{
    ngx_str_t     *path;
    ngx_uint_t     i;
    ngx_array_t   *paths;

    paths = af_srv_conf(r)->legacy_paths;
    path = paths ? paths->elts : NULL;

    for (i = 0; paths && i < paths->nelts; i++) {

        if (!af_cookie_is_current(r, AF_COOKIE_LEGACY_REFRESH, &path[i])
            && af_cookie_set(r, AF_COOKIE_LEGACY_REFRESH, &path[i],
                             &af_cookie_empty, 0)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (af_cookie_is_current(r, AF_COOKIE_LEGACY_CSRF, &af_cookie_root)) {
        return NGX_OK;
    }

    return af_cookie_set(r, AF_COOKIE_LEGACY_CSRF, &af_cookie_root,
                         &af_cookie_empty, 0);
}


ngx_int_t
af_cookies_renew(ngx_http_request_t *r, const ngx_str_t *access)
{
    ngx_str_t  text;

    if (af_cookies_are_too_long(r, access)) {
        return NGX_OK;
    }

    if (af_cookie_text(r, AF_COOKIE_ACCESS, &af_cookie_root, access,
                       af_main_conf(r)->access_ttl, &text)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return af_set_header(r->main, "Set-Cookie", text.data, text.len, NULL);
}


static ngx_int_t
af_cookie_set(ngx_http_request_t *r, af_cookie_t cookie, const ngx_str_t *path,
    const ngx_str_t *value, time_t max_age)
{
    ngx_str_t  text;

    if (af_cookie_text(r, cookie, path, value, max_age, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    return af_set_header(r, "Set-Cookie", text.data, text.len, NULL);
}


static ngx_int_t
af_cookie_text(ngx_http_request_t *r, af_cookie_t cookie, const ngx_str_t *path,
    const ngx_str_t *value, time_t max_age, ngx_str_t *text)
{
    u_char              *p;
    size_t               len;
    const ngx_str_t     *name, *samesite;
    const af_cookies_t  *cookies;

    cookies = af_loc_conf(r)->cookies;
    samesite = &af_samesites[cookies->samesite];
    name = af_cookie_name(r, cookie);

    len = name->len + value->len + path->len + samesite->len
          + cookies->domain.len + NGX_TIME_T_LEN
          + sizeof("=; Path=; Max-Age=; SameSite=; Domain=; HttpOnly; Secure");

    text->data = ngx_pnalloc(r->pool, len);
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(text->data, "%V=%V; Path=%V; Max-Age=%T; SameSite=%V", name,
                    value, path, max_age, samesite);

    if (cookies->domain.len) {
        p = ngx_sprintf(p, "; Domain=%V", &cookies->domain);
    }

    if (!af_cookies[cookie].readable) {
        p = ngx_sprintf(p, "; HttpOnly");
    }

    if (af_main_conf(r)->environment != AF_DEVELOPMENT) {
        p = ngx_sprintf(p, "; Secure");
    }

    text->len = p - text->data;

    return NGX_OK;
}


static const ngx_str_t *
af_cookie_name(ngx_http_request_t *r, af_cookie_t cookie)
{
    return af_cookie_name_in(af_main_conf(r), af_loc_conf(r)->cookies, cookie);
}


const ngx_str_t *
af_cookie_name_in(const ngx_http_autoflow_main_conf_t *conf,
    const af_cookies_t *cookies, af_cookie_t cookie)
{
    if (conf->environment == AF_DEVELOPMENT) {
        return &af_cookies[cookie].plain;
    }

    return cookies->domain.len ? &af_cookies[cookie].domain
                               : &af_cookies[cookie].host;
}


/* whether a legacy cookie and the one set now are the same to a browser */

static ngx_uint_t
af_cookie_is_current(ngx_http_request_t *r, af_cookie_t legacy,
    const ngx_str_t *path)
{
    const ngx_str_t  *a, *b;

    a = af_cookie_name(r, legacy);
    b = af_cookie_name(r, legacy == AF_COOKIE_LEGACY_CSRF ? AF_COOKIE_CSRF
                                                          : AF_COOKIE_REFRESH);

    return path->len == 1
           && a->len == b->len
           && ngx_strncmp(a->data, b->data, a->len) == 0;
}


/* subrequests share the headers of their main request */

ngx_int_t
af_cookies_handler(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    if (r != r->main || !af_srv_conf(r)->cookies) {
        return NGX_DECLINED;
    }

    rc = af_cookies_hide(r, &af_cookies[AF_COOKIE_REFRESH].plain);

    return (rc == NGX_DECLINED)
           ? af_cookies_hide(r, &af_cookies[AF_COOKIE_DEVICE].plain) : rc;
}


/* an internal redirect to an error page skips the server's rewrite phase */

ngx_int_t
af_cookies_strip_handler(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    rc = af_cookies_handler(r);

    if (rc != NGX_DECLINED || r != r->main || !af_cookies_strip(r)) {
        return rc;
    }

    return af_cookies_hide(r, &af_cookies[AF_COOKIE_ACCESS].plain);
}


static ngx_uint_t
af_cookies_strip(ngx_http_request_t *r)
{
    return af_loc_conf(r)->strip
           || (af_cookies_on(r) && af_loc_conf(r)->cookies->strip);
}


static ngx_int_t
af_cookies_hide(ngx_http_request_t *r, const ngx_str_t *name)
{
    ngx_uint_t                n;
    ngx_table_elt_t          *h;
    ngx_http_autoflow_ctx_t  *ctx;

    for (n = 0; (h = af_header_in(r, "cookie", n)) != NULL; n++) {

        if (ngx_strlcasestrn(h->value.data, h->value.data + h->value.len,
                             name->data, name->len - 1)
            == NULL)
        {
            continue;
        }

        ctx = af_request_ctx(r);

        if (ctx == NULL || af_cookies_hide_in(ctx, &h->value, name) != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    return NGX_DECLINED;
}


/* the client's header is replaced; the hidden pairs point into the original */

static ngx_int_t
af_cookies_hide_in(ngx_http_autoflow_ctx_t *ctx, ngx_str_t *line,
    const ngx_str_t *name)
{
    u_char     *p, *last, *dst;
    ngx_str_t   pair, left, *hidden;

    if (ctx->hidden == NULL) {
        ctx->hidden = ngx_array_create(ctx->request->pool, 2,
                                       sizeof(ngx_str_t));
    }

    /* "; " may be longer than the original separators */
    left.data = ngx_pnalloc(ctx->request->pool, 2 * line->len + 1);

    if (ctx->hidden == NULL || left.data == NULL) {
        return NGX_ERROR;
    }

    p = line->data;
    last = p + line->len;
    dst = left.data;

    while (af_cookie_next(&p, last, &pair)) {

        if (af_cookie_is_any(&pair, name)) {

            hidden = ngx_array_push(ctx->hidden);
            if (hidden == NULL) {
                return NGX_ERROR;
            }

            *hidden = pair;
            continue;
        }

        if (dst != left.data) {
            dst = ngx_cpymem(dst, "; ", 2);
        }

        dst = ngx_cpymem(dst, pair.data, pair.len);
    }

    *dst = '\0';
    left.len = dst - left.data;
    *line = left;

    return NGX_OK;
}


/*
 * Whether a cookie has one of our names, in any environment and for any domain,
 * and in any case, as upstreams may ignore it.
 */

static ngx_uint_t
af_cookie_is_any(const ngx_str_t *pair, const ngx_str_t *name)
{
    ngx_str_t         rest;
    const ngx_str_t  *prefix;

    rest = *pair;

    for (prefix = af_cookie_prefixes; prefix->len; prefix++) {
        if (rest.len > prefix->len
            && ngx_strncasecmp(rest.data, prefix->data, prefix->len) == 0)
        {
            rest.data += prefix->len;
            rest.len -= prefix->len;
            break;
        }
    }

    return rest.len > name->len
           && rest.data[name->len] == '='
           && ngx_strncasecmp(rest.data, name->data, name->len) == 0;
}


/* the n-th, from 0, header line or hidden pair */

static ngx_uint_t
af_cookie_line(ngx_http_request_t *r, ngx_uint_t n, ngx_str_t *line)
{
    ngx_str_t                *pair;
    ngx_table_elt_t          *h;
    ngx_http_autoflow_ctx_t  *ctx;

    ctx = af_request_find_ctx(r->main);

    if (ctx && ctx->hidden) {

        pair = ctx->hidden->elts;

        if (n < ctx->hidden->nelts) {
            *line = pair[n];
            return 1;
        }

        n -= ctx->hidden->nelts;
    }

    h = af_header_in(r, "cookie", n);

    if (h) {
        *line = h->value;
    }

    return h != NULL;
}


/* the next pair of "a=1; b=2" (RFC 6265, section 5.4); 0 at the end */

static ngx_uint_t
af_cookie_next(u_char **p, u_char *last, ngx_str_t *pair)
{
    u_char  *end;

    while (*p < last && (**p == ' ' || **p == '\t' || **p == ';')) {
        (*p)++;
    }

    end = ngx_strlchr(*p, last, ';');

    pair->data = *p;
    pair->len = (end ? end : last) - *p;
    *p += pair->len;

    return pair->len != 0;
}
