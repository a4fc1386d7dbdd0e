#include "api/codes.h"
#include "api/attempts.h"
#include "db/seals.h"
#include "flow/budget.h"
#include "flow/facts.h"
#include "http/request.h"
#include "crypto/recovery.h"
#include "crypto/totp.h"
#include "token/mfa.h"


static ngx_int_t compare_app(af_ctx_t *ctx, const char *user_id,
    const char *code);
static ngx_int_t compare_factor(af_ctx_t *ctx, const char *user_id,
    json_t *factor, const char *code);
static ngx_int_t compare_recovery(af_ctx_t *ctx, const char *user_id,
    const char *code);
static ngx_int_t refuse_login(af_ctx_t *ctx);
static ngx_int_t refuse_proof(af_ctx_t *ctx);
static ngx_int_t refuse_pause(af_ctx_t *ctx);


/* of a login; and of another proof in a session */

static const af_step_pt  login_steps[] = {
    refuse_login,
    NULL
};


static const af_step_pt  proof_steps[] = {
    refuse_proof,
    NULL
};


const af_type_t  af_type_code = {
    .name = "code", .json = JSON_STRING, .min = 1, .max = 64, .octets = 1,
    .secret = 1
};


void
af_code_bind_none(af_ctx_t *ctx)
{
    af_bind(ctx, "factor_id", NULL);
    af_bind(ctx, "step", NULL);
    af_bind(ctx, "sealed_seed", NULL);
    af_bind(ctx, "recovery_hash", NULL);
}


ngx_int_t
af_code_compare(af_ctx_t *ctx, const char *user_id)
{
    const char  *code;

    af_code_bind_none(ctx);

    code = af_field(ctx, "code");

    if (code && af_column(ctx, "seconds_left")) {
        return refuse_pause(ctx);
    }

    return code ? compare_app(ctx, user_id, code)
                : compare_recovery(ctx, user_id,
                                   af_field(ctx, "recovery_code"));
}


/*
 * Of all apps of the account: people have one code before them, no name.  If
 * there was a seed to compare it with, it is wrong, whatever it may have been
 * for another one: otherwise nobody would count the guesses at that seed.
 */

static ngx_int_t
compare_app(af_ctx_t *ctx, const char *user_id, const char *code)
{
    size_t       i, closed, n;
    json_t      *factors, *factor;
    ngx_int_t    rc;
    const char  *seed;

    factors = json_loads(af_column(ctx, "factors"), 0, NULL);
    if (factors == NULL) {
        return NGX_ERROR;
    }

    rc = NGX_DECLINED;
    n = json_array_size(factors);
    closed = 0;
    seed = NULL;

    json_array_foreach(factors, i, factor) {
        if (rc == NGX_OK || rc == NGX_ERROR) {
            break;
        }

        rc = compare_factor(ctx, user_id, factor, code);

        if (rc == NGX_ABORT) {
            seed = json_string_value(json_object_get(factor, "seed"));
            closed++;
        }
    }

    if (closed && rc != NGX_OK && rc != NGX_ERROR) {
        rc = (closed == n) ? af_code_closed(ctx, seed) : NGX_DECLINED;
    }

    json_decref(factors);

    return rc;
}


static ngx_int_t
compare_factor(af_ctx_t *ctx, const char *user_id, json_t *factor,
    const char *code)
{
    ngx_int_t    rc;
    const char  *id;

    rc = af_code_match(ctx, user_id,
                       json_string_value(json_object_get(factor, "seed")),
                       json_integer_value(json_object_get(factor, "step")),
                       code);

    if (rc != NGX_OK) {
        return rc;
    }

    id = json_string_value(json_object_get(factor, "id"));
    id = af_string(ctx, id, ngx_strlen(id));

    af_bind(ctx, "factor_id", id);

    return id ? NGX_OK : NGX_ERROR;
}


/* the log gets what says which key it is, see db/seals.h */

