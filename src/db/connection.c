#include "db/connection.h"
#include "db/connect.h"
#include "shm/counters.h"
#include "conf/transition.h"


/* milliseconds between attempts, doubled from the minimum to the maximum */
#define AF_DB_BACKOFF_MIN  100
#define AF_DB_BACKOFF_MAX  2000

/* the maximum number of operations that share a transaction */
#define AF_DB_GROUP  16

/* milliseconds that an idle connection stays open in an exiting worker */
#define AF_DB_LINGER  1000


#if (AF_HAVE_SEND_PIPELINE_SYNC)
#define af_db_pipeline_sync  PQsendPipelineSync
#else
#define af_db_pipeline_sync  PQpipelineSync
#endif


/* what a thread works on; the thread owns it while the task is active */

typedef struct {
    af_db_setup_t   setup;
    void          (*ready)(void *data, ngx_msec_t since);
    ngx_msec_t      since;
    PGconn         *pg;
    char            error[512];
} af_db_task_t;


static void af_db_conn_state(af_db_conn_t *conn, af_db_conn_state_t state);
static void af_db_conn_count(const af_db_conn_t *conn, af_db_event_t event);
static void af_db_conn_in_flight(const af_db_conn_t *conn, int n);
static void af_db_conn_defer(af_db_conn_t *conn);
static ngx_uint_t af_db_conn_must_wait(const af_db_conn_t *conn);
static int af_db_conn_terminates(void);
static int af_db_conn_exits(void);
static void af_db_conn_thread(void *data, ngx_log_t *log);
static void af_db_conn_connected(ngx_event_t *ev);
static ngx_int_t af_db_conn_attach(af_db_conn_t *conn);
static void af_db_conn_notice(void *data, const PGresult *res);
static void af_db_conn_detach(af_db_conn_t *conn);
static void af_db_conn_retry(ngx_event_t *ev);
static void af_db_conn_timeout(af_db_conn_t *conn);
static void af_db_conn_break(af_db_conn_t *conn, const char *error);
static void af_db_conn_teardown(ngx_event_t *ev);
static void af_db_conn_sync(af_db_conn_t *conn);
static void af_db_conn_push(ngx_event_t *ev);
static int af_db_conn_send_call(af_db_conn_t *conn, const af_db_call_t *call);
static void af_db_conn_read(ngx_event_t *rev);
static void af_db_conn_notified(af_db_conn_t *conn);
static ngx_int_t af_db_conn_result(af_db_conn_t *conn, PGresult *res);
static void af_db_conn_store(af_db_op_t *op, PGresult *res);
static void af_db_conn_synced(af_db_conn_t *conn);
static void af_db_conn_complete(af_db_conn_t *conn);
static ngx_uint_t af_db_conn_is_stale(const af_db_conn_t *conn,
    const PGresult *res);
static void af_db_conn_write(ngx_event_t *wev);
static void af_db_conn_flush(af_db_conn_t *conn);
static void af_db_conn_set_timer(af_db_conn_t *conn);


ngx_int_t
af_db_conn_init(af_db_conn_t *conn, af_db_t *db, ngx_pool_t *pool)
{
    conn->db = db;

    conn->slots = ngx_pcalloc(pool, db->conf->inflight * sizeof(af_db_slot_t));
    if (conn->slots == NULL) {
        return NGX_ERROR;
    }

    conn->task = ngx_thread_task_alloc(pool, sizeof(af_db_task_t));
    if (conn->task == NULL) {
        return NGX_ERROR;
    }

    conn->task->handler = af_db_conn_thread;
    conn->task->event.handler = af_db_conn_connected;
    conn->task->event.data = conn;

    conn->backoff.handler = af_db_conn_retry;
    conn->backoff.data = conn;
    conn->backoff.cancelable = 1;

    conn->teardown.handler = af_db_conn_teardown;
    conn->teardown.data = conn;

    conn->push.handler = af_db_conn_push;
    conn->push.data = conn;

    return NGX_OK;
}


