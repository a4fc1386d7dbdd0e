#include "db/replica.h"
#include "queries.h"
#include "shm/counters.h"


/* how many places are remembered, and of these within the lag */
#define AF_REPLICA_PLACES  16
#define AF_REPLICA_STEPS    8

/*
 * milliseconds without use after which the primary's place isn't asked for, and
 * for which a replica that was of no use isn't asked again
 */
#define AF_REPLICA_UNUSED  60000
#define AF_REPLICA_PAUSE    1000


struct af_replica_s {
    const af_replica_conf_t  *conf;
    af_db_t                  *db;
    af_db_t                  *point;     /* the primary's */
    af_db_t                  *wide;      /* likewise */
    ngx_log_t                *log;

    ngx_event_t               timer;     /* asks for a place */
    ngx_msec_t                used_at;
    ngx_msec_t                interval;
    ngx_msec_t                asked_at;
    af_db_op_t                op;
    af_db_call_t              call;
    PGresult                 *result;

    af_replica_place_t        places[AF_REPLICA_PLACES];   /* a ring */
    ngx_uint_t                nplaces;   /* how many there were, ever */

    ngx_msec_t                paused_at;
    af_replica_outcome_t      way;       /* the last one that was logged */
    unsigned                  paused:1;
};


static void af_replica_ask(ngx_event_t *ev);
static void af_replica_place(af_db_op_t *op);
static void af_replica_text(const af_db_op_t *op, int column,
    char text[AF_REPLICA_TEXT]);
static const af_replica_place_t *af_replica_oldest(
    const af_replica_t *replica);
static void af_replica_prepare(af_replica_t *replica, af_replica_op_t *rop,
    af_db_op_t *asked, const af_replica_place_t *place);
static void af_replica_bind(af_replica_op_t *rop, const char *name,
    const char *value);
static void af_replica_done(af_db_op_t *op);
static af_replica_outcome_t af_replica_outcome(const af_replica_op_t *rop);
static af_replica_outcome_t af_replica_lag(const af_replica_op_t *rop);
static void af_replica_log_error(const af_replica_op_t *rop);
static const char *af_replica_first(const PGresult *res, const char *name);
static void af_replica_timeout(ngx_event_t *ev);
static void af_replica_give_up(af_replica_op_t *rop,
    af_replica_outcome_t outcome);
static void af_replica_count(af_replica_t *replica,
    af_replica_outcome_t outcome);


static const af_db_profile_t  af_replica_profile = {
    .name = "autoflow replica", .statements = af_stale_statements, .wide = 1,
    .lane = AF_DB_LANE_REPLICA, .read_only = 1, .leaves = 1
};


/* what the log says; those without a reason don't change the way */

static const char *const  af_replica_reasons[AF_REPLICA_OUTCOMES] = {
    [AF_REPLICA_LAGS] = "it lags",
    [AF_REPLICA_TIMELINE] = "it has no restart point on the primary's timeline",
    [AF_REPLICA_NO_STANDBY] = "it is no standby of the primary",
    [AF_REPLICA_AWAY] = "it doesn't answer"
};


af_replica_t *
af_replica_create(ngx_pool_t *pool, const af_replica_conf_t *conf,
    af_db_t *point, af_db_t *wide)
{
    af_replica_t  *replica;

    replica = ngx_pcalloc(pool, sizeof(af_replica_t));
    if (replica == NULL) {
        return NULL;
    }

    replica->conf = conf;
    replica->point = point;
    replica->wide = wide;
    replica->interval = ngx_max(conf->lag / AF_REPLICA_STEPS, 1);

    replica->timer.handler = af_replica_ask;
    replica->timer.data = replica;
    replica->timer.cancelable = 1;

    replica->call.statement = &af_sql_replica_place;

    replica->op.calls = &replica->call;
    replica->op.ncalls = 1;
    replica->op.results = &replica->result;
    replica->op.handler = af_replica_place;
    replica->op.data = replica;

    replica->db = af_db_create(pool, &conf->db, &af_replica_profile);

    return replica->db ? replica : NULL;
}


void
af_replica_start(af_replica_t *replica, ngx_thread_pool_t *threads,
    ngx_log_t *log)
{
    replica->log = log;
    replica->timer.log = log;

    af_db_start(replica->db, threads, log);
}


void
af_replica_stop(af_replica_t *replica)
{
    if (replica->timer.timer_set) {
        ngx_del_timer(&replica->timer);
    }

    af_db_cancel(&replica->op);
    af_db_clear(&replica->op);
    af_db_stop(replica->db);
}


