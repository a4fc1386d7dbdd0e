#include "http/cookies.h"
#include "http/cors.h"
#include "http/csrf.h"
#include "http/origin.h"

#include <sodium.h>


typedef enum {
    AF_ORIGIN_MISSING = 0,
    AF_ORIGIN_TRUSTED,         /* the request's own, or a listed one */
    AF_ORIGIN_CROSS_SITE       /* any other, "null", or invalid */
} af_origin_kind_t;


static af_origin_kind_t af_csrf_origin(ngx_http_request_t *r);
static ngx_uint_t af_csrf_is_token(ngx_http_request_t *r,
    const ngx_str_t *session_id, const ngx_str_t *text);
static ngx_uint_t af_csrf_cookies(ngx_http_request_t *r,
    ngx_str_t values[2 * AF_COOKIE_VALUES]);
static ngx_uint_t af_csrf_matches_cookie(ngx_http_request_t *r,
    const ngx_str_t *text);
static ngx_uint_t af_csrf_is_safe(ngx_http_request_t *r);
static ngx_uint_t af_csrf_forwarded_is_safe(ngx_http_request_t *r);
static ngx_uint_t af_csrf_equal(const ngx_str_t *a, const u_char *b,
    size_t len);


void
af_csrf_token(ngx_http_request_t *r, const ngx_str_t *session_id,
    char token[AF_CSRF_SIZE])
{
    af_csrf_make(&af_main_conf(r)->purpose_keys, session_id->data,
                 session_id->len, token);
}


ngx_uint_t
af_csrf_passes(ngx_http_request_t *r, const ngx_str_t *session_id)
{
    ngx_table_elt_t  *h;

    if (af_csrf_is_safe(r) || af_csrf_origin(r) == AF_ORIGIN_TRUSTED) {
        return 1;
    }

    /* the token of a form is in its body, and is checked with that */

    if (af_loc_conf(r)->pages) {
        return !af_csrf_is_cross_site(r);
    }

    h = af_header_in(r, "x-csrf-token", 0);

    if (h == NULL || h->value.len == 0) {
        return 0;
    }

    return af_csrf_matches(r, session_id, &h->value);
}


ngx_uint_t
af_csrf_matches(ngx_http_request_t *r, const ngx_str_t *session_id,
    const ngx_str_t *text)
{
    return session_id->len ? af_csrf_is_token(r, session_id, text)
                           : af_csrf_matches_cookie(r, text);
}


static ngx_uint_t
af_csrf_is_token(ngx_http_request_t *r, const ngx_str_t *session_id,
    const ngx_str_t *text)
{
    return af_csrf_check(&af_main_conf(r)->purpose_keys,
                         session_id->data, session_id->len,
                         (char *) text->data, text->len);
}


ngx_uint_t
af_csrf_cookie_matches(ngx_http_request_t *r, const ngx_str_t *session_id)
{
    ngx_str_t   values[2 * AF_COOKIE_VALUES];
    ngx_uint_t  i, n;

    n = af_csrf_cookies(r, values);

    for (i = 0; i < n; i++) {
        if (af_csrf_is_token(r, session_id, &values[i])) {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
af_csrf_matches_cookie(ngx_http_request_t *r, const ngx_str_t *text)
{
    ngx_str_t   values[2 * AF_COOKIE_VALUES];
    ngx_uint_t  i, n;

    n = af_csrf_cookies(r, values);

    for (i = 0; i < n; i++) {
        if (af_csrf_equal(text, values[i].data, values[i].len)) {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
af_csrf_cookies(ngx_http_request_t *r, ngx_str_t values[2 * AF_COOKIE_VALUES])
{
    ngx_uint_t  n;

    n = af_cookie(r, AF_COOKIE_CSRF, values);

    return n + af_cookie(r, AF_COOKIE_LEGACY_CSRF, values + n);
}


ngx_uint_t
af_csrf_is_cross_site(ngx_http_request_t *r)
{
    ngx_table_elt_t  *h;

    if (!af_cookies_on(r) || af_csrf_is_safe(r)) {
        return 0;
    }

    switch (af_csrf_origin(r)) {

    case AF_ORIGIN_TRUSTED:
        return 0;

    case AF_ORIGIN_CROSS_SITE:
        return 1;

    default:
        break;
    }

    /* https://w3c.github.io/webappsec-fetch-metadata/#sec-fetch-site-header */

    h = af_header_in(r, "sec-fetch-site", 0);

    return h && ngx_strcmp(h->value.data, "same-origin") != 0
           && ngx_strcmp(h->value.data, "none") != 0;
}


static af_origin_kind_t
af_csrf_origin(ngx_http_request_t *r)
{
    af_origin_t  origin;

    if (af_header_in(r, "origin", 0) == NULL) {
        return AF_ORIGIN_MISSING;
    }

    if (af_request_origin(r, &origin) == NULL) {
        return AF_ORIGIN_CROSS_SITE;
    }

    return (af_cors_trusts(r, &origin) || af_request_is_same_origin(r, &origin))
           ? AF_ORIGIN_TRUSTED : AF_ORIGIN_CROSS_SITE;
}


/*
 * RFC 9110, section 9.2.1.  But whoever opens a WebSocket can send anything
 * through it, and any page can open one.  (A proxy that asks may not forward
 * Upgrade.)
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

    /* a proxy that asks must send the method */

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


static ngx_uint_t
af_csrf_equal(const ngx_str_t *a, const u_char *b, size_t len)
{
    return a->len == len && len && sodium_memcmp(a->data, b, len) == 0;
}
