/*
 * CSRF protection of requests authenticated by a cookie, which browsers send
 * with requests from any site's page.
 */

#ifndef AF_HTTP_CSRF_H
#define AF_HTTP_CSRF_H

#include "http/respond.h"
#include "token/csrf.h"


/* The CSRF token of a session (a UUID, as text), with the current secret. */
void af_csrf_token(ngx_http_request_t *r, const ngx_str_t *session_id,
    char token[AF_CSRF_SIZE]);

/* Whether the readable cookie has the session's CSRF token. */
ngx_uint_t af_csrf_cookie_matches(ngx_http_request_t *r,
    const ngx_str_t *session_id);

/*
 * Whether a request is safe, or comes from one of our pages: by its Origin, or
 * by X-CSRF-Token.  That must be the token of the session, or, if the session
 * is empty, for unknown, equal the readable cookie.
 */
ngx_uint_t af_csrf_passes(ngx_http_request_t *r, const ngx_str_t *session_id);

/*
 * Whether an unsafe request without a token may come from another site's page:
 * a login would set a stranger's cookies.
 */
ngx_uint_t af_csrf_is_cross_site(ngx_http_request_t *r);

/*
 * Whether a text, of a form, is the CSRF token of a session, or if there is no
 * session yet, the value of the readable cookie.
 */
ngx_uint_t af_csrf_matches(ngx_http_request_t *r, const ngx_str_t *session_id,
    const ngx_str_t *text);


#endif /* AF_HTTP_CSRF_H */
