#include "api/renewals.h"
#include "api/tokens.h"
#include "flow/budget.h"
#include "flow/errors.h"
#include "flow/facts.h"
#include "flow/outcome.h"
#include "shm/revocations.h"
#include "check/wipe.h"

#include <sodium.h>


/* milliseconds for which a result is kept */
#define AF_RENEWAL_KEPT  10000

/* of a worker; each has some 10 KiB, at most */
#define AF_RENEWALS_MAX  1024

#define AF_RENEWAL_POOL  2048


typedef enum {
    AF_RENEWAL_ASKED = 0,
    AF_RENEWAL_DONE
} af_renewal_state_t;


typedef struct {
    ngx_queue_t                     queue;      /* of all, latest first */
    ngx_queue_t                     waiting;    /* of af_renew_t */
    ngx_pool_t                     *pool;
    af_renewal_state_t              state;
    unsigned                        waking:1;   /* those waiting, right now */

    ngx_http_autoflow_main_conf_t  *conf;
    ngx_http_autoflow_srv_conf_t   *server;
    af_refresh_t                    token;
    uint64_t                        generation; /* of revocations, before */

    /* the result */
    af_problem_id_t                 problem;
    ngx_str_t                       access;

    ngx_event_t                     timer;
    af_db_op_t                      op;
    af_db_call_t                    calls[1];
    PGresult                       *results[1];
    const char                    **values;
} af_renewal_t;


static af_renewal_t *af_renewal_find(const af_renew_t *renew);
static ngx_uint_t af_renewal_is_usable(const af_renewal_t *renewal);
static ngx_uint_t af_renewal_make_room(void);
static unsigned af_renewal_budget(const af_renew_t *renew);
static af_renewal_t *af_renewal_create(af_renew_t *renew);
static ngx_int_t af_renewal_values(af_renewal_t *renewal, af_renew_t *renew);
static ngx_int_t af_renewal_value(af_renewal_t *renewal, ngx_http_request_t *r,
    const char *name, const char **value);
static ngx_int_t af_renewal_submit(af_renewal_t *renewal);
static void af_renewal_answered(af_db_op_t *op);
static ngx_int_t af_renewal_judge(af_renewal_t *renewal);
static ngx_uint_t af_renewal_is_valid(const af_renewal_t *renewal,
    const PGresult *res);
static void af_renewal_revoke(const af_renewal_t *renewal, const char *revoked);
static ngx_int_t af_renewal_theft(af_renewal_t *renewal);
static ngx_int_t af_renewal_issue(af_renewal_t *renewal, const char *claims);
static void af_renewal_timeout(ngx_event_t *ev);
static void af_renewal_finish(af_renewal_t *renewal);
static ngx_int_t af_renewal_copy(const af_renewal_t *renewal,
    af_renew_t *renew);
static void af_renewal_free(af_renewal_t *renewal);


/* a worker's */
static ngx_queue_t  af_renewals;
static ngx_uint_t   af_renewals_number;


ngx_int_t
af_renewal_ask(af_renew_t *renew)
{
    ngx_int_t      rc;
    af_renewal_t  *renewal;

    renewal = af_renewal_find(renew);

    if (renewal && renewal->state == AF_RENEWAL_DONE) {
        return af_renewal_copy(renewal, renew);
    }

    if (renewal == NULL) {

        if (!af_renewal_make_room()) {
            renew->problem = AF_OVERLOADED;
            return NGX_OK;
        }

        renew->retry_after = af_renewal_budget(renew);

        if (renew->retry_after) {
            renew->problem = AF_TOO_MANY_ATTEMPTS;
            return NGX_OK;
        }

        renewal = af_renewal_create(renew);
        if (renewal == NULL) {
            return NGX_ERROR;
        }

        rc = af_renewal_submit(renewal);

        if (rc != NGX_OK) {
            renew->problem = (rc == NGX_BUSY) ? AF_OVERLOADED : AF_UNAVAILABLE;
            af_renewal_free(renewal);
            return NGX_OK;
        }
    }

    renew->waiting = 1;
    ngx_queue_insert_tail(&renewal->waiting, &renew->queue);

    return NGX_AGAIN;
}


