#include "http/claims.h"
#include "http/require.h"
#include "conf/params.h"


/* seconds of fresh= */
#define AF_FRESH_MAX  (365 * 24 * 60 * 60)


static ngx_int_t af_require_conditions(ngx_http_request_t *r,
    const ngx_array_t *conditions, af_verdict_t *verdict);
static void af_require_refuse(af_verdict_t *verdict,
    const af_condition_t *condition);
static ngx_uint_t af_require_applies(
    const ngx_http_autoflow_loc_conf_t *alcf);

static ngx_int_t af_require_proof(ngx_http_request_t *r, ngx_str_t *proof);

static ngx_int_t af_condition_claim(ngx_http_request_t *r,
    const af_identity_t *identity, const af_condition_t *condition);
static ngx_int_t af_condition_superuser(ngx_http_request_t *r,
    const af_identity_t *identity, const af_condition_t *condition);
static ngx_int_t af_condition_verified(ngx_http_request_t *r,
    const af_identity_t *identity, const af_condition_t *condition);
static ngx_int_t af_condition_aal(ngx_http_request_t *r,
    const af_identity_t *identity, const af_condition_t *condition);
static ngx_int_t af_condition_fresh(ngx_http_request_t *r,
    const af_identity_t *identity, const af_condition_t *condition);
static ngx_int_t af_condition_variable(ngx_http_request_t *r,
    const af_identity_t *identity, const af_condition_t *condition);

static void af_require_level(const ngx_array_t *require);
static char *af_condition_parse(ngx_conf_t *cf, ngx_str_t *text,
    af_condition_t *condition);
static const char *af_condition_parse_role(ngx_conf_t *cf, ngx_str_t *rest,
    af_condition_t *condition);
static const char *af_condition_parse_claim(ngx_conf_t *cf, ngx_str_t *rest,
    af_condition_t *condition);
static const char *af_condition_parse_aal(ngx_conf_t *cf, ngx_str_t *rest,
    af_condition_t *condition);
static const char *af_condition_parse_fresh(ngx_conf_t *cf, ngx_str_t *rest,
    af_condition_t *condition);
static const char *af_condition_parse_path(ngx_conf_t *cf, ngx_str_t *rest,
    af_condition_t *condition);
static const char *af_condition_parse_variable(ngx_conf_t *cf, ngx_str_t *rest,
    af_condition_t *condition);
static const char *af_condition_push(ngx_conf_t *cf, ngx_array_t **list,
    u_char *data, size_t len);


/*
 * The kinds of conditions.  One with a parser is a prefix, and the parser,
 * which gets the rest, returns an error, or NULL.
 */

static const struct {
    ngx_str_t         name;
    const char     *(*parse)(ngx_conf_t *cf, ngx_str_t *rest,
                             af_condition_t *condition);
    af_condition_pt   holds;
} af_conditions[] = {
    { ngx_string("role="), af_condition_parse_role, af_condition_claim },
    { ngx_string("claim:"), af_condition_parse_claim, af_condition_claim },
    { ngx_string("superuser"), NULL, af_condition_superuser },
    { ngx_string("verified"), NULL, af_condition_verified },
    { ngx_string("aal="), af_condition_parse_aal, af_condition_aal },
    { ngx_string("fresh="), af_condition_parse_fresh, af_condition_fresh },
    { ngx_string("$"), af_condition_parse_variable, af_condition_variable },
    { ngx_null_string, NULL, NULL }
};


static const ngx_conf_enum_t  af_require_errors[] = {
    { ngx_string("error=401"), AF_INSUFFICIENT_SCOPE_401 },
    { ngx_string("error=403"), AF_INSUFFICIENT_SCOPE },
    { ngx_null_string, 0 }
};


static const char  af_condition_no_memory[] = "no memory";

static const char  af_condition_no_variables[] =
    "roles and values of claims are literal: variables are not allowed";


