/*
 * Problems: errors, as clients see them.
 */

#ifndef AF_HTTP_PROBLEM_H
#define AF_HTTP_PROBLEM_H

#include <ngx_config.h>
#include <ngx_core.h>

#include <jansson.h>

#include "check/schema.h"


/* rows of af_problems[] */

typedef enum {
    AF_PROBLEM_NONE = 0,

    AF_INVALID_JSON,
    AF_INVALID_FORM,
    AF_INVALID_QUERY,
    AF_BODY_INCOMPLETE,
    AF_TOKEN_REQUIRED,
    AF_INVALID_TOKEN,
    AF_NOT_YET_VALID_TOKEN,
    AF_EXPIRED_TOKEN,
    AF_REVOKED_TOKEN,
    AF_REUSED_TOKEN,
    AF_INVALID_MAIL_TOKEN,
    AF_FORBIDDEN,
    AF_INSUFFICIENT_SCOPE,         /* for autoflow_require */
    AF_INSUFFICIENT_SCOPE_401,     /* likewise, with error=401 */
    AF_REAUTHENTICATION_REQUIRED,  /* RFC 9470 */
    AF_INVALID_CREDENTIALS,
    AF_MFA_REQUIRED,
    AF_MFA_ENROLMENT_REQUIRED,
    AF_INVALID_CODE,
    AF_INVALID_PASSKEY,
    AF_CSRF_REFUSED,
    AF_ACCOUNT_DISABLED,
    AF_EMAIL_NOT_VERIFIED,
    AF_CLOSED_REGISTRATION,
    AF_HTTPS_REQUIRED,
    AF_WRONG_PASSWORD,
    AF_WRONG_CODE,                 /* with a session */
    AF_WRONG_PASSKEY,              /* likewise */
    AF_NOT_FOUND,
    AF_METHOD_NOT_ALLOWED,
    AF_CONFLICT,
    AF_EMAIL_TAKEN,
    AF_USERNAME_TAKEN,
    AF_ROLE_TAKEN,
    AF_NAME_TAKEN,
    AF_ALREADY_INVITED,
    AF_MAIL_OFF,
    AF_MFA_OFF,
    AF_PASSKEYS_OFF,
    AF_PASSKEY_TAKEN,
    AF_LIMIT_REACHED,
    AF_LAST_WAY_IN,
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
    AF_CODES_UNAVAILABLE,

    AF_PROBLEMS                    /* their number */
} af_problem_id_t;


typedef struct {
    ngx_uint_t   status;
    const char  *code;         /* stable, for programs */
    const char  *detail;       /* for people */
    const char  *error;        /* RFC 6750's, if a token is the cause */
} af_problem_t;


extern const af_problem_t  af_problems[];

/*
 * The first problem with this code, as statements return it; or
 * AF_PROBLEM_NONE.
 */
af_problem_id_t af_problem_named(const char *code);

/* The status line of a problem, which nginx may lack. */
ngx_str_t af_status_line(ngx_uint_t status);

/*
 * A problem document (RFC 9457), which also satisfies `{detail, status_code}`;
 * `errors`, which may be NULL, are those of a 422.  NULL if there is no memory.
 */
json_t *af_problem_document(const af_problem_t *problem, const char *detail,
    const ngx_str_t *request_id, json_t *errors);

/* of these documents; only a 422 has errors */
extern const af_schema_t  af_problem_schema;


#endif /* AF_HTTP_PROBLEM_H */
