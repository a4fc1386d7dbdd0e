/*
 * What browsers make passkeys with, and use them: the options, in WebAuthn's
 * JSON form (level 3, sections 5.1.9 and 5.1.10).
 */

#ifndef AF_API_PASSKEY_OPTIONS_H
#define AF_API_PASSKEY_OPTIONS_H

#include "flow/flow.h"
#include "token/challenge.h"


extern const af_type_t  af_type_credential_kind;
extern const af_type_t  af_type_transports;

/* what is to be made */
extern const af_type_t  af_type_passkey_kind;

extern const af_schema_t  af_schema_creation_options;
extern const af_schema_t  af_schema_request_options;


/* for whom a new passkey is; and the credentials, in JSON, of the others */

typedef struct {
    const char  *email;
    const char  *name;         /* may be NULL */
    const char  *credentials;
} af_passkey_owner_t;


/* A step: ends the flow if passkeys are off. */
ngx_int_t af_step_passkeys_on(af_ctx_t *ctx);

/*
 * Answer with options, for a challenge whose purpose and owner are set; of a
 * passkey that is to be made, its handle, too.  `credentials` are those that
 * may be used, in JSON; NULL: any.
 */
ngx_int_t af_passkey_answer_creation(af_ctx_t *ctx, af_challenge_t *challenge,
    const af_passkey_owner_t *owner);
ngx_int_t af_passkey_answer_request(af_ctx_t *ctx, af_challenge_t *challenge,
    const char *credentials);

/*
 * After passkeys/prepare: answers with what another passkey of the account is
 * made with, of the body's "type"; for this session alone, "" for none.
 */
ngx_int_t af_passkey_answer_new(af_ctx_t *ctx, const char *user_id,
    const char *session_id);

/* Sets the purpose and the owner of a challenge. */
void af_passkey_challenge_of(af_challenge_t *challenge,
    af_challenge_purpose_t purpose, const char *user_id,
    const char *session_id);


#endif /* AF_API_PASSKEY_OPTIONS_H */
