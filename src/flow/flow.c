#include "flow/flow.h"
#include "flow/budget.h"
#include "flow/errors.h"
#include "http/csrf.h"
#include "check/input.h"
#include "shm/counters.h"

#include <sodium.h>


/* how long a worker that quits is sure to wait for a thread, again and again */
#define AF_THREAD_TIMER  10000


struct af_job_s {
    af_job_pt     run;
    void         *data;
    uint64_t      posted;      /* when, in microseconds */
    ngx_atomic_t  cancelled;
    unsigned      done:1;      /* the thread's until it is done */
};


static ngx_int_t af_flow_options(af_ctx_t *ctx);
static ngx_uint_t af_flow_has_body(af_ctx_t *ctx);
static af_ctx_t *af_flow_create(ngx_http_request_t *r);
static void af_flow_cancel(void *data);
static void af_flow_free(void *data);
static af_problem_id_t af_flow_admit(af_ctx_t *ctx);
static af_problem_id_t af_flow_authenticate(af_ctx_t *ctx);
static ngx_uint_t af_flow_is_oneself(af_ctx_t *ctx);
static af_problem_id_t af_flow_media(af_ctx_t *ctx);
static void af_flow_body(ngx_http_request_t *r, af_body_t *input,
    af_problem_id_t problem);
static void af_flow_begin(af_ctx_t *ctx);
static af_problem_id_t af_flow_parse(af_ctx_t *ctx);
static af_problem_id_t af_flow_query(af_ctx_t *ctx);
static int af_flow_check(af_ctx_t *ctx, const af_schema_t *schema,
    json_t *input);
static void af_flow_run(af_ctx_t *ctx);
static void af_flow_end(af_ctx_t *ctx, ngx_int_t rc);
static void af_flow_ended(af_ctx_t *ctx, ngx_uint_t answered);
static void af_flow_count(const ngx_http_request_t *r);
static void af_flow_resume(af_ctx_t *ctx);
static ngx_int_t af_flow_wait(af_ctx_t *ctx, ngx_msec_t timeout);
static void af_flow_timeout(ngx_event_t *ev);
static ngx_int_t af_flow_submit(af_ctx_t *ctx, ngx_uint_t n,
    ngx_msec_t timeout);
static ngx_int_t af_flow_values(af_ctx_t *ctx, af_db_call_t *call);
static void af_flow_queried(af_db_op_t *op);
static void af_flow_revoke(af_ctx_t *ctx);
static ngx_int_t af_flow_post(ngx_thread_pool_t *pool, ngx_thread_task_t *task);
static void af_flow_thread(void *data, ngx_log_t *log);
static void af_flow_threaded(ngx_event_t *ev);


/* how many jobs threads have, or will have */
static ngx_atomic_t  af_jobs;


static const af_step_pt  af_default_steps[] = {
    af_step_query,
    af_step_answer,
    NULL
};


static const af_step_pt  af_options_steps[] = {
    af_flow_options,
    NULL
};


/* OPTIONS of any path that there is */

static const af_route_t  af_options_route = {
    NGX_HTTP_OPTIONS, "*", AF_PUBLIC, .steps = af_options_steps
};


