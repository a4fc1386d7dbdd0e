#include "db/connection.h"
#include "db/pipeline.h"
#include "db/connect.h"
#include "shm/counters.h"
#include "conf/transition.h"


/* milliseconds between attempts, doubled from the minimum to the maximum */
#define AF_DB_BACKOFF_MIN  100
#define AF_DB_BACKOFF_MAX  2000


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
static void af_db_conn_teardown(ngx_event_t *ev);


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

    conn->push.handler = af_db_pipeline_push;
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
        af_db_pipeline_notified(conn);
    }

    af_db_pipeline_set_timer(conn);
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
    c->read->handler = af_db_pipeline_read;
    c->write->handler = af_db_pipeline_write;

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

void
af_db_conn_timeout(af_db_conn_t *conn)
{
    if (conn->busy) {
        conn->timedout = 1;
        af_db_conn_break(conn, "no answer in time");

    } else {
        af_db_conn_state(conn, AF_DB_BROKEN);
    }
}


void
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
    ngx_uint_t     timedout;
    af_db_conn_t  *conn;

    conn = ev->data;
    db = conn->db;

    af_db_conn_detach(conn);

    PQfinish(conn->pg);
    conn->pg = NULL;

    timedout = conn->timedout;
    conn->timedout = 0;

    /* before any owner is told, who may send or cancel other operations */

    if (ngx_exiting || timedout || !conn->used) {
        af_db_conn_defer(conn);

    } else {
        af_db_conn_open(conn);
    }

    af_db_pipeline_lost(conn);
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
