#include "flow/outcome.h"
#include "flow/errors.h"
#include "mail/outbox.h"
#include "shm/revocations.h"


static void af_outcome_error(af_ctx_t *ctx, const PGresult *error);
static void af_outcome_revoke(af_ctx_t *ctx, const PGresult *res);
static void af_outcome_decide(af_ctx_t *ctx, const PGresult *res);
static ngx_int_t af_outcome_errors(af_ctx_t *ctx, const char *text);
static ngx_uint_t af_outcome_cookie_of(af_ctx_t *ctx, const ngx_str_t *id);


void
af_outcome(af_ctx_t *ctx)
{
    ngx_uint_t  i;

    switch (ctx->op.status) {

    case AF_DB_ERROR:
        af_outcome_error(ctx, ctx->op.error);
        return;

    case AF_DB_UNAVAILABLE:
        (void) af_problem(ctx, AF_UNAVAILABLE, "the database is unavailable");
        return;

    case AF_DB_OK:
        break;
    }

    for (i = 0; i < ctx->op.ncalls; i++) {
        af_outcome_revoke(ctx, ctx->results[i]);
        af_outcome_decide(ctx, ctx->results[i]);

        if (ctx->calls[i].statement->mails) {
            af_outbox_wake(ctx->conf->outbox);
        }
    }
}


static void
af_outcome_error(af_ctx_t *ctx, const PGresult *error)
{
    const char       *cause;
    af_problem_id_t   id;

    id = af_error_problem(error);
    cause = (af_problems[id].status >= 500)
            ? af_error_cause(error, ctx->request->pool) : NULL;

    (void) af_problem(ctx, id, cause);

    if (id == AF_VALIDATION_FAILED) {
        af_error_field(error, ctx->errors);
    }
}


/* the database notifies other nodes */

static void
af_outcome_revoke(af_ctx_t *ctx, const PGresult *res)
{
    int          row;
    const char  *revoked;

    for (row = 0; row < PQntuples(res); row++) {
        revoked = af_result_column(res, row, "revoked");

        if (revoked
            && af_zone_revoke(ctx->conf->zone, revoked, ngx_time()) != 0)
        {
            af_request_log(NGX_LOG_ALERT, ctx->request,
                           "can't revoke \"%s\"", revoked);
        }
    }
}


static void
af_outcome_decide(af_ctx_t *ctx, const PGresult *res)
{
    ngx_int_t        rc;
    const char      *ended, *errors, *code;
    af_problem_id_t  problem;

    if (PQntuples(res) == 0 || ctx->problem != AF_PROBLEM_NONE) {
        return;
    }

    ended = af_result_column(res, 0, "ended");
    errors = af_result_column(res, 0, "errors");
    code = af_result_column(res, 0, "problem");

    rc = ended ? af_session_ended(ctx, ended, code != NULL) : NGX_OK;

    if (rc == NGX_OK && errors) {
        rc = af_outcome_errors(ctx, errors);
    }

    if (rc != NGX_OK) {
        (void) af_problem(ctx, AF_INTERNAL_ERROR, NULL);
        return;
    }

    if (code == NULL) {
        return;
    }

    problem = af_problem_named(code);

    if (problem == AF_PROBLEM_NONE) {
        af_request_log(NGX_LOG_ALERT, ctx->request,
                       "there is no problem \"%s\"", code);
        problem = AF_INTERNAL_ERROR;
    }

    (void) af_problem(ctx, problem, NULL);
}


const char *
af_result_column(const PGresult *res, int row, const char *name)
{
    int  n;

    /* PQfnumber() would copy the name, to fold its case */

    for (n = 0; n < PQnfields(res); n++) {
        if (ngx_strcmp(PQfname(res, n), name) == 0) {
            return PQgetisnull(res, row, n) ? NULL : PQgetvalue(res, row, n);
        }
    }

    return NULL;
}


static ngx_int_t
af_outcome_errors(af_ctx_t *ctx, const char *text)
{
    json_decref(ctx->errors);
    ctx->errors = json_loads(text, 0, NULL);

    if (!json_is_array(ctx->errors)) {
        return NGX_ERROR;
    }

    (void) af_problem(ctx, AF_VALIDATION_FAILED, NULL);

    return NGX_OK;
}


ngx_int_t
af_session_ended(af_ctx_t *ctx, const char *id, ngx_uint_t refused)
{
    ngx_str_t             ended, session_id;
    const af_identity_t  *identity;

    ended.data = (u_char *) id;
    ended.len = ngx_strlen(id);

    /* with an account, the session ends that requested it */

    identity = ctx->identity;

    session_id = (identity && identity->first_party
                  && ngx_strcmp(identity->user_id.data, id) == 0)
                 ? identity->session_id : ended;

    if (!af_outcome_cookie_of(ctx, &ended)
        && (refused
            || !af_cookies_belong_to(ctx->request, &ended, &session_id)))
    {
        return NGX_OK;
    }

    return af_cookies_expire(ctx->request);
}


/* whether the request was authenticated by a cookie of what has ended */

static ngx_uint_t
af_outcome_cookie_of(af_ctx_t *ctx, const ngx_str_t *id)
{
    ngx_uint_t             i, cookie;
    const char            *value;
    const af_identity_t   *identity;

    static const char *const  names[] = { "session_id", "user_id", NULL };

    identity = ctx->identity;

    /* "token=$cookie_…" is not a cookie that we set */

    cookie = (ctx->presented.source != AF_SOURCE_NONE)
             ? ctx->presented.source == AF_SOURCE_COOKIE
             : identity && identity->first_party && identity->cookie
               && af_loc_conf(ctx->request)->token == NULL;

    for (i = 0; cookie && names[i]; i++) {

        if (af_value(ctx, names[i], &value) == NGX_OK
            && value
            && ngx_strcmp(value, id->data) == 0)
        {
            return 1;
        }
    }

    return 0;
}
