/*
 * The engine: runs a flow's steps, does its waiting, and ends it.
 */

#include "flow/engine.h"
#include "flow/budget.h"
#include "flow/outcome.h"
#include "flow/proof.h"
#include "shm/counters.h"


/* milliseconds of the timer by which a thread holds an exiting worker */
#define AF_THREAD_TIMER  10000


struct af_job_s {
    af_job_pt     run;
    void         *data;
    uint64_t      posted;      /* when, in microseconds */
    uint64_t      started;     /* likewise; 0: not yet */
    uint64_t      ended;
    ngx_atomic_t  cancelled;
    unsigned      done:1;      /* owned by the thread until it is done */
};


static void af_engine_begin(af_ctx_t *ctx);
static void af_engine_time_database(af_ctx_t *ctx);
static void af_engine_time_thread(af_ctx_t *ctx, const af_job_t *job);
static void af_engine_notify(af_ctx_t *ctx, ngx_uint_t answered);
static ngx_uint_t af_engine_recovers(af_ctx_t *ctx);
static json_t *af_engine_errors(const af_ctx_t *ctx);
static void af_engine_count(const af_ctx_t *ctx);
static void af_engine_resume(af_ctx_t *ctx);
static ngx_int_t af_engine_wait(af_ctx_t *ctx, ngx_msec_t timeout);
static void af_engine_timeout(ngx_event_t *ev);
static ngx_int_t af_engine_submit(af_ctx_t *ctx, ngx_uint_t n,
    ngx_msec_t timeout);
static ngx_int_t af_engine_values(af_ctx_t *ctx, af_db_call_t *call);
static void af_engine_query_done(af_db_op_t *op);
static ngx_int_t af_engine_post(ngx_thread_pool_t *pool,
    ngx_thread_task_t *task);
static void af_engine_thread(void *data, ngx_log_t *log);
static void af_engine_thread_done(ngx_event_t *ev);


/* jobs that threads run, or will run */
static ngx_atomic_t  af_thread_jobs;


static const af_step_pt  af_default_steps[] = {
    af_step_query,
    af_step_answer,
    NULL
};


void
af_engine_init(af_ctx_t *ctx)
{
    ctx->timer.handler = af_engine_timeout;
    ctx->timer.data = ctx;
    ctx->timer.log = ctx->request->connection->log;

    ctx->op.calls = ctx->calls;
    ctx->op.results = ctx->results;
    ctx->op.handler = af_engine_query_done;
    ctx->op.data = ctx;
}


void
af_engine_cancel(af_ctx_t *ctx)
{
    af_engine_notify(ctx, 0);
    af_db_cancel(&ctx->op);
    af_lane_leave(&ctx->lane);
    af_engine_time_database(ctx);

    if (ctx->job) {
        __atomic_store_n(&ctx->job->cancelled, 1, __ATOMIC_RELAXED);
        return;
    }

    if (ctx->timer.timer_set) {
        ngx_del_timer(&ctx->timer);
    }
}


/* an operation is over: for $autoflow_db_time */

static void
af_engine_time_database(af_ctx_t *ctx)
{
    ngx_http_autoflow_ctx_t  *times;

    times = ctx->asked ? af_request_ctx(ctx->request) : NULL;

    if (times) {
        times->db_time += af_microseconds() - ctx->asked;
    }

    ctx->asked = 0;
}


/* likewise a job, for $autoflow_hash_wait and $autoflow_hash_time */

static void
af_engine_time_thread(af_ctx_t *ctx, const af_job_t *job)
{
    ngx_http_autoflow_ctx_t  *times;

    times = af_request_ctx(ctx->request);

    if (times) {
        times->hash_wait += job->started - job->posted;
        times->hash_time += job->ended - job->started;
    }
}


void
af_engine_run(af_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (ctx->step == NULL) {
        ctx->started = ngx_current_msec;
        af_engine_begin(ctx);
    }

    do {
        rc = (*ctx->step) ? (*ctx->step++)(ctx) : NGX_DECLINED;

        ngx_log_debug2(NGX_LOG_DEBUG_HTTP, ctx->request->connection->log, 0,
                       "autoflow: a step of \"%s\" returned %i",
                       ctx->match.route->path, rc);

    } while (rc == NGX_OK);

    if (rc == NGX_AGAIN) {
        return;
    }

    if (rc == NGX_DECLINED) {
        af_request_log(NGX_LOG_ALERT, ctx->request,
                       "the flow of \"%s\" ends without an answer",
                       ctx->match.route->path);
    }

    af_engine_end(ctx, rc);
}


