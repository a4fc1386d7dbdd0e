/*
 * What becomes of somebody who wants an address that an account has.
 */

#ifndef AF_API_RECOVERY_H
#define AF_API_RECOVERY_H

#include "flow/flow.h"


/*
 * Mails the owner of the body's "email" a link to claim the account, if nobody
 * has ever verified it.  The next step is af_step_taken().
 */
ngx_int_t af_claim_address(af_ctx_t *ctx);

/* Says that the address is taken. */
ngx_int_t af_step_taken(af_ctx_t *ctx);


#endif /* AF_API_RECOVERY_H */
