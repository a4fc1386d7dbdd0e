/*
 * The step engine.  A route's flow is a NULL-ended array of steps that read
 * top to bottom; the engine does the waiting.
 *
 * A step returns
 *   NGX_OK       go on with the next step
 *   NGX_AGAIN    af_query(), af_segment() or af_in_thread() returned it: go
 *                on with the next step when that is done
 *   NGX_DONE     af_answer() returned it: the flow has ended
 *   NGX_ERROR    af_problem() returned it, or there is no memory: the flow
 *                has ended with a problem
 * so that steps end with "return af_…".
 *
 * Who owns the request, by what is pending:
 *   nothing      the engine, in the content handler or in an event's handler
 *   a query      the pool, until its handler or the timer comes first; when
 *                the client goes away nginx runs the clean-up, which cancels
 *   a thread     the thread has the job's memory: `blocked` keeps the request
 *                even when it was terminated meanwhile, and the flow ends
 */

#ifndef AF_FLOW_FLOW_H
#define AF_FLOW_FLOW_H

#include "http/body.h"
#include "http/credential.h"
#include "http/identity.h"
#include "flow/lane.h"
#include "flow/route.h"
#include "db/pool.h"
#include "queries.h"


/* the most values that the steps of a flow can bind */
#define AF_BINDINGS  16

/* the most statements of a segment */
#define AF_SEGMENT  4


typedef struct {
    const char           *name;
    const char           *value;     /* NULL for null */
} af_binding_t;


typedef struct af_job_s  af_job_t;

/*
 * Told once how a flow has ended: `answered` is 0 if the client has gone, or
 * gets to know nothing, since something is broken here (5xx).
 */
typedef void (*af_ended_pt)(af_ctx_t *ctx, ngx_uint_t answered);

/*
 * Runs in a thread: it may touch nothing but `data`, not the request, its
 * pool, or a log.
 */
typedef void (*af_job_pt)(void *data);


struct af_ctx_s {
    ngx_http_request_t             *request;
    ngx_http_autoflow_main_conf_t  *conf;
    ngx_http_autoflow_srv_conf_t   *server;
    const af_identity_t            *identity;

    af_match_t                      match;
    const af_step_pt               *step;      /* the next one */

    json_t                         *query;     /* checked, or NULL */
    json_t                         *body;      /* likewise */
    json_t                         *errors;    /* of their fields */

    /* what steps leave for those behind them */
    void                           *data;
    void                           *job_data;
    void                           *attempts;
    af_ended_pt                     ended;     /* NULL: nobody asks */
    af_credential_t                 presented; /* a refresh token that speaks */

    ngx_uint_t                      nbindings;
    af_binding_t                    bindings[AF_BINDINGS];

    /* the engine's */
    af_media_t                      media;
    unsigned                        tolerant:1;
    unsigned                        paused:1;
    unsigned                        unavailable:1;
    ngx_msec_t                      begun;     /* with the first step */
    af_problem_id_t                 problem;
    af_problem_id_t                 refusal;   /* when the query is done */
    const char                     *cause;
    ngx_int_t                       sent;      /* what the filters returned */

    ngx_event_t                     timer;
    af_job_t                       *job;
    af_lane_t                       lane;      /* of op */
    af_db_op_t                      op;
    af_db_call_t                    calls[AF_SEGMENT];
    PGresult                       *results[AF_SEGMENT];
    af_body_t                       input;
};


/*
 * The content handler's work: finds the route of `path` in the location's
 * dialect and follows its flow.  Returns what a content handler shall.
 */
ngx_int_t af_flow(ngx_http_request_t *r, const ngx_str_t *path);


/* Waits for jobs that nginx has left to their threads.  For exit_process. */
void af_flow_stop(void);

/*
 * Binds a value to a statement's parameter, for all queries that follow; it
 * must live as long as the request.  Other names that statements may use are
 * the {names} of the path, the fields of the body and of the query, the keys
 * of the body's fields ("email_key"), and af_request_values[]; of these, "body"
 * is what the schema knows of the body, as JSON, and "replace" whether what the
 * body doesn't name goes.
 */
void af_bind(af_ctx_t *ctx, const char *name, const char *value);

