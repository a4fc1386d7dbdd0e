/*
 * Periodic work: rows of a table.
 *
 * A function is called in each worker, again and again, half a period to one
 * and a half after it was called before: not in all workers at the same time.
 *
 * A statement is run by one of all the nodes that share a database, once a
 * period.  Worker 0 of each node looks for one that is due every few seconds,
 * on a connection of its own, so that neither requests nor the feed wait for
 * it.  Whoever finds one takes it for its period (autoflow.jobs): if nothing
 * is heard of them in that time, others may.  Each time a job is taken it gets
 * a new number, its fence, and the statement shares a transaction with a check
 * that the number is still the same: who has lost a job writes nothing.
 *
 *   state      what is pending                     goes to
 *   IDLE       a timer, until the next look        CLAIMING
 *   CLAIMING   the statement that takes a job      RUNNING; IDLE if none is due
 *   RUNNING    the check and the job's statement   CLAIMING; PAUSED if there is
 *                                                  more to do
 *   PAUSED     a timer, for a moment               RUNNING
 *
 * If the database is away it becomes IDLE from anywhere.  Nothing holds up a
 * worker that quits: what was sent the server does nevertheless.
 */

#ifndef AF_DB_JOBS_H
#define AF_DB_JOBS_H

#include "db/pool.h"


/* The last row of a table has no name. */

typedef struct {
    const char            *name;
    ngx_msec_t             period;

    /*
     * What does a batch, short enough for statement_timeout.  If it has a
     * column "more" that is true, the next one follows soon.
     */
    const af_statement_t  *statement;

    /* or what is called, with the pointer at this offset of a configuration */
    void                 (*function)(void *data);
    size_t                 offset;     /* of NULL: there is nothing to do */
} af_jobs_row_t;


typedef struct af_jobs_s  af_jobs_t;


/*
 * Begins with the jobs of a table, in a worker; db is NULL where there are no
 * statements to run.  NULL: no memory.  For init_process.
 */
af_jobs_t *af_jobs_start(ngx_cycle_t *cycle, const af_jobs_row_t *table,
    void *conf, const af_db_conf_t *db, ngx_thread_pool_t *threads);

/* For exit_process. */
void af_jobs_stop(af_jobs_t *jobs);


#endif /* AF_DB_JOBS_H */
