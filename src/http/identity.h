/*
 * Who a request comes from: its token, verified once for each server's rules
 * that it is judged by.
 */

#ifndef AF_HTTP_IDENTITY_H
#define AF_HTTP_IDENTITY_H

#include "http/respond.h"


typedef enum {
    AF_TOKEN_OK = 0,
    AF_TOKEN_MISSING,
    AF_TOKEN_TOO_LONG,
    AF_TOKEN_MALFORMED,
    AF_TOKEN_UNKNOWN_KEY,
    AF_TOKEN_SIGNATURE,
    AF_TOKEN_ISSUER,
    AF_TOKEN_AUDIENCE,
    AF_TOKEN_NOT_YET_VALID,    /* not valid yet */
    AF_TOKEN_EXPIRED,
    AF_TOKEN_REVOKED,
    AF_TOKEN_FORBIDDEN,        /* good, but not for autoflow_require */
    AF_TOKEN_CROSS_SITE,       /* good, but who knows whose request this is */
    AF_TOKEN_UNAVAILABLE       /* what it is judged by isn't there now */
} af_token_status_t;


typedef struct af_identity_s  af_identity_t;

struct af_identity_s {
    const ngx_http_autoflow_srv_conf_t  *conf;     /* that decided */
    const ngx_http_autoflow_loc_conf_t  *location; /* likewise, of a cookie */
    ngx_str_t                            token;    /* empty: there is none */
    af_token_status_t                    status;   /* never FORBIDDEN */
    json_t                              *claims;   /* NULL unless OK */
    json_t                              *header;   /* likewise; JOSE's */
    af_identity_t                       *next;

    /* of our own tokens, empty for others' */
    ngx_str_t                            user_id;
    ngx_str_t                            session_id;
    unsigned                             cookie:1;   /* it came in one */
    unsigned                             external:1; /* another's key */
    unsigned                             first_party:1;
    unsigned                             superuser:1;
};


/*
 * The identity of a request in its present location.  NULL if there is no
 * memory.  It lives as long as the request.
 */
const af_identity_t *af_identity(ngx_http_request_t *r);

/*
 * Whether tokens of our own can be judged: this node hears what is revoked, or
 * is told not to mind.
 */
ngx_uint_t af_tokens_trusted(const ngx_http_autoflow_main_conf_t *amcf);

/* a status as $autoflow_status says it, and as a problem */
const ngx_str_t *af_token_status(af_token_status_t status);
af_problem_id_t af_token_problem(af_token_status_t status);


#endif /* AF_HTTP_IDENTITY_H */
