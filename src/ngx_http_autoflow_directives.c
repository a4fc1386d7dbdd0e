#include "api/api.h"
#include "http/require.h"
#include "http/variables.h"
#include "http/verify.h"
#include "ngx_http_autoflow_directives.h"


/* the longest secret or key that a file may hold, in octets */
#define NGX_HTTP_AUTOFLOW_FILE_MAX  65536

/* the shortest autoflow_secret, in octets */
#define NGX_HTTP_AUTOFLOW_SECRET_MIN  32


/* name=value parameters: how a value is read, and into which member */

typedef struct ngx_http_autoflow_param_s  ngx_http_autoflow_param_t;

struct ngx_http_autoflow_param_s {
    ngx_str_t     name;        /* with the '=' */
    ngx_int_t   (*set)(ngx_str_t *value, void *member);
    size_t        offset;
};


static char *ngx_http_autoflow_params(ngx_conf_t *cf, ngx_uint_t first,
    const ngx_http_autoflow_param_t *params, void *conf);
static ngx_int_t ngx_http_autoflow_param_count(ngx_str_t *value, void *member);
static ngx_int_t ngx_http_autoflow_param_msec(ngx_str_t *value, void *member);
static ngx_int_t ngx_http_autoflow_param_size(ngx_str_t *value, void *member);
static ngx_int_t ngx_http_autoflow_param_str(ngx_str_t *value, void *member);
static ngx_int_t ngx_http_autoflow_param_deny(ngx_str_t *value, void *member);
static ngx_int_t ngx_http_autoflow_param_allowed(ngx_str_t *value,
    void *member);
static const ngx_conf_enum_t *ngx_http_autoflow_enum(
    const ngx_conf_enum_t *row, ngx_str_t *value);

static ngx_int_t ngx_http_autoflow_source(ngx_conf_t *cf, ngx_str_t *value,
    ngx_str_t *text);
static ngx_int_t ngx_http_autoflow_source_env(ngx_conf_t *cf, ngx_str_t *name,
    ngx_str_t *text);
static ngx_int_t ngx_http_autoflow_source_file(ngx_conf_t *cf,
    ngx_str_t *name, ngx_str_t *text);
static ngx_int_t ngx_http_autoflow_octets(ngx_conf_t *cf, ngx_str_t *value,
    ngx_str_t *octets);
static void ngx_http_autoflow_exposed(ngx_conf_t *cf, ngx_str_t *file);
static void ngx_http_autoflow_place(ngx_conf_t *cf,
    ngx_http_autoflow_where_t *where);
static void ngx_http_autoflow_key_free(void *data);
static char *ngx_http_autoflow_auth_token(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_autoflow_loc_conf_t *alcf);


static const ngx_http_autoflow_param_t  ngx_http_autoflow_database_params[] = {

    { ngx_string("pool="), ngx_http_autoflow_param_count,
      offsetof(af_db_conf_t, pool) },

    { ngx_string("inflight="), ngx_http_autoflow_param_count,
      offsetof(af_db_conf_t, inflight) },

    { ngx_string("queue="), ngx_http_autoflow_param_count,
      offsetof(af_db_conf_t, queue) },

    { ngx_string("timeout="), ngx_http_autoflow_param_msec,
      offsetof(af_db_conf_t, timeout) },

    { ngx_null_string, NULL, 0 }
};


static const ngx_http_autoflow_param_t  ngx_http_autoflow_password_params[] = {

    { ngx_string("memory="), ngx_http_autoflow_param_size,
      offsetof(ngx_http_autoflow_main_conf_t, argon2.memory) },

    { ngx_string("time="), ngx_http_autoflow_param_count,
      offsetof(ngx_http_autoflow_main_conf_t, argon2_time) },

    { ngx_string("strength="), ngx_http_autoflow_param_count,
      offsetof(ngx_http_autoflow_main_conf_t, strength) },

    { ngx_null_string, NULL, 0 }
};


