/*
 * A worker's pools of connections, as the files of db/ share them.  For db/
 * alone.
 *
 *   file          what it does with a connection
 *   connection.c  opens it, changes its state, tears it down
 *   pipeline.c    sends operations and takes their results
 *   pool.c        chooses it, and holds what must wait
 *
 * A connection's states:
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
 * Only af_db_conn_state() changes the state.  Only the posted event tears a
 * connection down, so that whoever finds it broken may be deep in its handlers.
 */

#ifndef AF_DB_STATE_H
#define AF_DB_STATE_H

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


/* what a connection's pipeline reports to it */

/* what is wrong; nothing was received for as long as the timer ran */
void af_db_conn_break(af_db_conn_t *conn, const char *error);
void af_db_conn_timeout(af_db_conn_t *conn);


/* what both report to the pool */

/* the only function that changes an operation's state */
void af_db_op_state(af_db_op_t *op, af_db_op_state_t state);

/* an operation whose connection was lost, or whose results are complete */
void af_db_lost(af_db_op_t *op);
void af_db_done(af_db_op_t *op);

/* a slot or a connection became free: send what is queued */
void af_db_dispatch(af_db_t *db);

/* a connection failed: other ones send what is queued, or else it fails */
void af_db_connect_failed(af_db_t *db);


#endif /* AF_DB_STATE_H */
