/*
 * The step engine.  A route's flow is a NULL-ended array of steps that read
 * from top to bottom; the engine does the waiting.
 *
 * A step returns
 *   NGX_OK       continue with the next step
 *   NGX_AGAIN    from af_query(), af_segment() or af_in_thread(): continue
 *                with the next step when that is done
 *   NGX_DONE     from af_answer(): the flow has ended
 *   NGX_ERROR    from af_problem(), or out of memory: the flow has ended with
 *                a problem
 * so that steps end with "return af_…".
 *
 * Who owns the request, by what is pending:
 *   nothing      the engine, in the content handler or in an event handler
 *   a query      the pool, until its handler or the timer runs; when the client
 *                disconnects nginx runs the clean-up handler, which cancels it
 *   a thread     the thread has the job's memory: `blocked` keeps the request
 *                even if it is terminated meanwhile, and then the flow ends
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


/* the maximum number of values that a flow's steps can bind */
#define AF_BINDINGS  16

/* the maximum number of a segment's statements */
#define AF_SEGMENT  4


typedef struct {
    const char           *name;
    const char           *value;     /* NULL for null */
} af_binding_t;


typedef struct af_job_s  af_job_t;

/*
 * Called once when a flow has ended: `answered` is 0 if the client has
 * disconnected, or learns nothing because of a server error (5xx).
 */
typedef void (*af_ended_pt)(af_ctx_t *ctx, ngx_uint_t answered);

/*
 * Runs in a thread: it may access nothing but `data`, in particular no request,
 * pool or log.
 */
typedef void (*af_job_pt)(void *data);


struct af_ctx_s {
    ngx_http_request_t             *request;
    ngx_http_autoflow_main_conf_t  *conf;
    ngx_http_autoflow_srv_conf_t   *server;
    const af_identity_t            *identity;

    af_match_t                      match;
    ngx_uint_t                      series;    /* the route's, in metrics */
    const af_step_pt               *step;      /* the next step */

    json_t                         *query;     /* checked, or NULL */
    json_t                         *body;      /* likewise */
    json_t                         *errors;    /* for fields of both */

    /* passed on from step to step */
    void                           *data;
    void                           *job_data;
    void                           *attempts;
    ngx_uint_t                      again;     /* af_attempt_again() */
    const af_step_pt               *then;      /* after af_proof_before() */
    void                           *page;      /* the dialect's */
    af_ended_pt                     ended;     /* NULL: not needed */
    af_credential_t                 presented; /* the refresh token */

    ngx_uint_t                      nbindings;
    af_binding_t                    bindings[AF_BINDINGS];

    /* the engine's */
    af_media_t                      media;
    unsigned                        best_effort:1;
    unsigned                        paused:1;
    unsigned                        unavailable:1;
    uint64_t                        received;  /* when, in microseconds */
    ngx_msec_t                      started;   /* of the first step */
    uint64_t                        asked;     /* of the operation, in us */
    af_problem_id_t                 problem;
    af_problem_id_t                 pending_problem;  /* after the query */
    const char                     *cause;
    ngx_int_t                       rc;        /* returned by the filters */
    ngx_str_t                       answer;    /* wiped with the request */

    ngx_event_t                     timer;
    af_job_t                       *job;
    af_lane_t                       lane;      /* of the operation */
    af_db_op_t                      op;
    af_db_call_t                    calls[AF_SEGMENT];
    PGresult                       *results[AF_SEGMENT];
    af_body_t                       input;
};


/*
 * The content handler: finds the route of `path` in the location's dialect and
 * starts its flow.  Returns what a content handler should return.
 */
ngx_int_t af_flow(ngx_http_request_t *r, const ngx_str_t *path);


/* Waits for jobs that nginx has left to their threads.  For exit_process. */
void af_flow_stop(void);

/*
 * Binds a value to a parameter of all further statements; it must live as long
 * as the request.  Statements may also use the {names} of the path, the fields
 * of the body and of the query, the keys of the body's fields ("email_key"),
 * af_request_values[] and af_facts[]; "body" has the known fields of the body,
 * as JSON, and "replace" is whether fields that the body omits are reset.
 */
void af_bind(af_ctx_t *ctx, const char *name, const char *value);

