/*
 * autoflow_cookies: the token pair in cookies, and what a request must show
 * whose token came in one, as browsers send them for pages of any site.
 */

#ifndef AF_HTTP_COOKIES_H
#define AF_HTTP_COOKIES_H

#include "http/respond.h"


typedef enum {
    AF_COOKIE_ACCESS = 0,
    AF_COOKIE_REFRESH,
    AF_COOKIE_CSRF             /* the one that scripts may read */
} af_cookie_t;


typedef enum {
    AF_SAMESITE_LAX = 0,
    AF_SAMESITE_STRICT,
    AF_SAMESITE_NONE
} af_samesite_t;


typedef struct af_cookies_s  af_cookies_t;

struct af_cookies_s {
    ngx_str_t    path;         /* of the refresh cookie; empty: the mount */
    ngx_str_t    domain;       /* empty: this host alone */
    ngx_uint_t   samesite;     /* af_samesite_t */
};


/* Whether tokens may come in cookies in the request's present location. */
ngx_uint_t af_cookies_on(ngx_http_request_t *r);

/* A cookie's value, empty if the request has none. */
void af_cookie(ngx_http_request_t *r, af_cookie_t cookie, ngx_str_t *value);

/* Whether a text is in a cookie: of some name, or in a part of its value. */
ngx_uint_t af_cookies_hold(ngx_http_request_t *r, const ngx_str_t *text);

/*
 * Sets the cookies of a token pair, and the readable one of its session (a
 * UUID); or expires all of them.
 */
ngx_int_t af_cookies_set(ngx_http_request_t *r, const ngx_str_t *access,
    const ngx_str_t *refresh, const ngx_str_t *session_id);
ngx_int_t af_cookies_expire(ngx_http_request_t *r);

/*
 * The preaccess phase: takes the refresh cookie out of what an upstream is
 * sent.  af_cookie() still finds it, should the request come to the API.
 */
ngx_int_t af_cookies_handler(ngx_http_request_t *r);

/* Makes a secret's key of X-CSRF-Token.  Returns 0, or -1 on failure. */
int af_csrf_key(const unsigned char *secret, size_t len, af_derived_key_t key);

/*
 * Whether a request that would change something comes from a page of ours: by
 * its Origin, or by X-CSRF-Token.  That is the token of the session (which may
 * be empty: not known), or at least the same as in the readable cookie.
 */
ngx_uint_t af_csrf_passes(ngx_http_request_t *r, const ngx_str_t *session_id);

/*
 * Whether a request without a token that would change something may come from
 * another site's page: one that logs in would leave a stranger's cookies.
 */
ngx_uint_t af_csrf_foreign(ngx_http_request_t *r);


#endif /* AF_HTTP_COOKIES_H */
