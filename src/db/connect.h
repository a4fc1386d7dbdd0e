/*
 * Opening a connection, synchronously: for a thread.  libpq only: neither
 * nginx's pools nor its logs may be touched here.
 */

#ifndef AF_DB_CONNECT_H
#define AF_DB_CONNECT_H

#include <signal.h>
#include <stddef.h>
#include <libpq-fe.h>


/* the least autoflow.schema_version() that the statements need */
#define AF_DB_SCHEMA_VERSION  1

/* seconds for each of several hosts, unless the conninfo says otherwise */
#define AF_DB_CONNECT_TIMEOUT  "3"

/* milliseconds for all of it, but where there are several hosts */
#define AF_DB_TIMEOUT  10000


/*
 * Connects, checks the schema's version and prepares every statement of
 * af_statements[].  The connection returned is non-blocking and in pipeline
 * mode, nothing in flight; PQfinish() it.  NULL on failure, with a line that
 * says why in `error`; also, soon, when *stop becomes true.  How long names
 * take to be resolved is up to the system.
 */
PGconn *af_db_connect(const char *conninfo, const volatile sig_atomic_t *stop,
    char *error, size_t size);


#endif /* AF_DB_CONNECT_H */
