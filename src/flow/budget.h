/*
 * autoflow_attempts changes=: how much one session may change, or refresh,
 * within a window, and its account ten times that.  What an owner needs to get
 * rid of an intruder has a small budget of its own per session.
 *
 * A request is counted before any of its queries, but with a refresh token only
 * for its session: for its account when a query has shown that the session is
 * active.  A refused request is not counted.
 */

#ifndef AF_FLOW_BUDGET_H
#define AF_FLOW_BUDGET_H

#include "flow/flow.h"
#include "shm/zone.h"


/* how many failures are tolerated; window 0: unlimited */

typedef struct af_attempts_s {
    af_rate_t  account;            /* from one address */
    af_rate_t  account_total;
    af_rate_t  address;

    /* how many changes and refreshes */
    af_rate_t  changes;            /* per session */
    af_rate_t  account_changes;    /* derived */
    af_rate_t  reserved;
} af_attempts_t;


extern const af_attempts_t  af_attempts_defaults;

char *af_attempts_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * Counts a request in its route's budget: by the engine, if there is an access
 * token; by steps, for a session and for its account, if there is a refresh
 * token.  Returns NGX_OK, or what ends a step: there were too many.
 */
ngx_int_t af_budget_spend(af_ctx_t *ctx);
ngx_int_t af_budget_spend_session(af_ctx_t *ctx, const char *session_id);
ngx_int_t af_budget_spend_account(af_ctx_t *ctx, const char *user_id);

/* Sets Retry-After for a 429, in seconds. */
ngx_int_t af_retry_after(af_ctx_t *ctx, ngx_uint_t seconds);


#endif /* AF_FLOW_BUDGET_H */
