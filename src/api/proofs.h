/*
 * Step-up: another proof of who somebody is makes their session fresh, and is
 * answered with an access token that says so.
 */

#ifndef AF_API_PROOFS_H
#define AF_API_PROOFS_H

#include "flow/flow.h"


/*
 * For auth/reauth, after auth/lock_account: the body has one of the fields that
 * the table of proofs names.
 */
extern const af_schema_t  af_proofs_schema;
extern const af_schema_t  af_schema_access_token;
extern const af_step_pt   af_proofs_steps[];


#endif /* AF_API_PROOFS_H */