static af_renewal_t *
af_renewal_find(const af_renew_t *renew)
{
    ngx_queue_t   *q;
    af_renewal_t  *renewal;

    if (af_renewals.next == NULL) {
        ngx_queue_init(&af_renewals);
    }

    for (q = ngx_queue_head(&af_renewals);
         q != ngx_queue_sentinel(&af_renewals);
         q = ngx_queue_next(q))
    {
        renewal = ngx_queue_data(q, af_renewal_t, queue);

        if (renewal->server == af_srv_conf(renew->request)
            && renewal->token.size == renew->token.size
            && sodium_memcmp(renewal->token.octets, renew->token.octets,
                             renew->token.size)
               == 0
            && af_renewal_is_usable(renewal))
        {
            return renewal;
        }
    }

    return NULL;
}


/* a token that was revoked, as its account has changed, is no result */

static ngx_uint_t
af_renewal_is_usable(const af_renewal_t *renewal)
{
    return renewal->state == AF_RENEWAL_ASKED
           || renewal->generation
              == af_revocations_generation(renewal->conf->zone->revocations);
}


static ngx_uint_t
af_renewal_make_room(void)
{
    ngx_queue_t   *q;
    af_renewal_t  *renewal;

    if (af_renewals_number < AF_RENEWALS_MAX) {
        return 1;
    }

    for (q = ngx_queue_last(&af_renewals);
         q != ngx_queue_sentinel(&af_renewals);
         q = ngx_queue_prev(q))
    {
        renewal = ngx_queue_data(q, af_renewal_t, queue);

        if (renewal->state == AF_RENEWAL_DONE && !renewal->waking) {
            af_renewal_free(renewal);
            return 1;
        }
    }

    return 0;
}


/*
 * As many as a session may change; but apart from these.  Returns 0, or for how
 * many seconds there are too many.
 */

static unsigned
af_renewal_budget(const af_renew_t *renew)
{
    int                                   first;
    unsigned                              seconds;
    const af_rate_t                      *rate;
    const ngx_http_autoflow_main_conf_t  *conf;

    struct {
        u_char  kind;
        u_char  session[AF_UUID_OCTETS];
    } key;

    conf = af_main_conf(renew->request);
    rate = &conf->attempts->changes;

    key.kind = 'r';

    if (rate->window == 0
        || af_uuid_read(renew->token.session_id, AF_UUID_SIZE - 1, key.session)
           != 0)
    {
        return 0;
    }

    seconds = af_limits_take(conf->zone->limits, rate, &key, sizeof(key),
                             ngx_time(), &first);

    if (seconds == 0) {
        af_limits_failed(conf->zone->limits, &key, sizeof(key), ngx_time());
        return 0;
    }

    af_count(AF_METRIC_REFUSED, AF_LIMIT_SESSION_CHANGES);

    return seconds;
}


