#include "db/pipeline.h"


/* the maximum number of operations that share a transaction */
#define AF_DB_GROUP  16

/* milliseconds that an idle connection stays open in an exiting worker */
#define AF_DB_LINGER  1000


#if (AF_HAVE_SEND_PIPELINE_SYNC)
#define af_db_put_sync  PQsendPipelineSync
#else
#define af_db_put_sync  PQpipelineSync
#endif


static void af_db_pipeline_in_flight(const af_db_conn_t *conn, int n);
static void af_db_pipeline_sync(af_db_conn_t *conn);
static int af_db_pipeline_send_call(af_db_conn_t *conn,
    const af_db_call_t *call);
static ngx_int_t af_db_pipeline_result(af_db_conn_t *conn, PGresult *res);
static void af_db_pipeline_store(af_db_op_t *op, PGresult *res);
static void af_db_pipeline_synced(af_db_conn_t *conn);
static void af_db_pipeline_complete(af_db_conn_t *conn);
static ngx_uint_t af_db_pipeline_is_stale(const af_db_conn_t *conn,
    const PGresult *res);
static void af_db_pipeline_flush(af_db_conn_t *conn);


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
af_db_pipeline_send(af_db_conn_t *conn, af_db_op_t *op)
{
    ngx_uint_t     i, shared;
    af_db_slot_t  *slot;

    shared = af_db_op_is_shared(op);

    if (!shared) {
        af_db_pipeline_sync(conn);
    }

    /* from here on this connection holds the operation, sent or not */

    slot = &conn->slots[(conn->head + conn->busy) % conn->db->conf->inflight];
    conn->busy++;
    conn->open++;
    af_db_pipeline_in_flight(conn, 1);

    slot->op = op;
    slot->sent = af_microseconds();
    slot->last = 0;
    slot->writes = !af_db_op_reads(op);
    conn->writing += slot->writes;
    op->slot = slot;
    af_db_op_state(op, AF_DB_SENT);
    op->received = 0;

    for (i = 0; i < op->ncalls; i++) {
        if (af_db_pipeline_send_call(conn, &op->calls[i]) != 1) {
            af_db_conn_break(conn, PQerrorMessage(conn->pg));
            return;
        }
    }

    if (!shared || conn->open == AF_DB_GROUP) {
        af_db_pipeline_sync(conn);
    }

    if (conn->busy == 1) {
        af_db_pipeline_set_timer(conn);
    }

    ngx_post_event(&conn->push, &ngx_posted_events);
}


/* ends the last transaction; before libpq 17 each is flushed separately */

static void
af_db_pipeline_sync(af_db_conn_t *conn)
{
    ngx_uint_t  last;

    if (conn->open == 0 || conn->state != AF_DB_READY) {
        return;
    }

    last = conn->head + conn->busy - 1;

    conn->slots[last % conn->db->conf->inflight].last = 1;
    conn->open = 0;

    if (af_db_put_sync(conn->pg) != 1) {
        af_db_conn_break(conn, PQerrorMessage(conn->pg));
    }
}


void
af_db_pipeline_push(ngx_event_t *ev)
{
    af_db_conn_t  *conn;

    conn = ev->data;

    af_db_pipeline_sync(conn);
    af_db_pipeline_flush(conn);
}


/*
 * An unnamed statement is planned for its values.  A point statement is not
 * prepared on a wide connection, but may share a transaction with a wide one.
 */

static int
af_db_pipeline_send_call(af_db_conn_t *conn, const af_db_call_t *call)
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


void
af_db_pipeline_read(ngx_event_t *rev)
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
        af_db_pipeline_notified(conn);
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

        if (af_db_pipeline_result(conn, res) != NGX_OK
            || conn->state != AF_DB_READY)
        {
            return;
        }
    }

    if (PQstatus(conn->pg) == CONNECTION_BAD) {
        af_db_conn_break(conn, PQerrorMessage(conn->pg));
        return;
    }

    af_db_pipeline_set_timer(conn);
    af_db_pipeline_flush(conn);
    af_db_dispatch(conn->db);
}


void
af_db_pipeline_notified(af_db_conn_t *conn)
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
af_db_pipeline_result(af_db_conn_t *conn, PGresult *res)
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
            af_db_pipeline_notified(conn);
        }

        af_db_pipeline_synced(conn);
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
            || af_db_pipeline_is_stale(conn, res))
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
        af_db_pipeline_store(slot->op, res);
    }

    /* in a group each has one result; the last one gets that of the commit */

    if (!slot->last) {
        conn->answered++;
    }

    return NGX_OK;
}


/* An error after all the results is that of the commit: nothing was done. */

static void
af_db_pipeline_store(af_db_op_t *op, PGresult *res)
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
af_db_pipeline_synced(af_db_conn_t *conn)
{
    ngx_uint_t  last;

    conn->answered = 0;

    do {
        last = conn->slots[conn->head].last;
        af_db_pipeline_complete(conn);

    } while (!last);
}


static void
af_db_pipeline_complete(af_db_conn_t *conn)
{
    af_db_op_t  *op;

    op = conn->slots[conn->head].op;

    conn->writing -= conn->slots[conn->head].writes;

    af_observe(AF_METRIC_DB_TIME, conn->db->profile->lane,
               af_microseconds() - conn->slots[conn->head].sent);

    conn->head = (conn->head + 1) % conn->db->conf->inflight;
    conn->busy--;
    af_db_pipeline_in_flight(conn, -1);

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
af_db_pipeline_is_stale(const af_db_conn_t *conn, const PGresult *res)
{
    char  *sqlstate;

    sqlstate = PQresultErrorField(res, PG_DIAG_SQLSTATE);

    return sqlstate
           && (ngx_strcmp(sqlstate, "26000") == 0
               || ngx_strcmp(sqlstate, "0A000") == 0
               || (ngx_strcmp(sqlstate, "25006") == 0
                   && !conn->db->profile->read_only));
}


void
af_db_pipeline_write(ngx_event_t *wev)
{
    ngx_connection_t  *c;

    c = wev->data;

    af_db_pipeline_flush(c->data);
}


static void
af_db_pipeline_flush(af_db_conn_t *conn)
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


void
af_db_pipeline_lost(af_db_conn_t *conn)
{
    ngx_uint_t     i, n;
    af_db_slot_t  *slot;

    n = conn->busy;
    af_db_pipeline_in_flight(conn, - (int) n);

    for (i = 0; i < n; i++) {
        slot = &conn->slots[(conn->head + i) % conn->db->conf->inflight];

        if (slot->op) {
            af_db_lost(slot->op);
        }
    }

    conn->busy = 0;
    conn->writing = 0;
    conn->answered = 0;
    conn->open = 0;
}


void
af_db_pipeline_set_timer(af_db_conn_t *conn)
{
    ngx_event_t  *rev;

    rev = conn->connection->read;

    if (conn->busy) {
        ngx_add_timer(rev, conn->db->conf->timeout);

    } else if (ngx_exiting && !rev->timer_set) {
        ngx_add_timer(rev, AF_DB_LINGER);
    }
}


static void
af_db_pipeline_in_flight(const af_db_conn_t *conn, int n)
{
    af_gauge_add(AF_METRIC_DB_IN_FLIGHT, conn->db->profile->lane, n);
}