static const ngx_http_autoflow_param_t  ngx_http_autoflow_threads_params[] = {

    { ngx_string("hash="), ngx_http_autoflow_param_str,
      offsetof(ngx_http_autoflow_main_conf_t, hash_name) },

    { ngx_string("io="), ngx_http_autoflow_param_str,
      offsetof(ngx_http_autoflow_main_conf_t, io_name) },

    { ngx_null_string, NULL, 0 }
};


typedef struct {
    ngx_str_t  alg;
    ngx_str_t  kid;
} ngx_http_autoflow_key_params_t;


static const ngx_http_autoflow_param_t  ngx_http_autoflow_key_params[] = {

    { ngx_string("alg="), ngx_http_autoflow_param_str,
      offsetof(ngx_http_autoflow_key_params_t, alg) },

    { ngx_string("kid="), ngx_http_autoflow_param_str,
      offsetof(ngx_http_autoflow_key_params_t, kid) },

    { ngx_null_string, NULL, 0 }
};


static const ngx_http_autoflow_param_t  ngx_http_autoflow_verify_params[] = {

    { ngx_string("status="), ngx_http_autoflow_param_allowed,
      offsetof(ngx_http_autoflow_loc_conf_t, verify) },

    { ngx_null_string, NULL, 0 }
};


typedef struct {
    ngx_str_t   token;
    ngx_uint_t  preflight_deny;
} ngx_http_autoflow_auth_params_t;


static const ngx_http_autoflow_param_t  ngx_http_autoflow_auth_params[] = {

    { ngx_string("token="), ngx_http_autoflow_param_str,
      offsetof(ngx_http_autoflow_auth_params_t, token) },

    { ngx_string("preflight="), ngx_http_autoflow_param_deny,
      offsetof(ngx_http_autoflow_auth_params_t, preflight_deny) },

    { ngx_null_string, NULL, 0 }
};


static const ngx_conf_enum_t  ngx_http_autoflow_auth_modes[] = {
    { ngx_string("off"), AF_AUTH_OFF },
    { ngx_string("on"), AF_AUTH_ON },
    { ngx_string("optional"), AF_AUTH_OPTIONAL },
    { ngx_null_string, 0 }
};


static const ngx_conf_enum_t  ngx_http_autoflow_require_errors[] = {
    { ngx_string("error=401"), AF_TOKEN_INADEQUATE },
    { ngx_string("error=403"), AF_TOKEN_INSUFFICIENT },
    { ngx_null_string, 0 }
};


char *
ngx_http_autoflow_database(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_main_conf_t *amcf = conf;

    char              *error;
    ngx_str_t         *value;
    PQconninfoOption  *options;

    if (amcf->database.conninfo.data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_http_autoflow_source(cf, &value[1], &amcf->database.conninfo)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    error = NULL;
    options = PQconninfoParse((char *) amcf->database.conninfo.data, &error);

    if (options == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"autoflow_database\" has no valid conninfo: %s",
                           error ? error : "no memory");
        PQfreemem(error);
        return NGX_CONF_ERROR;
    }

    PQconninfoFree(options);

    ngx_http_autoflow_place(cf, &amcf->where);

    return ngx_http_autoflow_params(cf, 2, ngx_http_autoflow_database_params,
                                    &amcf->database);
}


