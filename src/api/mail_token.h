/*
 * The tokens in mails, as clients send them.
 */

#ifndef AF_API_MAIL_TOKEN_H
#define AF_API_MAIL_TOKEN_H

#include "flow/flow.h"


/*
 * Ends the flow unless the body's "token" is from a mail of one of the kinds,
 * NULL-ended.  Binds ":mail_id"; a statement checks whether it is still valid.
 */
ngx_int_t af_mail_token(af_ctx_t *ctx, const char *const *kinds);


#endif /* AF_API_MAIL_TOKEN_H */
