/*
 * What is in flight on one connection: operations are sent without waiting for
 * the answers to those before them, which come in the same order.  For db/
 * alone.
 *
 * Operations of one statement by key that are sent during the same turn of the
 * event loop share one transaction, up to AF_DB_GROUP of them: a group, which
 * costs PostgreSQL and the worker a fraction of as many transactions.  After an
 * error of one, those behind it are sent again, each alone.
 */

#ifndef AF_DB_PIPELINE_H
#define AF_DB_PIPELINE_H

#include "db/state.h"


/*
 * Sends an operation, at the end of this turn of the event loop at the latest.
 * The connection is READY and has a free slot.
 */
void af_db_pipeline_send(af_db_conn_t *conn, af_db_op_t *op);

/* Whether an operation may share a transaction; whether it changes nothing. */
ngx_uint_t af_db_op_is_shared(const af_db_op_t *op);
ngx_uint_t af_db_op_reads(const af_db_op_t *op);


/* what connections call */

/* the handlers of a READY connection's events */
void af_db_pipeline_read(ngx_event_t *rev);
void af_db_pipeline_write(ngx_event_t *wev);
void af_db_pipeline_push(ngx_event_t *ev);

/* Hands over the notifications that have arrived so far. */
void af_db_pipeline_notified(af_db_conn_t *conn);

/*
 * While results are due the timeout runs from the last one received; in an
 * exiting worker another timeout runs while none are.
 */
void af_db_pipeline_set_timer(af_db_conn_t *conn);

/* The connection is gone, and everything in flight with it. */
void af_db_pipeline_lost(af_db_conn_t *conn);


#endif /* AF_DB_PIPELINE_H */
