#include "api/api.h"
#include "api/attempts.h"
#include "api/codes.h"
#include "api/devices.h"
#include "api/mfa.h"
#include "api/passkey.h"
#include "api/passkey_options.h"
#include "api/password.h"
#include "api/proofs.h"
#include "api/schemas.h"
#include "api/tokens.h"
#include "http/request.h"
#include "shm/counters.h"
#include "token/mfa.h"


static ngx_int_t answer_ask(af_ctx_t *ctx);
static json_t *enrolment(const af_ctx_t *ctx, const char *token);
static ngx_int_t set_members(af_ctx_t *ctx, json_t *members);
static void free_members(void *data);

static int one_proof(json_t *body, json_t *errors);
static ngx_int_t choose_proof(af_ctx_t *ctx);
static ngx_int_t check_code(af_ctx_t *ctx);
static ngx_int_t check_passkey(af_ctx_t *ctx);
static ngx_int_t answer_tokens(af_ctx_t *ctx);
static ngx_int_t answer_options(af_ctx_t *ctx);
static ngx_int_t refuse(af_ctx_t *ctx);


static const af_step_pt  ask_steps[] = {
    answer_ask,
    NULL
};


static const af_step_pt  verify_steps[] = {
    af_step_mfa_open,
    af_step_mfa_account,
    choose_proof,
    NULL
};


static const af_step_pt  code_steps[] = {
    check_code,
    af_step_device,
    af_step_query,
    answer_tokens,
    NULL
};


static const af_step_pt  passkey_steps[] = {
    af_step_passkeys_on,
    af_step_passkey_find,
    check_passkey,
    af_step_device,
    af_step_query,
    answer_tokens,
    NULL
};


static const af_proof_t  proofs[] = {
    { "code", code_steps },
    { "recovery_code", code_steps },
    { "credential", passkey_steps },
    { NULL, NULL }
};


static const af_step_pt  options_steps[] = {
    af_step_passkeys_on,
    af_step_mfa_open,
    af_step_mfa_account,
    af_step_query,
    answer_options,
    NULL
};


