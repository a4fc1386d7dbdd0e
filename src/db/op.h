/*
 * Operations: what is asked of PostgreSQL, and through which pool.
 */

#ifndef AF_DB_OP_H
#define AF_DB_OP_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_thread_pool.h>
#include <libpq-fe.h>

#include "db/statement.h"
#include "shm/counters.h"


typedef struct af_db_s     af_db_t;
typedef struct af_db_op_s  af_db_op_t;


typedef struct af_db_conf_s {
    ngx_str_t    conninfo;     /* zero-terminated */
    ngx_str_t    notify;       /* likewise, to listen with; empty: the same */
    ngx_uint_t   pool;         /* connections per worker */
    ngx_uint_t   wide;         /* likewise, for wide statements */
    ngx_uint_t   inflight;     /* operations in flight per connection */
    ngx_uint_t   queue;        /* queued operations per worker */
    ngx_msec_t   timeout;
    ngx_uint_t   unnamed;      /* 1: behind a pooler, nothing is prepared */
} af_db_conf_t;


/*
 * What the connections of a pool are for.  To listen, line() is called for each
 * row of the backlog, and then ready() with the time when connecting began:
 * both in the thread that connects; and line() for each notification, in the
 * event loop.
 */

typedef struct {
    const char                   *name;        /* as the server shows it */
    const af_statement_t *const  *statements;  /* to prepare; NULL-ended */
    af_db_lane_t                  lane;        /* in metrics */
    unsigned                      wide:1;      /* as the statements are */
    unsigned                      read_only:1; /* to a replica */
    unsigned                      leaves:1;    /* of no use to a worker that
                                                  exits */
    const char                   *channel;     /* NULL: nothing */
    const af_statement_t         *backlog;
    void                        (*line)(void *data, const char *line);
    void                        (*ready)(void *data, ngx_msec_t since);
    void                         *data;
} af_db_profile_t;


typedef struct {
    const af_statement_t  *statement;
    const char *const     *values;    /* text, NULL for null; by position */
} af_db_call_t;


typedef enum {
    AF_DB_OK = 0,
    AF_DB_ERROR,               /* from the server: see `error` */
    AF_DB_UNAVAILABLE          /* not done, or unknown whether it was */
} af_db_status_t;


/*
 * One or more statements before one sync: one implicit transaction.  Statements
 * by key of several operations may share one, see db/pipeline.h.
 *
 *   state     who holds it                     next
 *   IDLE      its owner                        QUEUED, SENT by af_db_submit()
 *   QUEUED    the pool's queue                 SENT, or IDLE with handler()
 *   SENT      a connection's slot              IDLE with handler();
 *                                              QUEUED again, if it only reads
 *                                              and the connection was lost, or
 *                                              once after a deadlock, a
 *                                              serialization failure, or
 *                                              another's error; but not if it
 *                                              is to be sent once
 *
 * af_db_cancel() makes it IDLE from any state; handler() isn't called then.
 * The memory and the results belong to the owner all the time.
 */

typedef enum {
    AF_DB_IDLE = 0,
    AF_DB_QUEUED,
    AF_DB_SENT
} af_db_op_state_t;


struct af_db_op_s {
    /* set by the owner */
    const af_db_call_t   *calls;
    ngx_uint_t            ncalls;
    PGresult            **results;    /* room for ncalls, all NULL */
    void                (*handler)(af_db_op_t *op);
    void                 *data;
    unsigned              once:1;     /* never repeated: there is another way */

    /* set before the handler is called */
    af_db_status_t        status;
    PGresult             *error;      /* one of results */

    /* the pool's own */
    af_db_t              *db;
    af_db_op_state_t      state;
    ngx_queue_t           queue;
    uint64_t              waiting;    /* since when, in microseconds */
    struct af_db_slot_s  *slot;
    ngx_uint_t            received;
    ngx_uint_t            retries;
    unsigned              repeated:1;
    unsigned              alone:1;    /* it shares no transaction */
};


#endif /* AF_DB_OP_H */
