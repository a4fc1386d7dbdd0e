#include "flow/flow.h"
#include "http/trace.h"


static ngx_int_t af_value_bound(af_ctx_t *ctx, const char *name,
    const char **value);
static ngx_int_t af_value_path(af_ctx_t *ctx, const char *name,
    const char **value);
static ngx_int_t af_value_body(af_ctx_t *ctx, const char *name,
    const char **value);
static ngx_int_t af_value_key(af_ctx_t *ctx, const char *name,
    const char **value);
static ngx_int_t af_value_query(af_ctx_t *ctx, const char *name,
    const char **value);
static ngx_int_t af_value_request(af_ctx_t *ctx, const char *name,
    const char **value);
static ngx_int_t af_value_field(af_ctx_t *ctx, const af_schema_t *schema,
    json_t *input, const char *name, const char **value);
static const char *af_value_json(af_ctx_t *ctx, json_t *json);

static const char *af_value_user_id(af_ctx_t *ctx);
static const char *af_value_session_id(af_ctx_t *ctx);
static const char *af_value_superuser(af_ctx_t *ctx);
static const char *af_value_self(af_ctx_t *ctx);
static const char *af_value_ip_address(af_ctx_t *ctx);
static const char *af_value_user_agent(af_ctx_t *ctx);
static const char *af_value_request_id(af_ctx_t *ctx);
static const char *af_value_trace_id(af_ctx_t *ctx);
static const char *af_value_access_ttl(af_ctx_t *ctx);
static const char *af_value_refresh_ttl(af_ctx_t *ctx);
static const char *af_value_refresh_grace(af_ctx_t *ctx);
static const char *af_value_max_sessions(af_ctx_t *ctx);
static const char *af_value_session_idle(af_ctx_t *ctx);
static const char *af_value_session_lifetime(af_ctx_t *ctx);
static const char *af_value_mail(af_ctx_t *ctx);
static const char *af_value_require_verified(af_ctx_t *ctx);
static const char *af_value_verify_first(af_ctx_t *ctx);
static const char *af_value_inviters(af_ctx_t *ctx);
static const char *af_value_invitation_ttl(af_ctx_t *ctx);
static const char *af_value_version(af_ctx_t *ctx);
static const char *af_value_uptime(af_ctx_t *ctx);
static const char *af_value_dialect(af_ctx_t *ctx);
static const char *af_value_whole_body(af_ctx_t *ctx);
static const char *af_value_replace(af_ctx_t *ctx);
static const char *af_value_number(af_ctx_t *ctx, int64_t number);


typedef ngx_int_t (*af_value_pt)(af_ctx_t *ctx, const char *name,
    const char **value);


static const af_value_pt  af_value_sources[] = {
    af_value_bound,
    af_value_path,
    af_value_body,
    af_value_key,
    af_value_query,
    af_value_request,
    NULL
};


/* available to any statement of any request */

static const struct {
    const char   *name;
    const char  *(*get)(af_ctx_t *ctx);
    ngx_uint_t    nullable;        /* else, NULL is a lack of memory */
} af_request_values[] = {
    { "user_id", af_value_user_id, 1 },
    { "session_id", af_value_session_id, 1 },
    { "superuser", af_value_superuser, 0 },
    { "self", af_value_self, 0 },
    { "ip_address", af_value_ip_address, 1 },
    { "user_agent", af_value_user_agent, 1 },
    { "request_id", af_value_request_id, 0 },
    { "trace_id", af_value_trace_id, 0 },
    { "access_ttl", af_value_access_ttl, 0 },
    { "refresh_ttl", af_value_refresh_ttl, 0 },
    { "refresh_grace", af_value_refresh_grace, 0 },
    { "max_sessions", af_value_max_sessions, 0 },
    { "session_idle", af_value_session_idle, 0 },
    { "session_lifetime", af_value_session_lifetime, 0 },
    { "mail", af_value_mail, 0 },
    { "require_verified", af_value_require_verified, 0 },
    { "verify_first", af_value_verify_first, 0 },
    { "inviters", af_value_inviters, 1 },
    { "invitation_ttl", af_value_invitation_ttl, 0 },
    { "version", af_value_version, 0 },
    { "uptime", af_value_uptime, 0 },
    { "dialect", af_value_dialect, 0 },
    { "body", af_value_whole_body, 0 },
    { "replace", af_value_replace, 0 },
    { NULL, NULL, 0 }
};


