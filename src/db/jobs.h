/*
 * Periodic work: the rows of a table.
 *
 * A function is called in each worker, at intervals of half a period to one and
 * a half, so that the workers don't all call it at the same time.
 *
 * A statement is run by one of all the nodes that share a database, once per
 * period.  Worker 0 of each node polls for one that is due every few seconds,
 * on a connection of its own, so that neither requests nor the feed wait for
 * it.  The worker that finds one leases it for the period (autoflow.jobs): if
 * it isn't heard of in that time, another may take the job.  Each lease has a
 * new number, its fencing token, and the statement shares a transaction with a
 * check that the number is unchanged: whoever lost the lease writes nothing.
 *
 *   state      what is pending                     next
 *   IDLE       a timer, until the next poll        CLAIMING, WATCHING
 *   CLAIMING   the statement that leases a job     RUNNING; IDLE if none is due
 *   RUNNING    the check and the job's statement   CLAIMING; PAUSED if there is
 *                                                  more to do, or RUNNING with
 *                                                  a job that receives
 *   PAUSED     a short timer                       RUNNING
 *   WATCHING   a statement that metrics need       CLAIMING
 *
 * Any state becomes IDLE when the database is unavailable.  A worker that exits
 * doesn't wait: the server completes what was sent.
 */

#ifndef AF_DB_JOBS_H
#define AF_DB_JOBS_H

#include "db/pool.h"


struct af_seals_s;


/* The last row of a table has no name. */

typedef struct {
    const char            *name;
    ngx_msec_t             period;

    /*
     * Does a batch, well within statement_timeout.  While its column "more" is
     * true, the next batch follows soon.
     */
    const af_statement_t  *statement;

    /*
     * Sets the parameters of the statement: of the first batch, if `batch` is
     * NULL; then it gets what the statement returned, when that is committed,
     * and the next batch follows at once.  NGX_DONE: there is none; NGX_ERROR:
     * it has failed, and was logged.  After two seconds it is the other jobs'
     * turn, and the last batch is dropped.
     */
    ngx_int_t            (*receive)(void *data, const PGresult *batch,
                                    const char *const **values);

    /* or a function */
    void                 (*function)(void *data);

    /* what both are called with: a pointer in conf; if NULL, they are not */
    size_t                 offset;
} af_jobs_row_t;


typedef struct af_jobs_s  af_jobs_t;


/*
 * Starts the jobs of a table in a worker; db is NULL if no statements are to be
 * run, else `seals` are counted, too.  Returns NULL if there is no memory.  For
 * init_process.
 */
af_jobs_t *af_jobs_start(ngx_cycle_t *cycle, const af_jobs_row_t *table,
    void *conf, const af_db_conf_t *db, struct af_seals_s *seals,
    ngx_thread_pool_t *threads);

/* For exit_process. */
void af_jobs_stop(af_jobs_t *jobs);


#endif /* AF_DB_JOBS_H */
