#include "db/jobs.h"
#include "db/seals.h"
#include "shm/counters.h"
#include "queries.h"
#include "conf/transition.h"


/* milliseconds until the next poll: from half of it to all */
#define AF_JOBS_POLL  2000

/* milliseconds until a job's next batch, while there is more to do */
#define AF_JOBS_PAUSE  200

/* milliseconds that a job which receives may take, while others wait */
#define AF_JOBS_TURN  2000

/* milliseconds between looks at what metrics tell, and at what is sealed */
#define AF_JOBS_WATCH  5000
#define AF_JOBS_COUNT  60000

/* the minimal timeout of a job, in milliseconds: above statement_timeout */
#define AF_JOBS_TIMEOUT  15000

/* the fence, and the statement that it protects */
#define AF_JOBS_CALLS  2


typedef enum {
    AF_JOBS_IDLE = 0,
    AF_JOBS_CLAIMING,
    AF_JOBS_RUNNING,
    AF_JOBS_PAUSED,
    AF_JOBS_WATCHING
} af_jobs_state_t;


typedef struct {
    const af_jobs_row_t   *job;
    void                  *data;
    ngx_event_t            timer;
} af_jobs_function_t;


struct af_jobs_s {
    ngx_log_t             *log;
    ngx_uint_t             n;          /* rows of the table */
    af_jobs_function_t    *functions;  /* as many */

    /* for statements, in worker 0 alone */

    const af_jobs_row_t   *table;
    af_db_conf_t           conf;
    af_db_profile_t        profile;
    af_db_t               *db;         /* NULL: no statements to run */

    af_jobs_state_t        state;
    ngx_event_t            timer;
    const af_jobs_row_t   *job;        /* the one being run */
    ngx_msec_t             claimed;    /* when */
    ngx_msec_t             watched;    /* when metrics were */
    af_seals_t            *seals;
    ngx_msec_t             counted;    /* when these were, */
    ngx_uint_t             counts;     /* if they were */

    const char            *claim[3];   /* names, periods, the holder */
    const char            *fence[2];   /* the job's name and number */
    char                   number[NGX_INT64_LEN + 1];
    const char *const     *values;     /* of a job that receives */
    ngx_uint_t             received;   /* a batch, in this turn */

    af_db_op_t             op;
    af_db_call_t           calls[AF_JOBS_CALLS];
    PGresult              *results[AF_JOBS_CALLS];
};


static ngx_int_t af_jobs_functions(af_jobs_t *jobs, ngx_cycle_t *cycle,
    void *conf);
static void af_jobs_call(ngx_event_t *ev);
static ngx_int_t af_jobs_statements(af_jobs_t *jobs, ngx_cycle_t *cycle,
    const af_db_conf_t *db);
static ngx_int_t af_jobs_claim_values(af_jobs_t *jobs, ngx_cycle_t *cycle);
static void af_jobs_state(af_jobs_t *jobs, af_jobs_state_t state);
static void af_jobs_timer(ngx_event_t *ev);
static void af_jobs_send(af_jobs_t *jobs, af_jobs_state_t state,
    void (*handler)(af_db_op_t *op));
static void af_jobs_claim(af_jobs_t *jobs);
static void af_jobs_claimed(af_db_op_t *op);
static void af_jobs_set_current(af_jobs_t *jobs, const PGresult *res);
static void af_jobs_run(af_jobs_t *jobs);
static void af_jobs_done(af_db_op_t *op);
static ngx_uint_t af_jobs_more(const PGresult *res);
static ngx_uint_t af_jobs_turn_ends(const af_jobs_t *jobs);
static void *af_jobs_data(const af_jobs_t *jobs, const af_jobs_row_t *job);
static ngx_uint_t af_jobs_is_ours(const af_jobs_t *jobs,
    const af_jobs_row_t *job);
static ngx_uint_t af_jobs_receive(af_jobs_t *jobs, const PGresult *batch);
static void af_jobs_failed(af_jobs_t *jobs, const char *name);
static void af_jobs_watch(af_jobs_t *jobs);
static void af_jobs_watched(af_db_op_t *op);
static void af_jobs_count(af_jobs_t *jobs);
static void af_jobs_counted(af_db_op_t *op);
static int64_t af_jobs_number(const PGresult *res, int row, const char *name);


