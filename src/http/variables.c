#include "http/claims.h"
#include "http/login.h"
#include "http/require.h"
#include "http/trace.h"
#include "http/variables.h"


typedef ngx_int_t (*af_request_text_pt)(ngx_http_request_t *r,
    ngx_str_t *text);


static ngx_int_t af_variable_claim(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t af_variable_claims(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t af_variable_claim_prefix(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t af_variable_claim_path(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t af_variable_header_prefix(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t af_variable_status(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t af_variable_request_id(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t af_variable_word(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t af_variable_time(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t af_variable_trace(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t af_variable_of_request(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t af_variable_value(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, const ngx_str_t *path, ngx_uint_t n);
static void af_variable_text(ngx_http_variable_value_t *v,
    const ngx_str_t *text);


static const ngx_str_t  af_claim_sub = ngx_string("sub");
static const ngx_str_t  af_claim_sid = ngx_string("sid");
static const ngx_str_t  af_claim_email = ngx_string("email");
static const ngx_str_t  af_claim_roles = ngx_string("roles");


/* not cacheable: subrequests share values, but not the configuration */

static ngx_http_variable_t  af_variables[] = {

    { ngx_string("autoflow_user_id"), NULL, af_variable_claim,
      (uintptr_t) &af_claim_sub, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("autoflow_session_id"), NULL, af_variable_claim,
      (uintptr_t) &af_claim_sid, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("autoflow_email"), NULL, af_variable_claim,
      (uintptr_t) &af_claim_email, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("autoflow_roles"), NULL, af_variable_claim,
      (uintptr_t) &af_claim_roles, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("autoflow_claims"), NULL, af_variable_claims,
      0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("autoflow_claim_"), NULL, af_variable_claim_prefix,
      0, NGX_HTTP_VAR_NOCACHEABLE|NGX_HTTP_VAR_PREFIX, 0 },

    { ngx_string("autoflow_header_"), NULL, af_variable_header_prefix,
      0, NGX_HTTP_VAR_NOCACHEABLE|NGX_HTTP_VAR_PREFIX, 0 },

    { ngx_string("autoflow_status"), NULL, af_variable_status,
      0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    /* changeable: earlier snippets have a map of this name */

    { ngx_string("autoflow_request_id"), NULL, af_variable_request_id,
      0, NGX_HTTP_VAR_NOCACHEABLE|NGX_HTTP_VAR_CHANGEABLE, 0 },

    { ngx_string("autoflow_route"), NULL, af_variable_word,
      offsetof(ngx_http_autoflow_ctx_t, route), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("autoflow_problem"), NULL, af_variable_word,
      offsetof(ngx_http_autoflow_ctx_t, problem), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("autoflow_db_time"), NULL, af_variable_time,
      offsetof(ngx_http_autoflow_ctx_t, db_time), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("autoflow_hash_wait"), NULL, af_variable_time,
      offsetof(ngx_http_autoflow_ctx_t, hash_wait), NGX_HTTP_VAR_NOCACHEABLE,
      0 },

    { ngx_string("autoflow_hash_time"), NULL, af_variable_time,
      offsetof(ngx_http_autoflow_ctx_t, hash_time), NGX_HTTP_VAR_NOCACHEABLE,
      0 },

    { ngx_string("autoflow_traceparent"), NULL, af_variable_trace,
      offsetof(af_request_trace_t, traceparent), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("autoflow_tracestate"), NULL, af_variable_trace,
      offsetof(af_request_trace_t, tracestate), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("autoflow_path"), NULL, af_variable_of_request,
      (uintptr_t) af_request_path, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("autoflow_user_agent"), NULL, af_variable_of_request,
      (uintptr_t) af_request_user_agent, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("autoflow_return"), NULL, af_variable_of_request,
      (uintptr_t) af_login_return_here, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    ngx_http_null_variable
};


ngx_int_t
af_variables_add(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = af_variables; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


char *
af_claim_set_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t            *value, *name;
    ngx_uint_t            i;
    ngx_array_t          *path;
    ngx_http_variable_t  *var;

    value = cf->args->elts;

    if (value[1].len < 2 || value[1].data[0] != '$') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid variable name \"%V\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    value[1].data++;
    value[1].len--;

    path = ngx_array_create(cf->pool, cf->args->nelts - 2, sizeof(ngx_str_t));
    if (path == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {

        if (value[i].len == 0) {
            return "has an empty name";
        }

        name = ngx_array_push(path);
        *name = value[i];
    }

    var = ngx_http_add_variable(cf, &value[1], NGX_HTTP_VAR_NOCACHEABLE);
    if (var == NULL) {
        return NGX_CONF_ERROR;
    }

    var->get_handler = af_variable_claim_path;
    var->data = (uintptr_t) path;

    return NGX_CONF_OK;
}


static ngx_int_t
af_variable_claim(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    return af_variable_value(r, v, (const ngx_str_t *) data, 1);
}


static ngx_int_t
af_variable_claims(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    return af_variable_value(r, v, NULL, 0);
}


static ngx_int_t
af_variable_claim_prefix(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_str_t *variable = (ngx_str_t *) data;

    ngx_str_t  name;

    name.len = variable->len - (sizeof("autoflow_claim_") - 1);
    name.data = variable->data + sizeof("autoflow_claim_") - 1;

    return af_variable_claim(r, v, (uintptr_t) &name);
}


/* autoflow_claim_set's */

static ngx_int_t
af_variable_claim_path(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_array_t *path = (ngx_array_t *) data;

    return af_variable_value(r, v, path->elts, path->nelts);
}


static ngx_int_t
af_variable_header_prefix(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_str_t *variable = (ngx_str_t *) data;

    ngx_str_t             name, text;
    af_claims_t          *header;
    const af_identity_t  *identity;

    name.len = variable->len - (sizeof("autoflow_header_") - 1);
    name.data = variable->data + sizeof("autoflow_header_") - 1;

    identity = af_identity(r);

    if (identity == NULL
        || af_identity_header(r, identity, &header) != NGX_OK
        || af_claim_text(r, header, &name, 1, &text) != NGX_OK)
    {
        return NGX_ERROR;
    }

    af_variable_text(v, &text);

    return NGX_OK;
}


static ngx_int_t
af_variable_status(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    af_verdict_t              verdict;
    ngx_http_autoflow_ctx_t  *ctx;

    ctx = af_request_ctx(r);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    if (ctx->refused_status) {
        af_variable_text(v, ctx->refused_status);
        return NGX_OK;
    }

    if (af_require_evaluate(r, &verdict) != NGX_OK) {
        return NGX_ERROR;
    }

    af_variable_text(v, af_token_status(verdict.status));

    return NGX_OK;
}


static ngx_int_t
af_variable_request_id(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_str_t  id;

    id = af_request_id(r);
    af_variable_text(v, &id);

    return NGX_OK;
}


/* a member of the request's context, at this offset: a literal, or NULL */

static ngx_int_t
af_variable_word(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_str_t                 text;
    const char               *word;
    ngx_http_autoflow_ctx_t  *ctx;

    ctx = af_request_find_ctx(r);
    word = ctx ? *(const char **) ((u_char *) ctx + data) : NULL;

    text.data = (u_char *) (word ? word : "");
    text.len = ngx_strlen(text.data);

    af_variable_text(v, &text);

    return NGX_OK;
}


/* likewise of microseconds: in seconds, always a number */

static ngx_int_t
af_variable_time(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    uint64_t                  time;
    ngx_str_t                 text;
    ngx_http_autoflow_ctx_t  *ctx;

    text.data = ngx_pnalloc(r->pool, NGX_INT64_LEN + sizeof(".000000"));
    if (text.data == NULL) {
        return NGX_ERROR;
    }

    ctx = af_request_find_ctx(r);
    time = ctx ? *(uint64_t *) ((u_char *) ctx + data) : 0;

    text.len = ngx_sprintf(text.data, "%uL.%06uL", time / 1000000,
                           time % 1000000)
               - text.data;

    af_variable_text(v, &text);

    return NGX_OK;
}


/* a member of the request's trace, at this offset */

static ngx_int_t
af_variable_trace(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    const af_request_trace_t  *trace;

    trace = af_request_trace(r);
    if (trace == NULL) {
        return NGX_ERROR;
    }

    af_variable_text(v, (ngx_str_t *) ((u_char *) trace + data));

    return NGX_OK;
}


/* by a function that finds it */

static ngx_int_t
af_variable_of_request(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_str_t  text;

    if (((af_request_text_pt) data)(r, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    af_variable_text(v, &text);

    return NGX_OK;
}


/* the claim at this path; without one, all of them */

static ngx_int_t
af_variable_value(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    const ngx_str_t *path, ngx_uint_t n)
{
    ngx_int_t             rc;
    ngx_str_t             text;
    af_claim_t            claim;
    af_claims_t          *claims;
    const af_identity_t  *identity;

    identity = af_identity(r);

    if (identity == NULL) {
        return NGX_ERROR;
    }

    if (n == 1 && af_identity_said(identity, path, &claim)) {
        rc = af_claim_known_text(r, &claim, path, &text);

    } else if (af_identity_claims(r, identity, &claims) != NGX_OK) {
        return NGX_ERROR;

    } else {
        rc = n ? af_claim_text(r, claims, path, n, &text)
               : af_claims_text(r, claims, &text);
    }

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    af_variable_text(v, &text);

    return NGX_OK;
}


static void
af_variable_text(ngx_http_variable_value_t *v, const ngx_str_t *text)
{
    v->data = text->data;
    v->len = text->len;
    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 0;
}