ngx_int_t
af_require_evaluate(ngx_http_request_t *r, af_verdict_t *verdict)
{
    ngx_int_t                      rc;
    ngx_http_autoflow_ctx_t       *ctx;
    ngx_http_autoflow_loc_conf_t  *alcf;

    verdict->identity = af_identity(r);
    verdict->condition = NULL;

    if (verdict->identity == NULL) {
        return NGX_ERROR;
    }

    verdict->status = verdict->identity->status;
    verdict->problem = af_token_problem(verdict->status);

    alcf = af_loc_conf(r);
    ctx = af_request_ctx(r);

    /* in a condition's variable, $autoflow_status is the token's */

    if (verdict->status != AF_TOKEN_OK || !af_require_applies(alcf)
        || ctx->evaluating)
    {
        return NGX_OK;
    }

    ctx->evaluating = 1;
    rc = af_require_conditions(r, alcf->require, verdict);
    ctx->evaluating = 0;

    return rc;
}


ngx_int_t
af_require_judge(ngx_http_request_t *r, af_protected_t by,
    af_verdict_t *verdict)
{
    uint64_t  started;

    started = af_microseconds();

    if (af_require_evaluate(r, verdict) != NGX_OK) {
        return NGX_ERROR;
    }

    af_count(AF_METRIC_VERIFICATIONS, verdict->status);
    af_observe(AF_METRIC_PROTECTED_TIME, by, af_microseconds() - started);

    return NGX_OK;
}