af_jobs_t *
af_jobs_start(ngx_cycle_t *cycle, const af_jobs_row_t *table, void *conf,
    const af_db_conf_t *db, af_seals_t *seals, ngx_thread_pool_t *threads)
{
    af_jobs_t  *jobs;

    jobs = ngx_pcalloc(cycle->pool, sizeof(af_jobs_t));
    if (jobs == NULL) {
        return NULL;
    }

    jobs->log = cycle->log;
    jobs->table = table;
    jobs->seals = seals;

    while (table[jobs->n].name) {
        jobs->n++;
    }

    if (af_jobs_functions(jobs, cycle, conf) != NGX_OK) {
        return NULL;
    }

    if (db == NULL || ngx_worker != 0) {
        return jobs;
    }

    if (af_jobs_statements(jobs, cycle, db) != NGX_OK) {
        return NULL;
    }

    af_db_start(jobs->db, threads, jobs->log);
    af_jobs_claim(jobs);

    return jobs;
}


static ngx_int_t
af_jobs_functions(af_jobs_t *jobs, ngx_cycle_t *cycle, void *conf)
{
    ngx_uint_t           i;
    af_jobs_function_t  *function;

    jobs->functions = ngx_pcalloc(cycle->pool,
                                  jobs->n * sizeof(af_jobs_function_t));
    if (jobs->functions == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < jobs->n; i++) {
        function = &jobs->functions[i];

        function->job = &jobs->table[i];
        function->timer.handler = af_jobs_call;
        function->timer.data = function;
        function->timer.log = jobs->log;
        function->timer.cancelable = 1;

        if (function->job->function == NULL && function->job->receive == NULL) {
            continue;
        }

        function->data = *(void **) ((u_char *) conf + function->job->offset);

        if (function->data && function->job->function) {
            ngx_add_timer(&function->timer,
                          ngx_random() % function->job->period);
        }
    }

    return NGX_OK;
}


static void
af_jobs_call(ngx_event_t *ev)
{
    af_jobs_function_t *function = ev->data;

    if (ngx_exiting) {
        return;
    }

    ngx_add_timer(ev, function->job->period / 2
                      + ngx_random() % function->job->period);

    function->job->function(function->data);
}


static ngx_int_t
af_jobs_statements(af_jobs_t *jobs, ngx_cycle_t *cycle,
    const af_db_conf_t *db)
{
    ngx_uint_t              i, n;
    const af_statement_t  **statements;

    /* those of the jobs, our own four, and NULL */

    statements = ngx_pcalloc(cycle->pool,
                             (jobs->n + 5) * sizeof(af_statement_t *));

    if (statements == NULL || af_jobs_claim_values(jobs, cycle) != NGX_OK) {
        return NGX_ERROR;
    }

    n = 0;
    statements[n++] = &af_sql_jobs_claim;
    statements[n++] = &af_sql_jobs_fence;
    statements[n++] = &af_sql_jobs_watch;
    statements[n++] = &af_sql_jobs_seals;

    for (i = 0; i < jobs->n; i++) {
        if (jobs->table[i].statement) {
            statements[n++] = jobs->table[i].statement;
        }
    }

    jobs->conf = *db;
    jobs->conf.pool = 1;
    jobs->conf.inflight = 1;
    jobs->conf.queue = 1;

    /* the server ends what takes too long, and the connection stays */
    jobs->conf.timeout = ngx_max(2 * db->timeout, AF_JOBS_TIMEOUT);

    jobs->profile.name = "autoflow jobs";
    jobs->profile.lane = AF_DB_LANE_JOBS;
    jobs->profile.leaves = 1;
    jobs->profile.statements = statements;

    jobs->timer.handler = af_jobs_timer;
    jobs->timer.data = jobs;
    jobs->timer.log = jobs->log;
    jobs->timer.cancelable = 1;

    jobs->op.calls = jobs->calls;
    jobs->op.results = jobs->results;
    jobs->op.data = jobs;

    jobs->db = af_db_create(cycle->pool, &jobs->conf, &jobs->profile);

    return jobs->db ? NGX_OK : NGX_ERROR;
}


