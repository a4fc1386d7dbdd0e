#include "api/refresh.h"
#include "api/attempts.h"
#include "flow/budget.h"
#include "http/csrf.h"

#include <sodium.h>


static ngx_uint_t af_refresh_is_forged(af_ctx_t *ctx);
static ngx_int_t af_refresh_bind_legacy(af_ctx_t *ctx);
static ngx_int_t af_refresh_refuse(af_ctx_t *ctx);
static ngx_int_t af_refresh_unknown(af_ctx_t *ctx);
static ngx_int_t af_refresh_spend(af_ctx_t *ctx, const char *session_id,
    const char *user_id);
static int af_refresh_is_valid(af_ctx_t *ctx);
static ngx_int_t af_session_random(af_ctx_t *ctx,
    u_char random[AF_REFRESH_RANDOM]);
static ngx_int_t af_refresh_bind_successors(af_ctx_t *ctx);


af_source_t
af_read_refresh(af_ctx_t *ctx)
{
    af_refresh_credential(ctx->request, af_field(ctx, "refresh_token"),
                          &ctx->presented);

    return ctx->presented.source;
}


ngx_int_t
af_find_refresh(af_ctx_t *ctx)
{
    ngx_int_t               rc;
    const af_credential_t  *presented;

    presented = &ctx->presented;

    if (presented->source == AF_SOURCE_COOKIE && af_refresh_is_forged(ctx)) {
        return af_problem(ctx, AF_CSRF_REFUSED, NULL);
    }

    af_bind(ctx, "session_id", NULL);
    af_bind(ctx, "number", NULL);
    af_bind(ctx, "token_hash", NULL);
    af_bind(ctx, "successors", NULL);

    switch (presented->form) {

    case AF_REFRESH_NUMBERED:

        af_bind(ctx, "session_id", presented->refresh.session_id);

        rc = af_budget_spend_session(ctx, presented->refresh.session_id);
        break;

    case AF_REFRESH_LEGACY:

        if (af_refresh_bind_legacy(ctx) != NGX_OK) {
            return NGX_ERROR;
        }

        /* it may be invalid, or of a session that has ended */

        rc = af_attempt_address(ctx);
        break;

    default:
        return af_refresh_refuse(ctx);
    }

    return (rc == NGX_OK) ? af_query(ctx, &af_sql_auth_find_session) : rc;
}


/* header values may lack the terminating zero */

static ngx_int_t
af_refresh_bind_legacy(af_ctx_t *ctx)
{
    char       *hash;
    ngx_str_t  *token;

    token = &ctx->presented.token;

    token->data = (u_char *) af_string(ctx, token->data, token->len);
    hash = ngx_pnalloc(ctx->request->pool, AF_REFRESH_HASH_SIZE);

    if (token->data == NULL || hash == NULL) {
        return NGX_ERROR;
    }

    af_refresh_hash((char *) token->data, hash);
    af_bind(ctx, "token_hash", hash);

    return NGX_OK;
}


/* the session of a legacy token is not known yet */

static ngx_uint_t
af_refresh_is_forged(af_ctx_t *ctx)
{
    ngx_str_t  session_id;

    ngx_str_set(&session_id, "");

    if (ctx->presented.form == AF_REFRESH_NUMBERED) {
        session_id.data = (u_char *) ctx->presented.refresh.session_id;
        session_id.len = ngx_strlen(session_id.data);
    }

    return !af_csrf_passes(ctx->request, &session_id);
}


/* not one of our refresh tokens */

static ngx_int_t
af_refresh_refuse(af_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = af_attempt_address(ctx);

    return (rc == NGX_OK) ? af_problem(ctx, AF_INVALID_TOKEN, NULL) : rc;
}


