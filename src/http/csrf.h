/*
 * What a request must show whose token came in a cookie, as browsers send
 * cookies with requests that any site's page makes.
 */

#ifndef AF_HTTP_CSRF_H
#define AF_HTTP_CSRF_H

#include "http/respond.h"
#include "token/csrf.h"


/* The token of a session (a UUID, as text) by the present secret. */
void af_csrf_token(ngx_http_request_t *r, const ngx_str_t *session_id,
    char token[AF_CSRF_SIZE]);

/* Whether the readable cookie has the token of a session. */
ngx_uint_t af_csrf_cookie_matches(ngx_http_request_t *r,
    const ngx_str_t *session_id);

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
ngx_uint_t af_csrf_is_cross_site(ngx_http_request_t *r);


#endif /* AF_HTTP_CSRF_H */