static af_renewal_t *
af_renewal_create(af_renew_t *renew)
{
    ngx_pool_t    *pool;
    af_renewal_t  *renewal;

    pool = ngx_create_pool(AF_RENEWAL_POOL, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    renewal = ngx_pcalloc(pool, sizeof(af_renewal_t));
    if (renewal == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    renewal->pool = pool;
    renewal->conf = af_main_conf(renew->request);
    renewal->server = af_srv_conf(renew->request);
    renewal->token = renew->token;

    renewal->timer.handler = af_renewal_timeout;
    renewal->timer.data = renewal;
    renewal->timer.log = ngx_cycle->log;

    renewal->op.calls = renewal->calls;
    renewal->op.ncalls = 1;
    renewal->op.results = renewal->results;
    renewal->op.handler = af_renewal_answered;
    renewal->op.data = renewal;

    renewal->calls[0].statement = &af_sql_auth_renew;

    if (af_renewal_values(renewal, renew) != NGX_OK) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    ngx_queue_init(&renewal->waiting);
    ngx_queue_insert_head(&af_renewals, &renewal->queue);
    af_renewals_number++;

    return renewal;
}


static ngx_int_t
af_renewal_values(af_renewal_t *renewal, af_renew_t *renew)
{
    int                    i;
    const af_statement_t  *statement;

    statement = renewal->calls[0].statement;

    renewal->values = ngx_pcalloc(renewal->pool,
                                  statement->nparams * sizeof(char *));
    if (renewal->values == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < statement->nparams; i++) {
        if (af_renewal_value(renewal, renew->request, statement->params[i],
                             &renewal->values[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    renewal->calls[0].values = renewal->values;

    return NGX_OK;
}


static ngx_int_t
af_renewal_value(af_renewal_t *renewal, ngx_http_request_t *r,
    const char *name, const char **value)
{
    if (ngx_strcmp(name, "session_id") == 0) {
        *value = renewal->token.session_id;
        return NGX_OK;
    }

    if (ngx_strcmp(name, "number") == 0) {
        return af_fact_number(renewal->pool, renewal->token.number, value);
    }

    if (ngx_strcmp(name, "theft") == 0) {
        *value = "false";
        return NGX_OK;
    }

    return af_fact(r, renewal->pool, name, value);
}


/* the timer keeps an exiting worker alive, until those waiting are served */

static ngx_int_t
af_renewal_submit(af_renewal_t *renewal)
{
    ngx_int_t  rc;

    renewal->generation =
        af_revocations_generation(renewal->conf->zone->revocations);

    rc = af_db_submit(renewal->conf->db, &renewal->op);

    if (rc == NGX_OK && !renewal->timer.timer_set) {
        ngx_add_timer(&renewal->timer, renewal->conf->database->timeout);
    }

    return rc;
}


static void
af_renewal_answered(af_db_op_t *op)
{
    const char    *cause;
    af_renewal_t  *renewal;

    renewal = op->data;

    switch (op->status) {

    case AF_DB_OK:

        if (af_renewal_judge(renewal) == NGX_AGAIN) {
            return;
        }

        break;

    case AF_DB_ERROR:
        renewal->problem = af_error_problem(op->error);
        cause = af_error_cause(op->error, renewal->pool);

        if (af_problems[renewal->problem].status < 500) {
            renewal->problem = AF_INTERNAL_ERROR;
        }

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "autoflow: a token is not renewed: %s", cause);
        break;

    case AF_DB_UNAVAILABLE:
        renewal->problem = AF_UNAVAILABLE;
        break;
    }

    af_renewal_finish(renewal);
}


/* NGX_AGAIN: a statement was sent */

static ngx_int_t
af_renewal_judge(af_renewal_t *renewal)
{
    const char      *verdict, *claims;
    const PGresult  *res;

    res = renewal->results[0];
    renewal->problem = AF_INVALID_TOKEN;

    if (PQntuples(res) == 0 || !af_renewal_is_valid(renewal, res)) {
        return NGX_OK;
    }

    verdict = af_result_column(res, 0, "verdict");
    claims = af_result_column(res, 0, "claims");

    af_renewal_revoke(renewal, af_result_column(res, 0, "revoked"));

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, ngx_cycle->log, 0,
                   "autoflow: renewal for session %s: %s",
                   renewal->token.session_id, verdict);

    if (claims) {
        renewal->problem = (af_renewal_issue(renewal, claims) == NGX_OK)
                           ? AF_PROBLEM_NONE : AF_INTERNAL_ERROR;
        return NGX_OK;
    }

    return (ngx_strcmp(verdict, "reused") == 0) ? af_renewal_theft(renewal)
                                                : NGX_OK;
}


/* only who has the session's random can have made the token */

static ngx_uint_t
af_renewal_is_valid(const af_renewal_t *renewal, const PGresult *res)
{
    int          valid;
    size_t       n;
    u_char       random[AF_REFRESH_RANDOM];
    const char  *hex, *user_id;

    hex = af_result_column(res, 0, "random");
    user_id = af_result_column(res, 0, "user_id");

    valid = hex
            && sodium_hex2bin(random, sizeof(random), hex, ngx_strlen(hex),
                              NULL, &n, NULL)
               == 0
            && n == sizeof(random)
            && ngx_strcmp(user_id, renewal->token.user_id) == 0
            && af_refresh_check(&renewal->conf->purpose_keys, &renewal->token,
                                random);

    sodium_memzero(random, sizeof(random));

    return valid;
}


/* on this node at once; the database notifies other nodes */

static void
af_renewal_revoke(const af_renewal_t *renewal, const char *revoked)
{
    if (revoked
        && af_zone_revoke(renewal->conf->zone, revoked, ngx_time()) != 0)
    {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0,
                      "autoflow: can't revoke \"%s\"", revoked);
    }
}


/* the same statement again, which now ends the session */

static ngx_int_t
af_renewal_theft(af_renewal_t *renewal)
{
    int                    i;
    const af_statement_t  *statement;

    statement = renewal->calls[0].statement;

    for (i = 0; i < statement->nparams; i++) {
        if (ngx_strcmp(statement->params[i], "theft") == 0) {

            if (ngx_strcmp(renewal->values[i], "true") == 0) {
                return NGX_OK;
            }

            renewal->values[i] = "true";
        }
    }

    af_db_clear(&renewal->op);

    if (af_renewal_submit(renewal) == NGX_OK) {
        return NGX_AGAIN;
    }

    renewal->problem = AF_UNAVAILABLE;

    return NGX_OK;
}


static ngx_int_t
af_renewal_issue(af_renewal_t *renewal, const char *claims)
{
    char       *token;
    size_t      len;
    ngx_int_t   rc;

    token = af_access_token(renewal->conf, renewal->server, claims, &len);

    if (token == NULL) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "autoflow: can't make an access token: are there too "
                      "many roles?");
        return NGX_ERROR;
    }

    renewal->access.data = ngx_pnalloc(renewal->pool, len);
    rc = NGX_ERROR;

    if (renewal->access.data) {
        renewal->access.len = len;
        ngx_memcpy(renewal->access.data, token, len);
        rc = NGX_OK;
    }

    af_wipe_free(token);

    return rc;
}


static void
af_renewal_timeout(ngx_event_t *ev)
{
    af_renewal_t *renewal = ev->data;

    ev->timedout = 0;

    if (renewal->state == AF_RENEWAL_DONE) {
        af_renewal_free(renewal);
        return;
    }

    af_db_cancel(&renewal->op);

    renewal->problem = AF_UNAVAILABLE;

    af_renewal_finish(renewal);
}


/*
 * Any of those waiting may end, and others with it, while one is resumed.  What
 * isn't a result is not kept.
 */

static void
af_renewal_finish(af_renewal_t *renewal)
{
    ngx_msec_t    kept;
    ngx_queue_t  *q;
    af_renew_t   *renew;

    af_db_clear(&renewal->op);

    if (renewal->timer.timer_set) {
        ngx_del_timer(&renewal->timer);
    }

    renewal->state = AF_RENEWAL_DONE;
    renewal->waking = 1;

    while (!ngx_queue_empty(&renewal->waiting)) {

        q = ngx_queue_head(&renewal->waiting);
        ngx_queue_remove(q);

        renew = ngx_queue_data(q, af_renew_t, queue);

        if (af_renewal_copy(renewal, renew) != NGX_OK) {
            renew->problem = AF_INTERNAL_ERROR;
        }

        af_renew_done(renew);
    }

    renewal->waking = 0;

    if (renewal->problem != AF_PROBLEM_NONE
        && renewal->problem != AF_INVALID_TOKEN)
    {
        af_renewal_free(renewal);
        return;
    }

    /* not until the token has expired */
    kept = ngx_min((ngx_msec_t) renewal->conf->access_ttl * 500,
                   AF_RENEWAL_KEPT);

    renewal->timer.cancelable = 1;
    ngx_add_timer(&renewal->timer, kept);
}


static ngx_int_t
af_renewal_copy(const af_renewal_t *renewal, af_renew_t *renew)
{
    renew->problem = renewal->problem;

    if (renew->problem != AF_PROBLEM_NONE) {
        return NGX_OK;
    }

    renew->access.data = ngx_pstrdup(renew->request->pool,
                                     (ngx_str_t *) &renewal->access);
    renew->access.len = renewal->access.len;

    return renew->access.data ? NGX_OK : NGX_ERROR;
}


static void
af_renewal_free(af_renewal_t *renewal)
{
    af_db_cancel(&renewal->op);
    af_db_clear(&renewal->op);

    if (renewal->timer.timer_set) {
        ngx_del_timer(&renewal->timer);
    }

    ngx_queue_remove(&renewal->queue);
    af_renewals_number--;

    if (renewal->access.data) {
        ngx_explicit_memzero(renewal->access.data, renewal->access.len);
    }

    ngx_destroy_pool(renewal->pool);
}


void
af_renewals_stop(void)
{
    while (af_renewals_number) {
        af_renewal_free(ngx_queue_data(ngx_queue_head(&af_renewals),
                                       af_renewal_t, queue));
    }
}
