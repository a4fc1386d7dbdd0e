/*
 * One connection of a worker's pool.  For db/ alone.
 *
 *   state       what it has                        next
 *   CLOSED      a timer that ends the back-off     CONNECTING
 *   CONNECTING  a task in a thread                 READY, CLOSED
 *   READY       pg, an nginx connection, slots     BROKEN
 *   BROKEN      the same, and a posted event       CONNECTING at once, but
 *                                                  CLOSED if it timed out, was
 *                                                  never used or is renewed
 *   DORMANT     nothing                            CONNECTING when there is
 *                                                  something to do
 *
 * Of a replica's connections one at a time is CONNECTING.
 *
 * In an exiting worker DORMANT takes the place of CLOSED and CONNECTING, and a
 * READY connection that has been idle for a second breaks: such a worker may
 * live as long as a client keeps it, beside the ones that replaced it.
 *
 * Operations of one statement by key that are sent during the same turn of the
 * event loop share one transaction, up to AF_DB_GROUP of them: a group, which
 * costs PostgreSQL and the worker a fraction of as many transactions.  After an
 * error of one, those behind it are sent again, each alone.
 *
 * Only af_db_conn_state() changes the state.  Only the posted event tears a
 * connection down, so that whoever finds it broken may be deep in its handlers.
 */

#ifndef AF_DB_CONNECTION_H
#define AF_DB_CONNECTION_H

#include "db/op.h"


typedef enum {
    AF_DB_CLOSED = 0,
    AF_DB_CONNECTING,
    AF_DB_READY,
    AF_DB_BROKEN,
    AF_DB_DORMANT
} af_db_conn_state_t;


/*
 * An operation that was sent, in order; op is NULL once it is cancelled, but
 * the server's answers to it must still be read.
 */

typedef struct af_db_slot_s {
    af_db_op_t          *op;
    uint64_t             sent;         /* when, in microseconds */
    unsigned             last:1;       /* of its transaction */
    unsigned             writes:1;
} af_db_slot_t;


typedef struct {
    af_db_t             *db;
    af_db_conn_state_t   state;
    PGconn              *pg;
    ngx_connection_t    *connection;
    ngx_thread_task_t   *task;

    ngx_event_t          backoff;      /* CLOSED */
    ngx_event_t          teardown;     /* BROKEN */
    ngx_uint_t           failures;     /* in a row */
    unsigned             timedout:1;   /* BROKEN: nothing was received */
    unsigned             used:1;       /* it has completed an operation */
    unsigned             unreplicated:1;  /* what is committed next */

    af_db_slot_t        *slots;        /* a ring of db->conf->inflight */
    ngx_uint_t           head;
    ngx_uint_t           busy;
    ngx_uint_t           writing;      /* slots of operations that write */
    ngx_uint_t           answered;     /* of the first transaction's slots */
    ngx_uint_t           open;         /* slots of the last transaction, if its
                                          sync isn't written yet, or 0 */
    ngx_event_t          push;         /* posted: to be synced and flushed */
} af_db_conn_t;


struct af_db_s {
    const af_db_conf_t     *conf;
    const af_db_profile_t  *profile;
    ngx_thread_pool_t      *threads;   /* to connect in */
    ngx_log_t              *log;
    af_db_conn_t           *conns;

    ngx_queue_t             queue;     /* of af_db_op_t, oldest first */
    ngx_uint_t              queued;

    unsigned                down:1;    /* the last attempt failed */
    unsigned                started:1;
};


ngx_int_t af_db_conn_init(af_db_conn_t *conn, af_db_t *db, ngx_pool_t *pool);
void af_db_conn_open(af_db_conn_t *conn);
void af_db_conn_close(af_db_conn_t *conn);

/* Opens it again, in a moment, if it is READY and nothing is in flight. */
void af_db_conn_renew(af_db_conn_t *conn);

/*
 * Sends an operation, at the end of this turn of the event loop at the latest.
 * The connection is READY and has a free slot.
 */
void af_db_conn_send(af_db_conn_t *conn, af_db_op_t *op);

/* Whether an operation may share a transaction; whether it changes nothing. */
ngx_uint_t af_db_op_is_shared(const af_db_op_t *op);
ngx_uint_t af_db_op_reads(const af_db_op_t *op);


/* what connections report to the pool */

/* the only function that changes an operation's state */
void af_db_op_state(af_db_op_t *op, af_db_op_state_t state);

/* an operation whose connection was lost, or whose results are complete */
void af_db_lost(af_db_op_t *op);
void af_db_done(af_db_op_t *op);

/* a slot or a connection became free: send what is queued */
void af_db_dispatch(af_db_t *db);

/* a connection failed: other ones send what is queued, or else it fails */
void af_db_connect_failed(af_db_t *db);


#endif /* AF_DB_CONNECTION_H */
