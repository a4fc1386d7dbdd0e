/*
 * Which credential speaks for a request: the first one of the right kind,
 * looked for in the body, in Authorization, in the cookies.
 *
 * What looks like a refresh token is one, wherever a token may be of either
 * kind; anything else is meant as an access token.  So an access token in
 * Authorization doesn't keep a refresh cookie from counting, nor a refresh
 * token there an access cookie.
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


/* a refresh token that somebody presents */

typedef struct {
    ngx_str_t          token;        /* empty: there is none */
    af_source_t        source;
    af_refresh_form_t  form;         /* NONE: it is none of ours */
    af_refresh_t       refresh;      /* what it says, if it is NUMBERED */
} af_credential_t;


/* The token of "Authorization: Bearer", empty if there is none. */
void af_bearer(ngx_http_request_t *r, ngx_str_t *token);

/*
 * The access tokens that may speak: one, which is empty if there is none, or
 * what several cookies of one name have, of which the newest good one counts.
 * Returns their number, and in *cookie whether they came in cookies.
 */
ngx_uint_t af_access_credentials(ngx_http_request_t *r,
    ngx_str_t tokens[AF_COOKIE_VALUES], ngx_uint_t *cookie);

/*
 * The refresh token that speaks; `body` is that of the body, or NULL.  Of
 * several cookies the newest good one counts, and one of today's form before
 * one of the former, by which nobody can tell.
 */
void af_refresh_credential(ngx_http_request_t *r, const char *body,
    af_credential_t *credential);

/*
 * Whether the request's cookies are of this session, or of any of this user's.
 * Either may be NULL.
 */
ngx_uint_t af_cookies_belong_to(ngx_http_request_t *r, const ngx_str_t *user_id,
    const ngx_str_t *session_id);


#endif /* AF_HTTP_CREDENTIAL_H */
