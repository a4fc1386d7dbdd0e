/*
 * A worker's connections to PostgreSQL, shared by its requests: libpq's
 * pipeline mode on nginx's events.
 *
 * A connection answers in the order of what it was sent.  So statements whose
 * cost grows with the data have a pool of their own, and what looks for old
 * rows uses a connection of the node's own (db/jobs.h): no other ever waits for
 * them.
 */

#ifndef AF_DB_POOL_H
#define AF_DB_POOL_H

#include "db/op.h"


/*
 * Allocates the pool of a configuration; connects nothing.  `role` may be NULL,
 * for one of point statements that listens to nothing.
 */
af_db_t *af_db_create(ngx_pool_t *pool, const af_db_conf_t *conf,
    const af_db_profile_t *profile);

/*
 * Likewise, one of wide statements: conf->wide connections.  What is to be done
 * waits in the queue and not at the server, so that whoever gives up gives up
 * a place.
 */
af_db_t *af_db_create_wide(ngx_pool_t *pool, const af_db_conf_t *conf);

/* Begins to connect, in these threads.  For init_process. */
void af_db_start(af_db_t *db, ngx_thread_pool_t *threads, ngx_log_t *log);

/* Closes every connection.  For exit_process: nothing may be waiting. */
void af_db_stop(af_db_t *db);

/*
 * Sends an operation, or queues it while every connection is full or just
 * being made.  NGX_OK: op->handler() will be called, never before
 * af_db_submit() has returned.  NGX_BUSY: the queue is full.  NGX_DECLINED:
 * the server is away.
 */
ngx_int_t af_db_submit(af_db_t *db, af_db_op_t *op);

/* Forgets an operation; a result that comes later is thrown away. */
void af_db_cancel(af_db_op_t *op);

/* Frees an idle operation's results. */
void af_db_clear(af_db_op_t *op);

/* autoflow_database */
char *af_database_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


#endif /* AF_DB_POOL_H */
