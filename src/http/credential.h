/*
 * Which credential of a request counts: the first one of the right kind, looked
 * for in the body, in Authorization, in the cookies.
 *
 * Where a token may be of either kind, what looks like a refresh token is one;
 * anything else is taken for an access token.  So an access token in
 * Authorization doesn't supersede a refresh cookie, nor a refresh token there
 * an access cookie.
 */

#ifndef AF_HTTP_CREDENTIAL_H
#define AF_HTTP_CREDENTIAL_H

#include "http/cookies.h"
#include "token/refresh.h"


typedef enum {
    AF_SOURCE_NONE = 0,
    AF_SOURCE_BODY,
    AF_SOURCE_BEARER,
    AF_SOURCE_COOKIE
} af_source_t;


/* the refresh token of a request */

typedef struct {
    ngx_str_t          token;        /* empty: none */
    af_source_t        source;
    af_refresh_form_t  form;         /* NONE: invalid */
    af_refresh_t       refresh;      /* its contents, if NUMBERED */
} af_credential_t;


/* The token of "Authorization: Bearer", empty if there is none. */
void af_bearer(ngx_http_request_t *r, ngx_str_t *token);

/*
 * The preaccess phase: where autoflow_auth has "strip", such tokens are removed
 * from the headers, for upstreams; af_bearer() still finds the one that counts.
 */
ngx_int_t af_bearer_strip_handler(ngx_http_request_t *r);

/*
 * The access tokens that may count: a single one, which is empty if there is
 * none, or the values of several cookies of one name, the newest valid of which
 * counts. Returns their number, and in *cookie whether they are from cookies.
 */
ngx_uint_t af_access_credentials(ngx_http_request_t *r,
    ngx_str_t tokens[AF_COOKIE_VALUES], ngx_uint_t *cookie);

/*
 * The refresh token that counts; `body` is the body's, or NULL.  Of several
 * cookies the newest valid one counts, and a numbered token before a legacy
 * one, whose age is unknown.
 */
void af_refresh_credential(ngx_http_request_t *r, const char *body,
    af_credential_t *credential);

/*
 * Whether the request's cookies belong to this session, or to any session of
 * this user; either may be NULL.
 */
ngx_uint_t af_cookies_belong_to(ngx_http_request_t *r, const ngx_str_t *user_id,
    const ngx_str_t *session_id);


#endif /* AF_HTTP_CREDENTIAL_H */