static void
af_replica_ask(ngx_event_t *ev)
{
    af_replica_t *replica = ev->data;

    if (ngx_exiting
        || ngx_current_msec - replica->used_at > AF_REPLICA_UNUSED)
    {
        return;
    }

    ngx_add_timer(ev, replica->interval);

    if (replica->op.state != AF_DB_IDLE) {
        return;
    }

    af_db_clear(&replica->op);

    replica->asked_at = ngx_current_msec;

    (void) af_db_submit(replica->point, &replica->op);
}


static void
af_replica_place(af_db_op_t *op)
{
    af_replica_t        *replica;
    af_replica_place_t  *place;

    replica = op->data;

    if (op->status != AF_DB_OK) {
        return;
    }

    place = &replica->places[replica->nplaces % AF_REPLICA_PLACES];

    af_replica_text(op, 0, place->lsn);
    af_replica_text(op, 1, place->timeline);
    af_replica_text(op, 2, place->cluster);

    place->at = replica->asked_at;
    replica->nplaces++;
}


static void
af_replica_text(const af_db_op_t *op, int column, char text[AF_REPLICA_TEXT])
{
    (void) ngx_cpystrn((u_char *) text,
                       (u_char *) PQgetvalue(op->results[0], 0, column),
                       AF_REPLICA_TEXT);
}


/*
 * A replica may be as late as the oldest place that is still within the lag.
 * Places of a worker that was stopped for a while are too old.
 */

static const af_replica_place_t *
af_replica_oldest(const af_replica_t *replica)
{
    ngx_uint_t                 i, n;
    const af_replica_place_t  *place, *oldest;

    oldest = NULL;
    n = ngx_min(replica->nplaces, AF_REPLICA_PLACES);

    for (i = 0; i < n; i++) {
        place = &replica->places[i];

        if (ngx_current_msec - place->at <= replica->conf->lag
            && (oldest == NULL
                || ngx_current_msec - place->at
                   > ngx_current_msec - oldest->at))
        {
            oldest = place;
        }
    }

    return oldest;
}


ngx_int_t
af_replica_submit(af_replica_t *replica, af_replica_op_t *rop,
    af_db_op_t *asked)
{
    const af_replica_place_t  *place;

    replica->used_at = ngx_current_msec;

    if (!replica->timer.timer_set) {
        af_replica_ask(&replica->timer);
    }

    if (replica->paused
        && ngx_current_msec - replica->paused_at < AF_REPLICA_PAUSE)
    {
        af_count(AF_METRIC_REPLICA, replica->way);
        return NGX_DECLINED;
    }

    replica->paused = 0;
    place = af_replica_oldest(replica);

    if (place == NULL) {
        af_replica_count(replica, AF_REPLICA_UNKNOWN);
        return NGX_DECLINED;
    }

    af_replica_prepare(replica, rop, asked, place);

    if (af_db_submit(replica->db, &rop->op) != NGX_OK) {
        af_replica_count(replica, AF_REPLICA_AWAY);
        return NGX_DECLINED;
    }

    ngx_add_timer(&rop->timer, replica->conf->db.timeout);

    return NGX_OK;
}


static void
af_replica_prepare(af_replica_t *replica, af_replica_op_t *rop,
    af_db_op_t *asked, const af_replica_place_t *place)
{
    ngx_memzero(rop, sizeof(af_replica_op_t));

    rop->replica = replica;
    rop->asked = asked;
    rop->place = *place;

    af_replica_bind(rop, "lsn", rop->place.lsn);
    af_replica_bind(rop, "timeline", rop->place.timeline);
    af_replica_bind(rop, "cluster", rop->place.cluster);

    rop->calls[0].statement = &af_sql_replica_check;
    rop->calls[0].values = rop->values;
    rop->calls[1] = asked->calls[0];

    rop->op.calls = rop->calls;
    rop->op.ncalls = 2;
    rop->op.results = rop->results;
    rop->op.handler = af_replica_done;
    rop->op.data = rop;
    rop->op.once = 1;

    rop->timer.handler = af_replica_timeout;
    rop->timer.data = rop;
    rop->timer.log = replica->log;
}


static void
af_replica_bind(af_replica_op_t *rop, const char *name, const char *value)
{
    int  i;

    for (i = 0; i < af_sql_replica_check.nparams; i++) {
        if (ngx_strcmp(af_sql_replica_check.params[i], name) == 0) {
            rop->values[i] = value;
        }
    }
}


void
af_replica_cancel(af_replica_op_t *rop)
{
    if (rop->replica == NULL) {
        return;
    }

    if (rop->timer.timer_set) {
        ngx_del_timer(&rop->timer);
    }

    af_db_cancel(&rop->op);
    af_db_clear(&rop->op);

    rop->replica = NULL;
}


