/*
 * The building blocks of steps, and the steps of the default flow.
 */

#include "flow/outcome.h"


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
        af_request_log(NGX_LOG_ALERT, ctx->request,
                       "no room to bind \":%s\"", name);
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
    return af_result_column(ctx->results[ctx->op.ncalls - 1], 0, name);
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
af_follow(af_ctx_t *ctx, const af_step_pt *steps)
{
    ctx->step = steps;

    return NGX_OK;
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
    const af_route_t  *route;

    route = ctx->match.route;

    return route->lock ? af_segment(ctx, route->lock, route->statement, NULL)
                       : af_query(ctx, route->statement);
}


ngx_int_t
af_step_answer(af_ctx_t *ctx)
{
    const char  *json;

    if (!af_found(ctx)) {
        return af_missing(ctx);
    }

    if (ctx->match.route->answer == NULL) {
        return af_answer_text(ctx, NULL, 0);
    }

    json = af_column(ctx, "json");

    return json ? af_answer_text(ctx, json, ngx_strlen(json))
                : af_problem(ctx, AF_INTERNAL_ERROR,
                             "the statement has no json");
}
