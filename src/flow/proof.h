/*
 * What matters takes a recent proof of who it is, besides a token: of as many
 * factors as the account has.  Which routes that are says their row.
 */

#ifndef AF_FLOW_PROOF_H
#define AF_FLOW_PROOF_H

#include "flow/flow.h"


/* seconds for which a proof is recent */
#define AF_PROOF_TTL  600


/*
 * Continues with these steps: after those that look for the proof that the
 * request's route takes, if it takes one.
 */
ngx_int_t af_proof_before(af_ctx_t *ctx, const af_step_pt *steps);

/* Likewise, whatever its row says: see AF_PROOF_SOMETIMES. */
ngx_int_t af_proof_demand(af_ctx_t *ctx, const af_step_pt *steps);

/* What a route takes, with the default resolved. */
af_proof_need_t af_proof_need(const af_route_t *route);


#endif /* AF_FLOW_PROOF_H */
