#include "api/api.h"
#include "api/attempts.h"
#include "api/mfa.h"
#include "api/passkey.h"
#include "api/passkey_options.h"
#include "api/password.h"
#include "api/proofs.h"
#include "api/schemas.h"
#include "api/tokens.h"
#include "crypto/recovery.h"
#include "crypto/totp.h"
#include "flow/budget.h"
#include "http/request.h"
#include "shm/counters.h"
#include "token/mfa.h"


/* ctx->data of a verification */

typedef struct {
    af_mfa_token_t  token;
    char            factor_id[AF_UUID_SIZE];
    char            step[NGX_INT64_LEN + 1];
    char            recovery_hash[AF_RECOVERY_HASH_SIZE];
    char            sealed[AF_SEALED_SIZE];
    const char     *counted;           /* for all nodes: "true" or "false" */
    const char     *reason;            /* of a refusal */
} verification_t;


static ngx_int_t answer_ask(af_ctx_t *ctx);
static ngx_int_t set_members(af_ctx_t *ctx, json_t *members);
static void free_members(void *data);

static int one_proof(json_t *body, json_t *errors);
static ngx_int_t open_token(af_ctx_t *ctx);
static ngx_int_t check_account(af_ctx_t *ctx);
static ngx_int_t choose_proof(af_ctx_t *ctx);
static ngx_int_t check_code(af_ctx_t *ctx);
static ngx_int_t check_app(af_ctx_t *ctx, const char *code);
static ngx_int_t check_factor(af_ctx_t *ctx, json_t *factor,
    const char *code);
static ngx_int_t check_recovery(af_ctx_t *ctx);
static ngx_int_t check_passkey(af_ctx_t *ctx);
static ngx_int_t answer_tokens(af_ctx_t *ctx);
static ngx_int_t answer_options(af_ctx_t *ctx);
static ngx_int_t refuse(af_ctx_t *ctx);
static ngx_int_t answer_refusal(af_ctx_t *ctx);
static ngx_int_t refuse_pause(af_ctx_t *ctx);


static const af_step_pt  ask_steps[] = {
    answer_ask,
    NULL
};


static const af_step_pt  verify_steps[] = {
    open_token,
    check_account,
    choose_proof,
    NULL
};


static const af_step_pt  code_steps[] = {
    check_code,
    af_step_query,
    answer_tokens,
    NULL
};


static const af_step_pt  recovery_steps[] = {
    check_recovery,
    af_step_query,
    answer_tokens,
    NULL
};


static const af_step_pt  passkey_steps[] = {
    af_step_passkeys_on,
    af_step_passkey_find,
    check_passkey,
    af_step_query,
    answer_tokens,
    NULL
};


static const af_proof_t  proofs[] = {
    { "code", code_steps },
    { "recovery_code", recovery_steps },
    { "credential", passkey_steps },
    { NULL, NULL }
};


static const af_step_pt  options_steps[] = {
    af_step_passkeys_on,
    open_token,
    check_account,
    af_step_query,
    answer_options,
    NULL
};


static const af_step_pt  refusal_steps[] = {
    answer_refusal,
    NULL
};


