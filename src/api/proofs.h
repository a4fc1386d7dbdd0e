/*
 * Step-up: another proof of who somebody is makes their session fresh, and is
 * answered with an access token that says so.
 */

#ifndef AF_API_PROOFS_H
#define AF_API_PROOFS_H

#include "flow/flow.h"


/* a field of the body, and what checks it, up to the answer */

typedef struct {
    const char        *field;
    const af_step_pt  *steps;
} af_proof_t;


/*
 * Of a table that ends with a row without a field: for a schema's rule, whether
 * exactly one of these fields was sent; and the steps that check it.
 */
int af_proof_rule(const af_proof_t *proofs, json_t *body, json_t *errors);
ngx_int_t af_proof_choose(af_ctx_t *ctx, const af_proof_t *proofs);


/* for auth/reauth, after auth/lock_account */
extern const af_schema_t  af_proofs_schema;
extern const af_schema_t  af_schema_access_token;
extern const af_step_pt   af_proofs_steps[];


#endif /* AF_API_PROOFS_H */
