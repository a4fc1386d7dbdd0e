/*
 * The identity of a request: its token, verified once for each server whose
 * rules apply.
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
    AF_TOKEN_NOT_YET_VALID,
    AF_TOKEN_EXPIRED,
    AF_TOKEN_REVOKED,
    AF_TOKEN_FORBIDDEN,        /* valid, but not for autoflow_require */
    AF_TOKEN_CROSS_SITE,       /* valid, but may be another site's request */
    AF_TOKEN_UNAVAILABLE       /* can't be checked now */
} af_token_status_t;


typedef struct af_identity_s  af_identity_t;

struct af_identity_s {
    const ngx_http_autoflow_srv_conf_t  *conf;     /* whose rules applied */
    const ngx_http_autoflow_loc_conf_t  *location; /* likewise, for a cookie */
    ngx_str_t                            token;    /* empty: none */
    af_token_status_t                    status;   /* never FORBIDDEN */
    json_t                              *claims;   /* NULL unless OK */
    json_t                              *header;   /* likewise; JOSE's */
    af_identity_t                       *next;

    /* of first-party tokens, otherwise empty */
    ngx_str_t                            user_id;
    ngx_str_t                            session_id;
    unsigned                             cookie:1;   /* from a cookie */
    unsigned                             external:1; /* another issuer's */
    unsigned                             first_party:1;
    unsigned                             superuser:1;
};


/*
 * The identity of a request in its current location, valid as long as the
 * request.  NULL if there is no memory.
 */
const af_identity_t *af_identity(ngx_http_request_t *r);

/*
 * Whether first-party tokens can be trusted: this node's feed is fresh, or may
 * be stale.
 */
ngx_uint_t af_tokens_trusted(const ngx_http_autoflow_main_conf_t *amcf);

/* a status in $autoflow_status, and as a problem */
const ngx_str_t *af_token_status(af_token_status_t status);
af_problem_id_t af_token_problem(af_token_status_t status);


#endif /* AF_HTTP_IDENTITY_H */
