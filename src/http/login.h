/*
 * autoflow_login: browsers without a valid token are sent to sign in, and come
 * back.
 */

#ifndef AF_HTTP_LOGIN_H
#define AF_HTTP_LOGIN_H

#include "http/require.h"


/* where to sign in */

typedef struct af_login_s {
    ngx_str_t     url;         /* a path, or the URL of another host */
    ngx_str_t     path;        /* a path's, without its query; empty: a URL */
    u_char        separator;   /* of the parameter "return": '?' or '&' */

    /* where to prove it again, or by a second factor; NULL: nowhere */
    struct af_login_s  *confirm;
    struct af_login_s  *raise;
} af_login_t;


/* autoflow_login_return: other origins that a sign-in may lead back to */

typedef struct af_login_returns_s {
    ngx_array_t   origins;     /* of af_origin_t */
    ngx_str_t     sources;     /* as in a CSP, a blank before each */
} af_login_returns_t;


char *af_login_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *af_login_return_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
void af_login_merge(const ngx_http_autoflow_loc_conf_t *prev,
    ngx_http_autoflow_loc_conf_t *conf);

/*
 * Whether a verdict may be another one once its owner has signed in: there is
 * no token, or an invalid one in a cookie.
 */
ngx_uint_t af_login_helps(const af_verdict_t *verdict);

/*
 * What to do with a request that was refused, in the access phase: NGX_DECLINED
 * if it stays refused, or the status of a redirect, which is set.
 */
ngx_int_t af_login(ngx_http_request_t *r, const af_verdict_t *verdict);

/*
 * With "satisfy any" others may let a request pass: this handler, the last one
 * of the access phase, does what af_login() has left to it.
 */
ngx_int_t af_login_handler(ngx_http_request_t *r);

/*
 * If somebody did let it pass, an error page may be in another location: each
 * access phase begins with nothing left to that handler.
 */
void af_login_forget(ngx_http_request_t *r);

/*
 * Likewise for autoflow_verify, about the request that its X-Forwarded headers
 * describe: NGX_DECLINED, NGX_ERROR, or NGX_OK with the Location of a redirect.
 */
ngx_int_t af_login_forwarded(ngx_http_request_t *r,
    const af_verdict_t *verdict);

/*
 * Whether the location's sign-in may lead back to a value, not escaped, that
 * anybody may have made up.
 */
ngx_uint_t af_login_return(ngx_http_request_t *r, const ngx_str_t *value);

/* Whether a person will see the answer: not a script, a picture or a frame. */
ngx_uint_t af_login_is_for_people(ngx_http_request_t *r);

/*
 * The value for the request itself, escaped: its URI, or its URL if it has to
 * sign in elsewhere; empty if it is too long.  NGX_ERROR: no memory.
 */
ngx_int_t af_login_return_here(ngx_http_request_t *r, ngx_str_t *value);


#endif /* AF_HTTP_LOGIN_H */