static const af_field_t  verify_fields[] = {
    { "mfa_token", &af_type_token, AF_REQUIRED, NULL },
    { "code", &af_type_code, 0, NULL },
    { "recovery_code", &af_type_code, 0, NULL },
    { "credential", &af_type_object, 0, &af_schema_credential },
    { "remember", &af_type_boolean, 0, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  verify_schema = {
    "FactorProof", verify_fields, one_proof
};


static const af_field_t  options_fields[] = {
    { "mfa_token", &af_type_token, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  options_schema = {
    "AskedLogin", options_fields, NULL
};


const af_route_t  af_mfa_login_routes[] = {

    { NGX_HTTP_POST, "/auth/mfa/verify", AF_PUBLIC,
      .summary = "Log in with a factor, after the password",
      .problems = AF_PROBLEM_LIST(AF_INVALID_MAIL_TOKEN, AF_INVALID_CODE,
                                  AF_INVALID_PASSKEY, AF_PASSKEYS_OFF,
                                  AF_CODES_UNAVAILABLE, AF_TOO_MANY_ATTEMPTS),
      .body = &verify_schema,
      .answer = &af_schema_token_pair,
      .lock = &af_sql_auth_lock_account,
      .statement = &af_sql_mfa_verify,
      .steps = verify_steps },

    { NGX_HTTP_POST, "/auth/mfa/passkey/options", AF_PUBLIC,
      .summary = "Read what a browser uses a passkey with, after the password",
      .problems = AF_PROBLEM_LIST(AF_INVALID_MAIL_TOKEN, AF_PASSKEYS_OFF,
                                  AF_TOO_MANY_ATTEMPTS),
      .body = &options_schema,
      .answer = &af_schema_request_options,
      .statement = &af_sql_passkeys_allowed,
      .missing = AF_NOT_FOUND,
      .steps = options_steps },

    { .path = NULL }
};


ngx_int_t
af_mfa_ask(af_ctx_t *ctx)
{
    (void) af_follow(ctx, ask_steps);

    return af_password_rehashed(ctx)
           ? af_segment(ctx, &af_sql_auth_lock_account,
                        &af_sql_auth_upgrade_password, &af_sql_mfa_ask, NULL)
           : af_query(ctx, &af_sql_mfa_ask);
}


/* if another has replaced the hash meanwhile, the token is worth nothing */

static ngx_int_t
answer_ask(af_ctx_t *ctx)
{
    char             token[AF_SEALED_SIZE];
    json_t          *factors;
    ngx_uint_t       enrols;
    const char      *user_id, *hash, *replacement;
    af_problem_id_t  problem;

    factors = json_loads(af_column(ctx, "factors"), 0, NULL);
    enrols = (json_array_size(factors) == 0);

    if (af_value(ctx, "user_id", &user_id) != NGX_OK
        || af_value(ctx, "password_hash", &hash) != NGX_OK
        || af_value(ctx, "new_password_hash", &replacement) != NGX_OK
        || af_mfa_token_make(&ctx->conf->purpose_keys,
                             enrols ? AF_PURPOSE_ENROL : AF_PURPOSE_MFA,
                             user_id, replacement ? replacement : hash,
                             ngx_time(), token)
           != 0)
    {
        json_decref(factors);
        return NGX_ERROR;
    }

    if (set_members(ctx, enrols ? enrolment(ctx, token)
                                : json_pack("{ss sO}", "mfa_token", token,
                                            "factors", factors))
        != NGX_OK)
    {
        json_decref(factors);
        return NGX_ERROR;
    }

    json_decref(factors);

    problem = enrols ? AF_MFA_ENROLMENT_REQUIRED : AF_MFA_REQUIRED;

    af_attempts_continued(ctx);
    af_count_named(AF_METRIC_LOGINS, af_problems[problem].code);

    return af_problem(ctx, problem, NULL);
}


/* with what there can be here: apps have seeds to seal */

static json_t *
enrolment(const af_ctx_t *ctx, const char *token)
{
    json_t  *types;

    types = json_array();

    if ((ctx->conf->seals
         && json_array_append_new(types, json_string("totp")) != 0)
        || (ctx->conf->webauthn
            && json_array_append_new(types, json_string("webauthn")) != 0))
    {
        json_decref(types);
        return NULL;
    }

    return json_pack("{ss so}", "enrolment_token", token, "types", types);
}


/* of the problem document, besides its own */

static ngx_int_t
set_members(af_ctx_t *ctx, json_t *members)
{
    ngx_pool_cleanup_t       *cln;
    ngx_http_autoflow_ctx_t  *rctx;

    cln = ngx_pool_cleanup_add(ctx->request->pool, 0);
    rctx = af_request_ctx(ctx->request);

    if (members == NULL || cln == NULL || rctx == NULL) {
        json_decref(members);
        return NGX_ERROR;
    }

    cln->data = members;
    cln->handler = free_members;
    rctx->members = members;

    return NGX_OK;
}


static void
free_members(void *data)
{
    json_decref(data);
}


static int
one_proof(json_t *body, json_t *errors)
{
    return af_proof_rule(proofs, body, errors);
}


ngx_int_t
af_step_mfa_open(af_ctx_t *ctx)
{
    ngx_int_t        rc;
    const char      *text, *enrolment;
    af_mfa_token_t  *token;

    rc = af_attempt_address(ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    token = ngx_palloc(ctx->request->pool, sizeof(af_mfa_token_t));
    if (token == NULL) {
        return NGX_ERROR;
    }

    ctx->data = token;
    enrolment = af_field(ctx, "enrolment_token");
    text = enrolment ? enrolment : af_field(ctx, "mfa_token");

    if (af_mfa_token_open(&ctx->conf->purpose_keys,
                          enrolment ? AF_PURPOSE_ENROL : AF_PURPOSE_MFA, text,
                          ngx_strlen(text), ngx_time(), token)
        != 0)
    {
        return af_problem(ctx, AF_INVALID_MAIL_TOKEN, NULL);
    }

    af_bind(ctx, "user_id", token->user_id);

    return af_query(ctx, &af_sql_mfa_find);
}


/* a new password ends the tokens of the former one */

ngx_int_t
af_step_mfa_account(af_ctx_t *ctx)
{
    af_mfa_token_t *token = ctx->data;

    const char  *hash, *copy;

    hash = af_found(ctx) ? af_column(ctx, "password_hash") : NULL;

    if (!af_found(ctx) || !af_mfa_token_matches(token, hash)) {
        return af_problem(ctx, AF_INVALID_MAIL_TOKEN, NULL);
    }

    copy = hash ? af_string(ctx, hash, ngx_strlen(hash)) : NULL;

    if (hash && copy == NULL) {
        return NGX_ERROR;
    }

    af_bind(ctx, "password_hash", copy);
    af_bind(ctx, "assertion", NULL);
    af_code_bind_none(ctx);

    return NGX_OK;
}


static ngx_int_t
choose_proof(af_ctx_t *ctx)
{
    return af_proof_choose(ctx, proofs);
}


static ngx_int_t
check_code(af_ctx_t *ctx)
{
    af_mfa_token_t *token = ctx->data;

    ngx_int_t  rc;

    rc = af_code_compare(ctx, token->user_id);

    return (rc == NGX_DECLINED) ? refuse(ctx) : rc;
}


static ngx_int_t
check_passkey(af_ctx_t *ctx)
{
    af_mfa_token_t *token = ctx->data;

    ngx_int_t  rc;

    static const char  purpose[] = { AF_CHALLENGE_FACTOR, '\0' };

    rc = af_passkey_used(ctx, purpose, token->user_id, "");

    return (rc == NGX_DECLINED) ? refuse(ctx) : rc;
}


/* only now is the login one, for counters and for what is familiar */

static ngx_int_t
answer_tokens(af_ctx_t *ctx)
{
    af_mfa_token_t *token = ctx->data;

    af_account_key_t  key;

    if (!af_found(ctx)) {
        return refuse(ctx);
    }

    af_account_key(ctx, token->user_id, "", &key);

    af_attempts_succeeded(ctx);
    af_attempts_clear(ctx, &key);
    af_count_named(AF_METRIC_LOGINS, "success");

    return (af_device_cookie(ctx) == NGX_OK) ? af_step_tokens(ctx) : NGX_ERROR;
}


static ngx_int_t
answer_options(af_ctx_t *ctx)
{
    af_mfa_token_t *token = ctx->data;

    af_challenge_t  challenge;

    if (!af_found(ctx)) {
        return af_missing(ctx);
    }

    ngx_memzero(&challenge, sizeof(af_challenge_t));

    challenge.purpose = AF_CHALLENGE_FACTOR;
    ngx_memcpy(challenge.user_id, token->user_id, AF_UUID_SIZE);

    af_attempts_unchecked(ctx);

    return af_passkey_answer_request(ctx, &challenge,
                                     af_column(ctx, "credentials"));
}


static ngx_int_t
refuse(af_ctx_t *ctx)
{
    af_count_named(AF_METRIC_LOGINS, af_code_reason(ctx));

    return af_code_refuse(ctx, 1);
}