ngx_int_t
af_code_closed(af_ctx_t *ctx, const char *sealed)
{
    char  *cause;

    static const char  text[] =
        "no \"autoflow_seal_key\" opens the secret of a factor, sealed by the "
        "key %*s%Z";

    cause = ngx_pnalloc(ctx->request->pool, sizeof(text) + AF_SEAL_KEY_LEN);
    if (cause == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_sprintf((u_char *) cause, text,
                       ngx_min(ngx_strlen(sealed), AF_SEAL_KEY_LEN), sealed);

    af_attempts_unchecked(ctx);

    return af_problem(ctx, AF_CODES_UNAVAILABLE, cause);
}


/* a seed that a former key has sealed is sealed with the current one */

ngx_int_t
af_code_match(af_ctx_t *ctx, const char *user_id, const char *sealed,
    int64_t last, const char *code)
{
    char         seed[AF_SEAL_TEXT_SIZE], *resealed;
    int64_t      step;
    ptrdiff_t    key;
    const char  *text;

    key = af_mfa_unseal(&ctx->conf->seal_keys, user_id, sealed,
                        ngx_strlen(sealed), seed);
    if (key == -1) {
        return NGX_ABORT;
    }

    step = af_totp_verify(seed, code, ngx_time(), last);
    resealed = NULL;

    if (step != -1 && key != 0 && ctx->conf->seals) {
        resealed = ngx_pnalloc(ctx->request->pool, AF_SEALED_SIZE);

        if (resealed
            && af_mfa_seal(&ctx->conf->seal_keys, user_id, seed, resealed)
               != 0)
        {
            resealed = NULL;
        }
    }

    sodium_memzero(seed, sizeof(seed));

    if (step == -1) {
        return NGX_DECLINED;
    }

    if (af_fact_number(ctx->request->pool, step, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    af_bind(ctx, "step", text);
    af_bind(ctx, "sealed_seed", resealed);

    return NGX_OK;
}


static ngx_int_t
compare_recovery(af_ctx_t *ctx, const char *user_id, const char *code)
{
    char  *hash;

    hash = ngx_pnalloc(ctx->request->pool, AF_RECOVERY_HASH_SIZE);
    if (hash == NULL) {
        return NGX_ERROR;
    }

    if (af_recovery_hash(user_id, code, hash) != 0) {
        return NGX_DECLINED;
    }

    af_bind(ctx, "recovery_hash", hash);

    return NGX_OK;
}


ngx_int_t
af_code_refuse(af_ctx_t *ctx, ngx_uint_t login)
{
    af_attempts_failed(ctx);

    af_bind(ctx, "login", login ? "true" : "false");
    af_bind(ctx, "reason", af_code_reason(ctx));
    af_bind(ctx, "counted", af_field(ctx, "code") ? "true" : "false");

    (void) af_follow(ctx, login ? login_steps : proof_steps);

    return af_query(ctx, &af_sql_mfa_failed);
}


const char *
af_code_reason(const af_ctx_t *ctx)
{
    return json_object_get(ctx->body, "credential") ? "wrong_passkey"
                                                    : "wrong_code";
}


static ngx_int_t
refuse_login(af_ctx_t *ctx)
{
    if (af_column(ctx, "seconds_left")) {
        return refuse_pause(ctx);
    }

    return af_problem(ctx, json_object_get(ctx->body, "credential")
                           ? AF_INVALID_PASSKEY : AF_INVALID_CODE, NULL);
}


static ngx_int_t
refuse_proof(af_ctx_t *ctx)
{
    return af_column(ctx, "seconds_left")
           ? refuse_pause(ctx) : af_problem(ctx, AF_WRONG_CODE, NULL);
}


static ngx_int_t
refuse_pause(af_ctx_t *ctx)
{
    ngx_uint_t  seconds;

    seconds = strtoul(af_column(ctx, "seconds_left"), NULL, 10);

    return (af_retry_after(ctx, seconds) == NGX_OK)
           ? af_problem(ctx, AF_TOO_MANY_ATTEMPTS, NULL) : NGX_ERROR;
}
