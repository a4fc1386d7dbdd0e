#include "api/mfa_policy.h"
#include "conf/params.h"
#include "check/schema.h"


typedef struct {
    ngx_array_t  *roles;       /* of ngx_str_t; NULL: none */
    ngx_uint_t    superusers;
    ngx_uint_t    remember;
    ngx_pool_t   *pool;
} af_mfa_params_t;


static ngx_int_t af_mfa_param_role(const af_param_t *param, ngx_str_t *value,
    void *member);
static const char *af_mfa_required_of(ngx_pool_t *pool, ngx_uint_t mode,
    const af_mfa_params_t *params);


static const ngx_conf_enum_t  af_mfa_modes[] = {
    { ngx_string("off"), AF_MFA_DISABLED },
    { ngx_string("optional"), AF_MFA_OPTIONAL },
    { ngx_string("required"), AF_MFA_ENFORCED },
    { ngx_null_string, 0 }
};


static const af_param_t  af_mfa_params[] = {
    { ngx_string("role="), af_mfa_param_role, .offset = 0 },
    af_param("superuser:required", af_param_word, af_mfa_params_t, superusers),
    af_param("remember=", af_param_sec, af_mfa_params_t, remember, .min = 60,
             .too_small = "remembers browsers for less than a minute",
             .max = 365 * 86400,
             .too_large = "remembers browsers for more than 365 days"),
    { .name = ngx_null_string }
};


static const ngx_str_t  af_mfa_required = ngx_string(":required");


char *
af_mfa_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_main_conf_t *amcf = conf;

    char                   *rv;
    ngx_str_t              *value;
    af_mfa_params_t         params;
    const ngx_conf_enum_t  *mode;

    if (amcf->mfa != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;
    mode = af_conf_enum(af_mfa_modes, &value[1]);

    if (mode == NULL) {
        return "must begin with \"off\", \"optional\" or \"required\"";
    }

    ngx_memzero(&params, sizeof(af_mfa_params_t));
    params.pool = cf->pool;

    rv = af_params(cf, 2, af_mfa_params, &params);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    af_conf_line(cf, &amcf->mfa_line);
    amcf->mfa = mode->value;
    amcf->mfa_remember = params.remember;

    if (mode->value == AF_MFA_OPTIONAL && params.roles == NULL
        && !params.superusers)
    {
        return NGX_CONF_OK;
    }

    if (mode->value == AF_MFA_DISABLED) {
        return (params.roles || params.superusers)
               ? "is \"off\", and requires factors" : NGX_CONF_OK;
    }

    amcf->mfa_required_of = af_mfa_required_of(cf->pool, mode->value, &params);

    return amcf->mfa_required_of ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* "admin:required": the name may have colons, too, and ends with a zero now */

static ngx_int_t
af_mfa_param_role(const af_param_t *param, ngx_str_t *value, void *member)
{
    af_mfa_params_t *params = member;

    size_t      len;
    ngx_str_t  *role;

    if (value->len <= af_mfa_required.len) {
        return NGX_ERROR;
    }

    len = value->len - af_mfa_required.len;

    if (ngx_strcmp(value->data + len, af_mfa_required.data) != 0) {
        return NGX_ERROR;
    }

    value->data[len] = '\0';

    if (len > (size_t) af_type_role.max
        || af_type_role.check((char *) value->data, len) != NULL)
    {
        value->data[len] = ':';
        return NGX_ERROR;
    }

    if (params->roles == NULL) {
        params->roles = ngx_array_create(params->pool, 2, sizeof(ngx_str_t));
    }

    role = params->roles ? ngx_array_push(params->roles) : NULL;
    if (role == NULL) {
        return NGX_ERROR;
    }

    role->data = value->data;
    role->len = len;

    return NGX_OK;
}


/* an array of PostgreSQL's: names of roles need no quotes */

static const char *
af_mfa_required_of(ngx_pool_t *pool, ngx_uint_t mode,
    const af_mfa_params_t *params)
{
    u_char      *p, *text;
    size_t       len;
    ngx_str_t   *role;
    ngx_uint_t   i, n;

    len = sizeof("{everyone,superuser}");
    role = params->roles ? params->roles->elts : NULL;
    n = params->roles ? params->roles->nelts : 0;

    for (i = 0; i < n; i++) {
        len += sizeof(",role=") + role[i].len;
    }

    text = ngx_pnalloc(pool, len);
    if (text == NULL) {
        return NULL;
    }

    p = text;

    if (mode == AF_MFA_ENFORCED) {
        p = ngx_sprintf(p, ",everyone");
    }

    if (params->superusers) {
        p = ngx_sprintf(p, ",superuser");
    }

    for (i = 0; i < n; i++) {
        p = ngx_sprintf(p, ",role=%V", &role[i]);
    }

    (void) ngx_sprintf(p, "}%Z");
    text[0] = '{';

    return (char *) text;
}


char *
af_mfa_init(ngx_conf_t *cf, ngx_http_autoflow_main_conf_t *amcf)
{
    if (amcf->mfa == AF_MFA_OPTIONAL && !amcf->seals) {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "without an \"autoflow_seal_key\" that seals nobody can "
                      "add an app by \"autoflow_mfa\" in %s:%ui",
                      amcf->mfa_line.file, amcf->mfa_line.line);
    }

    ngx_conf_init_uint_value(amcf->mfa, AF_MFA_OPTIONAL);

    /* nobody of those could ever log in */

    return (amcf->mfa_required_of && !amcf->seals && !amcf->webauthn)
           ? af_conf_needs(cf, "autoflow_mfa",
                           "an \"autoflow_seal_key\" that seals, or an "
                           "\"autoflow_webauthn\", if factors are required,",
                           &amcf->mfa_line)
           : NGX_CONF_OK;
}