/* the jobs' names and periods as PostgreSQL arrays, and the holder's name */

static ngx_int_t
af_jobs_claim_values(af_jobs_t *jobs, ngx_cycle_t *cycle)
{
    size_t                size;
    u_char               *names, *periods, *holder, *n, *p;
    const af_jobs_row_t  *job;

    size = sizeof("{}");

    for (job = jobs->table; job->name; job++) {
        size += ngx_strlen(job->name) + NGX_INT64_LEN + sizeof(",");
    }

    names = ngx_pnalloc(cycle->pool, size);
    periods = ngx_pnalloc(cycle->pool, size);
    holder = ngx_pnalloc(cycle->pool,
                         cycle->hostname.len + NGX_INT64_LEN + sizeof(":"));

    if (names == NULL || periods == NULL || holder == NULL) {
        return NGX_ERROR;
    }

    n = names;
    p = periods;

    for (job = jobs->table; job->name; job++) {
        if (af_jobs_is_ours(jobs, job)) {
            n = ngx_sprintf(n, ",%s", job->name);
            p = ngx_sprintf(p, ",%M", job->period);
        }
    }

    (void) ngx_sprintf(n, "}%Z");
    (void) ngx_sprintf(p, "}%Z");
    (void) ngx_sprintf(holder, "%V:%P%Z", &cycle->hostname, ngx_pid);

    names[0] = '{';
    periods[0] = '{';

    jobs->claim[0] = (char *) names;
    jobs->claim[1] = (char *) periods;
    jobs->claim[2] = (char *) holder;

    return NGX_OK;
}


/* what its function, or receive(), is called with */

static void *
af_jobs_data(const af_jobs_t *jobs, const af_jobs_row_t *job)
{
    return jobs->functions[job - jobs->table].data;
}


/* a statement that this node runs */

static ngx_uint_t
af_jobs_is_ours(const af_jobs_t *jobs, const af_jobs_row_t *job)
{
    return job->statement && (job->receive == NULL || af_jobs_data(jobs, job));
}


void
af_jobs_stop(af_jobs_t *jobs)
{
    ngx_uint_t  i;

    for (i = 0; i < jobs->n; i++) {
        if (jobs->functions[i].timer.timer_set) {
            ngx_del_timer(&jobs->functions[i].timer);
        }
    }

    if (jobs->db == NULL) {
        return;
    }

    if (jobs->timer.timer_set) {
        ngx_del_timer(&jobs->timer);
    }

    af_db_cancel(&jobs->op);
    af_db_clear(&jobs->op);
    af_db_stop(jobs->db);
}


static void
af_jobs_state(af_jobs_t *jobs, af_jobs_state_t state)
{
    /* the states that may follow each state */
    static const unsigned  next[] = {
        1 << AF_JOBS_CLAIMING | 1 << AF_JOBS_WATCHING,
        1 << AF_JOBS_RUNNING | 1 << AF_JOBS_IDLE,
        1 << AF_JOBS_CLAIMING | 1 << AF_JOBS_PAUSED | 1 << AF_JOBS_IDLE
            | 1 << AF_JOBS_RUNNING,
        1 << AF_JOBS_RUNNING,
        1 << AF_JOBS_CLAIMING | 1 << AF_JOBS_IDLE
    };

    af_transition(jobs->log, jobs->job ? jobs->job->name : "jobs", next,
                  jobs->state, state);

    jobs->state = state;

    if (state == AF_JOBS_IDLE) {
        ngx_add_timer(&jobs->timer, AF_JOBS_POLL / 2
                                    + ngx_random() % (AF_JOBS_POLL / 2));

    } else if (state == AF_JOBS_PAUSED) {
        ngx_add_timer(&jobs->timer, AF_JOBS_PAUSE);
    }
}


/* an exiting worker leaves the rest to others */

static void
af_jobs_timer(ngx_event_t *ev)
{
    af_jobs_t *jobs = ev->data;

    if (ngx_exiting) {
        return;
    }

    if (jobs->state == AF_JOBS_PAUSED) {
        af_jobs_run(jobs);

    } else if (!jobs->counts
               || ngx_current_msec - jobs->counted >= AF_JOBS_COUNT)
    {
        af_jobs_count(jobs);

    } else if (ngx_current_msec - jobs->watched >= AF_JOBS_WATCH) {
        af_jobs_watch(jobs);

    } else {
        af_jobs_claim(jobs);
    }
}