static void
af_db_conn_state(af_db_conn_t *conn, af_db_conn_state_t state)
{
    ngx_msec_t  delay;

    /* the states that may follow each state */
    static const unsigned  next[] = {
        1 << AF_DB_CONNECTING | 1 << AF_DB_DORMANT,
        1 << AF_DB_READY | 1 << AF_DB_CLOSED | 1 << AF_DB_DORMANT,
        1 << AF_DB_BROKEN,
        1 << AF_DB_CONNECTING | 1 << AF_DB_CLOSED | 1 << AF_DB_DORMANT,
        1 << AF_DB_CONNECTING
    };

    af_transition(conn->db->log, "database connection", next, conn->state,
                  state);

    if (state == AF_DB_READY || conn->state == AF_DB_READY) {
        af_gauge_add(AF_METRIC_DB_CONNECTIONS, conn->db->profile->lane,
                     state == AF_DB_READY ? 1 : -1);
    }

    conn->state = state;

    switch (state) {

    case AF_DB_READY:
        af_db_conn_count(conn, AF_DB_EVENT_OPENED);
        conn->used = 0;
        conn->unreplicated = 0;
        break;

    case AF_DB_BROKEN:
        ngx_post_event(&conn->teardown, &ngx_posted_events);
        break;

    case AF_DB_CLOSED:
        delay = AF_DB_BACKOFF_MIN << ngx_min(conn->failures, 8);
        delay = ngx_min(delay, AF_DB_BACKOFF_MAX);
        conn->failures++;

        /* jitter, so that the workers don't connect all at once */
        delay -= ngx_random() % (delay / 2);

        ngx_add_timer(&conn->backoff, delay);
        break;

    case AF_DB_CONNECTING:
    case AF_DB_DORMANT:
        break;
    }
}


static void
af_db_conn_count(const af_db_conn_t *conn, af_db_event_t event)
{
    af_count(AF_METRIC_DB_EVENTS,
             conn->db->profile->lane * AF_DB_EVENTS + event);
}


static void
af_db_conn_in_flight(const af_db_conn_t *conn, int n)
{
    af_gauge_add(AF_METRIC_DB_IN_FLIGHT, conn->db->profile->lane, n);
}


/* no connection for now: try later, or when there is something to do */

static void
af_db_conn_defer(af_db_conn_t *conn)
{
    af_db_conn_state(conn, ngx_exiting ? AF_DB_DORMANT : AF_DB_CLOSED);
}


void
af_db_conn_open(af_db_conn_t *conn)
{
    af_db_task_t           *task;
    const af_db_profile_t  *profile;

    task = conn->task->ctx;
    profile = conn->db->profile;

    conn->backoff.log = conn->db->log;

    if (af_db_conn_must_wait(conn)) {

        if (conn->state == AF_DB_CLOSED) {
            ngx_add_timer(&conn->backoff, AF_DB_BACKOFF_MIN);

        } else {
            af_db_conn_defer(conn);
        }

        return;
    }

    task->setup.conninfo = (const char *) conn->db->conf->conninfo.data;
    task->setup.name = profile->name;
    task->setup.statements = profile->statements;
    task->setup.unnamed = conn->db->conf->unnamed;
    task->setup.stop = profile->leaves ? af_db_conn_exits
                                       : af_db_conn_terminates;
    task->setup.channel = profile->channel;
    task->setup.backlog = profile->backlog;
    task->setup.line = profile->line;
    task->setup.data = profile->data;
    task->ready = profile->ready;
    task->since = ngx_current_msec;
    task->pg = NULL;

    conn->task->event.log = conn->db->log;
    conn->teardown.log = conn->db->log;
    conn->push.log = conn->db->log;

    af_db_conn_state(conn, AF_DB_CONNECTING);

    if (ngx_thread_task_post(conn->db->threads, conn->task) != NGX_OK) {
        af_db_conn_defer(conn);
    }
}


/*
 * A replica that is silent must not keep all the threads, in which connections
 * to the primary are opened, too.
 */

static ngx_uint_t
af_db_conn_must_wait(const af_db_conn_t *conn)
{
    ngx_uint_t      i;
    const af_db_t  *db;

    db = conn->db;

    if (!db->profile->read_only) {
        return 0;
    }

    for (i = 0; i < db->conf->pool; i++) {
        if (db->conns[i].state == AF_DB_CONNECTING) {
            return 1;
        }
    }

    return 0;
}


/* called in threads: or a worker would wait for a frozen server to end */

static int
af_db_conn_terminates(void)
{
    return ngx_terminate;
}


static int
af_db_conn_exits(void)
{
    return ngx_terminate || *(volatile ngx_uint_t *) &ngx_exiting;
}


static void
af_db_conn_thread(void *data, ngx_log_t *log)
{
    af_db_task_t  *task = data;

    task->pg = af_db_connect(&task->setup, task->error, sizeof(task->error));

    if (task->pg && task->setup.channel) {
        task->ready(task->setup.data, task->since);
    }
}


