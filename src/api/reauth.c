#include "api/reauth.h"
#include "api/attempts.h"
#include "api/password.h"


/* ctx->data, from the second step on */

typedef struct {
    const char  *hash;
    const char  *names[AF_PASSWORD_NAMES + 1];
} af_reauth_t;


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
    ngx_int_t     rc;
    af_reauth_t  *reauth;
    const char   *hash;

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

    switch (af_password_verified(ctx)) {

    case NGX_OK:
        af_attempts_succeeded(ctx);
        af_bind(ctx, "verified_hash", reauth->hash);
        return NGX_OK;

    case NGX_DECLINED:
        return af_problem(ctx, AF_WRONG_PASSWORD, NULL);

    default:
        return NGX_ERROR;
    }
}


ngx_int_t
af_reauth_answer(af_ctx_t *ctx, const af_step_pt *steps)
{
    ngx_int_t  rc;

    if (af_found(ctx)) {
        return af_step_answer(ctx);
    }

    rc = af_attempt_again(ctx, steps);

    return (rc == NGX_DECLINED) ? af_problem(ctx, AF_WRONG_PASSWORD, NULL) : rc;
}


const char *const *
af_reauth_names(af_ctx_t *ctx)
{
    af_reauth_t *reauth = ctx->data;

    return reauth->names;
}
