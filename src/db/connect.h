/*
 * Opening a connection synchronously, in a thread.  libpq only: neither nginx's
 * pools nor its logs may be touched here.
 */

#ifndef AF_DB_CONNECT_H
#define AF_DB_CONNECT_H

#include <stddef.h>
#include <libpq-fe.h>

#include "db/statement.h"


/* the minimal autoflow.schema_version() that the statements need */
#define AF_DB_SCHEMA_VERSION  33

/* milliseconds for all of it; and for each row of the backlog */
#define AF_DB_TIMEOUT  10000


/* how to set up a connection */

typedef struct {
    const char                   *conninfo;
    const char                   *name;        /* as the server shows it */
    const af_statement_t *const  *statements;  /* to prepare; NULL-ended */

    /*
     * Behind a pooler of transactions: nothing remains set or prepared, but
     * both are checked.
     */
    int                           unnamed;

    int                         (*stop)(void); /* whether to give up */

    /*
     * What to listen on, and the statement that returns, in one text column,
     * what was notified before; its only parameter is the time, in seconds.
     * Each of its rows goes to line(), in the thread.
     */
    const char                   *channel;     /* NULL: nothing */
    const af_statement_t         *backlog;
    void                        (*line)(void *data, const char *line);
    void                         *data;
} af_db_setup_t;


/*
 * Connects, checks the schema's version, prepares the statements, and listens.
 * The connection returned is non-blocking and in pipeline mode, with nothing in
 * flight; PQfinish() it.  Returns NULL on failure, with a one-line reason in
 * `error`, and soon after stop() becomes true.  How long name resolution takes
 * is up to the system.
 */
PGconn *af_db_connect(const af_db_setup_t *setup, char *error, size_t size);


#endif /* AF_DB_CONNECT_H */