/* a page asks for a proof later, when it is known who it is */

static void
af_engine_begin(af_ctx_t *ctx)
{
    const af_route_t  *route;

    route = ctx->match.route;

    if (route->page) {
        (void) af_follow(ctx, route->steps);

    } else {
        (void) af_proof_before(ctx, route->steps ? route->steps
                                                 : af_default_steps);
    }
}


void
af_engine_end(af_ctx_t *ctx, ngx_int_t rc)
{
    ngx_http_request_t  *r;

    r = ctx->request;

    if (rc != NGX_DONE) {

        if (ctx->problem == AF_PROBLEM_NONE) {
            ctx->problem = AF_INTERNAL_ERROR;
            ctx->cause = "no memory";
        }

        af_engine_notify(ctx, af_problems[ctx->problem].status < 500);

        if (af_engine_recovers(ctx)) {
            af_engine_run(ctx);
            return;
        }

        ctx->rc = af_respond_problem(r, ctx->problem, ctx->cause,
                                     af_engine_errors(ctx));

    } else {
        af_engine_notify(ctx, 1);
    }

    if (ctx->rc == NGX_ERROR && !r->header_sent) {
        ctx->rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    af_engine_count(ctx);

    ngx_http_finalize_request(r, ctx->rc);
}


/* a page with an error may take other steps than one without */

static ngx_uint_t
af_engine_recovers(af_ctx_t *ctx)
{
    const af_face_t  *face;

    face = af_loc_conf(ctx->request)->dialect->face;

    return face && face->recover(ctx) == NGX_OK;
}


/* a body may have had some before its query turned out to be malformed */

static json_t *
af_engine_errors(const af_ctx_t *ctx)
{
    return (af_problems[ctx->problem].status == 422
            && json_array_size(ctx->errors))
           ? ctx->errors : NULL;
}


/* a response that isn't ours is nginx's answer to our error */

static void
af_engine_count(const af_ctx_t *ctx)
{
    ngx_uint_t                 status, class;
    const ngx_http_request_t  *r;

    r = ctx->request;
    status = r->header_sent ? r->headers_out.status
                            : NGX_HTTP_INTERNAL_SERVER_ERROR;

    /* another module's filter may set any status */

    class = ngx_max(status / 100, 2) - 2;
    class = ngx_min(class, AF_STATUS_CLASSES - 1);

    af_count(AF_METRIC_REQUESTS, ctx->series * AF_STATUS_CLASSES + class);
    af_observe(AF_METRIC_REQUEST_TIME, ctx->series,
               af_microseconds() - ctx->received);
}


static void
af_engine_notify(af_ctx_t *ctx, ngx_uint_t answered)
{
    af_ended_pt  ended;

    ended = ctx->ended;
    ctx->ended = NULL;

    if (ended) {
        ended(ctx, answered);
    }
}


/* nothing is pending any more: only called from event handlers */

static void
af_engine_resume(af_ctx_t *ctx)
{
    ngx_connection_t  *c;

    c = ctx->request->connection;

    ngx_http_set_log_request(c->log, ctx->request);

    if (ctx->best_effort) {
        ctx->problem = AF_PROBLEM_NONE;
    }

    if (ctx->problem == AF_PROBLEM_NONE) {
        ctx->problem = ctx->pending_problem;
    }

    if (ctx->problem == AF_PROBLEM_NONE) {
        af_engine_run(ctx);

    } else {
        af_engine_end(ctx, NGX_ERROR);
    }

    ngx_http_run_posted_requests(c);
}


static ngx_int_t
af_engine_wait(af_ctx_t *ctx, ngx_msec_t timeout)
{
    ngx_event_t         *rev;
    ngx_http_request_t  *r;

    r = ctx->request;
    rev = r->connection->read;

    /* detects clients that disconnect; without it, we just go on */

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    if (rev->ready) {
        ngx_post_event(rev, &ngx_posted_events);

    } else {
        (void) ngx_handle_read_event(rev, 0);
    }

    ngx_add_timer(&ctx->timer, timeout);

    return NGX_AGAIN;
}


static void
af_engine_timeout(ngx_event_t *ev)
{
    af_ctx_t *ctx = ev->data;

    ev->timedout = 0;

    if (ctx->job) {
        ngx_add_timer(ev, AF_THREAD_TIMER);
        return;
    }

    if (ctx->paused) {
        ctx->paused = 0;
        af_engine_resume(ctx);
        return;
    }

    af_db_cancel(&ctx->op);
    af_db_clear(&ctx->op);
    af_lane_leave(&ctx->lane);
    af_engine_time_database(ctx);

    (void) af_problem(ctx, AF_UNAVAILABLE, "the database is too slow");

    af_engine_resume(ctx);
}


ngx_int_t
af_pause(af_ctx_t *ctx, ngx_msec_t delay)
{
    ctx->paused = 1;

    return af_engine_wait(ctx, delay);
}


ngx_int_t
af_query(af_ctx_t *ctx, const af_statement_t *statement)
{
    return af_segment(ctx, statement, NULL);
}


ngx_int_t
af_segment(af_ctx_t *ctx, const af_statement_t *statement, ...)
{
    va_list     args;
    ngx_uint_t  n;

    va_start(args, statement);

    for (n = 0; statement && n < AF_SEGMENT; n++) {
        ctx->calls[n].statement = statement;
        statement = va_arg(args, const af_statement_t *);
    }

    va_end(args);

    ctx->best_effort = 0;

    return af_engine_submit(ctx, n, ctx->conf->database->timeout);
}


ngx_int_t
af_problem_after_try(af_ctx_t *ctx, af_problem_id_t id,
    const af_statement_t *statement)
{
    ctx->pending_problem = id;

    return (af_try(ctx, statement, ctx->conf->database->timeout) == NGX_AGAIN)
           ? NGX_AGAIN : af_problem(ctx, id, NULL);
}


ngx_int_t
af_try(af_ctx_t *ctx, const af_statement_t *statement, ngx_msec_t timeout)
{
    ngx_int_t  rc;

    ctx->calls[0].statement = statement;
    ctx->best_effort = 1;

    rc = af_engine_submit(ctx, 1, timeout);

    if (rc == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    ctx->problem = AF_PROBLEM_NONE;

    return NGX_OK;
}


static ngx_int_t
af_engine_submit(af_ctx_t *ctx, ngx_uint_t n, ngx_msec_t timeout)
{
    ngx_int_t   rc;
    ngx_uint_t  i;

    af_db_clear(&ctx->op);
    ctx->op.ncalls = n;

    for (i = 0; i < n; i++) {
        if (af_engine_values(ctx, &ctx->calls[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (af_lane_enter(&ctx->lane, ctx->conf, &ctx->op, ctx->identity)
        != NGX_OK)
    {
        af_count(AF_METRIC_REFUSED, AF_LIMIT_LISTS);

        return (af_retry_after(ctx, 1) == NGX_OK)
               ? af_problem(ctx, AF_TOO_MANY_REQUESTS, NULL) : NGX_ERROR;
    }

    ctx->asked = af_microseconds();
    rc = af_lane_submit(&ctx->lane, &ctx->op);

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, ctx->request->connection->log, 0,
                   "autoflow: query \"%s\", of %ui: %i",
                   ctx->calls[n - 1].statement->name, n, rc);

    if (rc == NGX_OK) {
        return af_engine_wait(ctx, timeout + af_lane_patience(&ctx->lane));
    }

    af_lane_leave(&ctx->lane);
    ctx->asked = 0;

    switch (rc) {

    case NGX_BUSY:
        return af_problem(ctx, AF_OVERLOADED, "the database's queue is full");

    default:
        return af_problem(ctx, AF_UNAVAILABLE, "the database is unavailable");
    }
}


static ngx_int_t
af_engine_values(af_ctx_t *ctx, af_db_call_t *call)
{
    int           i;
    ngx_int_t     rc;
    const char  **values;

    values = ngx_palloc(ctx->request->pool,
                        (call->statement->nparams + 1) * sizeof(char *));
    if (values == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < call->statement->nparams; i++) {

        rc = af_value(ctx, call->statement->params[i], &values[i]);

        if (rc == NGX_DECLINED) {
            af_request_log(NGX_LOG_ALERT, ctx->request,
                           "nothing is bound to \":%s\" of \"%s\"",
                           call->statement->params[i], call->statement->name);
        }

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }
    }

    call->values = values;

    return NGX_OK;
}


static void
af_engine_query_done(af_db_op_t *op)
{
    af_ctx_t  *ctx;

    ctx = op->data;

    af_lane_leave(&ctx->lane);
    af_engine_time_database(ctx);

    if (ctx->timer.timer_set) {
        ngx_del_timer(&ctx->timer);
    }

    af_outcome(ctx);

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, ctx->request->connection->log, 0,
                   "autoflow: query \"%s\" done: status %d, problem %d",
                   ctx->calls[op->ncalls - 1].statement->name, op->status,
                   ctx->problem);

    af_engine_resume(ctx);
}


ngx_int_t
af_in_thread(af_ctx_t *ctx, ngx_thread_pool_t *pool, af_job_pt run, void *data)
{
    af_job_t            *job;
    ngx_thread_task_t   *task;
    ngx_http_request_t  *r;

    r = ctx->request;

    task = ngx_thread_task_alloc(r->pool, sizeof(af_job_t));
    if (task == NULL) {
        return NGX_ERROR;
    }

    job = task->ctx;
    job->run = run;
    job->data = data;
    job->posted = af_microseconds();

    task->handler = af_engine_thread;
    task->event.handler = af_engine_thread_done;
    task->event.data = ctx;

    (void) ngx_atomic_fetch_add(&af_thread_jobs, 1);
    af_gauge_add(AF_METRIC_HASH_WAITING, 0, 1);

    if (af_engine_post(pool, task) != NGX_OK) {
        (void) ngx_atomic_fetch_add(&af_thread_jobs, -1);
        af_gauge_add(AF_METRIC_HASH_WAITING, 0, -1);
        return af_problem(ctx, AF_OVERLOADED, "the threads' queue is full");
    }

    ctx->job = job;
    ctx->best_effort = 0;

    r->main->blocked++;
    r->aio = 1;

    return af_engine_wait(ctx, AF_THREAD_TIMER);
}


/*
 * When its queue is full nginx logs an error for each task, possibly thousands
 * a second.  The request's problem is logged instead.
 */

static ngx_int_t
af_engine_post(ngx_thread_pool_t *pool, ngx_thread_task_t *task)
{
    ngx_int_t    rc;
    ngx_log_t   *log;
    ngx_uint_t   level;

    log = ngx_cycle->log;
    level = log->log_level;

    log->log_level = ngx_min(level, NGX_LOG_CRIT);
    rc = ngx_thread_task_post(pool, task);
    log->log_level = level;

    return rc;
}


static void
af_engine_thread(void *data, ngx_log_t *log)
{
    af_job_t *job = data;

    job->started = af_microseconds();
    job->ended = job->started;

    af_observe(AF_METRIC_HASH_WAIT, 0, job->started - job->posted);
    af_gauge_add(AF_METRIC_HASH_WAITING, 0, -1);
    af_gauge_add(AF_METRIC_HASH_RUNNING, 0, 1);

    /* a terminating worker waits for its threads: start nothing new */

    if (!ngx_terminate && !__atomic_load_n(&job->cancelled, __ATOMIC_RELAXED)) {
        job->run(job->data);
        job->done = 1;
        job->ended = af_microseconds();

        af_observe(AF_METRIC_HASH_TIME, 0, job->ended - job->started);
    }

    af_gauge_add(AF_METRIC_HASH_RUNNING, 0, -1);
    (void) ngx_atomic_fetch_add(&af_thread_jobs, -1);
}


/*
 * The thread pools have exited, except one whose queue was full: nginx leaves
 * its threads running (ngx_thread_pool_destroy()), and frees what they use.
 */

void
af_flow_stop(void)
{
    if (af_thread_jobs == 0) {
        return;
    }

    while (af_thread_jobs) {
        ngx_msleep(1);
    }

    /* lets the last of them get back to waiting for tasks */
    ngx_msleep(1);
}


static void
af_engine_thread_done(ngx_event_t *ev)
{
    af_job_t            *job;
    af_ctx_t            *ctx;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    ctx = ev->data;
    r = ctx->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    r->main->blocked--;
    r->aio = 0;

    job = ctx->job;
    ctx->job = NULL;

    af_engine_time_thread(ctx, job);

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, c->log, 0,
                   "autoflow: thread done: %ui, cancelled: %ui",
                   (ngx_uint_t) job->done, (ngx_uint_t) job->cancelled);

    if (ctx->timer.timer_set) {
        ngx_del_timer(&ctx->timer);
    }

    if (job->cancelled) {

        /* the request was terminated meanwhile: nginx frees it now */

        c->write->handler(c->write);
        return;
    }

    if (!job->done) {
        (void) af_problem(ctx, AF_UNAVAILABLE, "the worker is terminating");
    }

    af_engine_resume(ctx);
}
