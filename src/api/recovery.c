#include "api/api.h"
#include "api/attempts.h"
#include "api/mail_token.h"
#include "api/password.h"
#include "api/schemas.h"


/* milliseconds from a request for a mail to its answer */
#define ANSWER_DELAY  100


static ngx_int_t delay_answer(af_ctx_t *ctx);

static ngx_int_t check_reset_token(af_ctx_t *ctx);
static ngx_int_t find_reset(af_ctx_t *ctx);
static ngx_int_t hash_password(af_ctx_t *ctx);
static ngx_int_t set_password(af_ctx_t *ctx);
static ngx_int_t clear_failures(af_ctx_t *ctx);

static ngx_int_t check_verification_token(af_ctx_t *ctx);
static ngx_int_t count_success(af_ctx_t *ctx);
static int one_password(json_t *body, json_t *errors);


/* available without authentication */

static const af_step_pt  mail_steps[] = {
    af_attempt_address,
    af_step_query,
    delay_answer,
    af_step_answer,
    NULL
};


static const af_step_pt  reset_steps[] = {
    af_attempt_address,
    check_reset_token,
    find_reset,
    hash_password,
    set_password,
    clear_failures,
    count_success,
    af_step_answer,
    NULL
};


static const af_step_pt  verify_steps[] = {
    af_attempt_address,
    check_verification_token,
    af_step_query,
    count_success,
    af_step_answer,
    NULL
};


/* the kinds of mails whose tokens are accepted */

static const char *const  reset_kinds[] = {
    "reset_password", "claim_account", NULL
};

static const char *const  verify_kinds[] = {
    "verify_email", "change_email", NULL
};


static const af_field_t  address_fields[] = {
    { "email", &af_type_email, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  address_schema = { "Address", address_fields, NULL };


static const af_field_t  reset_fields[] = {
    { "token", &af_type_token, AF_REQUIRED, NULL },
    { "new_password", &af_type_password, 0, NULL },
    { "password", &af_type_password, 0, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  reset_schema = {
    "PasswordReset", reset_fields, one_password
};


static const af_field_t  verify_fields[] = {
    { "token", &af_type_token, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  verify_schema = {
    "EmailVerification", verify_fields, NULL
};


const af_route_t  af_recovery_routes[] = {

    { NGX_HTTP_POST, "/auth/forgot-password", AF_PUBLIC,
      .summary = "Request a mail to reset the password",
      .problems = AF_PROBLEM_LIST(AF_TOO_MANY_ATTEMPTS),
      .body = &address_schema,
      .answer = &af_schema_notice,
      .status = NGX_HTTP_ACCEPTED,
      .statement = &af_sql_account_forgot_password,
      .steps = mail_steps },

    { NGX_HTTP_POST, "/auth/reset-password", AF_PUBLIC,
      .summary = "Set a new password with a token from a mail",
      .problems = AF_PROBLEM_LIST(AF_TOO_MANY_ATTEMPTS),
      .body = &reset_schema,
      .lock = &af_sql_account_lock_owner,
      .statement = &af_sql_account_reset_password,
      .missing = AF_INVALID_MAIL_TOKEN,
      .steps = reset_steps },

    { NGX_HTTP_POST, "/user/verify-email", AF_PUBLIC,
      .summary = "Verify an address with a token from a mail",
      .problems = AF_PROBLEM_LIST(AF_EMAIL_TAKEN, AF_TOO_MANY_ATTEMPTS),
      .body = &verify_schema,
      .statement = &af_sql_account_verify_email,
      .missing = AF_INVALID_MAIL_TOKEN,
      .steps = verify_steps },

    { NGX_HTTP_POST, "/user/verify-email/resend", AF_OPTIONAL,
      .summary = "Request a mail to verify an address",
      .problems = AF_PROBLEM_LIST(AF_TOO_MANY_ATTEMPTS),
      .body = &address_schema,
      .answer = &af_schema_notice,
      .status = NGX_HTTP_ACCEPTED,
      .statement = &af_sql_account_resend_verification,
      .steps = mail_steps },

    { .path = NULL }
};


/* writing one more row takes longer: timing must not reveal that */

static ngx_int_t
delay_answer(af_ctx_t *ctx)
{
    ngx_msec_t  elapsed;

    elapsed = ngx_current_msec - ctx->started;

    return (elapsed < ANSWER_DELAY) ? af_pause(ctx, ANSWER_DELAY - elapsed)
                                    : NGX_OK;
}


static ngx_int_t
check_reset_token(af_ctx_t *ctx)
{
    return af_mail_token(ctx, reset_kinds);
}


static ngx_int_t
find_reset(af_ctx_t *ctx)
{
    return af_query(ctx, &af_sql_account_find_reset);
}


static ngx_int_t
hash_password(af_ctx_t *ctx)
{
    const char  *words[AF_PASSWORD_NAMES + 1];

    if (!af_found(ctx)) {
        return af_missing(ctx);
    }

    if (af_password_names(ctx, words) != NGX_OK) {
        return NGX_ERROR;
    }

    return af_hash_password(ctx, af_field(ctx, "new_password") ? "new_password"
                                                               : "password",
                            words);
}


static ngx_int_t
set_password(af_ctx_t *ctx)
{
    return (af_password_hashed(ctx) == NGX_OK) ? af_step_query(ctx) : NGX_ERROR;
}


/* the owner who forgot the password probably caused the failures */

static ngx_int_t
clear_failures(af_ctx_t *ctx)
{
    af_account_key_t  key;

    if (af_found(ctx)) {
        af_account_key(ctx, af_column(ctx, "user_id"), "", &key);
        af_attempts_clear(ctx, &key);
    }

    return NGX_OK;
}


static ngx_int_t
check_verification_token(af_ctx_t *ctx)
{
    return af_mail_token(ctx, verify_kinds);
}


static ngx_int_t
count_success(af_ctx_t *ctx)
{
    if (af_found(ctx)) {
        af_attempts_succeeded(ctx);
    }

    return NGX_OK;
}


static int
one_password(json_t *body, json_t *errors)
{
    static const char *const  names[] = { "new_password", "password", NULL };

    return af_schema_one_of(body, errors, names);
}
