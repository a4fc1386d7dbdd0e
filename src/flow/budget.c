#include "flow/budget.h"


/* of each session's changes: an account has as many of several together */
#define AF_BUDGET_ACCOUNT  10

/* and as many a session has of each thing that an intruder must not hinder */
#define AF_BUDGET_REMEDY   4


/* whose requests are counted: a session's or an account's, by what they do */

typedef struct {
    u_char  kind;
    u_char  budget;
    u_char  id[AF_REVOCATIONS_ID];
} af_budget_key_t;


static af_budget_t af_budget_of(const af_ctx_t *ctx);
static ngx_uint_t af_budget_take(af_ctx_t *ctx, const af_rate_t *rate,
    u_char kind, af_budget_t budget, const char *id);


void
af_budget_init(af_attempts_t *attempts)
{
    attempts->account_changes = attempts->changes;
    attempts->account_changes.limit *= AF_BUDGET_ACCOUNT;

    attempts->remedies = attempts->changes;
    attempts->remedies.limit = ngx_max(1, attempts->changes.limit
                                          / AF_BUDGET_REMEDY);
}


ngx_int_t
af_budget_spend(af_ctx_t *ctx)
{
    const af_identity_t  *identity;

    identity = ctx->identity;

    if (identity == NULL || !identity->own) {
        return NGX_OK;
    }

    return af_budget_spend_as(ctx, (char *) identity->session_id.data,
                              (char *) identity->user_id.data);
}


/* what a route doesn't say: whatever may change something does */

static af_budget_t
af_budget_of(const af_ctx_t *ctx)
{
    const af_route_t  *route;

    route = ctx->match.route;

    if (route->budget != AF_BUDGET_BY_METHOD) {
        return route->budget;
    }

    return (route->method & (NGX_HTTP_GET|NGX_HTTP_OPTIONS))
           ? AF_BUDGET_NONE : AF_BUDGET_CHANGES;
}


ngx_int_t
af_budget_spend_as(af_ctx_t *ctx, const char *session_id, const char *user_id)
{
    ngx_uint_t            seconds;
    af_budget_t           budget;
    const af_attempts_t  *attempts;

    budget = af_budget_of(ctx);
    attempts = &ctx->conf->attempts;

    if (budget == AF_BUDGET_NONE || attempts->changes.window == 0) {
        return NGX_OK;
    }

    if (budget == AF_BUDGET_CHANGES) {

        seconds = af_budget_take(ctx, &attempts->changes, 's', budget,
                                 session_id);
        if (seconds == 0) {
            seconds = af_budget_take(ctx, &attempts->account_changes, 'u',
                                     budget, user_id);
        }

    } else {
        seconds = af_budget_take(ctx, &attempts->remedies, 's', budget,
                                 session_id);
    }

    if (seconds == 0) {
        return NGX_OK;
    }

    return (af_retry_after(ctx, seconds) == NGX_OK)
           ? af_problem(ctx, AF_TOO_MANY_ATTEMPTS, NULL) : NGX_ERROR;
}


static ngx_uint_t
af_budget_take(af_ctx_t *ctx, const af_rate_t *rate, u_char kind,
    af_budget_t budget, const char *id)
{
    int               first;
    af_limits_t      *limits;
    ngx_uint_t        seconds;
    af_budget_key_t   key;

    limits = ctx->conf->zone->limits;

    key.kind = kind;
    key.budget = budget;

    if (af_zone_id(id, ngx_strlen(id), key.id) != 0) {
        return 0;      /* no session of ours has such an id */
    }

    seconds = af_limits_take(limits, rate, &key, sizeof(key), ngx_time(),
                             &first);
    if (seconds == 0) {
        af_limits_failed(limits, &key, sizeof(key), ngx_time());
    }

    if (first) {
        ngx_log_error(NGX_LOG_WARN, ctx->request->connection->log, 0,
                      "autoflow: too many changes of %s %s",
                      kind == 's' ? "session" : "account", id);
    }

    return seconds;
}


ngx_int_t
af_retry_after(af_ctx_t *ctx, ngx_uint_t seconds)
{
    u_char  *text;

    text = ngx_pnalloc(ctx->request->pool, NGX_INT_T_LEN);
    if (text == NULL) {
        return NGX_ERROR;
    }

    return af_set_header(ctx->request, "Retry-After", text,
                         ngx_sprintf(text, "%ui", seconds) - text, NULL);
}
