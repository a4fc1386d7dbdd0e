/*
 * Invitations, as other dialects accept them.
 */

#ifndef AF_API_INVITATIONS_H
#define AF_API_INVITATIONS_H

#include "flow/flow.h"


/* For invitations/look: the body has a "token" from a mail. */
extern const af_step_pt  af_look_steps[];

/*
 * For invitations/accept: the body has AF_ACCOUNT_FIELDS (api/auth.h), and a
 * "token".  They end with a token pair.
 */
extern const af_step_pt  af_accept_steps[];


#endif /* AF_API_INVITATIONS_H */
