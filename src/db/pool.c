#include "db/pool.h"
#include "db/connection.h"
#include "db/pipeline.h"
#include "shm/counters.h"
#include "queries.h"
#include "conf/transition.h"


static af_db_conn_t *af_db_select(const af_db_t *db, const af_db_op_t *op);
static ngx_uint_t af_db_is_better(const af_db_conn_t *conn,
    const af_db_conn_t *than);
static void af_db_wake(af_db_t *db);
static void af_db_enqueue(af_db_t *db, af_db_op_t *op);
static void af_db_dequeue(af_db_op_t *op);
static void af_db_queued(af_db_op_t *op, int n);
static void af_db_refused(const af_db_t *db, af_db_refused_t reason);
static ngx_uint_t af_db_is_serialization_failure(const PGresult *res);
static void af_db_requeue(af_db_op_t *op);
static void af_db_finish(af_db_op_t *op, af_db_status_t status);


static const af_db_profile_t  af_db_point = {
    .name = "autoflow", .statements = af_point_statements,
    .lane = AF_DB_LANE_POINT
};

static const af_db_profile_t  af_db_wide = {
    .name = "autoflow wide", .statements = af_wide_statements, .wide = 1,
    .lane = AF_DB_LANE_WIDE
};


af_db_t *
af_db_create(ngx_pool_t *pool, const af_db_conf_t *conf,
    const af_db_profile_t *profile)
{
    af_db_t     *db;
    ngx_uint_t   i;

    db = ngx_pcalloc(pool, sizeof(af_db_t));
    if (db == NULL) {
        return NULL;
    }

    db->conf = conf;
    db->profile = profile ? profile : &af_db_point;

    db->conns = ngx_pcalloc(pool, conf->pool * sizeof(af_db_conn_t));
    if (db->conns == NULL) {
        return NULL;
    }

    for (i = 0; i < conf->pool; i++) {
        if (af_db_conn_init(&db->conns[i], db, pool) != NGX_OK) {
            return NULL;
        }
    }

    ngx_queue_init(&db->queue);

    return db;
}


af_db_t *
af_db_create_wide(ngx_pool_t *pool, const af_db_conf_t *conf)
{
    af_db_conf_t  *wide;

    wide = ngx_palloc(pool, sizeof(af_db_conf_t));
    if (wide == NULL) {
        return NULL;
    }

    *wide = *conf;
    wide->pool = conf->wide;
    wide->inflight = 1;

    /* the server ends what takes too long, and the connection stays */
    wide->timeout = 2 * conf->timeout;

    return af_db_create(pool, wide, &af_db_wide);
}


void
af_db_start(af_db_t *db, ngx_thread_pool_t *threads, ngx_log_t *log)
{
    ngx_uint_t  i;

    db->threads = threads;
    db->log = log;
    db->started = 1;

    for (i = 0; i < db->conf->pool; i++) {
        af_db_conn_open(&db->conns[i]);
    }
}


void
af_db_stop(af_db_t *db)
{
    ngx_uint_t  i;

    if (!db->started) {
        return;
    }

    for (i = 0; i < db->conf->pool; i++) {
        af_db_conn_close(&db->conns[i]);
    }
}


void
af_db_renew(af_db_t *db)
{
    ngx_uint_t  i;

    for (i = 0; i < db->conf->pool; i++) {
        af_db_conn_renew(&db->conns[i]);
    }
}


ngx_int_t
af_db_submit(af_db_t *db, af_db_op_t *op)
{
    af_db_conn_t  *conn;

    op->db = db;
    op->status = AF_DB_OK;
    op->retries = 0;
    op->repeated = 0;
    op->alone = 0;

    conn = af_db_select(db, op);

    if (conn) {
        af_db_pipeline_send(conn, op);
        return NGX_OK;
    }

    af_db_wake(db);

    if (db->down) {
        af_db_refused(db, AF_DB_REFUSED_DOWN);
        return NGX_DECLINED;
    }

    if (db->queued == db->conf->queue) {
        af_db_refused(db, AF_DB_REFUSED_QUEUE_FULL);
        return NGX_BUSY;
    }

    af_db_enqueue(db, op);

    return NGX_OK;
}


/*
 * A group that is open, or else the best of the ready connections with a free
 * slot.
 */

static af_db_conn_t *
af_db_select(const af_db_t *db, const af_db_op_t *op)
{
    ngx_uint_t     i, shared;
    af_db_conn_t  *conn, *best;

    best = NULL;
    shared = af_db_op_is_shared(op);

    for (i = 0; i < db->conf->pool; i++) {
        conn = &db->conns[i];

        if (conn->state != AF_DB_READY || conn->busy == db->conf->inflight) {
            continue;
        }

        if (shared && conn->open) {
            return conn;
        }

        if (best == NULL || af_db_is_better(conn, best)) {
            best = conn;
        }
    }

    return best;
}


/*
 * What writes takes longer, for it waits for locks and for the disk: others
 * keep out of its way.  In doubt it is the one with the fewest in flight.
 */

static ngx_uint_t
af_db_is_better(const af_db_conn_t *conn, const af_db_conn_t *than)
{
    return (conn->writing != than->writing) ? conn->writing < than->writing
                                            : conn->busy < than->busy;
}


/* opens a dormant connection for what is to be done, unless one is coming */

static void
af_db_wake(af_db_t *db)
{
    ngx_uint_t     i;
    af_db_conn_t  *dormant;

    dormant = NULL;

    for (i = 0; i < db->conf->pool; i++) {

        if (db->conns[i].state == AF_DB_CONNECTING) {
            return;
        }

        if (db->conns[i].state == AF_DB_DORMANT) {
            dormant = &db->conns[i];
        }
    }

    if (dormant) {
        db->down = 0;
        af_db_conn_open(dormant);
    }
}


