/*
 * The life of one connection of a worker's pool: see db/state.h.  For db/
 * alone.
 */

#ifndef AF_DB_CONNECTION_H
#define AF_DB_CONNECTION_H

#include "db/state.h"


ngx_int_t af_db_conn_init(af_db_conn_t *conn, af_db_t *db, ngx_pool_t *pool);
void af_db_conn_open(af_db_conn_t *conn);
void af_db_conn_close(af_db_conn_t *conn);

/* Opens it again, in a moment, if it is READY and nothing is in flight. */
void af_db_conn_renew(af_db_conn_t *conn);


#endif /* AF_DB_CONNECTION_H */