char *
ngx_http_autoflow_secret(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_main_conf_t *amcf = conf;

    ngx_str_t  *value, *secret;

    if (amcf->secrets == NULL) {
        amcf->secrets = ngx_array_create(cf->pool, 1, sizeof(ngx_str_t));
        if (amcf->secrets == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    secret = ngx_array_push(amcf->secrets);
    if (secret == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    if (ngx_http_autoflow_octets(cf, &value[1], secret) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (secret->len < NGX_HTTP_AUTOFLOW_SECRET_MIN) {
        return "is shorter than 32 octets";
    }

    return NGX_CONF_OK;
}


char *
ngx_http_autoflow_password(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_main_conf_t *amcf = conf;

    char  *rv;

    if (amcf->argon2.memory != NGX_CONF_UNSET_SIZE
        || amcf->argon2_time != NGX_CONF_UNSET_UINT
        || amcf->strength != NGX_CONF_UNSET_UINT)
    {
        return "is duplicate";
    }

    rv = ngx_http_autoflow_params(cf, 1, ngx_http_autoflow_password_params,
                                  amcf);

    if (rv == NGX_CONF_OK
        && amcf->argon2.memory < crypto_pwhash_argon2id_MEMLIMIT_MIN)
    {
        return "has less memory than Argon2id can do with, 8k";
    }

    return rv;
}


char *
ngx_http_autoflow_threads(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_main_conf_t *amcf = conf;

    if (amcf->hash_name.data || amcf->io_name.data) {
        return "is duplicate";
    }

    return ngx_http_autoflow_params(cf, 1, ngx_http_autoflow_threads_params,
                                    amcf);
}


char *
ngx_http_autoflow_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_srv_conf_t *ascf = conf;

    char                            *rv;
    af_key_t                        *key, **place;
    ngx_str_t                       *value, octets;
    const char                      *why;
    ngx_pool_cleanup_t              *cln;
    ngx_http_autoflow_key_params_t   params;

    ngx_memzero(&params, sizeof(params));
    ngx_str_set(&params.alg, "HS256");

    rv = ngx_http_autoflow_params(cf, 2, ngx_http_autoflow_key_params,
                                  &params);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    value = cf->args->elts;

    if (ngx_http_autoflow_octets(cf, &value[1], &octets) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (ascf->keys == NULL) {
        ascf->keys = ngx_array_create(cf->pool, 2, sizeof(af_key_t *));
        if (ascf->keys == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    place = ngx_array_push(ascf->keys);
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (place == NULL || cln == NULL) {
        return NGX_CONF_ERROR;
    }

    key = af_key_create(octets.data, octets.len, (char *) params.alg.data,
                        (char *) params.kid.data, &why);

    sodium_memzero(octets.data, octets.len);

    if (key == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"autoflow_key\" can't be used: %s", why);
        return NGX_CONF_ERROR;
    }

    *place = key;

    cln->handler = ngx_http_autoflow_key_free;
    cln->data = key;

    return NGX_CONF_OK;
}


static void
ngx_http_autoflow_key_free(void *data)
{
    af_key_free(data);
}


char *
ngx_http_autoflow_audience(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_srv_conf_t *ascf = conf;

    ngx_str_t    *value;
    ngx_uint_t    i;
    const char  **name;

    if (ascf->audience != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    ascf->audience = ngx_array_create(cf->pool, cf->args->nelts,
                                      sizeof(char *));
    if (ascf->audience == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i <= cf->args->nelts; i++) {
        name = ngx_array_push(ascf->audience);
        *name = (i < cf->args->nelts) ? (char *) value[i].data : NULL;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_autoflow_api(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_loc_conf_t *alcf = conf;

    ngx_str_t                 *value, base;
    ngx_http_core_loc_conf_t  *clcf;

    if (alcf->base.data) {
        return "is duplicate";
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (cf->args->nelts == 2) {
        value = cf->args->elts;
        base = value[1];

    } else if (clcf->name.len && clcf->name.data[0] == '/'
#if (NGX_PCRE)
               && clcf->regex == NULL
#endif
              )
    {
        base = clcf->name;

    } else {
        return "needs a base here, such as \"/\": the location is no prefix";
    }

    if (base.len == 0 || base.data[0] != '/') {
        return "has a base that doesn't begin with \"/\"";
    }

    if (base.data[base.len - 1] == '/') {
        base.len--;
    }

    alcf->base = base;
    ngx_http_autoflow_place(cf, &alcf->where);

    clcf->handler = af_api_handler;

    return NGX_CONF_OK;
}


char *
ngx_http_autoflow_verify(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_loc_conf_t *alcf = conf;

    ngx_http_core_loc_conf_t  *clcf;

    if (alcf->verify) {
        return "is duplicate";
    }

    alcf->verify = NGX_HTTP_NO_CONTENT;
    ngx_http_autoflow_place(cf, &alcf->where);

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = af_verify_handler;

    return ngx_http_autoflow_params(cf, 1, ngx_http_autoflow_verify_params,
                                    alcf);
}


char *
ngx_http_autoflow_auth(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_loc_conf_t *alcf = conf;

    char                             *rv;
    ngx_str_t                        *value;
    const ngx_conf_enum_t            *mode;
    ngx_http_autoflow_auth_params_t   params;

    if (alcf->auth != AF_AUTH_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;
    mode = ngx_http_autoflow_enum(ngx_http_autoflow_auth_modes, &value[1]);

    if (mode == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\": it must be \"on\", \"off\" "
                           "or \"optional\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&params, sizeof(params));

    rv = ngx_http_autoflow_params(cf, 2, ngx_http_autoflow_auth_params,
                                  &params);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    alcf->auth = mode->value;
    alcf->preflight_deny = params.preflight_deny;
    ngx_http_autoflow_place(cf, &alcf->auth_where);

    return params.token.len
           ? ngx_http_autoflow_auth_token(cf, &params.token, alcf)
           : NGX_CONF_OK;
}


static char *
ngx_http_autoflow_auth_token(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_autoflow_loc_conf_t *alcf)
{
    ngx_http_compile_complex_value_t  ccv;

    if (ngx_http_script_variables_count(value) == 0) {
        return "has a \"token=\" without a variable";
    }

    alcf->token = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (alcf->token == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = value;
    ccv.complex_value = alcf->token;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_autoflow_require(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_loc_conf_t *alcf = conf;

    char                   *rv;
    ngx_str_t              *value;
    ngx_uint_t              i, n, problem;
    af_condition_t         *condition;
    const ngx_conf_enum_t  *error;

    if (alcf->require == NULL) {
        alcf->require = ngx_array_create(cf->pool, 2, sizeof(af_condition_t));
        if (alcf->require == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    value = cf->args->elts;
    problem = AF_TOKEN_INSUFFICIENT;
    n = alcf->require->nelts;

    for (i = 1; i < cf->args->nelts; i++) {

        error = ngx_http_autoflow_enum(ngx_http_autoflow_require_errors,
                                       &value[i]);
        if (error) {
            problem = error->value;
            continue;
        }

        condition = ngx_array_push(alcf->require);
        if (condition == NULL) {
            return NGX_CONF_ERROR;
        }

        rv = af_condition_parse(cf, &value[i], condition);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    if (n == alcf->require->nelts) {
        return "has no condition";
    }

    condition = alcf->require->elts;

    for ( /* void */ ; n < alcf->require->nelts; n++) {
        condition[n].problem = problem;
    }

    ngx_http_autoflow_place(cf, &alcf->require_where);

    return NGX_CONF_OK;
}


char *
ngx_http_autoflow_claim_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t    *value, *name;
    ngx_uint_t    i;
    ngx_array_t  *path;

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

    if (af_variables_add_claim(cf, &value[1], path) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_autoflow_check_positive(ngx_conf_t *cf, void *post, void *data)
{
    time_t *sec = data;

    return (*sec > 0) ? NGX_CONF_OK : "must be more than 0";
}


static char *
ngx_http_autoflow_params(ngx_conf_t *cf, ngx_uint_t first,
    const ngx_http_autoflow_param_t *params, void *conf)
{
    ngx_str_t                        *value, rest;
    ngx_uint_t                        i;
    const ngx_http_autoflow_param_t  *param;

    value = cf->args->elts;

    for (i = first; i < cf->args->nelts; i++) {

        for (param = params; param->name.len; param++) {
            if (value[i].len > param->name.len
                && ngx_strncmp(value[i].data, param->name.data,
                               param->name.len)
                   == 0)
            {
                break;
            }
        }

        rest.data = value[i].data + param->name.len;
        rest.len = value[i].len - param->name.len;

        if (param->name.len == 0
            || param->set(&rest, (char *) conf + param->offset) != NGX_OK)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_autoflow_param_count(ngx_str_t *value, void *member)
{
    ngx_int_t  n;

    n = ngx_atoi(value->data, value->len);

    if (n < 1 || n > 65535) {
        return NGX_ERROR;
    }

    *(ngx_uint_t *) member = n;

    return NGX_OK;
}


static ngx_int_t
ngx_http_autoflow_param_msec(ngx_str_t *value, void *member)
{
    ngx_int_t  ms;

    ms = ngx_parse_time(value, 0);

    if (ms == NGX_ERROR || ms == 0) {
        return NGX_ERROR;
    }

    *(ngx_msec_t *) member = ms;

    return NGX_OK;
}


static ngx_int_t
ngx_http_autoflow_param_size(ngx_str_t *value, void *member)
{
    ssize_t  size;

    size = ngx_parse_size(value);

    if (size == NGX_ERROR) {
        return NGX_ERROR;
    }

    *(size_t *) member = size;

    return NGX_OK;
}


static ngx_int_t
ngx_http_autoflow_param_str(ngx_str_t *value, void *member)
{
    *(ngx_str_t *) member = *value;

    return NGX_OK;
}


static ngx_int_t
ngx_http_autoflow_param_deny(ngx_str_t *value, void *member)
{
    if (ngx_strcmp(value->data, "deny") != 0) {
        return NGX_ERROR;
    }

    *(ngx_uint_t *) member = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_autoflow_param_allowed(ngx_str_t *value, void *member)
{
    ngx_int_t  status;

    status = ngx_atoi(value->data, value->len);

    if (status != NGX_HTTP_OK && status != NGX_HTTP_NO_CONTENT) {
        return NGX_ERROR;
    }

    *(ngx_uint_t *) member = status;

    return NGX_OK;
}


static const ngx_conf_enum_t *
ngx_http_autoflow_enum(const ngx_conf_enum_t *row, ngx_str_t *value)
{
    for ( /* void */ ; row->name.len; row++) {
        if (row->name.len == value->len
            && ngx_strncmp(row->name.data, value->data, value->len) == 0)
        {
            return row;
        }
    }

    return NULL;
}


/*
 * What a value says, or what the environment variable or the file that it
 * names does.  The text ends with a zero.
 */

static ngx_int_t
ngx_http_autoflow_source(ngx_conf_t *cf, ngx_str_t *value, ngx_str_t *text)
{
    ngx_str_t  name;

    if (ngx_strncmp(value->data, "env:", 4) == 0) {
        name.data = value->data + 4;
        name.len = value->len - 4;

        return ngx_http_autoflow_source_env(cf, &name, text);
    }

    if (ngx_strncmp(value->data, "file:", 5) == 0) {
        name.data = value->data + 5;
        name.len = value->len - 5;

        return ngx_http_autoflow_source_file(cf, &name, text);
    }

    *text = *value;

    return NGX_OK;
}


static ngx_int_t
ngx_http_autoflow_source_env(ngx_conf_t *cf, ngx_str_t *name, ngx_str_t *text)
{
    ngx_str_t        *env;
    ngx_uint_t        i;
    ngx_core_conf_t  *ccf;

    text->data = (u_char *) getenv((char *) name->data);

    if (text->data == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the environment variable \"%V\" is not set", name);
        return NGX_ERROR;
    }

    text->len = ngx_strlen(text->data);

    ccf = (ngx_core_conf_t *) ngx_get_conf(cf->cycle->conf_ctx,
                                           ngx_core_module);
    env = ccf->env.elts;

    for (i = 0; i < ccf->env.nelts; i++) {
        if (env[i].len >= name->len
            && ngx_strncmp(env[i].data, name->data, name->len) == 0
            && (env[i].len == name->len || env[i].data[name->len] == '='))
        {
            return NGX_OK;
        }
    }

    ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                       "the environment variable \"%V\" will be gone after a "
                       "binary upgrade: add \"env %V;\" above the \"http\" "
                       "block", name, name);
    return NGX_OK;
}


static ngx_int_t
ngx_http_autoflow_source_file(ngx_conf_t *cf, ngx_str_t *name,
    ngx_str_t *text)
{
    u_char           buf[NGX_HTTP_AUTOFLOW_FILE_MAX + 1];
    ssize_t          n;
    ngx_fd_t         fd;
    ngx_str_t        path;
    ngx_file_info_t  fi;

    path = *name;

    if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    fd = ngx_open_file(path.data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", &path);
        return NGX_ERROR;
    }

    if (ngx_fd_info(fd, &fi) != NGX_FILE_ERROR
        && (ngx_file_access(&fi) & S_IROTH))
    {
        ngx_http_autoflow_exposed(cf, &path);
    }

    n = ngx_read_fd(fd, buf, sizeof(buf));

    if (n == -1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_read_fd_n " \"%V\" failed", &path);
    }

    (void) ngx_close_file(fd);

    if (n == -1) {
        return NGX_ERROR;
    }

    if (n > NGX_HTTP_AUTOFLOW_FILE_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" is too large", &path);
        return NGX_ERROR;
    }

    /* the end of the last line is no part of a secret */

    while (n && (buf[n - 1] == LF || buf[n - 1] == CR)) {
        n--;
    }

    text->data = ngx_pnalloc(cf->pool, n + 1);

    if (text->data) {
        ngx_memcpy(text->data, buf, n);
        text->data[n] = '\0';
        text->len = n;
    }

    sodium_memzero(buf, sizeof(buf));

    return text->data ? NGX_OK : NGX_ERROR;
}


/* a source whose text is raw, or is decoded after base64url: or hex: */

static ngx_int_t
ngx_http_autoflow_octets(ngx_conf_t *cf, ngx_str_t *value, ngx_str_t *octets)
{
    int        rc;
    size_t     len;
    ngx_str_t  text;

    static const ngx_str_t  base64url = ngx_string("base64url:");
    static const ngx_str_t  hex = ngx_string("hex:");

    if (ngx_http_autoflow_source(cf, value, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    octets->data = ngx_pnalloc(cf->pool, text.len + 1);
    if (octets->data == NULL) {
        return NGX_ERROR;
    }

    if (ngx_strncmp(text.data, base64url.data, base64url.len) == 0) {
        rc = sodium_base642bin(octets->data, text.len,
                               (char *) text.data + base64url.len,
                               text.len - base64url.len, NULL, &len, NULL,
                               sodium_base64_VARIANT_URLSAFE_NO_PADDING);

    } else if (ngx_strncmp(text.data, hex.data, hex.len) == 0) {
        rc = sodium_hex2bin(octets->data, text.len,
                            (char *) text.data + hex.len, text.len - hex.len,
                            NULL, &len, NULL);

    } else {
        ngx_memcpy(octets->data, text.data, text.len);
        len = text.len;
        rc = 0;
    }

    /* what was read of a file; a literal stands in the configuration */

    if (ngx_strncmp(value->data, "file:", 5) == 0) {
        sodium_memzero(text.data, text.len);

    } else if (ngx_strncmp(value->data, "env:", 4) != 0) {
        ngx_http_autoflow_exposed(cf, NULL);
    }

    if (rc != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the secret is not what its prefix says");
        return NGX_ERROR;
    }

    octets->len = len;

    return NGX_OK;
}


/* the environment may be configured later: init_main_conf judges it */

static void
ngx_http_autoflow_exposed(ngx_conf_t *cf, ngx_str_t *file)
{
    ngx_http_autoflow_main_conf_t  *amcf;

    amcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_autoflow_module);

    if (amcf->exposed.file) {
        return;
    }

    ngx_http_autoflow_place(cf, &amcf->exposed);

    if (file) {
        amcf->exposed_file = *file;
    }
}


static void
ngx_http_autoflow_place(ngx_conf_t *cf, ngx_http_autoflow_where_t *where)
{
    where->file = cf->conf_file->file.name.data;
    where->line = cf->conf_file->line;
}