static void
af_replica_done(af_db_op_t *op)
{
    af_db_op_t            *asked;
    af_replica_op_t       *rop;
    af_replica_outcome_t   outcome;

    rop = op->data;
    asked = rop->asked;
    outcome = af_replica_outcome(rop);

    if (outcome == AF_REPLICA_NO_STANDBY) {
        /* of several hosts another one may be a standby by now */
        af_db_renew(rop->replica->db);
    }

    if (outcome != AF_REPLICA_ANSWERED) {
        af_replica_give_up(rop, outcome);
        return;
    }

    af_replica_count(rop->replica, outcome);

    asked->results[0] = rop->results[1];
    asked->status = AF_DB_OK;
    rop->results[1] = NULL;

    af_replica_cancel(rop);

    asked->handler(asked);
}


static af_replica_outcome_t
af_replica_outcome(const af_replica_op_t *rop)
{
    const char      *problem;
    const PGresult  *res;

    switch (rop->op.status) {

    case AF_DB_UNAVAILABLE:
        return AF_REPLICA_AWAY;

    case AF_DB_ERROR:
        af_replica_log_error(rop);
        return AF_REPLICA_FAILED;

    case AF_DB_OK:
        break;
    }

    problem = af_replica_first(rop->results[0], "problem");

    if (problem) {
        return ngx_strcmp(problem, "lags") == 0 ? af_replica_lag(rop)
               : ngx_strcmp(problem, "timeline") == 0 ? AF_REPLICA_TIMELINE
                                                      : AF_REPLICA_NO_STANDBY;
    }

    res = rop->results[1];

    return (PQntuples(res) == 0
            || af_replica_first(res, "problem")
            || af_replica_first(res, "errors"))
           ? AF_REPLICA_NOTHING : AF_REPLICA_ANSWERED;
}


/* at first the only places that are known are later than it has to be */

static af_replica_outcome_t
af_replica_lag(const af_replica_op_t *rop)
{
    const af_replica_t  *replica;

    replica = rop->replica;

    return (ngx_current_msec - rop->place.at + 2 * replica->interval
            < replica->conf->lag)
           ? AF_REPLICA_UNKNOWN : AF_REPLICA_LAGS;
}


/* what replay cancels is nobody's fault, and not rare */

static void
af_replica_log_error(const af_replica_op_t *rop)
{
    ngx_uint_t   level;
    const char  *message, *sqlstate;

    message = PQresultErrorMessage(rop->op.error);
    sqlstate = PQresultErrorField(rop->op.error, PG_DIAG_SQLSTATE);

    level = (sqlstate && (ngx_strcmp(sqlstate, "40001") == 0
                          || ngx_strcmp(sqlstate, "57014") == 0))
            ? NGX_LOG_INFO : NGX_LOG_ERR;

    ngx_log_error(level, rop->replica->log, 0,
                  "autoflow replica: \"%s\" failed: %*s",
                  rop->calls[1].statement->name, strcspn(message, "\n"),
                  message);
}


/* of the first row; NULL if it is null, or there is none */

static const char *
af_replica_first(const PGresult *res, const char *name)
{
    int  column;

    column = PQfnumber(res, name);

    return (column < 0 || PQgetisnull(res, 0, column))
           ? NULL : PQgetvalue(res, 0, column);
}


static void
af_replica_timeout(ngx_event_t *ev)
{
    ev->timedout = 0;

    af_replica_give_up(ev->data, AF_REPLICA_AWAY);
}


/* the primary is asked instead */

static void
af_replica_give_up(af_replica_op_t *rop, af_replica_outcome_t outcome)
{
    af_db_op_t    *asked;
    af_replica_t  *replica;

    replica = rop->replica;
    asked = rop->asked;

    af_replica_cancel(rop);
    af_replica_count(replica, outcome);

    if (af_db_submit(replica->wide, asked) != NGX_OK) {
        asked->status = AF_DB_UNAVAILABLE;
        asked->handler(asked);
    }
}


static void
af_replica_count(af_replica_t *replica, af_replica_outcome_t outcome)
{
    const char  *reason;

    af_count(AF_METRIC_REPLICA, outcome);

    reason = af_replica_reasons[outcome];

    if (reason) {
        replica->paused = 1;
        replica->paused_at = ngx_current_msec;
    }

    if (outcome == replica->way
        || (reason == NULL && outcome != AF_REPLICA_ANSWERED))
    {
        return;
    }

    replica->way = outcome;

    if (reason) {
        ngx_log_error(NGX_LOG_WARN, replica->log, 0,
                      "autoflow replica: the primary has its lists: %s",
                      reason);

    } else {
        ngx_log_error(NGX_LOG_NOTICE, replica->log, 0,
                      "autoflow replica: it has its lists again");
    }
}
