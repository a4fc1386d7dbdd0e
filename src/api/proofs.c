#include "api/proofs.h"
#include "api/attempts.h"
#include "api/codes.h"
#include "api/passkey.h"
#include "api/passkey_options.h"
#include "api/reauth.h"
#include "api/schemas.h"
#include "api/tokens.h"


static int af_reauth_rule(json_t *body, json_t *errors);
static ngx_int_t af_reauth_choose(af_ctx_t *ctx);
static ngx_int_t af_reauth_answer_password(af_ctx_t *ctx);
static ngx_int_t af_reauth_find_codes(af_ctx_t *ctx);
static ngx_int_t af_reauth_compare_code(af_ctx_t *ctx);
static ngx_int_t af_reauth_answer_code(af_ctx_t *ctx);
static ngx_int_t af_reauth_check_passkey(af_ctx_t *ctx);
static ngx_int_t af_reauth_answer_passkey(af_ctx_t *ctx);
static ngx_int_t af_reauth_refuse_passkey(af_ctx_t *ctx);


const af_step_pt  af_proofs_steps[] = {
    af_reauth_choose,
    NULL
};


static const af_step_pt  af_reauth_password[] = {
    af_step_reauth_find,
    af_step_reauth_verify,
    af_step_reauth_check,
    af_step_reauth_allow,
    af_step_query,
    af_reauth_answer_password,
    NULL
};


static const af_step_pt  af_reauth_passkey[] = {
    af_step_passkeys_on,
    af_step_passkey_find,
    af_reauth_check_passkey,
    af_reauth_answer_passkey,
    NULL
};


static const af_step_pt  af_reauth_code[] = {
    af_reauth_find_codes,
    af_reauth_compare_code,
    af_step_query,
    af_reauth_answer_code,
    NULL
};


static const af_proof_t  af_reauth_proofs[] = {
    { "current_password", af_reauth_password },
    { "code", af_reauth_code },
    { "recovery_code", af_reauth_code },
    { "credential", af_reauth_passkey },
    { NULL, NULL }
};


static const af_field_t  proofs_fields[] = {
    { "current_password", &af_type_credential, 0, NULL },
    { "code", &af_type_code, 0, NULL },
    { "recovery_code", &af_type_code, 0, NULL },
    { "credential", &af_type_object, 0, &af_schema_credential },
    { NULL, NULL, 0, NULL }
};

const af_schema_t  af_proofs_schema = {
    "Proof", proofs_fields, af_reauth_rule
};


static const af_field_t  access_token_fields[] = {
    { "access_token", &af_type_string, AF_REQUIRED, NULL },
    { "token_type", &af_type_string, AF_REQUIRED, NULL },
    { "expires_in", &af_type_integer, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

const af_schema_t  af_schema_access_token = {
    "AccessToken", access_token_fields, NULL
};


int
af_proof_rule(const af_proof_t *proofs, json_t *body, json_t *errors)
{
    const char        *sent;
    const af_proof_t  *proof;

    sent = NULL;

    for (proof = proofs; proof->field; proof++) {
        if (json_object_get(body, proof->field) == NULL) {
            continue;
        }

        if (sent) {
            return af_schema_error(errors, proof->field, "ambiguous",
                                   "cannot be given together with another "
                                   "proof");
        }

        sent = proof->field;
    }

    return sent ? 0 : af_schema_error(errors, proofs->field, "required",
                                      "is missing, and so is any other proof");
}


ngx_int_t
af_proof_choose(af_ctx_t *ctx, const af_proof_t *proofs)
{
    const af_proof_t  *proof;

    for (proof = proofs; proof->field; proof++) {
        if (json_object_get(ctx->body, proof->field)) {
            return af_follow(ctx, proof->steps);
        }
    }

    return NGX_ERROR;
}


static int
af_reauth_rule(json_t *body, json_t *errors)
{
    return af_proof_rule(af_reauth_proofs, body, errors);
}


static ngx_int_t
af_reauth_choose(af_ctx_t *ctx)
{
    return af_proof_choose(ctx, af_reauth_proofs);
}


static ngx_int_t
af_reauth_answer_password(af_ctx_t *ctx)
{
    return af_found(ctx) ? af_step_access_token(ctx)
                         : af_reauth_answer(ctx, af_reauth_password);
}


static ngx_int_t
af_reauth_find_codes(af_ctx_t *ctx)
{
    ngx_int_t  rc;

    af_bind(ctx, "verified_hash", NULL);

    rc = af_attempt_address(ctx);

    return (rc == NGX_OK) ? af_query(ctx, &af_sql_mfa_find) : rc;
}


static ngx_int_t
af_reauth_compare_code(af_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (!af_found(ctx)) {
        return af_problem(ctx, AF_INVALID_TOKEN, NULL);
    }

    rc = af_code_compare(ctx, (char *) ctx->identity->user_id.data);

    return (rc == NGX_DECLINED) ? af_code_refuse(ctx, 0) : rc;
}


static ngx_int_t
af_reauth_answer_code(af_ctx_t *ctx)
{
    if (!af_found(ctx)) {
        return af_code_refuse(ctx, 0);
    }

    af_attempts_succeeded(ctx);

    return af_step_access_token(ctx);
}


static ngx_int_t
af_reauth_check_passkey(af_ctx_t *ctx)
{
    ngx_int_t  rc;

    static const char  purpose[] = { AF_CHALLENGE_REAUTH, '\0' };

    rc = af_passkey_used(ctx, purpose, (char *) ctx->identity->user_id.data,
                         (char *) ctx->identity->session_id.data);

    if (rc == NGX_DECLINED) {
        return af_reauth_refuse_passkey(ctx);
    }

    return (rc == NGX_OK)
           ? af_segment(ctx, &af_sql_auth_lock_account,
                        &af_sql_passkeys_reauth, NULL)
           : rc;
}


static ngx_int_t
af_reauth_answer_passkey(af_ctx_t *ctx)
{
    return af_found(ctx) ? af_step_access_token(ctx)
                         : af_reauth_refuse_passkey(ctx);
}


/* nobody can guess one, so that it is audited and not counted */

static ngx_int_t
af_reauth_refuse_passkey(af_ctx_t *ctx)
{
    af_bind(ctx, "login", "false");
    af_bind(ctx, "reason", af_code_reason(ctx));
    af_bind(ctx, "counted", "false");

    return af_problem_after_try(ctx, AF_WRONG_PASSKEY, &af_sql_mfa_failed);
}
