#include "flow/budget.h"
#include "conf/params.h"
#include "check/uuid.h"


/* of one session's changes: all of an account's sessions together */
#define AF_BUDGET_ACCOUNT_FACTOR  10

/* likewise, each of the things that an intruder must not prevent */
#define AF_BUDGET_RESERVED_DIVISOR  4


/* which requests a budget counts, of a session or of an account */

typedef struct {
    u_char  kind;
    u_char  budget;
    u_char  id[AF_REVOCATIONS_ID_SIZE];
} af_budget_key_t;


static ngx_int_t af_param_rate(const af_param_t *param, ngx_str_t *value,
    void *member);
static ngx_int_t af_budget_take(af_ctx_t *ctx, const af_rate_t *rate,
    u_char kind, af_budget_t budget, const char *id);


const af_attempts_t  af_attempts_defaults = {
    .account = { 10, 15 * 60 },
    .account_total = { 100, 15 * 60 },
    .address = { 100, 60 },
    .changes = { 120, 60 },
    .account_changes = { 120 * AF_BUDGET_ACCOUNT_FACTOR, 60 },
    .reserved = { 120 / AF_BUDGET_RESERVED_DIVISOR, 60 }
};


static const af_param_t  af_attempts_params[] = {
    af_param("account=", af_param_rate, af_attempts_t, account),
    af_param("account_total=", af_param_rate, af_attempts_t, account_total),
    af_param("address=", af_param_rate, af_attempts_t, address),
    af_param("changes=", af_param_rate, af_attempts_t, changes),
    { .name = ngx_null_string }
};


char *
af_attempts_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_main_conf_t *amcf = conf;

    char           *rv;
    af_attempts_t  *attempts;

    attempts = ngx_palloc(cf->pool, sizeof(af_attempts_t));
    if (attempts == NULL) {
        return NGX_CONF_ERROR;
    }

    /* several directives are combined */

    *attempts = *amcf->attempts;
    amcf->attempts = attempts;

    rv = af_params(cf, 1, af_attempts_params, attempts);

    attempts->account_changes = attempts->changes;
    attempts->account_changes.limit *= AF_BUDGET_ACCOUNT_FACTOR;

    attempts->reserved = attempts->changes;
    attempts->reserved.limit = ngx_max(1, attempts->changes.limit
                                          / AF_BUDGET_RESERVED_DIVISOR);

    return rv;
}


/* "10/15m", or "off", which is a window of 0 */

static ngx_int_t
af_param_rate(const af_param_t *param, ngx_str_t *value, void *member)
{
    u_char     *slash;
    ngx_str_t   time;
    af_rate_t  *rate = member;
    ngx_int_t   limit, window;

    if (ngx_strcmp(value->data, "off") == 0) {
        rate->window = 0;
        return NGX_OK;
    }

    slash = (u_char *) ngx_strchr(value->data, '/');
    if (slash == NULL) {
        return NGX_ERROR;
    }

    time.data = slash + 1;
    time.len = value->data + value->len - time.data;

    limit = ngx_atoi(value->data, slash - value->data);
    window = ngx_parse_time(&time, 1);

    if (limit < 1 || limit > 1000000 || window < 1 || window > 24 * 60 * 60) {
        return NGX_ERROR;
    }

    rate->limit = limit;
    rate->window = window;

    return NGX_OK;
}


ngx_int_t
af_budget_spend(af_ctx_t *ctx)
{
    ngx_int_t             rc;
    const af_identity_t  *identity;

    identity = ctx->identity;

    if (identity == NULL || !identity->first_party) {
        return NGX_OK;
    }

    rc = af_budget_spend_session(ctx, (char *) identity->session_id.data);

    return (rc == NGX_OK)
           ? af_budget_spend_account(ctx, (char *) identity->user_id.data)
           : rc;
}


ngx_int_t
af_budget_spend_session(af_ctx_t *ctx, const char *session_id)
{
    af_budget_t           budget;
    const af_rate_t      *rate;
    const af_attempts_t  *attempts;

    budget = af_route_budget(ctx->match.route);
    attempts = ctx->conf->attempts;

    rate = (budget == AF_BUDGET_CHANGES) ? &attempts->changes
                                         : &attempts->reserved;

    return af_budget_take(ctx, rate, 's', budget, session_id);
}


/* getting rid of an intruder has no budget shared by all sessions */

ngx_int_t
af_budget_spend_account(af_ctx_t *ctx, const char *user_id)
{
    if (af_route_budget(ctx->match.route) != AF_BUDGET_CHANGES) {
        return NGX_OK;
    }

    return af_budget_take(ctx, &ctx->conf->attempts->account_changes, 'u',
                          AF_BUDGET_CHANGES, user_id);
}


static ngx_int_t
af_budget_take(af_ctx_t *ctx, const af_rate_t *rate, u_char kind,
    af_budget_t budget, const char *id)
{
    int               first;
    af_limits_t      *limits;
    ngx_uint_t        seconds;
    af_budget_key_t   key;

    if (budget == AF_BUDGET_NONE || rate->window == 0) {
        return NGX_OK;
    }

    limits = ctx->conf->zone->limits;

    key.kind = kind;
    key.budget = budget;

    if (af_uuid_read(id, ngx_strlen(id), key.id) != 0) {
        return NGX_OK;      /* no session has such an id */
    }

    seconds = af_limits_take(limits, rate, &key, sizeof(key), ngx_time(),
                             &first);
    if (seconds == 0) {
        af_limits_failed(limits, &key, sizeof(key), ngx_time());
        return NGX_OK;
    }

    af_count(AF_METRIC_REFUSED, kind == 's' ? AF_LIMIT_SESSION_CHANGES
                                            : AF_LIMIT_ACCOUNT_CHANGES);

    if (first) {
        af_request_log(NGX_LOG_WARN, ctx->request,
                       "too many changes of %s %s: \"autoflow_attempts "
                       "changes=\" is the limit",
                       kind == 's' ? "session" : "account", id);
    }

    return (af_retry_after(ctx, seconds) == NGX_OK)
           ? af_problem(ctx, AF_TOO_MANY_ATTEMPTS, NULL) : NGX_ERROR;
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