static ngx_int_t
af_require_conditions(ngx_http_request_t *r, const ngx_array_t *conditions,
    af_verdict_t *verdict)
{
    ngx_int_t              rc;
    ngx_uint_t             i;
    const af_condition_t  *condition;

    condition = conditions->elts;

    for (i = 0; i < conditions->nelts; i++) {

        rc = condition[i].holds(r, verdict->identity, &condition[i]);

        if (rc == NGX_DECLINED) {
            af_require_refuse(verdict, &condition[i]);

            if (verdict->status == AF_TOKEN_FORBIDDEN) {
                return NGX_OK;
            }

        } else if (rc != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/*
 * What no proof can change is final, and of others an assurance level: a
 * password makes fresh, but is none.
 */

static void
af_require_refuse(af_verdict_t *verdict, const af_condition_t *condition)
{
    if (verdict->condition && condition->fresh) {
        return;
    }

    verdict->status = (condition->aal || condition->fresh)
                      ? AF_TOKEN_INSUFFICIENT : AF_TOKEN_FORBIDDEN;
    verdict->problem = condition->problem;
    verdict->condition = condition;
}


/* a location with autoflow_auth off may inherit conditions */

static ngx_uint_t
af_require_applies(const ngx_http_autoflow_loc_conf_t *alcf)
{
    return alcf->require
           && (alcf->auth == AF_AUTH_ON || alcf->auth == AF_AUTH_OPTIONAL
               || alcf->verify);
}


ngx_int_t
af_verdict_refuse(ngx_http_request_t *r, const af_verdict_t *verdict)
{
    ngx_http_autoflow_ctx_t  *ctx;

    ctx = af_request_ctx(r);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    ctx->refused_status = af_token_status(verdict->status);
    ctx->problem = af_problems[verdict->problem].code;

    if (verdict->status == AF_TOKEN_INSUFFICIENT
        && af_require_proof(r, &ctx->proof) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (verdict->condition) {
        af_request_log(NGX_LOG_INFO, r, "forbidden by \"%V\"",
                       &verdict->condition->text);
    }

    return NGX_OK;
}


/* all that the location requires, which one proof may satisfy */

static ngx_int_t
af_require_proof(ngx_http_request_t *r, ngx_str_t *proof)
{
    time_t                 fresh;
    ngx_uint_t             i, aal;
    const ngx_array_t     *require;
    const af_condition_t  *condition;

    require = af_loc_conf(r)->require;
    condition = require->elts;
    aal = 0;
    fresh = 0;

    for (i = 0; i < require->nelts; i++) {
        aal = ngx_max(aal, condition[i].aal);

        if (condition[i].fresh && (fresh == 0 || condition[i].fresh < fresh)) {
            fresh = condition[i].fresh;
        }
    }

    return af_require_params(r->pool, aal, fresh, proof);
}


ngx_int_t
af_require_params(ngx_pool_t *pool, ngx_uint_t aal, time_t fresh,
    ngx_str_t *params)
{
    u_char  *p;

    p = ngx_pnalloc(pool, sizeof(", acr_values=\"aal\", max_age=\"\"")
                          + NGX_INT_T_LEN + NGX_TIME_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    params->data = p;

    if (aal) {
        p = ngx_sprintf(p, ", acr_values=\"aal%ui\"", aal);
    }

    if (fresh) {
        p = ngx_sprintf(p, ", max_age=\"%T\"", fresh);
    }

    params->len = p - params->data;

    return NGX_OK;
}


/* role= and claim: */

static ngx_int_t
af_condition_claim(ngx_http_request_t *r, const af_identity_t *identity,
    const af_condition_t *condition)
{
    af_claim_t    claim;
    af_claims_t  *claims;

    if (condition->path->nelts == 1
        && af_identity_said(identity, condition->path->elts, &claim))
    {
        return af_claim_known_is(&claim, condition->values);
    }

    if (af_identity_claims(r, identity, &claims) != NGX_OK) {
        return NGX_ERROR;
    }

    return af_claim_is(claims, condition->path->elts, condition->path->nelts,
                       condition->values);
}


static ngx_int_t
af_condition_superuser(ngx_http_request_t *r, const af_identity_t *identity,
    const af_condition_t *condition)
{
    return (identity->first_party && identity->superuser) ? NGX_OK
                                                          : NGX_DECLINED;
}


static ngx_int_t
af_condition_verified(ngx_http_request_t *r, const af_identity_t *identity,
    const af_condition_t *condition)
{
    af_claim_t    verified;
    af_claims_t  *claims;

    static const ngx_str_t  name = ngx_string("email_verified");

    if (!af_identity_said(identity, &name, &verified)) {
        if (af_identity_claims(r, identity, &claims) != NGX_OK) {
            return NGX_ERROR;
        }

        af_claims_get(claims, "email_verified", &verified);
    }

    return verified.type == AF_VALUE_TRUE ? NGX_OK : NGX_DECLINED;
}


/* what other issuers say of this is not known to mean the same */

static ngx_int_t
af_condition_aal(ngx_http_request_t *r, const af_identity_t *identity,
    const af_condition_t *condition)
{
    return (identity->first_party && identity->verified.aal >= condition->aal)
           ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
af_condition_fresh(ngx_http_request_t *r, const af_identity_t *identity,
    const af_condition_t *condition)
{
    return af_identity_is_fresh(identity, condition->level, condition->fresh)
           ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
af_condition_variable(ngx_http_request_t *r, const af_identity_t *identity,
    const af_condition_t *condition)
{
    ngx_str_t  value;

    if (ngx_http_complex_value(r, condition->variable, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    if (value.len == 0 || (value.len == 1 && value.data[0] == '0')) {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


char *
af_require_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
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
    problem = AF_INSUFFICIENT_SCOPE;
    n = alcf->require->nelts;

    for (i = 1; i < cf->args->nelts; i++) {

        error = af_conf_enum(af_require_errors, &value[i]);
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
        condition[n].problem = (condition[n].aal || condition[n].fresh)
                               ? AF_REAUTHENTICATION_REQUIRED : problem;
    }

    af_require_level(alcf->require);

    af_conf_line(cf, &alcf->require_line);

    return NGX_CONF_OK;
}


/* beside aal=2, fresh= is about what makes it: a password alone doesn't */

static void
af_require_level(const ngx_array_t *require)
{
    ngx_uint_t       i, level;
    af_condition_t  *condition;

    condition = require->elts;
    level = 0;

    for (i = 0; i < require->nelts; i++) {
        level = ngx_max(level, condition[i].aal);
    }

    for (i = 0; i < require->nelts; i++) {
        condition[i].level = level;
    }
}


/* Everything in a condition but its problem.  Errors are logged. */

static char *
af_condition_parse(ngx_conf_t *cf, ngx_str_t *text, af_condition_t *condition)
{
    ngx_str_t    rest;
    ngx_uint_t   i;
    const char  *error;

    ngx_memzero(condition, sizeof(af_condition_t));

    condition->text = *text;
    error = "unknown condition";

    for (i = 0; af_conditions[i].name.len; i++) {

        rest.data = text->data + af_conditions[i].name.len;
        rest.len = text->len - af_conditions[i].name.len;

        if (text->len < af_conditions[i].name.len
            || ngx_strncmp(text->data, af_conditions[i].name.data,
                           af_conditions[i].name.len)
               != 0
            || (af_conditions[i].parse == NULL && rest.len))
        {
            continue;
        }

        condition->holds = af_conditions[i].holds;

        error = af_conditions[i].parse
                ? af_conditions[i].parse(cf, &rest, condition) : NULL;
        break;
    }

    if (error) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid condition \"%V\": %s",
                           text, error);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* "a|b" */

static const char *
af_condition_parse_role(ngx_conf_t *cf, ngx_str_t *rest,
    af_condition_t *condition)
{
    u_char      *p, *start, *last;
    const char  *error;

    error = af_condition_push(cf, &condition->path, (u_char *) "roles",
                              sizeof("roles") - 1);

    last = rest->data + rest->len;

    if (ngx_http_script_variables_count(rest)) {
        return af_condition_no_variables;
    }

    for (start = rest->data; error == NULL; start = p + 1) {

        p = ngx_strlchr(start, last, '|');

        if (p == NULL) {
            return af_condition_push(cf, &condition->values, start,
                                     last - start);
        }

        error = af_condition_push(cf, &condition->values, start, p - start);
    }

    return error;
}


/* "path=value": everything after the path is the value */

static const char *
af_condition_parse_claim(ngx_conf_t *cf, ngx_str_t *rest,
    af_condition_t *condition)
{
    const char  *error;

    error = af_condition_parse_path(cf, rest, condition);

    if (error) {
        return error;
    }

    if (ngx_http_script_variables_count(rest)) {
        return af_condition_no_variables;
    }

    return af_condition_push(cf, &condition->values, rest->data, rest->len);
}


static const char *
af_condition_parse_aal(ngx_conf_t *cf, ngx_str_t *rest,
    af_condition_t *condition)
{
    ngx_int_t  aal;

    aal = ngx_atoi(rest->data, rest->len);

    if (aal < 1 || aal > AF_AAL_MAX) {
        return "it must be 1 or 2";
    }

    condition->aal = aal;

    return NULL;
}


static const char *
af_condition_parse_fresh(ngx_conf_t *cf, ngx_str_t *rest,
    af_condition_t *condition)
{
    ngx_int_t  seconds;

    seconds = ngx_parse_time(rest, 1);

    if (seconds < 1 || seconds > AF_FRESH_MAX) {
        return "it must be a time from 1s to 365d";
    }

    condition->fresh = seconds;

    return NULL;
}


/*
 * The names up to a '=', separated by dots.  A backslash makes the next
 * character literal.
 */

static const char *
af_condition_parse_path(ngx_conf_t *cf, ngx_str_t *rest,
    af_condition_t *condition)
{
    u_char      *p, *last, *name, *end;
    const char  *error;

    name = ngx_pnalloc(cf->pool, rest->len + 1);
    if (name == NULL) {
        return af_condition_no_memory;
    }

    end = name;
    last = rest->data + rest->len;

    for (p = rest->data; p < last; p++) {

        if (*p == '\\' && p + 1 < last) {
            *end++ = *++p;
            continue;
        }

        if (*p != '.' && *p != '=') {
            *end++ = *p;
            continue;
        }

        error = af_condition_push(cf, &condition->path, name, end - name);

        if (error) {
            return error;
        }

        if (*p == '=') {
            rest->data = p + 1;
            rest->len = last - rest->data;
            return NULL;
        }

        name = end;
    }

    return "it has no \"=\"";
}


static const char *
af_condition_parse_variable(ngx_conf_t *cf, ngx_str_t *rest,
    af_condition_t *condition)
{
    condition->variable = af_conf_complex(cf, &condition->text);

    return condition->variable ? NULL : "it is not a variable";
}


static const char *
af_condition_push(ngx_conf_t *cf, ngx_array_t **list, u_char *data, size_t len)
{
    ngx_str_t  *element;

    if (len == 0) {
        return "a part of it is empty";
    }

    if (*list == NULL) {
        *list = ngx_array_create(cf->pool, 1, sizeof(ngx_str_t));
        if (*list == NULL) {
            return af_condition_no_memory;
        }
    }

    element = ngx_array_push(*list);
    if (element == NULL) {
        return af_condition_no_memory;
    }

    element->data = data;
    element->len = len;

    return NULL;
}
