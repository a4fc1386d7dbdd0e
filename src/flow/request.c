/*
 * A request before its flow starts: its route, access, and input, checked in
 * the order of the API's contract.
 */

#include "flow/engine.h"
#include "flow/budget.h"
#include "http/csrf.h"
#include "shm/counters.h"
#include "check/input.h"


typedef int (*af_schema_check_pt)(const af_schema_t *schema, json_t *input,
    json_t *errors);


static ngx_uint_t af_flow_has_body(af_ctx_t *ctx);
static af_ctx_t *af_flow_create(ngx_http_request_t *r);
static void af_flow_cancel(void *data);
static void af_flow_free(void *data);
static af_problem_id_t af_flow_admit(af_ctx_t *ctx);
static af_problem_id_t af_flow_authenticate(af_ctx_t *ctx);
static af_token_status_t af_flow_judge(af_ctx_t *ctx);
static ngx_uint_t af_flow_is_self(af_ctx_t *ctx);
static af_problem_id_t af_flow_media(af_ctx_t *ctx);
static void af_flow_body(ngx_http_request_t *r, af_body_t *input,
    af_problem_id_t problem);
static void af_flow_begin(af_ctx_t *ctx);
static af_problem_id_t af_flow_parse(af_ctx_t *ctx);
static af_problem_id_t af_flow_query(af_ctx_t *ctx);
static void af_flow_tidy(json_t *query);
static int af_flow_check(af_ctx_t *ctx, const af_schema_t *schema,
    json_t *input, af_schema_check_pt check);
static ngx_int_t af_flow_options(af_ctx_t *ctx);


static const af_step_pt  af_options_steps[] = {
    af_flow_options,
    NULL
};


/* OPTIONS of any known path */

static const af_route_t  af_options_route = {
    NGX_HTTP_OPTIONS, "*", AF_PUBLIC, .steps = af_options_steps
};


ngx_int_t
af_flow(ngx_http_request_t *r, const ngx_str_t *path)
{
    ngx_int_t         rc;
    af_ctx_t         *ctx;
    af_problem_id_t   problem;

    ctx = af_flow_create(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    af_route_match(af_loc_conf(r)->routes, r->method, path, &r->args,
                   &ctx->match);

    if (ctx->match.route) {
        af_request_find_ctx(r)->route = ctx->match.route->path;
        ctx->series = af_loc_conf(r)->series + ctx->match.number;
    }

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
        af_engine_end(ctx, af_problem(ctx, problem, NULL));
    }

    return NGX_DONE;
}


static ngx_uint_t
af_flow_has_body(af_ctx_t *ctx)
{
    const af_route_t  *route;

    route = ctx->match.route;

    return route->body
           && (!route->body_optional || af_body_is_sent(ctx->request));
}


static af_ctx_t *
af_flow_create(ngx_http_request_t *r)
{
    af_ctx_t            *ctx;
    ngx_http_cleanup_t  *cancel;
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(af_ctx_t));

    if (cln == NULL || af_request_ctx(r) == NULL) {
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
    ctx->received = af_microseconds();

    af_engine_init(ctx);

    return ctx;
}


static void
af_flow_cancel(void *data)
{
    af_engine_cancel(data);
}


static void
af_flow_free(void *data)
{
    af_ctx_t *ctx = data;

    af_db_clear(&ctx->op);

    if (ctx->input.data) {
        ngx_explicit_memzero(ctx->input.data, ctx->input.len);
    }

    if (ctx->answer.data) {
        ngx_explicit_memzero(ctx->answer.data, ctx->answer.len);
    }

    json_decref(ctx->query);
    json_decref(ctx->body);
    json_decref(ctx->errors);
}


/* what precedes the body, in the order of the contract */

