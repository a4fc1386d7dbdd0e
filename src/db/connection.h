/*
 * One connection of a worker's pool.  For db/ alone.
 *
 *   state       what it has                        goes to
 *   CLOSED      a timer that ends a back-off       CONNECTING
 *   CONNECTING  a task in a thread                 READY, CLOSED
 *   READY       pg, an nginx connection, slots     BROKEN
 *   BROKEN      the same, and a posted event       CONNECTING at once, but
 *                                                  CLOSED if it timed out, or
 *                                                  had done nothing yet
 *   DORMANT     nothing                            CONNECTING when something
 *                                                  is to be done
 *
 * In a worker that is exiting DORMANT stands where CLOSED or CONNECTING would,
 * and a READY one that has nothing to do for a second breaks: such a worker
 * may stay for as long as a client likes, beside the ones that replaced it.
 *
 * af_db_conn_state() alone changes it.  A connection is torn down only by its
 * posted event, so that whoever finds it broken may be deep in its handlers.
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
 * A place in the order of what was sent; op is NULL once it was cancelled,
 * but the server's answers to it must still be read.
 */

typedef struct af_db_slot_s {
    af_db_op_t          *op;
    uint64_t             sent;         /* when, in microseconds */
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
    unsigned             timedout:1;   /* BROKEN because nothing came */
    unsigned             used:1;       /* it has done something */

    af_db_slot_t        *slots;        /* a ring of db->conf->inflight */
    ngx_uint_t           head;
    ngx_uint_t           busy;
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

/* Sends an operation.  READY, and with a slot free. */
void af_db_conn_send(af_db_conn_t *conn, af_db_op_t *op);


/* what connections tell the pool */

/* what moves an operation from one state to another, and nothing else does */
void af_db_op_state(af_db_op_t *op, af_db_op_state_t state);

/* an operation of a lost connection, or one that has all its results */
void af_db_lost(af_db_op_t *op);
void af_db_done(af_db_op_t *op);

/* slots came free, or a connection did: send what is queued */
void af_db_dispatch(af_db_t *db);

/* a connection can't be had for now: others send what is queued, or it fails */
void af_db_connect_failed(af_db_t *db);


#endif /* AF_DB_CONNECTION_H */
