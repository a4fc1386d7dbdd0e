#include "flow/proof.h"
#include "http/require.h"


static ngx_uint_t af_proof_is_needed(const af_ctx_t *ctx);
static ngx_uint_t af_proof_is_given(af_ctx_t *ctx);
static ngx_int_t af_proof_find(af_ctx_t *ctx);
static ngx_int_t af_proof_judge(af_ctx_t *ctx);


static const af_step_pt  af_proof_steps[] = {
    af_proof_find,
    af_proof_judge,
    NULL
};


ngx_int_t
af_proof_before(af_ctx_t *ctx, const af_step_pt *steps)
{
    return af_proof_is_needed(ctx) ? af_proof_demand(ctx, steps)
                                   : af_follow(ctx, steps);
}


ngx_int_t
af_proof_demand(af_ctx_t *ctx, const af_step_pt *steps)
{
    ctx->then = steps;

    return af_follow(ctx, af_proof_steps);
}


static ngx_uint_t
af_proof_is_needed(const af_ctx_t *ctx)
{
    switch (af_proof_need(ctx->match.route)) {

    case AF_PROOF_FRESH:
    case AF_PROOF_FACTOR:
    case AF_PROOF_PASSWORD:
        return 1;

    case AF_PROOF_COOKIE:
        return ctx->identity->cookie;

    default:
        return 0;
    }
}


/* by a cookie: other pages of the host may make a browser send requests */

af_proof_need_t
af_proof_need(const af_route_t *route)
{
    if (route->proof != AF_PROOF_BY_ACCESS) {
        return route->proof;
    }

    return (route->auth == AF_SUPERUSER && route->method != NGX_HTTP_GET)
           ? AF_PROOF_COOKIE : AF_PROOF_NONE;
}


/* without factors; whether a password is right the route's steps find out */

static ngx_uint_t
af_proof_is_given(af_ctx_t *ctx)
{
    switch (af_proof_need(ctx->match.route)) {

    case AF_PROOF_FACTOR:
        return 1;

    case AF_PROOF_PASSWORD:
    case AF_PROOF_SOMETIMES:
        return af_field(ctx, "current_password") != NULL;

    default:
        return 0;
    }
}


/* a token doesn't say what the account has by now */

static ngx_int_t
af_proof_find(af_ctx_t *ctx)
{
    return af_query(ctx, &af_sql_auth_level);
}


static ngx_int_t
af_proof_judge(af_ctx_t *ctx)
{
    ngx_uint_t                level;
    ngx_http_autoflow_ctx_t  *rctx;

    level = (af_column(ctx, "factors")[0] == 't') ? 2 : 1;

    if ((level == 1 && af_proof_is_given(ctx))
        || af_identity_is_fresh(ctx->identity, level, AF_PROOF_TTL))
    {
        return af_follow(ctx, ctx->then);
    }

    rctx = af_request_ctx(ctx->request);

    if (rctx == NULL
        || af_require_params(ctx->request->pool, level > 1 ? level : 0,
                             AF_PROOF_TTL, &rctx->proof)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return af_problem(ctx, AF_REAUTHENTICATION_REQUIRED, NULL);
}