ngx_int_t
af_flow(ngx_http_request_t *r, const af_route_t *const *tables,
    const ngx_str_t *path)
{
    ngx_int_t         rc;
    af_ctx_t         *ctx;
    af_problem_id_t   problem;

    ctx = af_flow_create(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    af_route_match(tables, r->method, path, &ctx->match);

    problem = af_flow_admit(ctx);

    if (problem == AF_PROBLEM_NONE && af_flow_has_body(ctx)) {
        ctx->input.handler = af_flow_body;
        ctx->input.owner = ctx;

        return af_body_read(r, &ctx->input);
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    r->main->count++;

    if (problem == AF_PROBLEM_NONE) {
        af_flow_begin(ctx);

    } else {
        af_flow_end(ctx, af_problem(ctx, problem, NULL));
    }

    return NGX_DONE;
}


static ngx_uint_t
af_flow_has_body(af_ctx_t *ctx)
{
    const af_route_t  *route;

    route = ctx->match.route;

    return route->body && (!route->bodyless || af_body_is_sent(ctx->request));
}


static af_ctx_t *
af_flow_create(ngx_http_request_t *r)
{
    af_ctx_t            *ctx;
    ngx_http_cleanup_t  *cancel;
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(af_ctx_t));
    if (cln == NULL) {
        return NULL;
    }

    ctx = cln->data;
    ngx_memzero(ctx, sizeof(af_ctx_t));

    cln->handler = af_flow_free;

    cancel = ngx_http_cleanup_add(r, 0);
    if (cancel == NULL) {
        return NULL;
    }

    cancel->handler = af_flow_cancel;
    cancel->data = ctx;

    ctx->request = r;
    ctx->conf = af_main_conf(r);
    ctx->server = af_srv_conf(r);

    ctx->timer.handler = af_flow_timeout;
    ctx->timer.data = ctx;
    ctx->timer.log = r->connection->log;

    ctx->op.calls = ctx->calls;
    ctx->op.results = ctx->results;
    ctx->op.handler = af_flow_queried;
    ctx->op.data = ctx;

    return ctx;
}


/*
 * The request has ended, or the client has gone.  A job can't be taken back:
 * the timer goes on holding the worker for it.
 */

static void
af_flow_cancel(void *data)
{
    af_ctx_t *ctx = data;

    af_flow_ended(ctx, 0);
    af_db_cancel(&ctx->op);
    af_lane_leave(&ctx->lane);

    if (ctx->job) {
        __atomic_store_n(&ctx->job->cancelled, 1, __ATOMIC_RELAXED);
        return;
    }

    if (ctx->timer.timer_set) {
        ngx_del_timer(&ctx->timer);
    }
}


static void
af_flow_free(void *data)
{
    af_ctx_t *ctx = data;

    af_db_clear(&ctx->op);

    if (ctx->input.data) {
        sodium_memzero(ctx->input.data, ctx->input.len);
    }

    if (ctx->body) {
        af_schema_wipe(ctx->match.route->body, ctx->body);
    }

    json_decref(ctx->query);
    json_decref(ctx->body);
    json_decref(ctx->errors);
}


/* what comes before the body, in the order that the contract demands */

static af_problem_id_t
af_flow_admit(af_ctx_t *ctx)
{
    af_problem_id_t      problem;
    ngx_http_request_t  *r;

    r = ctx->request;

    if (ctx->match.methods == 0) {
        return AF_NOT_FOUND;
    }

    if (r->method == NGX_HTTP_OPTIONS) {
        ctx->match.route = &af_options_route;
    }

    if (ctx->match.route == NULL) {
        return (af_allow(r, "Allow", ctx->match.methods) == NGX_OK)
               ? AF_METHOD_NOT_ALLOWED : AF_INTERNAL_ERROR;
    }

    problem = af_flow_authenticate(ctx);

    if (problem == AF_PROBLEM_NONE && af_budget_spend(ctx) != NGX_OK) {
        problem = ctx->problem ? ctx->problem : AF_INTERNAL_ERROR;
    }

    if (problem == AF_PROBLEM_NONE && af_flow_has_body(ctx)) {
        problem = af_flow_media(ctx);
    }

    return problem;
}


static af_problem_id_t
af_flow_authenticate(af_ctx_t *ctx)
{
    const af_route_t  *route;

    route = ctx->match.route;

    if (route->auth < AF_USER && af_csrf_foreign(ctx->request)) {
        return AF_CSRF_REFUSED;
    }

    if (route->auth == AF_PUBLIC) {
        return AF_PROBLEM_NONE;
    }

    ctx->identity = af_identity(ctx->request);

    if (ctx->identity == NULL) {
        return AF_INTERNAL_ERROR;
    }

    if (route->auth == AF_EITHER) {
        return AF_PROBLEM_NONE;
    }

    if (ctx->identity->status != AF_TOKEN_OK) {
        return af_token_problem(ctx->identity->status);
    }

    if (!ctx->identity->own) {
        return AF_INVALID_TOKEN;
    }

    if (ctx->identity->superuser || route->auth == AF_USER) {
        return AF_PROBLEM_NONE;
    }

    return (route->auth == AF_ONESELF && af_flow_is_oneself(ctx))
           ? AF_PROBLEM_NONE : AF_FORBIDDEN;
}


static ngx_uint_t
af_flow_is_oneself(af_ctx_t *ctx)
{
    const ngx_str_t        *user_id;
    const af_path_param_t  *id;

    user_id = &ctx->identity->user_id;
    id = &ctx->match.params[0];

    return ctx->match.nparams
           && id->value_len == user_id->len
           && ngx_strncasecmp((u_char *) id->value, user_id->data,
                              user_id->len)
              == 0;
}


static af_problem_id_t
af_flow_media(af_ctx_t *ctx)
{
    ctx->media = af_body_media(ctx->request);

    if (ctx->media == AF_MEDIA_JSON
        || (ctx->media == AF_MEDIA_FORM && ctx->match.route->form))
    {
        return AF_PROBLEM_NONE;
    }

    return AF_UNSUPPORTED_MEDIA_TYPE;
}


static void
af_flow_body(ngx_http_request_t *r, af_body_t *input, af_problem_id_t problem)
{
    af_ctx_t *ctx = input->owner;

    if (problem != AF_PROBLEM_NONE) {
        af_flow_end(ctx, af_problem(ctx, problem, NULL));
        return;
    }

    af_flow_begin(ctx);
}


/* all that was sent is there */

static void
af_flow_begin(af_ctx_t *ctx)
{
    af_problem_id_t  problem;

    problem = af_flow_parse(ctx);

    if (problem == AF_PROBLEM_NONE) {
        problem = af_flow_query(ctx);
    }

    if (problem == AF_PROBLEM_NONE && json_array_size(ctx->errors)) {
        problem = AF_VALIDATION_FAILED;
    }

    if (problem == AF_PROBLEM_NONE) {
        af_flow_run(ctx);

    } else {
        af_flow_end(ctx, af_problem(ctx, problem, ctx->cause));
    }
}


static af_problem_id_t
af_flow_parse(af_ctx_t *ctx)
{
    char             *data;
    size_t            len;
    af_problem_id_t   broken;

    if (ctx->match.route->body == NULL) {
        return AF_PROBLEM_NONE;
    }

    data = (char *) ctx->input.data;
    len = ctx->input.len;

    if (!af_flow_has_body(ctx)) {
        ctx->body = json_object();

        return ctx->body ? AF_PROBLEM_NONE : AF_INTERNAL_ERROR;
    }

    if (ctx->media == AF_MEDIA_FORM) {
        broken = AF_INVALID_FORM;
        ctx->body = af_form_parse(data, len, &ctx->cause);

    } else {
        broken = AF_INVALID_JSON;
        ctx->body = af_json_parse(data, len, &ctx->cause);
    }

    if (ctx->body == NULL) {
        return (ctx->cause == af_no_memory) ? AF_INTERNAL_ERROR : broken;
    }

    return (af_flow_check(ctx, ctx->match.route->body, ctx->body) < 0)
           ? AF_INTERNAL_ERROR : AF_PROBLEM_NONE;
}


static af_problem_id_t
af_flow_query(af_ctx_t *ctx)
{
    ngx_str_t          *args;
    const af_schema_t  *schema;

    schema = ctx->match.route->query;
    args = &ctx->request->args;

    if (schema == NULL) {
        return AF_PROBLEM_NONE;
    }

    ctx->query = af_form_parse((char *) args->data, args->len, &ctx->cause);

    if (ctx->query == NULL) {
        return (ctx->cause == af_no_memory) ? AF_INTERNAL_ERROR
                                            : AF_INVALID_QUERY;
    }

    if (af_schema_convert(schema, ctx->query) != 0
        || af_flow_check(ctx, schema, ctx->query) < 0)
    {
        return AF_INTERNAL_ERROR;
    }

    return AF_PROBLEM_NONE;
}


/* as af_schema_check(), which adds to the errors */

static int
af_flow_check(af_ctx_t *ctx, const af_schema_t *schema, json_t *input)
{
    if (ctx->errors == NULL) {
        ctx->errors = json_array();
    }

    return ctx->errors ? af_schema_check(schema, input, ctx->errors) : -1;
}


static void
af_flow_run(af_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (ctx->step == NULL) {
        ctx->step = ctx->match.route->steps;

        if (ctx->step == NULL) {
            ctx->step = af_default_steps;
        }
    }

    do {
        rc = (*ctx->step) ? (*ctx->step++)(ctx) : NGX_DECLINED;
    } while (rc == NGX_OK);

    if (rc == NGX_AGAIN) {
        return;
    }

    if (rc == NGX_DECLINED) {
        ngx_log_error(NGX_LOG_ALERT, ctx->request->connection->log, 0,
                      "autoflow: the flow of \"%s\" ends without an answer",
                      ctx->match.route->path);
    }

    af_flow_end(ctx, rc);
}


static void
af_flow_end(af_ctx_t *ctx, ngx_int_t rc)
{
    ngx_http_request_t  *r;

    r = ctx->request;

    if (rc != NGX_DONE) {

        if (ctx->problem == AF_PROBLEM_NONE) {
            ctx->problem = AF_INTERNAL_ERROR;
        }

        af_flow_ended(ctx, af_problems[ctx->problem].status < 500);

        ctx->sent = af_respond_problem(r, ctx->problem, ctx->cause,
                                       json_array_size(ctx->errors)
                                       ? ctx->errors : NULL);

    } else {
        af_flow_ended(ctx, 1);
    }

    if (ctx->sent == NGX_ERROR && !r->header_sent) {
        ctx->sent = NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    af_flow_count(r);

    ngx_http_finalize_request(r, ctx->sent);
}


static void
af_flow_ended(af_ctx_t *ctx, ngx_uint_t answered)
{
    af_ended_pt  ended;

    ended = ctx->ended;
    ctx->ended = NULL;

    if (ended) {
        ended(ctx, answered);
    }
}


/* what isn't sent by us is nginx's answer to our error */

static void
af_flow_count(const ngx_http_request_t *r)
{
    ngx_uint_t  status;

    status = r->header_sent ? r->headers_out.status
                            : NGX_HTTP_INTERNAL_SERVER_ERROR;

    af_count(AF_ANSWERS, status / 100 - 1);
}


/* nothing is pending any more: called from an event's handler alone */

static void
af_flow_resume(af_ctx_t *ctx)
{
    ngx_connection_t  *c;

    c = ctx->request->connection;

    ngx_http_set_log_request(c->log, ctx->request);

    if (ctx->tolerant) {
        ctx->problem = AF_PROBLEM_NONE;
    }

    if (ctx->problem == AF_PROBLEM_NONE) {
        ctx->problem = ctx->refusal;
    }

    if (ctx->problem == AF_PROBLEM_NONE) {
        af_flow_run(ctx);

    } else {
        af_flow_end(ctx, NGX_ERROR);
    }

    ngx_http_run_posted_requests(c);
}


static ngx_int_t
af_flow_wait(af_ctx_t *ctx, ngx_msec_t timeout)
{
    ngx_event_t         *rev;
    ngx_http_request_t  *r;

    r = ctx->request;
    rev = r->connection->read;

    /* to notice a client that goes away; if that can't be, we just go on */

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
af_flow_timeout(ngx_event_t *ev)
{
    af_ctx_t *ctx = ev->data;

    ev->timedout = 0;

    if (ctx->job) {
        ngx_add_timer(ev, AF_THREAD_TIMER);
        return;
    }

    if (ctx->paused) {
        ctx->paused = 0;
        af_flow_resume(ctx);
        return;
    }

    af_db_cancel(&ctx->op);
    af_db_clear(&ctx->op);
    af_lane_leave(&ctx->lane);

    (void) af_problem(ctx, AF_UNAVAILABLE, "the database is too slow");

    af_flow_resume(ctx);
}


ngx_int_t
af_pause(af_ctx_t *ctx, ngx_msec_t delay)
{
    ctx->paused = 1;

    return af_flow_wait(ctx, delay);
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

    ctx->tolerant = 0;

    return af_flow_submit(ctx, n, ctx->conf->database->timeout);
}


ngx_int_t
af_refuse_after(af_ctx_t *ctx, af_problem_id_t id,
    const af_statement_t *statement)
{
    ctx->refusal = id;

    return af_query(ctx, statement);
}


ngx_int_t
af_refuse_anyway(af_ctx_t *ctx, af_problem_id_t id,
    const af_statement_t *statement)
{
    ctx->refusal = id;

    return (af_try(ctx, statement, ctx->conf->database->timeout) == NGX_AGAIN)
           ? NGX_AGAIN : af_problem(ctx, id, NULL);
}


ngx_int_t
af_try(af_ctx_t *ctx, const af_statement_t *statement, ngx_msec_t timeout)
{
    ngx_int_t  rc;

    ctx->calls[0].statement = statement;
    ctx->tolerant = 1;

    rc = af_flow_submit(ctx, 1, timeout);

    if (rc == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    ctx->problem = AF_PROBLEM_NONE;

    return NGX_OK;
}


static ngx_int_t
af_flow_submit(af_ctx_t *ctx, ngx_uint_t n, ngx_msec_t timeout)
{
    ngx_int_t   rc;
    ngx_uint_t  i;

    af_db_clear(&ctx->op);
    ctx->op.ncalls = n;

    for (i = 0; i < n; i++) {
        if (af_flow_values(ctx, &ctx->calls[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (af_lane_enter(&ctx->lane, ctx->conf, &ctx->op, ctx->identity)
        != NGX_OK)
    {
        return (af_retry_after(ctx, 1) == NGX_OK)
               ? af_problem(ctx, AF_TOO_MANY_REQUESTS, NULL) : NGX_ERROR;
    }

    rc = af_db_submit(ctx->lane.db, &ctx->op);

    if (rc == NGX_OK) {
        return af_flow_wait(ctx, timeout);
    }

    af_lane_leave(&ctx->lane);

    switch (rc) {

    case NGX_BUSY:
        return af_problem(ctx, AF_OVERLOADED, "the database's queue is full");

    default:
        return af_problem(ctx, AF_UNAVAILABLE, "the database is away");
    }
}


static ngx_int_t
af_flow_values(af_ctx_t *ctx, af_db_call_t *call)
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
            ngx_log_error(NGX_LOG_ALERT, ctx->request->connection->log, 0,
                          "autoflow: nothing is bound to \":%s\" of \"%s\"",
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
af_flow_queried(af_db_op_t *op)
{
    af_ctx_t         *ctx;
    const char       *cause;
    af_problem_id_t   id;

    ctx = op->data;

    af_lane_leave(&ctx->lane);

    if (ctx->timer.timer_set) {
        ngx_del_timer(&ctx->timer);
    }

    switch (op->status) {

    case AF_DB_OK:
        af_flow_revoke(ctx);
        break;

    case AF_DB_ERROR:
        id = af_error_problem(op->error);
        cause = (af_problems[id].status >= 500)
                ? af_error_cause(op->error, ctx->request->pool) : NULL;

        (void) af_problem(ctx, id, cause);

        if (id == AF_VALIDATION_FAILED) {
            af_error_field(op->error, ctx->errors);
        }

        break;

    case AF_DB_UNAVAILABLE:
        (void) af_problem(ctx, AF_UNAVAILABLE, "the database is away");
        break;
    }

    af_flow_resume(ctx);
}


/* in this node's workers; other nodes hear it from the database */

static void
af_flow_revoke(af_ctx_t *ctx)
{
    int         column, row;
    PGresult   *res;
    ngx_uint_t  i;

    for (i = 0; i < ctx->op.ncalls; i++) {
        res = ctx->results[i];
        column = PQfnumber(res, "revoked");

        for (row = 0; column >= 0 && row < PQntuples(res); row++) {

            if (!PQgetisnull(res, row, column)
                && af_zone_revoke(ctx->conf->zone,
                                  PQgetvalue(res, row, column), ngx_time())
                   != 0)
            {
                ngx_log_error(NGX_LOG_ALERT, ctx->request->connection->log, 0,
                              "autoflow: can't revoke \"%s\"",
                              PQgetvalue(res, row, column));
            }
        }
    }
}


ngx_int_t
af_in_thread(af_ctx_t *ctx, af_job_pt run, void *data)
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

    task->handler = af_flow_thread;
    task->event.handler = af_flow_threaded;
    task->event.data = ctx;

    (void) ngx_atomic_fetch_add(&af_jobs, 1);

    if (af_flow_post(ctx->conf->hash, task) != NGX_OK) {
        (void) ngx_atomic_fetch_add(&af_jobs, -1);
        return af_problem(ctx, AF_OVERLOADED, "the hash queue is full");
    }

    ctx->job = job;
    ctx->tolerant = 0;

    r->main->blocked++;
    r->aio = 1;

    return af_flow_wait(ctx, AF_THREAD_TIMER);
}


/*
 * nginx logs each task that its queue has no room for, as an error, and that
 * may be thousands a second.  The request's problem tells it.
 */

static ngx_int_t
af_flow_post(ngx_thread_pool_t *pool, ngx_thread_task_t *task)
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
af_flow_thread(void *data, ngx_log_t *log)
{
    af_job_t *job = data;

    uint64_t  begun;

    begun = af_microseconds();
    af_observe(AF_HASH_WAIT, begun - job->posted);

    /* a worker told to end at once waits for its threads: none shall begin */

    if (!ngx_terminate && !__atomic_load_n(&job->cancelled, __ATOMIC_RELAXED)) {
        job->run(job->data);
        job->done = 1;

        af_observe(AF_HASH_TIME, af_microseconds() - begun);
    }

    (void) ngx_atomic_fetch_add(&af_jobs, -1);
}


/*
 * The thread pools have ended, but not one whose queue was full: nginx leaves
 * its threads running (ngx_thread_pool_destroy()), and frees what they use.
 */

void
af_flow_stop(void)
{
    if (af_jobs == 0) {
        return;
    }

    while (af_jobs) {
        ngx_msleep(1);
    }

    /* for the last of them to get back to where it waits for more */
    ngx_msleep(1);
}


static void
af_flow_threaded(ngx_event_t *ev)
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

    if (ctx->timer.timer_set) {
        ngx_del_timer(&ctx->timer);
    }

    if (job->cancelled) {

        /* the request was terminated meanwhile: nginx frees it now */

        c->write->handler(c->write);
        return;
    }

    if (!job->done) {
        (void) af_problem(ctx, AF_UNAVAILABLE, "the worker is ending");
    }

    af_flow_resume(ctx);
}


void
af_bind(af_ctx_t *ctx, const char *name, const char *value)
{
    ngx_uint_t  i;

    for (i = 0; i < ctx->nbindings; i++) {
        if (ngx_strcmp(ctx->bindings[i].name, name) == 0) {
            ctx->bindings[i].value = value;
            return;
        }
    }

    if (i == AF_BINDINGS) {
        ngx_log_error(NGX_LOG_ALERT, ctx->request->connection->log, 0,
                      "autoflow: no room to bind \":%s\"", name);
        return;
    }

    ctx->bindings[i].name = name;
    ctx->bindings[i].value = value;
    ctx->nbindings++;
}


ngx_uint_t
af_found(af_ctx_t *ctx)
{
    return ctx->op.ncalls
           && ctx->op.status == AF_DB_OK
           && PQntuples(ctx->results[ctx->op.ncalls - 1]) > 0;
}


const char *
af_column(af_ctx_t *ctx, const char *name)
{
    int        n;
    PGresult  *res;

    res = ctx->results[ctx->op.ncalls - 1];
    n = PQfnumber(res, name);

    return (n < 0 || PQgetisnull(res, 0, n)) ? NULL : PQgetvalue(res, 0, n);
}


ngx_int_t
af_answer(af_ctx_t *ctx, ngx_uint_t status, const char *json, size_t len)
{
    ctx->sent = af_respond(ctx->request, status, json, len);

    return NGX_DONE;
}


ngx_int_t
af_problem(af_ctx_t *ctx, af_problem_id_t id, const char *cause)
{
    ctx->problem = id;
    ctx->cause = cause;

    return NGX_ERROR;
}


ngx_int_t
af_invalid(af_ctx_t *ctx, const char *field, const char *code,
    const char *message)
{
    if (af_schema_error(ctx->errors, field, code, message) != 0) {
        return NGX_ERROR;
    }

    return af_problem(ctx, AF_VALIDATION_FAILED, NULL);
}


char *
af_string(af_ctx_t *ctx, const void *data, size_t len)
{
    char  *s;

    s = ngx_pnalloc(ctx->request->pool, len + 1);

    if (s) {
        ngx_memcpy(s, data, len);
        s[len] = '\0';
    }

    return s;
}


const char *
af_field(af_ctx_t *ctx, const char *name)
{
    return json_string_value(json_object_get(ctx->body, name));
}


ngx_int_t
af_missing(af_ctx_t *ctx)
{
    const af_route_t  *route;

    route = ctx->match.route;

    return af_problem(ctx, route->missing ? route->missing : AF_NOT_FOUND,
                      NULL);
}


ngx_int_t
af_step_query(af_ctx_t *ctx)
{
    return af_query(ctx, ctx->match.route->statement);
}


ngx_int_t
af_step_answer(af_ctx_t *ctx)
{
    const char        *json;
    const af_route_t  *route;

    route = ctx->match.route;

    if (!af_found(ctx)) {
        return af_missing(ctx);
    }

    if (route->answer == NULL) {
        return af_answer(ctx, NGX_HTTP_NO_CONTENT, NULL, 0);
    }

    json = af_column(ctx, "json");

    if (json == NULL) {
        return af_problem(ctx, AF_INTERNAL_ERROR, "the statement has no json");
    }

    return af_answer(ctx, route->status ? route->status : NGX_HTTP_OK,
                     json, ngx_strlen(json));
}


static ngx_int_t
af_flow_options(af_ctx_t *ctx)
{
    if (af_allow(ctx->request, "Allow", ctx->match.methods) != NGX_OK) {
        return NGX_ERROR;
    }

    return af_answer(ctx, NGX_HTTP_NO_CONTENT, NULL, 0);
}
