/*
 * A worker's connections to PostgreSQL, shared by its requests: libpq's
 * pipeline mode on nginx's events.
 *
 * A connection answers in the order of what was sent.  So statements whose cost
 * grows with the data have a pool of their own, and periodic jobs a connection
 * of the node's own (db/jobs.h): nothing else ever waits behind them.
 */

#ifndef AF_DB_POOL_H
#define AF_DB_POOL_H

#include "db/op.h"


/*
 * Allocates the pool of a configuration; connects to nothing.  `profile` may be
 * NULL, for point statements.
 */
af_db_t *af_db_create(ngx_pool_t *pool, const af_db_conf_t *conf,
    const af_db_profile_t *profile);

/*
 * Likewise, for wide statements: conf->wide connections.  Operations wait in
 * the queue and not at the server, so that whoever gives up frees a place.
 */
af_db_t *af_db_create_wide(ngx_pool_t *pool, const af_db_conf_t *conf);

/* Starts to connect, in these threads.  For init_process. */
void af_db_start(af_db_t *db, ngx_thread_pool_t *threads, ngx_log_t *log);

/* Closes all connections.  For exit_process: nothing may be pending. */
void af_db_stop(af_db_t *db);

/*
 * Opens connections that nothing is in flight on again, in a moment: others of
 * the hosts may be meant by now.
 */
void af_db_renew(af_db_t *db);

/*
 * Sends an operation, or queues it while all connections are full or
 * connecting.  NGX_OK: op->handler() will be called, but not before
 * af_db_submit() returns.  NGX_BUSY: the queue is full.  NGX_DECLINED: the
 * server is unavailable.
 */
ngx_int_t af_db_submit(af_db_t *db, af_db_op_t *op);

/* Cancels an operation; a result that arrives later is discarded. */
void af_db_cancel(af_db_op_t *op);

/* Frees an idle operation's results. */
void af_db_clear(af_db_op_t *op);

/* autoflow_database */
char *af_database_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


#endif /* AF_DB_POOL_H */
