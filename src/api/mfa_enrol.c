/*
 * The first factor of an account that must have one: whoever has given its
 * password gets a token for these routes alone, and then a session.
 */

#include "api/api.h"
#include "api/attempts.h"
#include "api/mfa.h"
#include "api/passkey.h"
#include "api/passkey_options.h"
#include "api/schemas.h"
#include "api/tokens.h"
#include "shm/counters.h"
#include "token/mfa.h"


static ngx_int_t bind_enrolment(af_ctx_t *ctx);
static ngx_int_t confirm_factor(af_ctx_t *ctx);
static ngx_int_t answer_creation(af_ctx_t *ctx);
static ngx_int_t check_credential(af_ctx_t *ctx);
static ngx_int_t add_passkey(af_ctx_t *ctx);
static ngx_int_t answer_tokens(af_ctx_t *ctx);


static const af_step_pt  create_steps[] = {
    af_step_factor_allowed,
    af_step_mfa_open,
    af_step_mfa_account,
    bind_enrolment,
    af_step_factor_secret,
    af_step_query,
    af_step_factor_created,
    NULL
};


static const af_step_pt  confirm_steps[] = {
    af_step_mfa_open,
    af_step_mfa_account,
    bind_enrolment,
    af_step_factor_find,
    af_step_factor_compare,
    af_step_recovery_codes,
    confirm_factor,
    answer_tokens,
    NULL
};


static const af_step_pt  creation_steps[] = {
    af_step_passkeys_on,
    af_step_mfa_open,
    af_step_mfa_account,
    bind_enrolment,
    af_step_query,
    answer_creation,
    NULL
};


static const af_step_pt  passkey_steps[] = {
    af_step_passkeys_on,
    af_step_mfa_open,
    af_step_mfa_account,
    bind_enrolment,
    check_credential,
    af_step_recovery_codes,
    add_passkey,
    answer_tokens,
    NULL
};


static const af_field_t  create_fields[] = {
    { "enrolment_token", &af_type_token, AF_REQUIRED, NULL },
    { "name", &af_type_label, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  create_schema = {
    "FirstFactor", create_fields, NULL
};


static const af_field_t  confirm_fields[] = {
    { "enrolment_token", &af_type_token, AF_REQUIRED, NULL },
    { "code", &af_type_code, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  confirm_schema = {
    "FirstFactorConfirmation", confirm_fields, NULL
};


static const af_field_t  creation_fields[] = {
    { "enrolment_token", &af_type_token, AF_REQUIRED, NULL },
    { "type", &af_type_passkey_kind, 0, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  creation_schema = {
    "FirstPasskeyKind", creation_fields, NULL
};


static const af_field_t  passkey_fields[] = {
    { "enrolment_token", &af_type_token, AF_REQUIRED, NULL },
    { "name", &af_type_label, AF_REQUIRED, NULL },
    { "credential", &af_type_object, AF_REQUIRED, &af_schema_new_credential },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  passkey_schema = {
    "FirstPasskey", passkey_fields, NULL
};


const af_route_t  af_mfa_enrol_routes[] = {

    { NGX_HTTP_POST, "/auth/mfa/enrol", AF_PUBLIC,
      .summary = "Add an authenticator app, after the password, to log in",
      .problems = AF_PROBLEM_LIST(AF_INVALID_MAIL_TOKEN, AF_MFA_OFF,
                                  AF_REAUTHENTICATION_REQUIRED,
                                  AF_LIMIT_REACHED, AF_TOO_MANY_ATTEMPTS),
      .body = &create_schema,
      .answer = &af_schema_created_factor,
      .status = NGX_HTTP_CREATED,
      .lock = &af_sql_auth_lock_account,
      .statement = &af_sql_mfa_create_factor,
      .missing = AF_INVALID_MAIL_TOKEN,
      .steps = create_steps },

    { NGX_HTTP_POST, "/auth/mfa/enrol/{id}/confirm", AF_PUBLIC,
      .summary = "Confirm it with a code, and log in",
      .problems = AF_PROBLEM_LIST(AF_INVALID_MAIL_TOKEN, AF_WRONG_CODE,
                                  AF_REAUTHENTICATION_REQUIRED,
                                  AF_CODES_UNAVAILABLE, AF_TOO_MANY_ATTEMPTS),
      .body = &confirm_schema,
      .answer = &af_schema_token_pair,
      .lock = &af_sql_auth_lock_account,
      .statement = &af_sql_mfa_enrol,
      .steps = confirm_steps },

    { NGX_HTTP_POST, "/auth/mfa/enrol/passkey/options", AF_PUBLIC,
      .summary = "Read what a browser makes the first passkey with, to log in",
      .problems = AF_PROBLEM_LIST(AF_INVALID_MAIL_TOKEN, AF_PASSKEYS_OFF,
                                  AF_REAUTHENTICATION_REQUIRED,
                                  AF_LIMIT_REACHED, AF_TOO_MANY_ATTEMPTS),
      .body = &creation_schema,
      .answer = &af_schema_creation_options,
      .statement = &af_sql_passkeys_prepare,
      .missing = AF_INVALID_MAIL_TOKEN,
      .steps = creation_steps },

    { NGX_HTTP_POST, "/auth/mfa/enrol/passkey", AF_PUBLIC,
      .summary = "Add it, after the password, and log in",
      .problems = AF_PROBLEM_LIST(AF_INVALID_MAIL_TOKEN, AF_PASSKEYS_OFF,
                                  AF_REAUTHENTICATION_REQUIRED,
                                  AF_LIMIT_REACHED, AF_PASSKEY_TAKEN,
                                  AF_TOO_MANY_ATTEMPTS),
      .body = &passkey_schema,
      .answer = &af_schema_token_pair,
      .lock = &af_sql_auth_lock_account,
      .statement = &af_sql_mfa_enrol,
      .missing = AF_WRONG_PASSKEY,
      .steps = passkey_steps },

    { .path = NULL }
};


/* it is of no session, but of a password */

static ngx_int_t
bind_enrolment(af_ctx_t *ctx)
{
    af_bind(ctx, "session_id", NULL);

    return NGX_OK;
}


static ngx_int_t
confirm_factor(af_ctx_t *ctx)
{
    return af_segment(ctx, &af_sql_auth_lock_account,
                      &af_sql_mfa_confirm_factor, &af_sql_mfa_enrol, NULL);
}


static ngx_int_t
answer_creation(af_ctx_t *ctx)
{
    af_mfa_token_t *token = ctx->data;

    af_attempts_unchecked(ctx);

    return af_passkey_answer_new(ctx, token->user_id, "");
}


static ngx_int_t
check_credential(af_ctx_t *ctx)
{
    af_mfa_token_t *token = ctx->data;

    return af_passkey_check_new(ctx, token->user_id, "");
}


static ngx_int_t
add_passkey(af_ctx_t *ctx)
{
    return af_segment(ctx, &af_sql_auth_lock_account,
                      &af_sql_passkeys_register, &af_sql_mfa_enrol, NULL);
}


static ngx_int_t
answer_tokens(af_ctx_t *ctx)
{
    if (!af_found(ctx)) {
        return af_missing(ctx);
    }

    af_attempts_succeeded(ctx);
    af_count_named(AF_METRIC_LOGINS, "success");

    return af_tokens_and(ctx, af_factor_codes(ctx));
}