static void
af_jobs_send(af_jobs_t *jobs, af_jobs_state_t state,
    void (*handler)(af_db_op_t *op))
{
    af_jobs_state(jobs, state);

    jobs->op.handler = handler;

    if (af_db_submit(jobs->db, &jobs->op) != NGX_OK) {
        af_jobs_state(jobs, AF_JOBS_IDLE);
    }
}


static void
af_jobs_claim(af_jobs_t *jobs)
{
    jobs->calls[0].statement = &af_sql_jobs_claim;
    jobs->calls[0].values = jobs->claim;
    jobs->op.ncalls = 1;

    af_jobs_send(jobs, AF_JOBS_CLAIMING, af_jobs_claimed);
}


static void
af_jobs_claimed(af_db_op_t *op)
{
    af_jobs_t *jobs = op->data;

    jobs->job = NULL;

    if (op->status == AF_DB_OK) {
        af_jobs_set_current(jobs, jobs->results[0]);

    } else {
        af_jobs_failed(jobs, jobs->calls[0].statement->name);
    }

    af_db_clear(op);

    if (jobs->job && af_jobs_receive(jobs, NULL)) {
        af_jobs_run(jobs);

    } else {
        af_jobs_state(jobs, AF_JOBS_IDLE);
    }
}


static void
af_jobs_set_current(af_jobs_t *jobs, const PGresult *res)
{
    const char           *name;
    const af_jobs_row_t  *job;

    if (PQntuples(res) == 0) {
        return;
    }

    name = PQgetvalue(res, 0, PQfnumber(res, "name"));

    (void) ngx_cpystrn((u_char *) jobs->number,
                       (u_char *) PQgetvalue(res, 0, PQfnumber(res, "fence")),
                       sizeof(jobs->number));

    for (job = jobs->table; job->name; job++) {
        if (job->statement && ngx_strcmp(job->name, name) == 0) {
            jobs->job = job;
        }
    }

    jobs->claimed = ngx_current_msec;
    jobs->received = 0;
}


/* in an exiting worker too: nobody else would run it for a period */

static void
af_jobs_run(af_jobs_t *jobs)
{
    jobs->fence[0] = jobs->job->name;
    jobs->fence[1] = jobs->number;

    jobs->calls[0].statement = &af_sql_jobs_fence;
    jobs->calls[0].values = jobs->fence;
    jobs->calls[1].statement = jobs->job->statement;
    jobs->calls[1].values = jobs->values;
    jobs->op.ncalls = 2;

    af_jobs_send(jobs, AF_JOBS_RUNNING, af_jobs_done);
}


static void
af_jobs_done(af_db_op_t *op)
{
    ngx_uint_t   more;
    af_jobs_t   *jobs;

    jobs = op->data;
    more = 0;

    if (op->status == AF_DB_OK) {
        more = jobs->job->receive ? af_jobs_receive(jobs, jobs->results[1])
                                  : af_jobs_more(jobs->results[1]);

    } else {
        af_jobs_failed(jobs, jobs->job->name);
    }

    af_db_clear(op);

    if (more && jobs->job->receive) {
        af_jobs_run(jobs);

    } else if (more) {
        af_jobs_state(jobs, AF_JOBS_PAUSED);

    } else if (op->status == AF_DB_UNAVAILABLE || ngx_exiting) {
        af_jobs_state(jobs, AF_JOBS_IDLE);

    } else {
        af_jobs_claim(jobs);
    }
}


static ngx_uint_t
af_jobs_more(const PGresult *res)
{
    int  n;

    n = PQfnumber(res, "more");

    return n >= 0 && PQntuples(res) == 1 && PQgetvalue(res, 0, n)[0] == 't';
}


/*
 * There may always be more to receive.  What it has received is confirmed by
 * now; what it hasn't is sent again in its next turn.
 */

static ngx_uint_t
af_jobs_turn_ends(const af_jobs_t *jobs)
{
    return jobs->received
           && (ngx_exiting
               || ngx_current_msec - jobs->claimed >= AF_JOBS_TURN);
}


