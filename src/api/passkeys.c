/*
 * Passkeys of an account that is logged in.
 */

#include "api/api.h"
#include "api/mfa.h"
#include "api/passkey.h"
#include "api/passkey_options.h"


static ngx_int_t answer_creation(af_ctx_t *ctx);
static ngx_int_t check_credential(af_ctx_t *ctx);
static ngx_int_t answer_request(af_ctx_t *ctx);


static const af_step_pt  creation_steps[] = {
    af_step_passkeys_on,
    af_step_mfa_on,
    af_step_query,
    answer_creation,
    NULL
};


static const af_step_pt  add_steps[] = {
    af_step_passkeys_on,
    af_step_mfa_on,
    af_step_factor_session,
    check_credential,
    af_step_recovery_codes,
    af_step_query,
    af_step_factor_confirmed,
    NULL
};


static const af_step_pt  request_steps[] = {
    af_step_passkeys_on,
    af_step_query,
    answer_request,
    NULL
};


static const af_field_t  kind_fields[] = {
    { "type", &af_type_passkey_kind, 0, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  kind_schema = { "PasskeyKind", kind_fields, NULL };


static const af_field_t  add_fields[] = {
    { "name", &af_type_label, AF_REQUIRED, NULL },
    { "credential", &af_type_object, AF_REQUIRED, &af_schema_new_credential },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  add_schema = { "NewPasskey", add_fields, NULL };


const af_route_t  af_passkeys_routes[] = {

    { NGX_HTTP_POST, "/auth/passkeys/options", AF_USER,
      .summary = "Read what a browser makes a new passkey with",
      .problems = AF_PROBLEM_LIST(AF_PASSKEYS_OFF, AF_MFA_OFF,
                                  AF_LIMIT_REACHED),
      .proof = AF_PROOF_FRESH,
      .body = &kind_schema,
      .body_optional = 1,
      .answer = &af_schema_creation_options,
      .statement = &af_sql_passkeys_prepare,
      .missing = AF_INVALID_TOKEN,
      .steps = creation_steps },

    { NGX_HTTP_POST, "/auth/passkeys", AF_USER,
      .summary = "Add a passkey that a browser has made",
      .problems = AF_PROBLEM_LIST(AF_PASSKEYS_OFF, AF_MFA_OFF,
                                  AF_LIMIT_REACHED, AF_PASSKEY_TAKEN),
      .proof = AF_PROOF_FRESH,
      .body = &add_schema,
      .answer = &af_schema_confirmed_factor,
      .status = NGX_HTTP_CREATED,
      .lock = &af_sql_auth_lock_account,
      .statement = &af_sql_passkeys_register,
      .missing = AF_WRONG_PASSKEY,
      .steps = add_steps },

    { NGX_HTTP_POST, "/auth/reauth/passkey/options", AF_USER,
      .summary = "Read what a browser uses a passkey with, for /auth/reauth",
      .problems = AF_PROBLEM_LIST(AF_PASSKEYS_OFF),
      .answer = &af_schema_request_options,
      .statement = &af_sql_passkeys_allowed,
      .missing = AF_NOT_FOUND,
      .steps = request_steps },

    { .path = NULL }
};


static ngx_int_t
answer_creation(af_ctx_t *ctx)
{
    return af_passkey_answer_new(ctx, (char *) ctx->identity->user_id.data,
                                 (char *) ctx->identity->session_id.data);
}


static ngx_int_t
check_credential(af_ctx_t *ctx)
{
    return af_passkey_check_new(ctx, (char *) ctx->identity->user_id.data,
                                (char *) ctx->identity->session_id.data);
}


static ngx_int_t
answer_request(af_ctx_t *ctx)
{
    af_challenge_t  challenge;

    if (!af_found(ctx)) {
        return af_missing(ctx);
    }

    af_passkey_challenge_of(&challenge, AF_CHALLENGE_REAUTH,
                            (char *) ctx->identity->user_id.data,
                            (char *) ctx->identity->session_id.data);

    return af_passkey_answer_request(ctx, &challenge,
                                     af_column(ctx, "credentials"));
}
