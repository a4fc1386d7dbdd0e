/*
 * Who a request comes from: its token, verified once for each configuration
 * that asks.
 */

#ifndef AF_HTTP_IDENTITY_H
#define AF_HTTP_IDENTITY_H

#include "http/respond.h"


typedef enum {
    AF_TOKEN_OK = 0,
    AF_TOKEN_MISSING,
    AF_TOKEN_MALFORMED,
    AF_TOKEN_SIGNATURE,
    AF_TOKEN_ISSUER,
    AF_TOKEN_AUDIENCE,
    AF_TOKEN_EXPIRED
} af_token_status_t;


typedef struct af_identity_s {
    const ngx_http_autoflow_srv_conf_t  *conf;     /* that decided */
    af_token_status_t                    status;
    json_t                              *claims;   /* NULL unless OK */
    const af_key_t                      *key;      /* that signed them */

    /* of our own tokens, empty for others' */
    ngx_str_t                            user_id;
    ngx_str_t                            session_id;
    unsigned                             own:1;
    unsigned                             superuser:1;
} af_identity_t;


/*
 * The identity of a request in its present location.  NULL if there is no
 * memory.  It lives as long as the request.
 */
const af_identity_t *af_identity(ngx_http_request_t *r);

/* the status as $autoflow_status says it, and as a problem */
const ngx_str_t *af_identity_status(const af_identity_t *identity);
af_problem_id_t af_identity_problem(const af_identity_t *identity);


#endif /* AF_HTTP_IDENTITY_H */