static const af_field_t  verify_fields[] = {
    { "mfa_token", &af_type_token, AF_REQUIRED, NULL },
    { "code", &af_type_code, 0, NULL },
    { "recovery_code", &af_type_code, 0, NULL },
    { "credential", &af_type_object, 0, &af_schema_credential },
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
                                  AF_TOO_MANY_ATTEMPTS),
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
    char         token[AF_SEALED_SIZE];
    json_t      *factors;
    const char  *user_id, *hash, *replacement;

    if (af_value(ctx, "user_id", &user_id) != NGX_OK
        || af_value(ctx, "password_hash", &hash) != NGX_OK
        || af_value(ctx, "new_password_hash", &replacement) != NGX_OK
        || af_mfa_token_make(&ctx->conf->purpose_keys, user_id,
                             replacement ? replacement : hash, ngx_time(),
                             token)
           != 0)
    {
        return NGX_ERROR;
    }

    factors = json_loads(af_column(ctx, "factors"), 0, NULL);

    if (set_members(ctx, json_pack("{ss so}", "mfa_token", token,
                                   "factors", factors))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    af_attempts_continued(ctx);
    af_count_named(AF_METRIC_LOGINS, "mfa_required");

    return af_problem(ctx, AF_MFA_REQUIRED, NULL);
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


static ngx_int_t
open_token(af_ctx_t *ctx)
{
    ngx_int_t        rc;
    const char      *token;
    verification_t  *verification;

    rc = af_attempt_address(ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    verification = ngx_pcalloc(ctx->request->pool, sizeof(verification_t));
    if (verification == NULL) {
        return NGX_ERROR;
    }

    ctx->data = verification;
    token = af_field(ctx, "mfa_token");

    if (af_mfa_token_open(&ctx->conf->purpose_keys, token, ngx_strlen(token),
                          ngx_time(), &verification->token)
        != 0)
    {
        return af_problem(ctx, AF_INVALID_MAIL_TOKEN, NULL);
    }

    af_bind(ctx, "user_id", verification->token.user_id);

    return af_query(ctx, &af_sql_mfa_find);
}


/* a new password ends the tokens of the former one */

static ngx_int_t
check_account(af_ctx_t *ctx)
{
    verification_t *verification = ctx->data;

    const char  *hash, *copy;

    hash = af_found(ctx) ? af_column(ctx, "password_hash") : NULL;

    if (!af_found(ctx) || !af_mfa_token_matches(&verification->token, hash)) {
        return af_problem(ctx, AF_INVALID_MAIL_TOKEN, NULL);
    }

    copy = hash ? af_string(ctx, hash, ngx_strlen(hash)) : NULL;

    if (hash && copy == NULL) {
        return NGX_ERROR;
    }

    af_bind(ctx, "password_hash", copy);
    af_bind(ctx, "factor_id", NULL);
    af_bind(ctx, "step", NULL);
    af_bind(ctx, "recovery_hash", NULL);
    af_bind(ctx, "sealed_seed", NULL);
    af_bind(ctx, "assertion", NULL);

    verification->counted = "false";
    verification->reason = "wrong_code";

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
    verification_t *verification = ctx->data;

    ngx_int_t  rc;

    if (af_column(ctx, "seconds_left")) {
        return refuse_pause(ctx);
    }

    verification->counted = "true";

    rc = check_app(ctx, af_field(ctx, "code"));

    return (rc == NGX_DECLINED) ? refuse(ctx) : rc;
}


/* of all apps of the account: people have one code before them, no name */

static ngx_int_t
check_app(af_ctx_t *ctx, const char *code)
{
    size_t      i;
    json_t     *factors, *factor;
    ngx_int_t   rc;

    factors = json_loads(af_column(ctx, "factors"), 0, NULL);
    if (factors == NULL) {
        return NGX_ERROR;
    }

    rc = NGX_DECLINED;

    json_array_foreach(factors, i, factor) {
        if (rc == NGX_DECLINED) {
            rc = check_factor(ctx, factor, code);
        }
    }

    json_decref(factors);

    return rc;
}


static ngx_int_t
check_factor(af_ctx_t *ctx, json_t *factor, const char *code)
{
    verification_t *verification = ctx->data;

    char         seed[AF_SEAL_TEXT_SIZE];
    int64_t      step;
    ptrdiff_t    key;
    const char  *sealed;

    sealed = json_string_value(json_object_get(factor, "seed"));

    key = af_mfa_unseal(&ctx->conf->seal_keys, verification->token.user_id,
                        sealed, ngx_strlen(sealed), seed);

    if (key == -1) {
        af_request_log(NGX_LOG_ERR, ctx->request,
                       "no \"autoflow_seal_key\" opens the seed of a factor, "
                       "whose codes are refused");
        return NGX_DECLINED;
    }

    step = af_totp_verify(seed, code, ngx_time(),
                          json_integer_value(json_object_get(factor,
                                                             "step")));

    if (step != -1 && key != 0 && ctx->conf->seals
        && af_mfa_seal(&ctx->conf->seal_keys, verification->token.user_id,
                       seed, verification->sealed)
           == 0)
    {
        af_bind(ctx, "sealed_seed", verification->sealed);
    }

    sodium_memzero(seed, sizeof(seed));

    if (step == -1) {
        return NGX_DECLINED;
    }

    (void) ngx_cpystrn((u_char *) verification->factor_id,
                       (u_char *) json_string_value(json_object_get(factor,
                                                                    "id")),
                       AF_UUID_SIZE);
    (void) ngx_sprintf((u_char *) verification->step, "%L%Z", step);

    af_bind(ctx, "factor_id", verification->factor_id);
    af_bind(ctx, "step", verification->step);

    return NGX_OK;
}


static ngx_int_t
check_recovery(af_ctx_t *ctx)
{
    verification_t *verification = ctx->data;

    if (af_recovery_hash(verification->token.user_id,
                         af_field(ctx, "recovery_code"),
                         verification->recovery_hash)
        != 0)
    {
        return refuse(ctx);
    }

    af_bind(ctx, "recovery_hash", verification->recovery_hash);

    return NGX_OK;
}


static ngx_int_t
check_passkey(af_ctx_t *ctx)
{
    verification_t *verification = ctx->data;

    ngx_int_t  rc;

    static const char  purpose[] = { AF_CHALLENGE_FACTOR, '\0' };

    verification->reason = "wrong_passkey";

    rc = af_passkey_used(ctx, purpose, verification->token.user_id, "");

    return (rc == NGX_DECLINED) ? refuse(ctx) : rc;
}


/* only now is the login one, for counters and for what is familiar */

static ngx_int_t
answer_tokens(af_ctx_t *ctx)
{
    verification_t *verification = ctx->data;

    af_account_key_t  key;

    if (!af_found(ctx)) {
        return refuse(ctx);
    }

    af_account_key(ctx, verification->token.user_id, "", &key);

    af_attempts_succeeded(ctx);
    af_attempts_clear(ctx, &key);
    af_count_named(AF_METRIC_LOGINS, "success");

    return af_step_tokens(ctx);
}


static ngx_int_t
answer_options(af_ctx_t *ctx)
{
    verification_t *verification = ctx->data;

    af_challenge_t  challenge;

    if (!af_found(ctx)) {
        return af_missing(ctx);
    }

    ngx_memzero(&challenge, sizeof(af_challenge_t));

    challenge.purpose = AF_CHALLENGE_FACTOR;
    ngx_memcpy(challenge.user_id, verification->token.user_id, AF_UUID_SIZE);

    af_attempts_unchecked(ctx);

    return af_passkey_answer_request(ctx, &challenge,
                                     af_column(ctx, "credentials"));
}


static ngx_int_t
refuse(af_ctx_t *ctx)
{
    verification_t *verification = ctx->data;

    af_attempts_failed(ctx);
    af_count_named(AF_METRIC_LOGINS, verification->reason);

    af_bind(ctx, "counted", verification->counted);
    af_bind(ctx, "reason", verification->reason);

    (void) af_follow(ctx, refusal_steps);

    return af_query(ctx, &af_sql_mfa_failed);
}


static ngx_int_t
answer_refusal(af_ctx_t *ctx)
{
    if (af_column(ctx, "seconds_left")) {
        return refuse_pause(ctx);
    }

    return af_problem(ctx, json_object_get(ctx->body, "credential")
                           ? AF_INVALID_PASSKEY : AF_INVALID_CODE, NULL);
}


static ngx_int_t
refuse_pause(af_ctx_t *ctx)
{
    ngx_uint_t  seconds;

    seconds = strtoul(af_column(ctx, "seconds_left"), NULL, 10);

    return (af_retry_after(ctx, seconds) == NGX_OK)
           ? af_problem(ctx, AF_TOO_MANY_ATTEMPTS, NULL) : NGX_ERROR;
}