ngx_int_t
af_refresh_found(af_ctx_t *ctx)
{
    u_char      *number;
    ngx_int_t    rc;
    const char  *session_id, *user_id;

    if (!af_found(ctx)) {
        return af_refresh_unknown(ctx);
    }

    if (ctx->presented.form == AF_REFRESH_NUMBERED
        && !af_refresh_is_valid(ctx))
    {
        return af_refresh_refuse(ctx);
    }

    session_id = af_column(ctx, "session_id");
    session_id = af_string(ctx, session_id, ngx_strlen(session_id));

    user_id = af_column(ctx, "user_id");
    user_id = af_string(ctx, user_id, ngx_strlen(user_id));

    if (session_id == NULL || user_id == NULL) {
        return NGX_ERROR;
    }

    rc = af_refresh_spend(ctx, session_id, user_id);

    if (rc != NGX_OK) {
        return rc;
    }

    af_bind(ctx, "session_id", session_id);
    af_bind(ctx, "user_id", user_id);
    af_bind(ctx, "by_cookie", ctx->presented.source == AF_SOURCE_COOKIE
                              ? "true" : "false");

    if (ctx->presented.form == AF_REFRESH_LEGACY) {
        return af_refresh_bind_successors(ctx);
    }

    number = ngx_pnalloc(ctx->request->pool, NGX_INT64_LEN + 1);
    if (number == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(number, "%uL%Z", ctx->presented.refresh.number);
    af_bind(ctx, "number", (char *) number);

    return NGX_OK;
}


/* of an unknown session; legacy tokens are counted already */

static ngx_int_t
af_refresh_unknown(af_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (ctx->presented.form == AF_REFRESH_NUMBERED) {
        rc = af_attempt_address(ctx);

        if (rc == NGX_OK) {
            rc = af_session_ended(ctx, ctx->presented.refresh.session_id, 1);
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return af_problem(ctx, AF_INVALID_TOKEN, NULL);
}


/*
 * A token of an ended session counts like an invalid one.  It must not count
 * for the account: whoever keeps such tokens could use up the owner's budget
 * forever, and the owner couldn't stop that by ending anything.
 */

static ngx_int_t
af_refresh_spend(af_ctx_t *ctx, const char *session_id, const char *user_id)
{
    ngx_int_t   rc;
    ngx_uint_t  active;

    active = (af_column(ctx, "active")[0] == 't');

    if (ctx->presented.form == AF_REFRESH_NUMBERED) {
        return active ? af_budget_spend_account(ctx, user_id)
                      : af_attempt_address(ctx);
    }

    if (!active) {
        return NGX_OK;      /* counted already */
    }

    af_attempts_succeeded(ctx);

    rc = af_budget_spend_session(ctx, session_id);

    return (rc == NGX_OK) ? af_budget_spend_account(ctx, user_id) : rc;
}


static int
af_refresh_is_valid(af_ctx_t *ctx)
{
    int                  valid;
    u_char               random[AF_REFRESH_RANDOM];
    const af_refresh_t  *token;

    token = &ctx->presented.refresh;

    valid = af_session_random(ctx, random) == NGX_OK
           && ngx_strcmp(af_column(ctx, "user_id"), token->user_id) == 0
           && af_refresh_check(&ctx->conf->purpose_keys, token, random);

    sodium_memzero(random, sizeof(random));

    return valid;
}


/* the column "random"; NGX_DECLINED if there is none */

static ngx_int_t
af_session_random(af_ctx_t *ctx, u_char random[AF_REFRESH_RANDOM])
{
    size_t       n;
    const char  *hex;

    hex = af_column(ctx, "random");

    return (hex
            && sodium_hex2bin(random, AF_REFRESH_RANDOM, hex, ngx_strlen(hex),
                              NULL, &n, NULL)
               == 0
            && n == AF_REFRESH_RANDOM)
           ? NGX_OK : NGX_DECLINED;
}


/* of a legacy token: the stored forms of all possible successors */

static ngx_int_t
af_refresh_bind_successors(af_ctx_t *ctx)
{
    char        *array, *p, successor[AF_REFRESH_LEGACY_SIZE];
    ngx_uint_t   i, n;

    n = ctx->conf->purpose_keys.n;

    array = ngx_pnalloc(ctx->request->pool, n * AF_REFRESH_HASH_SIZE + 2);
    if (array == NULL) {
        return NGX_ERROR;
    }

    p = array;

    for (i = 0; i < n; i++) {
        *p++ = i ? ',' : '{';

        af_refresh_successor(&ctx->conf->purpose_keys, i,
                             (char *) ctx->presented.token.data, successor);
        af_refresh_hash(successor, p);

        p += AF_REFRESH_HASH_SIZE - 1;
    }

    *p++ = '}';
    *p = '\0';

    af_bind(ctx, "successors", array);

    return NGX_OK;
}


ngx_int_t
af_issue_refresh(af_ctx_t *ctx, char token[AF_REFRESH_SIZE])
{
    int          rc;
    u_char       random[AF_REFRESH_RANDOM];
    ngx_int_t    number;
    const char  *text;

    text = af_column(ctx, "successor");

    if (text) {
        number = ngx_atoi((u_char *) text, ngx_strlen(text));
        af_refresh_successor(&ctx->conf->purpose_keys, number - 1,
                             (char *) ctx->presented.token.data, token);
        return NGX_OK;
    }

    if (af_session_random(ctx, random) != NGX_OK) {
        return NGX_ERROR;
    }

    text = af_column(ctx, "number");

    rc = af_refresh_make(&ctx->conf->purpose_keys, af_column(ctx, "user_id"),
                         af_column(ctx, "session_id"),
                         ngx_atoof((u_char *) text, ngx_strlen(text)), random,
                         token);

    sodium_memzero(random, sizeof(random));

    return (rc == 0) ? NGX_OK : NGX_ERROR;
}
