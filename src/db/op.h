/*
 * What is asked of PostgreSQL: operations, and those that they are given to.
 */

#ifndef AF_DB_OP_H
#define AF_DB_OP_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_thread_pool.h>
#include <libpq-fe.h>

#include "db/statement.h"


typedef struct af_db_s     af_db_t;
typedef struct af_db_op_s  af_db_op_t;


typedef struct af_db_conf_s {
    ngx_str_t    conninfo;     /* zero-terminated */
    ngx_str_t    notify;       /* likewise, to listen by; empty: the same */
    ngx_uint_t   pool;         /* connections of a worker */
    ngx_uint_t   wide;         /* likewise, for wide statements */
    ngx_uint_t   inflight;     /* operations sent on one connection */
    ngx_uint_t   queue;        /* operations of a worker that wait for one */
    ngx_msec_t   timeout;
} af_db_conf_t;


/*
 * What a pool is for, which may be to listen.  In a thread, while it connects,
 * line() is called for each row of what was to be heard before, and ready()
 * with the time when it began; then line() for each notification, on the loop.
 */

typedef struct {
    const char                   *name;        /* as the server shows it */
    const af_statement_t *const  *statements;  /* to prepare; NULL-ended */
    unsigned                      wide:1;      /* these are wide ones */
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
    AF_DB_ERROR,               /* the server refused: see `error` */
    AF_DB_UNAVAILABLE          /* not done, or nobody knows whether it was */
} af_db_status_t;


/*
 * One or more statements before one sync: one implicit transaction.
 *
 *   state     who holds it                     goes to
 *   IDLE      its owner                        QUEUED, SENT by af_db_submit()
 *   QUEUED    the pool's queue                 SENT, or IDLE with handler()
 *   SENT      a connection's slot              IDLE with handler();
 *                                              QUEUED again, if it only reads
 *                                              and the connection was lost, or
 *                                              once if another transaction was
 *                                              in its way
 *
 * af_db_cancel() makes it IDLE from anywhere; handler() isn't called then.
 * The memory is the owner's all the time, and so are the results.
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

    /* told to the handler */
    af_db_status_t        status;
    PGresult             *error;      /* one of results */

    /* the pool's */
    af_db_t              *db;
    af_db_op_state_t      state;
    ngx_queue_t           queue;
    struct af_db_slot_s  *slot;
    ngx_uint_t            received;
    ngx_uint_t            retries;
    unsigned              repeated:1;
};


#endif /* AF_DB_OP_H */
