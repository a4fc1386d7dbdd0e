#include "http/access.h"
#include "http/cors.h"
#include "http/login.h"
#include "http/renew.h"
#include "http/require.h"
#include "conf/params.h"
#include "keys/keys.h"


static char *af_auth_token(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_autoflow_loc_conf_t *alcf);
static void af_access_resume(ngx_http_request_t *r);
static ngx_int_t af_access_refuse(ngx_http_request_t *r,
    const af_verdict_t *verdict);


typedef struct {
    ngx_str_t   token;
    ngx_uint_t  preflight_deny;
    ngx_uint_t  strip;
} af_auth_params_t;


static const ngx_conf_enum_t  af_auth_modes[] = {
    { ngx_string("off"), AF_AUTH_OFF },
    { ngx_string("on"), AF_AUTH_ON },
    { ngx_string("optional"), AF_AUTH_OPTIONAL },
    { ngx_null_string, 0 }
};


static const ngx_conf_enum_t  af_auth_preflights[] = {
    { ngx_string("deny"), 1 },
    { ngx_null_string, 0 }
};


static const af_param_t  af_auth_params[] = {
    af_param("token=", af_param_str, af_auth_params_t, token),
    af_param("preflight=", af_param_enum, af_auth_params_t, preflight_deny,
             .values = af_auth_preflights),
    af_param("strip", af_param_word, af_auth_params_t, strip),
    { .name = ngx_null_string }
};


char *
af_auth_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_loc_conf_t *alcf = conf;

    char                   *rv;
    ngx_str_t              *value;
    af_auth_params_t        params;
    const ngx_conf_enum_t  *mode;

    if (alcf->auth != AF_AUTH_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;
    mode = af_conf_enum(af_auth_modes, &value[1]);

    if (mode == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\": it must be \"on\", \"off\" "
                           "or \"optional\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&params, sizeof(params));

    rv = af_params(cf, 2, af_auth_params, &params);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    alcf->auth = mode->value;
    alcf->preflight_deny = params.preflight_deny;
    alcf->strip = params.strip;
    af_conf_line(cf, &alcf->auth_line);

    return params.token.len
           ? af_auth_token(cf, &params.token, alcf)
           : NGX_CONF_OK;
}


static char *
af_auth_token(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_autoflow_loc_conf_t *alcf)
{
    if (ngx_http_script_variables_count(value) == 0) {
        return "has a \"token=\" without a variable";
    }

    alcf->token_cookie = (ngx_strncasecmp(value->data, (u_char *) "$cookie_",
                                          sizeof("$cookie_") - 1)
                          == 0
                          || ngx_strncasecmp(value->data,
                                             (u_char *) "${cookie_",
                                             sizeof("${cookie_") - 1)
                             == 0);

    alcf->token = af_conf_complex(cf, value);

    return alcf->token ? NGX_CONF_OK : NGX_CONF_ERROR;
}


char *
af_access_merge(ngx_conf_t *cf, const ngx_http_autoflow_loc_conf_t *prev,
    ngx_http_autoflow_loc_conf_t *conf)
{
    ngx_uint_t  explicit;

    /* where people sign in nobody has to be signed in */

    if (conf->auth == AF_AUTH_UNSET && conf->pages) {
        conf->auth = AF_AUTH_OFF;
    }

    if (conf->auth == AF_AUTH_UNSET) {
        conf->auth = prev->auth;
        conf->token = prev->token;
        conf->token_cookie = prev->token_cookie;
        conf->preflight_deny = prev->preflight_deny;
        conf->strip = prev->strip;
        conf->auth_line = prev->auth_line;
    }

    explicit = (conf->require != NULL);

    if (!explicit) {
        conf->require = prev->require;
        conf->require_line = prev->require_line;
    }

    if (conf->auth == AF_AUTH_ON || conf->auth == AF_AUTH_OPTIONAL) {
        return af_keys_check(cf, "autoflow_auth", &conf->auth_line);
    }

    /* below an "autoflow_auth off" it is meant for inner locations */

    if (conf->require && conf->verify == 0
        && (explicit || conf->auth == AF_AUTH_UNSET))
    {
        return af_conf_needs(cf, "autoflow_require", "an \"autoflow_auth\"",
                             &conf->require_line);
    }

    return NGX_CONF_OK;
}


ngx_int_t
af_access_handler(ngx_http_request_t *r)
{
    ngx_uint_t                     anonymous;
    af_verdict_t                   verdict;
    ngx_http_autoflow_loc_conf_t  *alcf;

    alcf = af_loc_conf(r);

    af_login_forget(r);

    if ((alcf->auth != AF_AUTH_ON && alcf->auth != AF_AUTH_OPTIONAL)
        || alcf->open)
    {
        return NGX_DECLINED;
    }

    /* a browser can't add a token to preflights */

    if (!alcf->preflight_deny && af_cors_preflight(r)) {
        return NGX_OK;
    }

    if (af_require_judge(r, AF_PROTECTED_AUTH, &verdict) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (verdict.status == AF_TOKEN_OK) {
        return NGX_OK;
    }

    /* no decision: with "satisfy any" it is left to others */

    anonymous = (verdict.status == AF_TOKEN_MISSING
                 && alcf->auth == AF_AUTH_OPTIONAL && alcf->require == NULL);

    switch (af_renew(r, AF_PROTECTED_AUTH, &verdict, af_access_resume)) {

    case NGX_AGAIN:
        return NGX_AGAIN;

    case NGX_ERROR:
        return NGX_HTTP_INTERNAL_SERVER_ERROR;

    default:
        break;
    }

    if (verdict.status == AF_TOKEN_OK) {
        return NGX_OK;
    }

    if (anonymous) {
        return NGX_DECLINED;
    }

    return af_access_refuse(r, &verdict);
}


/* the phases go on where they stopped */

static void
af_access_resume(ngx_http_request_t *r)
{
    r->write_event_handler = ngx_http_core_run_phases;

    ngx_http_core_run_phases(r);
}


static ngx_int_t
af_access_refuse(ngx_http_request_t *r, const af_verdict_t *verdict)
{
    ngx_int_t   rc;
    ngx_uint_t  status;

    status = af_problems[verdict->problem].status;

    af_problem_note(r, verdict->problem, NULL);

    if (af_verdict_refuse(r, verdict) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = af_login(r, verdict);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    if ((status == NGX_HTTP_UNAUTHORIZED || status == NGX_HTTP_FORBIDDEN)
        && af_challenge(r, verdict->problem) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (status == NGX_HTTP_SERVICE_UNAVAILABLE
        && af_set_header(r, "Retry-After", (u_char *) "1", 1, NULL) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return status;
}