static void
af_db_conn_connected(ngx_event_t *ev)
{
    af_db_t       *db;
    ngx_uint_t     level;
    af_db_conn_t  *conn;
    af_db_task_t  *task;

    conn = ev->data;
    task = conn->task->ctx;
    db = conn->db;

    if (task->pg == NULL) {

        af_db_conn_count(conn, AF_DB_EVENT_FAILED);

        /* once, not at each attempt */
        level = (db->down || (ngx_exiting && db->profile->leaves))
                ? NGX_LOG_INFO : NGX_LOG_ERR;

        ngx_log_error(level, db->log, 0, "%s: can't use the database: %s",
                      db->profile->name, task->error);

        af_db_conn_defer(conn);
        af_db_connect_failed(db);
        return;
    }

    conn->pg = task->pg;
    task->pg = NULL;

    if (af_db_conn_attach(conn) != NGX_OK) {
        PQfinish(conn->pg);
        conn->pg = NULL;

        af_db_conn_count(conn, AF_DB_EVENT_FAILED);
        af_db_conn_defer(conn);
        af_db_connect_failed(db);
        return;
    }

    if (db->down) {
        ngx_log_error(NGX_LOG_NOTICE, db->log, 0, "%s: the database is back",
                      db->profile->name);
    }

    db->down = 0;

    af_db_conn_state(conn, AF_DB_READY);

    if (db->profile->channel) {
        af_db_conn_notified(conn);
    }

    af_db_conn_set_timer(conn);
    af_db_dispatch(db);
}


/*
 * Level-triggered, since PQconsumeInput() need not read everything.  libpq owns
 * the descriptor: nginx must never close it.
 */

