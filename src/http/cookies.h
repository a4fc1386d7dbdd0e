/*
 * autoflow_cookies: the token pair in cookies.  http/credential.h decides which
 * token of a request counts.
 */

#ifndef AF_HTTP_COOKIES_H
#define AF_HTTP_COOKIES_H

#include "http/respond.h"


/* there may be several cookies of one name, if some were planted */
#define AF_COOKIE_VALUES  16


/*
 * The legacy ones were set by version 0.1: they are read, and expired when new
 * ones are set.
 */

typedef enum {
    AF_COOKIE_ACCESS = 0,
    AF_COOKIE_REFRESH,
    AF_COOKIE_CSRF,            /* readable by scripts */
    AF_COOKIE_LEGACY_REFRESH,
    AF_COOKIE_LEGACY_CSRF,
    AF_COOKIE_LANGUAGE,        /* of pages: which one was chosen */
    AF_COOKIE_DEVICE           /* a browser that is remembered */
} af_cookie_t;


typedef enum {
    AF_SAMESITE_LAX = 0,
    AF_SAMESITE_STRICT,
    AF_SAMESITE_NONE
} af_samesite_t;


typedef enum {
    AF_RENEW_UNSET = 0,        /* on where there is an autoflow_login */
    AF_RENEW_OFF,
    AF_RENEW_ON
} af_renew_mode_t;


typedef struct af_cookies_s  af_cookies_t;

struct af_cookies_s {
    ngx_str_t    path;         /* of the legacy refresh cookie, or empty */
    ngx_str_t    domain;       /* empty: this host only */
    ngx_uint_t   samesite;     /* af_samesite_t */
    ngx_uint_t   strip;        /* hide the access cookie, too */
    ngx_uint_t   renew;        /* af_renew_mode_t */
};


char *af_cookies_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *af_cookies_merge(ngx_conf_t *cf,
    const ngx_http_autoflow_loc_conf_t *prev,
    ngx_http_autoflow_loc_conf_t *conf);

/*
 * Stores what a server must know about the cookies of a location being merged:
 * that there are any, and the paths of legacy ones.
 */
char *af_cookies_note(ngx_conf_t *cf, const ngx_http_autoflow_loc_conf_t *conf);

/* as of "autoflow_cookies on", for locations that can't do without */
extern const af_cookies_t  af_cookies_defaults;

/* Whether tokens may be in cookies in the request's current location. */
ngx_uint_t af_cookies_on(ngx_http_request_t *r);

/*
 * The non-empty values of a cookie, in their original order; returns their
 * number, 0 where cookies are off.
 */
ngx_uint_t af_cookie(ngx_http_request_t *r, af_cookie_t cookie,
    ngx_str_t values[AF_COOKIE_VALUES]);

/* The name of a cookie in a configuration where they are on. */
const ngx_str_t *af_cookie_name_in(const ngx_http_autoflow_main_conf_t *conf,
    const af_cookies_t *cookies, af_cookie_t cookie);

/* Whether a text occurs in any cookie, as the value or a part of it. */
ngx_uint_t af_cookies_contain(ngx_http_request_t *r, const ngx_str_t *text);

/*
 * Sets the cookies of a token pair, and the readable one with the session's
 * CSRF token; or expires all of them.  Both expire the legacy ones.
 */
ngx_int_t af_cookies_set(ngx_http_request_t *r, const ngx_str_t *access,
    const ngx_str_t *refresh, const ngx_str_t *csrf);
ngx_int_t af_cookies_expire(ngx_http_request_t *r);

/*
 * Set one alone: the readable one, to a token that is no session's yet; and one
 * that outlives sessions, for so many seconds.
 */
ngx_int_t af_cookies_set_csrf(ngx_http_request_t *r, const ngx_str_t *csrf);
ngx_int_t af_cookies_set_one(ngx_http_request_t *r, af_cookie_t cookie,
    const ngx_str_t *value, time_t max_age);

/*
 * Sets the access cookie alone, as configured for this request, which may be a
 * subrequest, in the main request's response; not if the token is too long.
 */
ngx_int_t af_cookies_renew(ngx_http_request_t *r, const ngx_str_t *access);

/*
 * Remove from the Cookie headers what no upstream may get; af_cookie() still
 * finds it.  The first is for the server's rewrite phase, the second for the
 * preaccess phase, when the location is known.
 */
ngx_int_t af_cookies_handler(ngx_http_request_t *r);
ngx_int_t af_cookies_strip_handler(ngx_http_request_t *r);


#endif /* AF_HTTP_COOKIES_H */