/*
 * The value that a name has for this request, from the first that knows it:
 * what the steps bound, the path, the body, the query, the request.
 * Returns NGX_OK with *value as text (NULL for null), NGX_DECLINED if nobody
 * knows the name, NGX_ERROR if there is no memory.
 */
ngx_int_t af_value(af_ctx_t *ctx, const char *name, const char **value);

/*
 * Sends one statement, or several as one transaction; the last is NULL.  Before
 * the next step their columns have been heard as flow/outcome.h says.
 */
ngx_int_t af_query(af_ctx_t *ctx, const af_statement_t *statement);
ngx_int_t af_segment(af_ctx_t *ctx, const af_statement_t *statement, ...);

/* Ends the flow with a problem once the statement is done, which audits it. */
ngx_int_t af_refuse_after(af_ctx_t *ctx, af_problem_id_t id,
    const af_statement_t *statement);

/* The same, whatever becomes of the statement. */
ngx_int_t af_refuse_anyway(af_ctx_t *ctx, af_problem_id_t id,
    const af_statement_t *statement);

/*
 * As af_query(), but no longer than `timeout` milliseconds, and the flow goes
 * on whatever happens: af_found() tells.
 */
ngx_int_t af_try(af_ctx_t *ctx, const af_statement_t *statement,
    ngx_msec_t timeout);

/*
 * Whether the last af_query() found a row, and a column of that row by name:
 * NULL if it is null.  The value lives until the next query.
 */
ngx_uint_t af_found(af_ctx_t *ctx);
const char *af_column(af_ctx_t *ctx, const char *name);

/* Goes on after so many milliseconds. */
ngx_int_t af_pause(af_ctx_t *ctx, ngx_msec_t delay);

/* Goes on with the first of other steps. */
ngx_int_t af_follow(af_ctx_t *ctx, const af_step_pt *steps);

/* Runs a job in a thread of a pool. */
ngx_int_t af_in_thread(af_ctx_t *ctx, ngx_thread_pool_t *pool, af_job_pt run,
    void *data);

/*
 * Ends the flow with its route's status and an object, which is freed, or NULL
 * if there was no memory for it.  Its member `name`, if it is null, gets as its
 * value the JSON that a statement made, as it is; NULL: none does.
 */
ngx_int_t af_answer(af_ctx_t *ctx, json_t *object, const char *name,
    const char *json);

/* The same with 503: no problem, but what was asked for. */
ngx_int_t af_answer_unavailable(af_ctx_t *ctx, json_t *object);

/* The same with text that lives as long as the request, empty for none. */
ngx_int_t af_answer_text(af_ctx_t *ctx, const char *json, size_t len);

/*
 * The same with a page, or with a URL to go to, a literal or of the request's
 * pool, where the route's status is a redirect's.
 */
ngx_int_t af_answer_html(af_ctx_t *ctx, const char *html, size_t len);
ngx_int_t af_answer_redirect(af_ctx_t *ctx, const char *url);

/* Ends the flow with a problem; `cause` may be NULL. */
ngx_int_t af_problem(af_ctx_t *ctx, af_problem_id_t id, const char *cause);

/* Ends the flow with a problem of one field. */
ngx_int_t af_invalid(af_ctx_t *ctx, const char *field, const char *code,
    const char *message);

/* a zero-terminated copy that lives as long as the request */
char *af_string(af_ctx_t *ctx, const void *data, size_t len);

/* the body's field as a string, NULL without one */
const char *af_field(af_ctx_t *ctx, const char *name);


/* Ends the flow with what a route says if its statement found no row. */
ngx_int_t af_missing(af_ctx_t *ctx);


/*
 * Expires the client's cookies if they are of this session, or of this account,
 * which has no session any more; where the request is refused, only if it is by
 * one of them that it was made.
 */
ngx_int_t af_session_ended(af_ctx_t *ctx, const char *id, ngx_uint_t refused);


/*
 * the steps of the default flow: send the route's statement, after the one that
 * locks; answer with its column "json"
 */
ngx_int_t af_step_query(af_ctx_t *ctx);
ngx_int_t af_step_answer(af_ctx_t *ctx);

/* the flow of a list; flow/list.c says what its statement is like */
extern const af_step_pt  af_list_steps[];


#endif /* AF_FLOW_FLOW_H */