static ngx_int_t
af_db_conn_attach(af_db_conn_t *conn)
{
    ngx_connection_t  *c;

    c = ngx_get_connection(PQsocket(conn->pg), conn->db->log);
    if (c == NULL) {
        return NGX_ERROR;
    }

    (void) PQsetNoticeReceiver(conn->pg, af_db_conn_notice, conn);

    c->data = conn;
    c->log = conn->db->log;
    c->read->log = c->log;
    c->write->log = c->log;
    c->read->handler = af_db_conn_read;
    c->write->handler = af_db_conn_write;

    /* a waiting request has a timer of its own, which keeps the worker alive */
    c->read->cancelable = 1;

    /* nginx calls the read handler when the worker begins to exit */
    c->idle = 1;

    conn->connection = c;

    if (ngx_add_event(c->read, NGX_READ_EVENT, NGX_LEVEL_EVENT) != NGX_OK) {
        af_db_conn_detach(conn);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * Somebody has cancelled a commit's wait for the synchronous standby: it is
 * reported as done, with a warning, though a failover may lose it.
 */

static void
af_db_conn_notice(void *data, const PGresult *res)
{
    char          *function;
    af_db_conn_t  *conn = data;

    function = PQresultErrorField(res, PG_DIAG_SOURCE_FUNCTION);

    if (function && ngx_strcmp(function, "SyncRepWaitForLSN") == 0) {
        conn->unreplicated = 1;
    }
}


/* PQfinish() must follow immediately */

static void
af_db_conn_detach(af_db_conn_t *conn)
{
    ngx_connection_t  *c;

    c = conn->connection;
    conn->connection = NULL;

    if (c->read->timer_set) {
        ngx_del_timer(c->read);
    }

    /* libpq has closed the descriptor, or will as soon as we return */

    if (c->read->active) {
        (void) ngx_del_event(c->read, NGX_READ_EVENT, NGX_CLOSE_EVENT);
    }

    if (c->write->active) {
        (void) ngx_del_event(c->write, NGX_WRITE_EVENT, NGX_CLOSE_EVENT);
    }

    if (c->read->posted) {
        ngx_delete_posted_event(c->read);
    }

    if (c->write->posted) {
        ngx_delete_posted_event(c->write);
    }

    if (conn->push.posted) {
        ngx_delete_posted_event(&conn->push);
    }

    /* events already fetched from the kernel are stale now */
    c->read->closed = 1;
    c->write->closed = 1;

    ngx_free_connection(c);
    c->fd = (ngx_socket_t) -1;
}


static void
af_db_conn_retry(ngx_event_t *ev)
{
    if (ngx_exiting) {
        af_db_conn_defer(ev->data);

    } else {
        af_db_conn_open(ev->data);
    }
}


/* nothing was received for as long as the timer ran */

static void
af_db_conn_timeout(af_db_conn_t *conn)
{
    if (conn->busy) {
        conn->timedout = 1;
        af_db_conn_break(conn, "no answer in time");

    } else {
        af_db_conn_state(conn, AF_DB_BROKEN);
    }
}


static void
af_db_conn_break(af_db_conn_t *conn, const char *error)
{
    ngx_uint_t  level;

    if (conn->state != AF_DB_READY) {
        return;
    }

    /* the first line alone: others may follow, with a statement's text */

    /* losing an idle connection affects nobody */
    level = conn->busy ? NGX_LOG_ERR : NGX_LOG_NOTICE;

    ngx_log_error(level, conn->db->log, 0,
                  "%s: a database connection is lost: %*s",
                  conn->db->profile->name, strcspn(error, "\n"), error);

    af_db_conn_count(conn, AF_DB_EVENT_LOST);
    af_db_conn_state(conn, AF_DB_BROKEN);
}


void
af_db_conn_renew(af_db_conn_t *conn)
{
    if (conn->state == AF_DB_READY && conn->busy == 0) {
        conn->used = 0;
        af_db_conn_state(conn, AF_DB_BROKEN);
    }
}


static void
af_db_conn_teardown(ngx_event_t *ev)
{
    af_db_t       *db;
    ngx_uint_t     timedout, i, n;
    af_db_conn_t  *conn;
    af_db_slot_t  *slot;

    conn = ev->data;
    db = conn->db;

    af_db_conn_detach(conn);

    PQfinish(conn->pg);
    conn->pg = NULL;

    timedout = conn->timedout;
    conn->timedout = 0;

    /*
     * The slots are emptied before any owner is notified: an owner may cancel
     * another operation on this connection meanwhile.
     */

    if (ngx_exiting || timedout || !conn->used) {
        af_db_conn_defer(conn);

    } else {
        af_db_conn_open(conn);
    }

    n = conn->busy;
    af_db_conn_in_flight(conn, - (int) n);

    for (i = 0; i < n; i++) {
        slot = &conn->slots[(conn->head + i) % db->conf->inflight];

        if (slot->op) {
            af_db_lost(slot->op);
        }
    }

    conn->busy = 0;
    conn->writing = 0;
    conn->answered = 0;
    conn->open = 0;

    af_db_dispatch(db);

    if (timedout) {
        af_db_connect_failed(db);
    }
}


void
af_db_conn_close(af_db_conn_t *conn)
{
    af_db_task_t  *task;

    /* the thread pools are gone by now: a task is done, or never started */
    task = conn->task->ctx;

    if (task->pg) {
        PQfinish(task->pg);
        task->pg = NULL;
    }

    if (conn->teardown.posted) {
        ngx_delete_posted_event(&conn->teardown);
    }

    if (conn->backoff.timer_set) {
        ngx_del_timer(&conn->backoff);
    }

    if (conn->connection) {
        af_db_conn_detach(conn);

        PQfinish(conn->pg);
        conn->pg = NULL;
    }
}


ngx_uint_t
af_db_op_is_shared(const af_db_op_t *op)
{
    return op->ncalls == 1 && op->calls[0].statement->by_key && !op->alone;
}


ngx_uint_t
af_db_op_reads(const af_db_op_t *op)
{
    ngx_uint_t  i;

    for (i = 0; i < op->ncalls; i++) {
        if (!op->calls[i].statement->read) {
            return 0;
        }
    }

    return 1;
}


void
af_db_conn_send(af_db_conn_t *conn, af_db_op_t *op)
{
    ngx_uint_t     i, shared;
    af_db_slot_t  *slot;

    shared = af_db_op_is_shared(op);

    if (!shared) {
        af_db_conn_sync(conn);
    }

    /* from here on this connection holds the operation, sent or not */

    slot = &conn->slots[(conn->head + conn->busy) % conn->db->conf->inflight];
    conn->busy++;
    conn->open++;
    af_db_conn_in_flight(conn, 1);

    slot->op = op;
    slot->sent = af_microseconds();
    slot->last = 0;
    slot->writes = !af_db_op_reads(op);
    conn->writing += slot->writes;
    op->slot = slot;
    af_db_op_state(op, AF_DB_SENT);
    op->received = 0;

    for (i = 0; i < op->ncalls; i++) {
        if (af_db_conn_send_call(conn, &op->calls[i]) != 1) {
            af_db_conn_break(conn, PQerrorMessage(conn->pg));
            return;
        }
    }

    if (!shared || conn->open == AF_DB_GROUP) {
        af_db_conn_sync(conn);
    }

    if (conn->busy == 1) {
        af_db_conn_set_timer(conn);
    }

    ngx_post_event(&conn->push, &ngx_posted_events);
}


/* ends the last transaction; before libpq 17 each is flushed separately */

static void
af_db_conn_sync(af_db_conn_t *conn)
{
    ngx_uint_t  last;

    if (conn->open == 0 || conn->state != AF_DB_READY) {
        return;
    }

    last = conn->head + conn->busy - 1;

    conn->slots[last % conn->db->conf->inflight].last = 1;
    conn->open = 0;

    if (af_db_pipeline_sync(conn->pg) != 1) {
        af_db_conn_break(conn, PQerrorMessage(conn->pg));
    }
}


static void
af_db_conn_push(ngx_event_t *ev)
{
    af_db_conn_t  *conn;

    conn = ev->data;

    af_db_conn_sync(conn);
    af_db_conn_flush(conn);
}


/*
 * An unnamed statement is planned for its values.  A point statement is not
 * prepared on a wide connection, but may share a transaction with a wide one.
 */

static int
af_db_conn_send_call(af_db_conn_t *conn, const af_db_call_t *call)
{
    const af_statement_t  *statement;

    statement = call->statement;

    if (conn->db->conf->unnamed || statement->custom_plan
        || statement->wide != conn->db->profile->wide)
    {
        return PQsendQueryParams(conn->pg, statement->text, statement->nparams,
                                 NULL, call->values, NULL, NULL, 0);
    }

    return PQsendQueryPrepared(conn->pg, statement->name, statement->nparams,
                               call->values, NULL, NULL, 0);
}


static void
af_db_conn_read(ngx_event_t *rev)
{
    PGresult          *res;
    ngx_uint_t         nothing;
    af_db_conn_t      *conn;
    ngx_connection_t  *c;

    c = rev->data;
    conn = c->data;

    if (conn->state != AF_DB_READY) {
        return;
    }

    if (rev->timedout) {
        rev->timedout = 0;
        af_db_conn_timeout(conn);
        return;
    }

    if (PQconsumeInput(conn->pg) != 1) {
        af_db_conn_break(conn, PQerrorMessage(conn->pg));
        return;
    }

    if (conn->db->profile->channel) {
        af_db_conn_notified(conn);
    }

    nothing = 0;

    while (conn->busy && !PQisBusy(conn->pg)) {

        res = PQgetResult(conn->pg);

        if (res == NULL) {

            /* marks the end of a statement's results; never comes twice */
            if (nothing++) {
                af_db_conn_break(conn, "the server answers out of order");
                return;
            }

            continue;
        }

        nothing = 0;

        if (af_db_conn_result(conn, res) != NGX_OK
            || conn->state != AF_DB_READY)
        {
            return;
        }
    }

    if (PQstatus(conn->pg) == CONNECTION_BAD) {
        af_db_conn_break(conn, PQerrorMessage(conn->pg));
        return;
    }

    af_db_conn_set_timer(conn);
    af_db_conn_flush(conn);
    af_db_dispatch(conn->db);
}


/* what has arrived so far, before the answer that follows is handled */

static void
af_db_conn_notified(af_db_conn_t *conn)
{
    PGnotify            *notify;
    const af_db_profile_t  *profile;

    profile = conn->db->profile;

    while ((notify = PQnotifies(conn->pg)) != NULL) {
        profile->line(profile->data, notify->extra);
        PQfreemem(notify);
    }
}


static ngx_int_t
af_db_conn_result(af_db_conn_t *conn, PGresult *res)
{
    char          *severity;
    af_db_slot_t  *slot;

    if (PQresultStatus(res) == PGRES_PIPELINE_SYNC) {
        PQclear(res);

        if (conn->unreplicated) {
            af_db_conn_break(conn, "a commit may not have been replicated");
            return NGX_ERROR;
        }

        /* notifications that precede it, the transaction's own included */

        if (conn->db->profile->channel) {
            af_db_conn_notified(conn);
        }

        af_db_conn_synced(conn);
        return NGX_OK;
    }

    if (PQresultStatus(res) == PGRES_FATAL_ERROR) {
        severity = PQresultErrorField(res, PG_DIAG_SEVERITY_NONLOCALIZED);

        if (severity) {
            af_count(AF_METRIC_DB_ERRORS, af_sqlstate_class(
                         PQresultErrorField(res, PG_DIAG_SQLSTATE)));
        }

        /* libpq's own errors have no severity: the connection is gone */

        if (severity == NULL || ngx_strcmp(severity, "ERROR") != 0
            || af_db_conn_is_stale(conn, res))
        {
            af_db_conn_break(conn, PQresultErrorMessage(res));
            PQclear(res);
            return NGX_ERROR;
        }
    }

    slot = &conn->slots[(conn->head + conn->answered)
                        % conn->db->conf->inflight];

    if (slot->op == NULL) {
        PQclear(res);

    } else {
        af_db_conn_store(slot->op, res);
    }

    /* in a group each has one result; the last one gets that of the commit */

    if (!slot->last) {
        conn->answered++;
    }

    return NGX_OK;
}


/* An error after all the results is that of the commit: nothing was done. */

static void
af_db_conn_store(af_db_op_t *op, PGresult *res)
{
    ngx_uint_t  failed;

    failed = (PQresultStatus(res) == PGRES_FATAL_ERROR);

    if (op->received < op->ncalls) {
        op->results[op->received++] = res;

    } else if (failed && op->error == NULL) {
        PQclear(op->results[op->ncalls - 1]);
        op->results[op->ncalls - 1] = res;

    } else {
        PQclear(res);
        return;
    }

    if (failed && op->error == NULL) {
        op->error = res;
    }
}


/* owners may send and cancel operations meanwhile, on this connection, too */

static void
af_db_conn_synced(af_db_conn_t *conn)
{
    ngx_uint_t  last;

    conn->answered = 0;

    do {
        last = conn->slots[conn->head].last;
        af_db_conn_complete(conn);

    } while (!last);
}


static void
af_db_conn_complete(af_db_conn_t *conn)
{
    af_db_op_t  *op;

    op = conn->slots[conn->head].op;

    conn->writing -= conn->slots[conn->head].writes;

    af_observe(AF_METRIC_DB_TIME, conn->db->profile->lane,
               af_microseconds() - conn->slots[conn->head].sent);

    conn->head = (conn->head + 1) % conn->db->conf->inflight;
    conn->busy--;
    af_db_conn_in_flight(conn, -1);

    conn->used = 1;
    conn->failures = 0;

    if (conn->busy == 0 && conn->connection->read->timer_set) {
        ngx_del_timer(conn->connection->read);
    }

    if (op) {
        af_db_done(op);
    }
}


/*
 * The prepared statement is missing (behind a pooler) or was made for another
 * version of a table, or the server no longer accepts writes, as a replica
 * never does: reconnect.
 */

static ngx_uint_t
af_db_conn_is_stale(const af_db_conn_t *conn, const PGresult *res)
{
    char  *sqlstate;

    sqlstate = PQresultErrorField(res, PG_DIAG_SQLSTATE);

    return sqlstate
           && (ngx_strcmp(sqlstate, "26000") == 0
               || ngx_strcmp(sqlstate, "0A000") == 0
               || (ngx_strcmp(sqlstate, "25006") == 0
                   && !conn->db->profile->read_only));
}


static void
af_db_conn_write(ngx_event_t *wev)
{
    ngx_connection_t  *c;

    c = wev->data;

    af_db_conn_flush(c->data);
}


static void
af_db_conn_flush(af_db_conn_t *conn)
{
    int           pending;
    ngx_int_t     rc;
    ngx_event_t  *wev;

    if (conn->state != AF_DB_READY) {
        return;
    }

    pending = PQflush(conn->pg);

    if (pending < 0) {
        af_db_conn_break(conn, PQerrorMessage(conn->pg));
        return;
    }

    wev = conn->connection->write;
    rc = NGX_OK;

    if (pending && !wev->active) {
        rc = ngx_add_event(wev, NGX_WRITE_EVENT, NGX_LEVEL_EVENT);

    } else if (!pending && wev->active) {
        rc = ngx_del_event(wev, NGX_WRITE_EVENT, 0);
    }

    if (rc != NGX_OK) {
        af_db_conn_break(conn, "its events can't be set");
    }
}


/*
 * While results are due the timeout runs from the last one received; in an
 * exiting worker another timeout runs while none are.
 */

static void
af_db_conn_set_timer(af_db_conn_t *conn)
{
    ngx_event_t  *rev;

    rev = conn->connection->read;

    if (conn->busy) {
        ngx_add_timer(rev, conn->db->conf->timeout);

    } else if (ngx_exiting && !rev->timer_set) {
        ngx_add_timer(rev, AF_DB_LINGER);
    }
}
