#include "api/api.h"
#include "api/auth.h"
#include "api/refresh.h"
#include "api/schemas.h"
#include "api/tokens.h"
#include "conf/params.h"


static ngx_int_t read_token(af_ctx_t *ctx);
static ngx_int_t exchange_token(af_ctx_t *ctx);

static ngx_int_t choose_token(af_ctx_t *ctx);
static ngx_int_t end_session(af_ctx_t *ctx);

const af_step_pt  af_refresh_steps[] = {
    read_token,
    exchange_token,
    af_step_tokens,
    NULL
};


static const af_step_pt  logout_steps[] = {
    choose_token,
    end_session,
    af_step_answer,
    NULL
};


static const af_field_t  refresh_fields[] = {
    { "refresh_token", &af_type_token, 0, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  refresh_schema = { "Refresh", refresh_fields, NULL };


static const char *const  scopes[] = { "others", NULL };

static const af_type_t  scope_type = {
    .name = "scope", .json = JSON_STRING, .values = scopes
};

static const af_field_t  logout_fields[] = {
    { "scope", &scope_type, 0, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  logout_schema = { "Logout", logout_fields, NULL };


const af_route_t  af_sessions_routes[] = {

    { NGX_HTTP_POST, "/auth/refresh", AF_PUBLIC,
      .summary = "Exchange a refresh token for new tokens",
      .problems = AF_PROBLEM_LIST(AF_TOKEN_REQUIRED, AF_EXPIRED_TOKEN,
                                  AF_REUSED_TOKEN, AF_EMAIL_NOT_VERIFIED,
                                  AF_MFA_ENROLMENT_REQUIRED,
                                  AF_TOO_MANY_ATTEMPTS),
      .body = &refresh_schema,
      .body_optional = 1,
      .answer = &af_schema_token_pair,
      .statement = &af_sql_auth_refresh,
      .missing = AF_INVALID_TOKEN,
      .steps = af_refresh_steps },

    { NGX_HTTP_POST, "/auth/logout", AF_OPTIONAL,
      .summary = "End this session, or all others",
      .problems = AF_PROBLEM_LIST(AF_TOKEN_REQUIRED, AF_INVALID_TOKEN,
                                  AF_NOT_YET_VALID_TOKEN, AF_EXPIRED_TOKEN,
                                  AF_REVOKED_TOKEN, AF_REUSED_TOKEN),
      .budget = AF_BUDGET_LOGOUT,
      .query = &logout_schema,
      .body = &refresh_schema,
      .body_optional = 1,
      .lock = &af_sql_auth_lock_account,
      .statement = &af_sql_auth_logout,
      .steps = logout_steps },

    { NGX_HTTP_POST, "/auth/logout-all", AF_USER,
      .summary = "End all sessions of the account",
      .budget = AF_BUDGET_LOGOUT_ALL,
      .lock = &af_sql_auth_lock_account,
      .statement = &af_sql_auth_logout_all },

    { NGX_HTTP_GET, "/auth/sessions", AF_USER,
      .summary = "List the sessions of the account",
      .query = &af_schema_page,
      .answer = &af_schema_sessions,
      .statement = &af_sql_auth_sessions,
      .steps = af_list_steps },

    { NGX_HTTP_DELETE, "/auth/sessions/{id}", AF_USER,
      .summary = "End a session of the account",
      .budget = AF_BUDGET_END_SESSION,
      .statement = &af_sql_auth_end_session },

    { .path = NULL }
};


static const af_param_t  sessions_params[] = {
    af_param("account=", af_param_count,
             ngx_http_autoflow_main_conf_t, max_sessions, .max = 1000,
             .too_large = "allows an account more than 1000 sessions"),
    af_param("idle=", af_param_sec,
             ngx_http_autoflow_main_conf_t, session_idle, .min = 60,
             .too_small = "has an idle time of less than a minute",
             .max = 3650 * 86400,
             .too_large = "has an idle time of more than 3650 days"),
    af_param("lifetime=", af_param_sec,
             ngx_http_autoflow_main_conf_t, session_lifetime, .min = 60,
             .too_small = "has a lifetime of less than a minute",
             .max = 3650 * 86400,
             .too_large = "has a lifetime of more than 3650 days"),
    { .name = ngx_null_string }
};


char *
af_sessions_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_main_conf_t *amcf = conf;

    return (amcf->max_sessions == NGX_CONF_UNSET_UINT
            && amcf->session_idle == 0 && amcf->session_lifetime == 0)
           ? af_params(cf, 1, sessions_params, conf) : "is duplicate";
}


/* The use of an access token is not known of. */

char *
af_sessions_check(ngx_conf_t *cf, const ngx_http_autoflow_main_conf_t *amcf)
{
    if (amcf->session_idle == 0
        || (time_t) amcf->session_idle > amcf->access_ttl)
    {
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"autoflow_sessions\" has an idle time that is not "
                       "longer than \"autoflow_access_ttl\": sessions in use "
                       "would end");
    return NGX_CONF_ERROR;
}


static ngx_int_t
read_token(af_ctx_t *ctx)
{
    ngx_str_t  bearer;

    if (af_read_refresh(ctx) == AF_SOURCE_NONE) {
        af_bearer(ctx->request, &bearer);

        return bearer.len ? af_problem(ctx, AF_INVALID_TOKEN, NULL)
                          : af_problem(ctx, AF_TOKEN_REQUIRED,
                                       "no refresh token was sent");
    }

    return af_find_refresh(ctx);
}


static ngx_int_t
exchange_token(af_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = af_refresh_found(ctx);

    return (rc == NGX_OK) ? af_step_query(ctx) : rc;
}


/*
 * The session of the first token, of either kind; but the refresh cookie is
 * only used without a valid access token.
 */

static ngx_int_t
choose_token(af_ctx_t *ctx)
{
    af_source_t           source;
    const af_identity_t  *identity;

    identity = ctx->identity;
    source = af_read_refresh(ctx);

    if (identity->first_party
        && source != AF_SOURCE_BODY && source != AF_SOURCE_BEARER)
    {
        ctx->presented.source = AF_SOURCE_NONE;

        af_bind(ctx, "number", NULL);
        af_bind(ctx, "token_hash", NULL);
        return NGX_OK;
    }

    if (source == AF_SOURCE_NONE) {
        return af_problem(ctx, identity->status == AF_TOKEN_OK
                               ? AF_INVALID_TOKEN
                               : af_token_problem(identity->status), NULL);
    }

    return af_find_refresh(ctx);
}


static ngx_int_t
end_session(af_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = (ctx->presented.source == AF_SOURCE_NONE) ? NGX_OK
                                                   : af_refresh_found(ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    af_bind(ctx, "others",
            json_object_get(ctx->query, "scope") ? "true" : "false");

    return af_step_query(ctx);
}
