#include "api/proof.h"
#include "api/attempts.h"
#include "api/password.h"


/* ctx->data, from the second step on */

typedef struct {
    const char  *hash;
    const char  *names[AF_PASSWORD_NAMES + 1];
} af_proof_t;


ngx_int_t
af_step_find_proof(af_ctx_t *ctx)
{
    ngx_int_t         rc;
    af_account_key_t  key;

    af_account_key((char *) ctx->identity->user_id.data, "", &key);

    rc = af_attempt_account(ctx, &key);

    return (rc == NGX_OK) ? af_query(ctx, &af_sql_auth_find_password) : rc;
}


ngx_int_t
af_step_compare_proof(af_ctx_t *ctx)
{
    ngx_int_t    rc;
    af_proof_t  *proof;
    const char  *hash;

    if (!af_found(ctx)) {
        return af_problem(ctx, AF_INVALID_TOKEN, NULL);
    }

    proof = ngx_pcalloc(ctx->request->pool, sizeof(af_proof_t));
    if (proof == NULL) {
        return NGX_ERROR;
    }

    ctx->data = proof;

    hash = af_column(ctx, "password_hash");
    proof->hash = hash ? af_string(ctx, hash, ngx_strlen(hash)) : NULL;

    if ((hash && proof->hash == NULL)
        || af_password_names(ctx, proof->names) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* who has no password knows none: it takes as long, and is wrong */

    rc = af_check_password(ctx, "current_password", proof->hash);

    if (rc == NGX_ERROR) {
        af_attempts_unseen(ctx);
    }

    return rc;
}


ngx_int_t
af_step_check_proof(af_ctx_t *ctx)
{
    af_proof_t *proof = ctx->data;

    switch (af_password_right(ctx)) {

    case NGX_OK:
        af_attempts_right(ctx);
        af_bind(ctx, "proof", proof->hash);
        return NGX_OK;

    case NGX_DECLINED:
        return af_problem(ctx, AF_WRONG_PASSWORD, NULL);

    default:
        return NGX_ERROR;
    }
}


const char *const *
af_proof_names(af_ctx_t *ctx)
{
    af_proof_t *proof = ctx->data;

    return proof->names;
}
