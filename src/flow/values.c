#include "flow/flow.h"
#include "flow/facts.h"


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
static const char *af_value_whole_body(af_ctx_t *ctx);
static const char *af_value_replace(af_ctx_t *ctx);


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


/* available to any statement of a route, besides flow/facts.h */

static const struct {
    const char   *name;
    const char  *(*get)(af_ctx_t *ctx);
    ngx_uint_t    nullable;        /* else, NULL is a lack of memory */
} af_request_values[] = {
    { "user_id", af_value_user_id, 1 },
    { "session_id", af_value_session_id, 1 },
    { "superuser", af_value_superuser, 0 },
    { "self", af_value_self, 0 },
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

    return af_fact(ctx->request, ctx->request->pool, name, value);
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