/*
 * What is done with is not sent again: hence no pause before the next batch.
 * Whether there is one; of a job that doesn't receive, the first.
 */

static ngx_uint_t
af_jobs_receive(af_jobs_t *jobs, const PGresult *batch)
{
    ngx_int_t             rc;
    const af_jobs_row_t  *job;

    job = jobs->job;
    jobs->values = NULL;

    if (job->receive == NULL) {
        return 1;
    }

    if (batch && af_jobs_turn_ends(jobs)) {
        return 0;
    }

    jobs->received = (batch != NULL);

    rc = job->receive(af_jobs_data(jobs, job), batch, &jobs->values);

    if (rc == NGX_ERROR) {
        af_count_named(AF_METRIC_JOB_ERRORS, job->name);
    }

    return rc == NGX_OK;
}


/* an unavailable database is logged by its connection */

static void
af_jobs_failed(af_jobs_t *jobs, const char *name)
{
    const char  *message;

    if (jobs->op.status != AF_DB_ERROR) {
        return;
    }

    af_count_named(AF_METRIC_JOB_ERRORS, name);

    message = PQresultErrorField(jobs->op.error, PG_DIAG_MESSAGE_PRIMARY);

    ngx_log_error(NGX_LOG_ERR, jobs->log, 0,
                  "autoflow: the job \"%s\" failed: %s", name,
                  message ? message : "");
}


/* each node for itself: nothing is written */

static void
af_jobs_watch(af_jobs_t *jobs)
{
    jobs->watched = ngx_current_msec;

    jobs->calls[0].statement = &af_sql_jobs_watch;
    jobs->calls[0].values = NULL;
    jobs->op.ncalls = 1;

    af_jobs_send(jobs, AF_JOBS_WATCHING, af_jobs_watched);
}


static void
af_jobs_watched(af_db_op_t *op)
{
    int              row, job;
    af_jobs_t       *jobs;
    const PGresult  *res;

    jobs = op->data;

    if (op->status != AF_DB_OK) {
        af_jobs_failed(jobs, jobs->calls[0].statement->name);
        af_db_clear(op);
        af_jobs_state(jobs, AF_JOBS_IDLE);
        return;
    }

    res = jobs->results[0];

    for (row = 0; row < PQntuples(res); row++) {
        af_gauge_set(AF_METRIC_MAILS_QUEUED, 0,
                     af_jobs_number(res, row, "queued"));
        af_gauge_set(AF_METRIC_MAILS_OLDEST, 0,
                     af_jobs_number(res, row, "oldest"));

        job = af_metric_value(AF_METRIC_JOB_RUN,
                              PQgetvalue(res, row, PQfnumber(res, "job")));
        if (job != -1) {
            af_gauge_set(AF_METRIC_JOB_RUN, job,
                         af_jobs_number(res, row, "ran_at"));
        }
    }

    af_db_clear(op);
    af_jobs_claim(jobs);
}


/* likewise: what no key of its own opens */

static void
af_jobs_count(af_jobs_t *jobs)
{
    jobs->calls[0].statement = &af_sql_jobs_seals;
    jobs->calls[0].values = af_seals_values(jobs->seals);
    jobs->op.ncalls = 1;

    af_jobs_send(jobs, AF_JOBS_WATCHING, af_jobs_counted);
}


static void
af_jobs_counted(af_db_op_t *op)
{
    af_jobs_t *jobs = op->data;

    /* without a database it waits for that, not for its next time */

    if (op->status != AF_DB_UNAVAILABLE) {
        jobs->counted = ngx_current_msec;
        jobs->counts = 1;
    }

    if (op->status != AF_DB_OK) {
        af_jobs_failed(jobs, jobs->calls[0].statement->name);
        af_db_clear(op);
        af_jobs_state(jobs, AF_JOBS_IDLE);
        return;
    }

    af_seals_counted(jobs->seals, jobs->results[0]);
    af_db_clear(op);
    af_jobs_claim(jobs);
}


static int64_t
af_jobs_number(const PGresult *res, int row, const char *name)
{
    return strtoll(PQgetvalue(res, row, PQfnumber(res, name)), NULL, 10);
}
