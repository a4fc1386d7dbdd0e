/*
 * Logins with a passkey alone: who it is says the passkey.
 */

#include "api/api.h"
#include "api/attempts.h"
#include "api/passkey.h"
#include "api/passkey_options.h"
#include "api/schemas.h"
#include "api/tokens.h"
#include "shm/counters.h"


static ngx_int_t answer_options(af_ctx_t *ctx);
static ngx_int_t check_passkey(af_ctx_t *ctx);
static ngx_int_t check_account(af_ctx_t *ctx);
static ngx_int_t answer_tokens(af_ctx_t *ctx);
static ngx_int_t refuse(af_ctx_t *ctx, af_problem_id_t problem,
    const char *reason);


static const af_step_pt  options_steps[] = {
    af_step_passkeys_on,
    answer_options,
    NULL
};


static const af_step_pt  login_steps[] = {
    af_step_passkeys_on,
    af_attempt_address,
    af_step_passkey_find,
    check_passkey,
    check_account,
    af_step_query,
    answer_tokens,
    NULL
};


static const af_field_t  login_fields[] = {
    { "credential", &af_type_object, AF_REQUIRED, &af_schema_credential },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  login_schema = { "PasskeyLogin", login_fields, NULL };


const af_route_t  af_passkey_login_routes[] = {

    { NGX_HTTP_POST, "/auth/login/passkey/options", AF_PUBLIC,
      .summary = "Read what a browser uses any passkey with, to log in",
      .problems = AF_PROBLEM_LIST(AF_PASSKEYS_OFF),
      .answer = &af_schema_request_options,
      .steps = options_steps },

    { NGX_HTTP_POST, "/auth/login/passkey", AF_PUBLIC,
      .summary = "Log in with a passkey",
      .problems = AF_PROBLEM_LIST(AF_INVALID_PASSKEY, AF_ACCOUNT_DISABLED,
                                  AF_EMAIL_NOT_VERIFIED, AF_PASSKEYS_OFF,
                                  AF_TOO_MANY_ATTEMPTS),
      .body = &login_schema,
      .answer = &af_schema_token_pair,
      .lock = &af_sql_auth_lock_account,
      .statement = &af_sql_passkeys_login,
      .steps = login_steps },

    { .path = NULL }
};


static ngx_int_t
answer_options(af_ctx_t *ctx)
{
    af_challenge_t  challenge;

    ngx_memzero(&challenge, sizeof(af_challenge_t));
    challenge.purpose = AF_CHALLENGE_LOGIN;

    return af_passkey_answer_request(ctx, &challenge, NULL);
}


/* until its signature is right, nobody learns whose it is */

static ngx_int_t
check_passkey(af_ctx_t *ctx)
{
    ngx_int_t  rc;

    static const char  purpose[] = { AF_CHALLENGE_LOGIN, '\0' };

    if (af_passkey_owner(ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = af_passkey_used(ctx, purpose, "", "");

    return (rc == NGX_DECLINED)
           ? refuse(ctx, AF_INVALID_PASSKEY, "wrong_passkey") : rc;
}


static ngx_int_t
check_account(af_ctx_t *ctx)
{
    const char        *user_id;
    af_problem_id_t    problem;
    af_account_key_t   key;

    problem = af_passkey_owner_problem(ctx);

    if (problem != AF_PROBLEM_NONE) {
        return refuse(ctx, problem, af_problems[problem].code);
    }

    if (af_value(ctx, "user_id", &user_id) != NGX_OK) {
        return NGX_ERROR;
    }

    af_account_key(ctx, user_id, "", &key);

    return af_attempt_login(ctx, &key);
}


static ngx_int_t
answer_tokens(af_ctx_t *ctx)
{
    if (!af_found(ctx)) {
        return refuse(ctx, AF_INVALID_PASSKEY, "wrong_passkey");
    }

    af_attempts_succeeded(ctx);
    af_count_named(AF_METRIC_LOGINS, "success");

    return af_step_tokens(ctx);
}


static ngx_int_t
refuse(af_ctx_t *ctx, af_problem_id_t problem, const char *reason)
{
    af_attempts_failed(ctx);
    af_count_named(AF_METRIC_LOGINS, reason);

    af_bind(ctx, "login", "true");
    af_bind(ctx, "reason", reason);
    af_bind(ctx, "counted", "false");

    return af_problem_after_try(ctx, problem, &af_sql_mfa_failed);
}
