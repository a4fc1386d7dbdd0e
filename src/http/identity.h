/*
 * The identity of a request: its token, verified once for each server whose
 * rules apply.
 */

#ifndef AF_HTTP_IDENTITY_H
#define AF_HTTP_IDENTITY_H

#include "http/respond.h"
#include "token/jwt.h"
#include "token/verified.h"


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
    AF_TOKEN_UNAVAILABLE,      /* can't be checked now */
    AF_TOKEN_INSUFFICIENT      /* valid, but autoflow_require wants a proof */
} af_token_status_t;


typedef struct af_identity_s  af_identity_t;


struct af_identity_s {
    const ngx_http_autoflow_srv_conf_t  *conf;     /* whose rules applied */
    const ngx_http_autoflow_loc_conf_t  *location; /* likewise, for a cookie */
    ngx_str_t                            token;    /* empty: none */
    af_token_status_t                    status;   /* never by _require */
    af_verified_t                        verified; /* if it is OK */
    af_jwt_t                            *jwt;      /* what is decoded of it */
    af_identity_t                       *next;

    /* of first-party tokens, otherwise empty; in lower case, with a zero */
    ngx_str_t                            user_id;
    ngx_str_t                            session_id;
    char                                 ids[2][AF_UUID_SIZE];

    unsigned                             cookie:1;   /* from a cookie */
    unsigned                             first_party:1;
    unsigned                             superuser:1;
};


char *af_token_cache_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* Creates a worker's cache of verified tokens, unless it is off. */
void af_token_cache_start(ngx_http_autoflow_main_conf_t *amcf, ngx_log_t *log);

/*
 * The identity of a request in its current location, valid as long as the
 * request.  NULL if there is no memory.
 */
const af_identity_t *af_identity(ngx_http_request_t *r);

/*
 * The claims of a token, or the parameters of its header, which are only
 * decoded if they are asked for; NULL unless its status is OK.  Return
 * NGX_ERROR if there is no memory.
 */
ngx_int_t af_identity_claims(ngx_http_request_t *r,
    const af_identity_t *identity, af_claims_t **claims);
ngx_int_t af_identity_header(ngx_http_request_t *r,
    const af_identity_t *identity, af_claims_t **header);

/*
 * A claim, if it is known without decoding the token: returns 1, and its text
 * is valid as long as the request; or 0.
 */
ngx_uint_t af_identity_said(const af_identity_t *identity,
    const ngx_str_t *name, af_claim_t *claim);

/*
 * Whether a first-party token says that its owner was authenticated at least at
 * this level within so many seconds, by clocks that differ by the leeway at
 * most: of the second level the second factor's time counts.
 */
ngx_uint_t af_identity_is_fresh(const af_identity_t *identity, ngx_uint_t aal,
    time_t within);

/*
 * Whether first-party tokens can be trusted: this node's feed is fresh, or may
 * be stale.
 */
ngx_uint_t af_tokens_trusted(const ngx_http_autoflow_main_conf_t *amcf);

/* a status in $autoflow_status, and as a problem */
const ngx_str_t *af_token_status(af_token_status_t status);
af_problem_id_t af_token_problem(af_token_status_t status);


#endif /* AF_HTTP_IDENTITY_H */
