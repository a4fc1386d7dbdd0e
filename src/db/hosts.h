/*
 * Connecting to one of several hosts, in a thread: libpq only, as in connect.h.
 */

#ifndef AF_DB_HOSTS_H
#define AF_DB_HOSTS_H

#include <stddef.h>
#include <libpq-fe.h>


/* when to give up */

typedef struct {
    long    deadline;          /* by af_db_now() */
    int   (*stop)(void);       /* called all the time */
} af_db_timeout_t;


/*
 * Connects to the first host that will do, of several, or of the addresses of a
 * name: the next one is tried as soon as one has failed, and also when one is
 * silent for a quarter of a second; whoever is first is taken.  Returns the
 * connection, or NULL with a one-line reason in `error`, which is empty before.
 */
PGconn *af_db_open(const char *conninfo, const char *name,
    const af_db_timeout_t *timeout, char *error, size_t size);

/* milliseconds of a clock that is never set */
long af_db_now(void);

/* the most that may be waited at once, in milliseconds; <= 0: give up */
long af_db_left(const af_db_timeout_t *timeout);

/* adds the first line of a message; an empty one means a timeout here */
void af_db_error(char *error, size_t size, const char *message);


#endif /* AF_DB_HOSTS_H */
