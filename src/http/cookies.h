/*
 * autoflow_cookies: the token pair in cookies.  Which of them speaks for a
 * request is told by http/credential.h.
 */

#ifndef AF_HTTP_COOKIES_H
#define AF_HTTP_COOKIES_H

#include "http/respond.h"


/* a cookie of one name comes several times if somebody planted one */
#define AF_COOKIE_VALUES  16


/*
 * The former ones were set by version 0.1: they are read, and expired when
 * there are new ones.
 */

typedef enum {
    AF_COOKIE_ACCESS = 0,
    AF_COOKIE_REFRESH,
    AF_COOKIE_CSRF,            /* the one that scripts may read */
    AF_COOKIE_LEGACY_REFRESH,
    AF_COOKIE_LEGACY_CSRF
} af_cookie_t;


typedef enum {
    AF_SAMESITE_LAX = 0,
    AF_SAMESITE_STRICT,
    AF_SAMESITE_NONE
} af_samesite_t;


typedef struct af_cookies_s  af_cookies_t;

struct af_cookies_s {
    ngx_str_t    path;         /* of the former refresh cookie, or empty */
    ngx_str_t    domain;       /* empty: this host alone */
    ngx_uint_t   samesite;     /* af_samesite_t */
    ngx_uint_t   strip;        /* hide the access cookie, too */
};


char *af_cookies_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *af_cookies_merge(ngx_conf_t *cf,
    const ngx_http_autoflow_loc_conf_t *prev,
    ngx_http_autoflow_loc_conf_t *conf);

/*
 * Notes what a server must know of the cookies of all its locations, of one
 * that is merged: whether there are any, and at which paths former ones are.
 */
char *af_cookies_note(ngx_conf_t *cf, const ngx_http_autoflow_loc_conf_t *conf);

/* Whether tokens may come in cookies in the request's present location. */
ngx_uint_t af_cookies_on(ngx_http_request_t *r);

/*
 * The values of a cookie in the order that they came in, none of them empty;
 * returns how many, which is 0 where cookies are off.
 */
ngx_uint_t af_cookie(ngx_http_request_t *r, af_cookie_t cookie,
    ngx_str_t values[AF_COOKIE_VALUES]);

/* Whether a text is in a cookie: of some name, or in a part of its value. */
ngx_uint_t af_cookies_contain(ngx_http_request_t *r, const ngx_str_t *text);

/*
 * Sets the cookies of a token pair, and the readable one, which has the
 * session's X-CSRF-Token; or expires all of them.  Both expire the former ones.
 */
ngx_int_t af_cookies_set(ngx_http_request_t *r, const ngx_str_t *access,
    const ngx_str_t *refresh, const ngx_str_t *csrf);
ngx_int_t af_cookies_expire(ngx_http_request_t *r);

/*
 * Take out of the request's Cookie lines what an upstream shall not be sent.
 * af_cookie() still finds it.  The first is for the server's rewrite phase, the
 * other for the preaccess phase, when the location is known.
 */
ngx_int_t af_cookies_handler(ngx_http_request_t *r);
ngx_int_t af_cookies_strip_handler(ngx_http_request_t *r);


#endif /* AF_HTTP_COOKIES_H */
