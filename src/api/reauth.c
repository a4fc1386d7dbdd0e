#include "api/reauth.h"
#include "api/attempts.h"
#include "api/codes.h"
#include "api/password.h"


/* ctx->data, from the second step on */

typedef struct {
    const char  *hash;
    const char  *names[AF_PASSWORD_NAMES + 1];
} af_reauth_t;


static ngx_int_t af_reauth_refuse(af_ctx_t *ctx);
static ngx_int_t af_reauth_refused(af_ctx_t *ctx);


static const af_step_pt  af_reauth_refusal[] = {
    af_reauth_refused,
    NULL
};


ngx_int_t
af_step_reauth_find(af_ctx_t *ctx)
{
    ngx_int_t         rc;
    af_account_key_t  key;

    af_account_key(ctx, (char *) ctx->identity->user_id.data, "", &key);

    rc = af_attempt_account(ctx, &key);

    return (rc == NGX_OK) ? af_query(ctx, &af_sql_auth_find_password) : rc;
}


ngx_int_t
af_step_reauth_verify(af_ctx_t *ctx)
{
    ngx_int_t          rc;
    const char        *hash;
    af_reauth_t       *reauth;
    af_account_key_t   key;

    if (!af_found(ctx)) {
        return af_problem(ctx, AF_INVALID_TOKEN, NULL);
    }

    reauth = ngx_pcalloc(ctx->request->pool, sizeof(af_reauth_t));
    if (reauth == NULL) {
        return NGX_ERROR;
    }

    ctx->data = reauth;

    hash = af_column(ctx, "password_hash");
    reauth->hash = hash ? af_string(ctx, hash, ngx_strlen(hash)) : NULL;

    if ((hash && reauth->hash == NULL)
        || af_password_names(ctx, reauth->names) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* without one nothing is guessed */

    if (af_field(ctx, "current_password") == NULL) {
        af_attempts_unchecked(ctx);

        return reauth->hash ? af_invalid(ctx, "current_password", "required",
                                         "is missing")
                            : NGX_OK;
    }

    af_account_key(ctx, (char *) ctx->identity->user_id.data, "", &key);

    rc = af_attempt_current(ctx, &key);
    if (rc != NGX_OK) {
        return rc;
    }

    /* an account without a password takes as long, and fails */

    rc = af_verify_password(ctx, "current_password", reauth->hash);

    if (rc == NGX_ERROR) {
        af_attempts_unchecked(ctx);
    }

    return rc;
}


ngx_int_t
af_step_reauth_check(af_ctx_t *ctx)
{
    af_reauth_t *reauth = ctx->data;

    if (af_field(ctx, "current_password") == NULL) {
        af_bind(ctx, "verified_hash", NULL);
        return NGX_OK;
    }

    switch (af_password_verified(ctx)) {

    case NGX_OK:
        break;

    case NGX_DECLINED:
        return af_reauth_refuse(ctx);

    default:
        return NGX_ERROR;
    }

    af_bind(ctx, "verified_hash", reauth->hash);
    af_code_bind_none(ctx);

    if (!af_attempts_are_total(ctx)) {
        return NGX_OK;
    }

    return (af_attempts_bind(ctx, 1) == NGX_OK)
           ? af_query(ctx, &af_sql_auth_current_password_right) : NGX_ERROR;
}


/* what is wrong with the rest of the request would say that it was right */

ngx_int_t
af_step_reauth_allow(af_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (af_field(ctx, "current_password") == NULL) {
        return NGX_OK;
    }

    rc = (af_attempts_are_total(ctx) && af_found(ctx))
         ? af_attempts_exceeded(ctx) : NGX_OK;

    if (rc == NGX_OK) {
        af_attempts_succeeded(ctx);
    }

    return rc;
}


static ngx_int_t
af_reauth_refuse(af_ctx_t *ctx)
{
    af_attempts_failed(ctx);

    if (!af_attempts_are_total(ctx)) {
        return af_problem(ctx, AF_WRONG_PASSWORD, NULL);
    }

    if (af_attempts_bind(ctx, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    (void) af_follow(ctx, af_reauth_refusal);

    return af_query(ctx, &af_sql_auth_current_password_failed);
}


static ngx_int_t
af_reauth_refused(af_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = af_attempts_exceeded(ctx);

    return (rc == NGX_OK) ? af_problem(ctx, AF_WRONG_PASSWORD, NULL) : rc;
}


ngx_int_t
af_reauth_answer(af_ctx_t *ctx, const af_step_pt *steps)
{
    ngx_int_t  rc;

    if (af_found(ctx)) {
        return af_step_answer(ctx);
    }

    rc = af_attempt_again(ctx, steps);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    return af_problem(ctx, af_field(ctx, "current_password")
                           ? AF_WRONG_PASSWORD : AF_REAUTHENTICATION_REQUIRED,
                      NULL);
}


const char *const *
af_reauth_names(af_ctx_t *ctx)
{
    af_reauth_t *reauth = ctx->data;

    return reauth->names;
}