void
af_db_cancel(af_db_op_t *op)
{
    switch (op->state) {

    case AF_DB_QUEUED:
        af_db_dequeue(op);
        break;

    case AF_DB_SENT:
        op->slot->op = NULL;
        break;

    case AF_DB_IDLE:
        return;
    }

    af_db_op_state(op, AF_DB_IDLE);
}


void
af_db_op_state(af_db_op_t *op, af_db_op_state_t state)
{
    /* the states that may follow each state */
    static const unsigned  next[] = {
        1 << AF_DB_QUEUED | 1 << AF_DB_SENT,
        1 << AF_DB_SENT | 1 << AF_DB_IDLE,
        1 << AF_DB_QUEUED | 1 << AF_DB_IDLE
    };

    af_transition(op->db->log, op->calls[op->ncalls - 1].statement->name, next,
                  op->state, state);

    op->state = state;
}


void
af_db_clear(af_db_op_t *op)
{
    ngx_uint_t  i;

    for (i = 0; i < op->ncalls; i++) {
        PQclear(op->results[i]);
        op->results[i] = NULL;
    }

    op->error = NULL;
}


void
af_db_dispatch(af_db_t *db)
{
    af_db_op_t    *op;
    af_db_conn_t  *conn;

    while (!ngx_queue_empty(&db->queue)) {

        op = ngx_queue_data(ngx_queue_head(&db->queue), af_db_op_t, queue);
        conn = af_db_select(db, op);

        if (conn == NULL) {
            af_db_wake(db);
            return;
        }

        af_db_dequeue(op);

        af_observe(AF_METRIC_DB_WAIT, db->profile->lane,
                   af_microseconds() - op->waiting);

        af_db_pipeline_send(conn, op);
    }
}


void
af_db_connect_failed(af_db_t *db)
{
    ngx_uint_t   i;
    af_db_op_t  *op;

    for (i = 0; i < db->conf->pool; i++) {
        if (db->conns[i].state == AF_DB_READY) {
            af_db_dispatch(db);
            return;
        }
    }

    db->down = 1;

    while (!ngx_queue_empty(&db->queue)) {
        op = ngx_queue_data(ngx_queue_head(&db->queue), af_db_op_t, queue);

        af_db_dequeue(op);
        af_db_finish(op, AF_DB_UNAVAILABLE);
    }
}


/*
 * The transaction was rolled back because of another one, and may be retried:
 * once, or two that keep colliding would never end.  In a group, the error of
 * one aborts those behind it, which did nothing.
 */

void
af_db_done(af_db_op_t *op)
{
    if (op->error == NULL) {

        if (PQresultStatus(op->results[0]) == PGRES_PIPELINE_ABORTED) {
            op->alone = 1;
            af_db_requeue(op);

        } else {
            af_db_finish(op, AF_DB_OK);
        }

        return;
    }

    if (op->once || op->repeated || op->db->down
        || !af_db_is_serialization_failure(op->error))
    {
        af_db_finish(op, AF_DB_ERROR);
        return;
    }

    op->repeated = 1;
    af_db_requeue(op);
}


/*
 * serialization_failure and deadlock_detected.  Of the others of their class,
 * 40003 means that it is unknown whether the statement completed.
 */

static ngx_uint_t
af_db_is_serialization_failure(const PGresult *res)
{
    char  *sqlstate;

    sqlstate = PQresultErrorField(res, PG_DIAG_SQLSTATE);

    return sqlstate
           && (ngx_strcmp(sqlstate, "40001") == 0
               || ngx_strcmp(sqlstate, "40P01") == 0);
}


/*
 * It is unknown whether a write was committed.  A read is sent again, as many
 * times as there are connections, since what cuts one may cut them all.
 */

void
af_db_lost(af_db_op_t *op)
{
    if (op->once || !af_db_op_reads(op)
        || op->retries == op->db->conf->pool || op->db->down)
    {
        af_db_finish(op, AF_DB_UNAVAILABLE);
        return;
    }

    op->retries++;
    af_db_requeue(op);
}


/*
 * It goes to the head, having waited longest; the queue may exceed its limit by
 * what was in flight.
 */

static void
af_db_requeue(af_db_op_t *op)
{
    af_db_clear(op);
    af_db_op_state(op, AF_DB_QUEUED);

    ngx_queue_insert_head(&op->db->queue, &op->queue);
    af_db_queued(op, 1);
}


static void
af_db_enqueue(af_db_t *db, af_db_op_t *op)
{
    af_db_op_state(op, AF_DB_QUEUED);

    ngx_queue_insert_tail(&db->queue, &op->queue);
    af_db_queued(op, 1);
}


static void
af_db_dequeue(af_db_op_t *op)
{
    ngx_queue_remove(&op->queue);
    af_db_queued(op, -1);
}


static void
af_db_queued(af_db_op_t *op, int n)
{
    op->db->queued += n;
    op->waiting = (n > 0) ? af_microseconds() : op->waiting;

    af_gauge_add(AF_METRIC_DB_QUEUED, op->db->profile->lane, n);
}


static void
af_db_refused(const af_db_t *db, af_db_refused_t reason)
{
    af_count(AF_METRIC_DB_REFUSED,
             db->profile->lane * AF_DB_REFUSED_VALUES + reason);
}


static void
af_db_finish(af_db_op_t *op, af_db_status_t status)
{
    af_db_op_state(op, AF_DB_IDLE);
    op->status = status;
    op->handler(op);
}
