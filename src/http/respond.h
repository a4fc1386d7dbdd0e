/*
 * Answers: JSON, and problem documents (RFC 9457).
 */

#ifndef AF_HTTP_RESPOND_H
#define AF_HTTP_RESPOND_H

#include "http/request.h"

#include <jansson.h>


/* what can go wrong, to a client: rows of af_problems[] */

typedef enum {
    AF_PROBLEM_NONE = 0,

    AF_INVALID_JSON,
    AF_INVALID_FORM,
    AF_INVALID_QUERY,
    AF_BODY_INCOMPLETE,
    AF_TOKEN_REQUIRED,
    AF_INVALID_TOKEN,
    AF_EARLY_TOKEN,
    AF_EXPIRED_TOKEN,
    AF_REVOKED_TOKEN,
    AF_REUSED_TOKEN,
    AF_INVALID_MAIL_TOKEN,
    AF_FORBIDDEN,
    AF_TOKEN_INSUFFICIENT,         /* for autoflow_require */
    AF_TOKEN_INADEQUATE,           /* likewise, with error=401 */
    AF_INVALID_CREDENTIALS,
    AF_CSRF_REFUSED,
    AF_ACCOUNT_DISABLED,
    AF_EMAIL_NOT_VERIFIED,
    AF_HTTPS_REQUIRED,
    AF_WRONG_PASSWORD,
    AF_NOT_FOUND,
    AF_METHOD_NOT_ALLOWED,
    AF_CONFLICT,
    AF_EMAIL_TAKEN,
    AF_USERNAME_TAKEN,
    AF_ROLE_TAKEN,
    AF_LAST_SUPERUSER,
    AF_PAYLOAD_TOO_LARGE,
    AF_UNSUPPORTED_MEDIA_TYPE,
    AF_VALIDATION_FAILED,
    AF_TOO_DEEP,
    AF_TOO_MANY_ATTEMPTS,
    AF_TOO_MANY_REQUESTS,
    AF_INTERNAL_ERROR,
    AF_UNAVAILABLE,
    AF_OVERLOADED,

    AF_PROBLEMS                    /* how many there are */
} af_problem_id_t;


typedef struct {
    ngx_uint_t   status;
    const char  *code;         /* stable, for programs */
    const char  *detail;       /* for people */
    const char  *error;        /* RFC 6750's word if a token was the cause */
} af_problem_t;


extern const af_problem_t  af_problems[];

/* The first with this code, which statements mean by it; or AF_PROBLEM_NONE. */
af_problem_id_t af_problem_named(const char *code);


/*
 * Sends an answer of `len` octets of JSON that live as long as the request;
 * none with 204, or if `len` is 0.  Returns what the filters do, for the
 * request's end.
 */
ngx_int_t af_respond(ngx_http_request_t *r, ngx_uint_t status,
    const char *json, size_t len);

/*
 * Sets WWW-Authenticate (RFC 6750, section 3) for a problem that a token, or
 * having none, is the cause of: with an error if one was presented.
 */
ngx_int_t af_challenge(ngx_http_request_t *r, af_problem_id_t id);

/*
 * Sends a problem document.  `cause` (may be NULL) is logged, and is the
 * detail in development; `errors` (may be NULL) are those of the fields.
 */
ngx_int_t af_respond_problem(ngx_http_request_t *r, af_problem_id_t id,
    const char *cause, json_t *errors);


/* Sets the header Allow, or another one, from a mask of methods. */
ngx_int_t af_allow(ngx_http_request_t *r, const char *header,
    ngx_uint_t methods);


#endif /* AF_HTTP_RESPOND_H */