/*
 * The value of a name, from the first source that has it: steps' bindings, the
 * path, the body, the query, the request.  Returns NGX_OK with *value as text
 * (NULL for null), NGX_DECLINED if the name is unknown, NGX_ERROR if there is
 * no memory.
 */
ngx_int_t af_value(af_ctx_t *ctx, const char *name, const char **value);

/*
 * Sends one statement, or several as one transaction; the last is NULL.  Before
 * the next step their columns are processed as flow/outcome.h describes.
 */
ngx_int_t af_query(af_ctx_t *ctx, const af_statement_t *statement);
ngx_int_t af_segment(af_ctx_t *ctx, const af_statement_t *statement, ...);

/*
 * Ends the flow with a problem when the statement, which audits it, is done,
 * whether it succeeds or not.
 */
ngx_int_t af_problem_after_try(af_ctx_t *ctx, af_problem_id_t id,
    const af_statement_t *statement);

/*
 * As af_query(), but for at most `timeout` milliseconds, and the flow continues
 * in any case: see af_found().
 */
ngx_int_t af_try(af_ctx_t *ctx, const af_statement_t *statement,
    ngx_msec_t timeout);

/*
 * Whether the last af_query() returned a row, and a column of that row by name:
 * NULL if it is null.  The value is valid until the next query.
 */
ngx_uint_t af_found(af_ctx_t *ctx);
const char *af_column(af_ctx_t *ctx, const char *name);

/* Continues after so many milliseconds. */
ngx_int_t af_pause(af_ctx_t *ctx, ngx_msec_t delay);

/* Continues with the first of other steps. */
ngx_int_t af_follow(af_ctx_t *ctx, const af_step_pt *steps);

/* Runs a job in a thread of a pool. */
ngx_int_t af_in_thread(af_ctx_t *ctx, ngx_thread_pool_t *pool, af_job_pt run,
    void *data);

/*
 * Ends the flow with its route's status and an object, which is freed, or NULL
 * for no memory.  If its member `name` is null, a statement's JSON is inserted
 * there literally; NULL: none.
 */
ngx_int_t af_answer(af_ctx_t *ctx, json_t *object, const char *name,
    const char *json);

/* Likewise with 503, which is a regular response and not a problem. */
ngx_int_t af_answer_unavailable(af_ctx_t *ctx, json_t *object);

/* Likewise with text that lives as long as the request; empty: no body. */
ngx_int_t af_answer_text(af_ctx_t *ctx, const char *json, size_t len);

/*
 * Likewise with a page, a literal or from the request's pool; or with a URL to
 * redirect to, which is copied, if the route's status is a redirect's or it is
 * .redirects.
 */
ngx_int_t af_answer_html(af_ctx_t *ctx, const char *html, size_t len);
ngx_int_t af_answer_redirect(af_ctx_t *ctx, const char *url);

/*
 * Likewise with what clients may keep, and ask for anew by its ETag; both live
 * as long as the configuration.
 */
ngx_int_t af_answer_cached(af_ctx_t *ctx, const ngx_str_t *text,
    ngx_str_t *etag);

/* Ends the flow with a problem; `cause` may be NULL. */
ngx_int_t af_problem(af_ctx_t *ctx, af_problem_id_t id, const char *cause);

/* Ends the flow with a 422 for one field. */
ngx_int_t af_invalid(af_ctx_t *ctx, const char *field, const char *code,
    const char *message);

/* a zero-terminated copy that lives as long as the request */
char *af_string(af_ctx_t *ctx, const void *data, size_t len);

/* a field of the body as a string, or NULL */
const char *af_field(af_ctx_t *ctx, const char *name);


/* Ends the flow with the route's problem for a statement without a row. */
ngx_int_t af_missing(af_ctx_t *ctx);


/*
 * Expires the client's cookies if they are of this session, or of this account,
 * which has no session any more; if the request is refused, only if it was
 * authenticated by one of them.
 */
ngx_int_t af_session_ended(af_ctx_t *ctx, const char *id, ngx_uint_t refused);


/*
 * the steps of the default flow: send the route's statement, after the one that
 * locks; answer with its column "json"
 */
ngx_int_t af_step_query(af_ctx_t *ctx);
ngx_int_t af_step_answer(af_ctx_t *ctx);

/* the flow of a list; flow/list.c describes its statement */
extern const af_step_pt  af_list_steps[];


#endif /* AF_FLOW_FLOW_H */