static af_problem_id_t
af_flow_admit(af_ctx_t *ctx)
{
    af_problem_id_t      problem;
    ngx_http_request_t  *r;

    r = ctx->request;

    if (r->method == NGX_HTTP_OPTIONS && ctx->match.methods) {
        ctx->match.route = &af_options_route;
    }

    if (ctx->match.route == NULL) {
        return (ctx->match.problem == AF_NOT_FOUND
                || af_allow(r, "Allow", ctx->match.methods) == NGX_OK)
               ? ctx->match.problem : AF_INTERNAL_ERROR;
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
    af_token_status_t   status;
    const af_route_t   *route;

    route = ctx->match.route;

    if (route->auth < AF_USER && af_csrf_is_cross_site(ctx->request)) {
        return AF_CSRF_REFUSED;
    }

    if (route->auth == AF_PUBLIC) {
        return AF_PROBLEM_NONE;
    }

    ctx->identity = af_identity(ctx->request);

    if (ctx->identity == NULL) {
        return AF_INTERNAL_ERROR;
    }

    if (route->auth == AF_OPTIONAL) {
        return AF_PROBLEM_NONE;
    }

    status = af_flow_judge(ctx);

    af_count(AF_METRIC_VERIFICATIONS, status);

    return (status == AF_TOKEN_FORBIDDEN) ? AF_FORBIDDEN
                                          : af_token_problem(status);
}


static af_token_status_t
af_flow_judge(af_ctx_t *ctx)
{
    const af_route_t     *route;
    const af_identity_t  *identity;

    route = ctx->match.route;
    identity = ctx->identity;

    if (identity->status != AF_TOKEN_OK) {
        return identity->status;
    }

    if (!identity->first_party) {
        return AF_TOKEN_ISSUER;
    }

    return (identity->superuser || route->auth == AF_USER
            || (route->auth == AF_SELF && af_flow_is_self(ctx)))
           ? AF_TOKEN_OK : AF_TOKEN_FORBIDDEN;
}


static ngx_uint_t
af_flow_is_self(af_ctx_t *ctx)
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
        af_engine_end(ctx, af_problem(ctx, problem, NULL));
        return;
    }

    af_flow_begin(ctx);
}


/* all input has been read */

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
        af_engine_run(ctx);

    } else {
        af_engine_end(ctx, af_problem(ctx, problem, ctx->cause));
    }
}


static af_problem_id_t
af_flow_parse(af_ctx_t *ctx)
{
    char             *data;
    size_t            len;
    af_problem_id_t   malformed, problem;
    const af_face_t  *face;

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
        malformed = AF_INVALID_FORM;
        ctx->body = af_form_parse(data, len, &ctx->cause);

    } else {
        malformed = AF_INVALID_JSON;
        ctx->body = af_json_parse(data, len, &ctx->cause);
    }

    if (ctx->body == NULL) {
        return (ctx->cause == af_no_memory) ? AF_INTERNAL_ERROR : malformed;
    }

    face = af_loc_conf(ctx->request)->dialect->face;
    problem = face ? face->receive(ctx) : AF_PROBLEM_NONE;

    if (problem != AF_PROBLEM_NONE) {
        return problem;
    }

    return (af_flow_check(ctx, ctx->match.route->body, ctx->body,
                          ctx->match.route->partial ? af_schema_check_change
                                                    : af_schema_check)
            < 0)
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

    if (af_loc_conf(ctx->request)->dialect->face) {
        af_flow_tidy(ctx->query);
    }

    if (af_schema_convert(schema, ctx->query) != 0
        || af_flow_check(ctx, schema, ctx->query, af_schema_check) < 0)
    {
        return AF_INTERNAL_ERROR;
    }

    return AF_PROBLEM_NONE;
}


/* a form sends the fields that were left empty, too */

static void
af_flow_tidy(json_t *query)
{
    void        *next;
    json_t      *value;
    const char  *name;

    json_object_foreach_safe(query, next, name, value) {
        if (json_string_length(value) == 0) {
            json_object_del(query, name);
        }
    }
}


/* adds to the errors */

static int
af_flow_check(af_ctx_t *ctx, const af_schema_t *schema, json_t *input,
    af_schema_check_pt check)
{
    if (ctx->errors == NULL) {
        ctx->errors = json_array();
    }

    return ctx->errors ? check(schema, input, ctx->errors) : -1;
}


static ngx_int_t
af_flow_options(af_ctx_t *ctx)
{
    if (af_allow(ctx->request, "Allow", ctx->match.methods) != NGX_OK) {
        return NGX_ERROR;
    }

    return af_answer_text(ctx, NULL, 0);
}