ngx_int_t
af_value(af_ctx_t *ctx, const char *name, const char **value)
{
    ngx_int_t           rc;
    const af_value_pt  *source;

    for (source = af_value_sources; *source; source++) {
        rc = (*source)(ctx, name, value);

        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    return NGX_DECLINED;
}


static ngx_int_t
af_value_bound(af_ctx_t *ctx, const char *name, const char **value)
{
    ngx_uint_t  i;

    for (i = 0; i < ctx->nbindings; i++) {
        if (ngx_strcmp(ctx->bindings[i].name, name) == 0) {
            *value = ctx->bindings[i].value;
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


static ngx_int_t
af_value_path(af_ctx_t *ctx, const char *name, const char **value)
{
    ngx_uint_t        i;
    af_path_param_t  *param;

    if (ctx->match.route->self && ngx_strcmp(name, "id") == 0) {
        *value = af_value_user_id(ctx);
        return NGX_OK;
    }

    for (i = 0; i < ctx->match.nparams; i++) {
        param = &ctx->match.params[i];

        if (ngx_strlen(name) == param->name_len
            && ngx_strncmp(name, param->name, param->name_len) == 0)
        {
            *value = af_string(ctx, param->value, param->value_len);

            return *value ? NGX_OK : NGX_ERROR;
        }
    }

    /* only the alias of the requested path has it */

    if (ctx->match.route->alias
        && af_path_has(ctx->match.route->alias, name))
    {
        *value = NULL;
        return NGX_OK;
    }

    return NGX_DECLINED;
}


static ngx_int_t
af_value_body(af_ctx_t *ctx, const char *name, const char **value)
{
    return ctx->body ? af_value_field(ctx, ctx->match.route->body, ctx->body,
                                      name, value)
                     : NGX_DECLINED;
}


/* ":email_key" is the comparison key of the body's field "email" */

static ngx_int_t
af_value_key(af_ctx_t *ctx, const char *name, const char **value)
{
    size_t             len;
    char               key[AF_TYPE_KEY_SIZE];
    const char        *text;
    const af_field_t  *field;

    field = ctx->body ? ctx->match.route->body->fields : NULL;

    for ( /* void */ ; field && field->name; field++) {
        len = ngx_strlen(field->name);

        if (field->type->key == NULL
            || ngx_strncmp(name, field->name, len) != 0
            || ngx_strcmp(name + len, "_key") != 0)
        {
            continue;
        }

        text = af_field(ctx, field->name);
        *value = NULL;

        if (text == NULL) {
            return NGX_OK;
        }

        if (field->type->key(text, ngx_strlen(text), key) == 0) {
            *value = af_string(ctx, key, ngx_strlen(key));
        }

        return *value ? NGX_OK : NGX_ERROR;
    }

    return NGX_DECLINED;
}


static ngx_int_t
af_value_query(af_ctx_t *ctx, const char *name, const char **value)
{
    return ctx->query ? af_value_field(ctx, ctx->match.route->query, ctx->query,
                                       name, value)
                      : NGX_DECLINED;
}


/* a field of the schema that the input lacks is null, or what its type says */

static ngx_int_t
af_value_field(af_ctx_t *ctx, const af_schema_t *schema, json_t *input,
    const char *name, const char **value)
{
    json_t            *json;
    const af_field_t  *field;

    for (field = schema->fields; field->name; field++) {

        if (ngx_strcmp(field->name, name) != 0) {
            continue;
        }

        json = json_object_get(input, name);

        if (json == NULL || json_is_null(json)) {
            *value = field->type->preset;
            return NGX_OK;
        }

        *value = af_value_json(ctx, json);

        return *value ? NGX_OK : NGX_ERROR;
    }

    return NGX_DECLINED;
}


static const char *
af_value_json(af_ctx_t *ctx, json_t *json)
{
    char        *text;
    const char  *copy;

    if (json_is_string(json)) {
        return json_string_value(json);
    }

    text = json_dumps(json, JSON_COMPACT|JSON_ENCODE_ANY);
    if (text == NULL) {
        return NULL;
    }

    copy = af_string(ctx, text, ngx_strlen(text));
    free(text);

    return copy;
}


static ngx_int_t
af_value_request(af_ctx_t *ctx, const char *name, const char **value)
{
    ngx_uint_t  i;

    for (i = 0; af_request_values[i].name; i++) {
        if (ngx_strcmp(af_request_values[i].name, name) == 0) {
            *value = af_request_values[i].get(ctx);

            return (*value || af_request_values[i].nullable) ? NGX_OK
                                                             : NGX_ERROR;
        }
    }

    return NGX_DECLINED;
}


/* of a first-party token; jansson's strings are zero-terminated */

static const char *
af_value_user_id(af_ctx_t *ctx)
{
    return (ctx->identity && ctx->identity->first_party)
           ? (const char *) ctx->identity->user_id.data : NULL;
}


static const char *
af_value_session_id(af_ctx_t *ctx)
{
    return (ctx->identity && ctx->identity->first_party)
           ? (const char *) ctx->identity->session_id.data : NULL;
}


static const char *
af_value_superuser(af_ctx_t *ctx)
{
    return (ctx->identity && ctx->identity->first_party
            && ctx->identity->superuser)
           ? "true" : "false";
}


static const char *
af_value_self(af_ctx_t *ctx)
{
    return ctx->match.route->self ? "true" : "false";
}


static const char *
af_value_ip_address(af_ctx_t *ctx)
{
    ngx_str_t  text;

    return (af_request_address(ctx->request, &text) == NGX_OK && text.len)
           ? af_string(ctx, text.data, text.len) : NULL;
}


static const char *
af_value_user_agent(af_ctx_t *ctx)
{
    ngx_str_t  text;

    return (ctx->request->headers_in.user_agent
            && af_request_user_agent(ctx->request, &text) == NGX_OK)
           ? af_string(ctx, text.data, text.len) : NULL;
}


static const char *
af_value_request_id(af_ctx_t *ctx)
{
    ngx_str_t  id;

    id = af_request_id(ctx->request);

    return af_string(ctx, id.data, id.len);
}


static const char *
af_value_trace_id(af_ctx_t *ctx)
{
    const af_request_trace_t  *trace;

    trace = af_request_trace(ctx->request);

    return trace ? af_string(ctx, trace->trace_id.data, trace->trace_id.len)
                 : NULL;
}


static const char *
af_value_access_ttl(af_ctx_t *ctx)
{
    return af_value_number(ctx, ctx->conf->access_ttl);
}


/* of a new session, too, which is no longer than any */

static const char *
af_value_refresh_ttl(af_ctx_t *ctx)
{
    time_t  lifetime;

    lifetime = ctx->conf->session_lifetime;

    return af_value_number(ctx, lifetime
                                ? ngx_min(ctx->conf->refresh_ttl, lifetime)
                                : ctx->conf->refresh_ttl);
}


static const char *
af_value_refresh_grace(af_ctx_t *ctx)
{
    return af_value_number(ctx, ctx->conf->refresh_grace);
}


static const char *
af_value_max_sessions(af_ctx_t *ctx)
{
    return af_value_number(ctx, ctx->conf->max_sessions);
}


static const char *
af_value_session_idle(af_ctx_t *ctx)
{
    return af_value_number(ctx, ctx->conf->session_idle);
}


static const char *
af_value_session_lifetime(af_ctx_t *ctx)
{
    return af_value_number(ctx, ctx->conf->session_lifetime);
}


/* whether mails are on */

static const char *
af_value_mail(af_ctx_t *ctx)
{
    return ctx->conf->outbox ? "true" : "false";
}


static const char *
af_value_require_verified(af_ctx_t *ctx)
{
    return ctx->conf->require_verified ? "true" : "false";
}


/* whether a new account can only be used once its address is verified */

static const char *
af_value_verify_first(af_ctx_t *ctx)
{
    return (ctx->conf->registration == AF_REGISTRATION_VERIFIED) ? "true"
                                                                 : "false";
}


/* the role of those who may invite; NULL: only superusers may */

static const char *
af_value_inviters(af_ctx_t *ctx)
{
    return ctx->conf->inviters;
}


static const char *
af_value_invitation_ttl(af_ctx_t *ctx)
{
    return af_value_number(ctx, ctx->conf->invitation_ttl);
}


static const char *
af_value_version(af_ctx_t *ctx)
{
    return AUTOFLOW_VERSION;
}


static const char *
af_value_uptime(af_ctx_t *ctx)
{
    return af_value_number(ctx, ngx_time() - ctx->conf->started);
}


/* the format of accounts, for user_as() */

static const char *
af_value_dialect(af_ctx_t *ctx)
{
    const af_dialect_t  *dialect;

    dialect = af_loc_conf(ctx->request)->dialect;

    return dialect->accounts ? dialect->accounts : dialect->name;
}


/*
 * The fields of its schema that were sent, and no others: it becomes a row.
 * Passwords never do, and PostgreSQL may log parameters.
 */

static const char *
af_value_whole_body(af_ctx_t *ctx)
{
    json_t            *known, *value;
    const char        *text;
    const af_field_t  *field;

    known = json_object();

    for (field = ctx->match.route->body->fields; field->name; field++) {
        value = field->type->secret ? NULL
                                    : json_object_get(ctx->body, field->name);

        if (value && json_object_set(known, field->name, value) != 0) {
            json_decref(known);
            return NULL;
        }
    }

    text = af_value_json(ctx, known);
    json_decref(known);

    return text;
}


static const char *
af_value_replace(af_ctx_t *ctx)
{
    return ctx->match.route->partial ? "false" : "true";
}


static const char *
af_value_number(af_ctx_t *ctx, int64_t number)
{
    u_char  text[NGX_INT64_LEN];

    return af_string(ctx, text, ngx_sprintf(text, "%L", number) - text);
}
