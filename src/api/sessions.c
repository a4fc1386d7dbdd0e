#include "api/api.h"
#include "api/schemas.h"
#include "api/tokens.h"
#include "conf/params.h"


static ngx_int_t present_token(af_ctx_t *ctx);
static ngx_int_t exchange_token(af_ctx_t *ctx);
static ngx_int_t send_successor(af_ctx_t *ctx);
static ngx_int_t refuse_token(af_ctx_t *ctx, const char *verdict);

static ngx_int_t present_either(af_ctx_t *ctx);
static ngx_int_t end_session(af_ctx_t *ctx);
static ngx_int_t say_ended(af_ctx_t *ctx);

static ngx_int_t end_sessions(af_ctx_t *ctx);

static const af_step_pt  refresh_steps[] = {
    present_token,
    exchange_token,
    send_successor,
    NULL
};


static const af_step_pt  logout_steps[] = {
    present_either,
    end_session,
    say_ended,
    NULL
};


static const af_step_pt  logout_all_steps[] = {
    end_sessions,
    af_step_left,
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
      .body = &refresh_schema,
      .bodyless = 1,
      .answer = &af_schema_token_pair,
      .steps = refresh_steps },

    { NGX_HTTP_POST, "/auth/logout", AF_EITHER,
      .budget = AF_BUDGET_LOGOUT,
      .query = &logout_schema,
      .body = &refresh_schema,
      .bodyless = 1,
      .steps = logout_steps },

    { NGX_HTTP_POST, "/auth/logout-all", AF_USER,
      .budget = AF_BUDGET_LOGOUT_ALL,
      .steps = logout_all_steps },

    { NGX_HTTP_GET, "/auth/sessions", AF_USER,
      .query = &af_schema_page,
      .answer = &af_schema_sessions,
      .statement = &af_sql_auth_sessions,
      .steps = af_list_steps },

    { NGX_HTTP_DELETE, "/auth/sessions/{id}", AF_USER,
      .budget = AF_BUDGET_END_SESSION,
      .statement = &af_sql_auth_end_session },

    { .path = NULL }
};


static const af_param_t  sessions_params[] = {
    af_param("account=", af_param_count,
             ngx_http_autoflow_main_conf_t, max_sessions, .greatest = 1000,
             .more = "allows an account more than 1000 sessions"),
    { .name = ngx_null_string }
};


char *
af_sessions_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_main_conf_t *amcf = conf;

    return (amcf->max_sessions == NGX_CONF_UNSET_UINT)
           ? af_params(cf, 1, sessions_params, conf) : "is duplicate";
}


static ngx_int_t
present_token(af_ctx_t *ctx)
{
    ngx_str_t  bearer;

    if (af_present_refresh(ctx) == AF_SOURCE_NONE) {
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

    if (rc == NGX_DECLINED) {
        return refuse_token(ctx, "ended");
    }

    return (rc == NGX_OK) ? af_query(ctx, &af_sql_auth_refresh) : rc;
}


static ngx_int_t
send_successor(af_ctx_t *ctx)
{
    const char  *verdict;

    verdict = af_found(ctx) ? af_column(ctx, "verdict") : "ended";

    if (ngx_strcmp(verdict, "current") == 0) {
        return af_answer_tokens(ctx, NGX_HTTP_OK, NULL);
    }

    /* without a number, nor a successor, a secret was taken out of use since */

    if (ngx_strcmp(verdict, "former") == 0
        && (af_column(ctx, "number")[0] != '0' || af_column(ctx, "successor")))
    {
        return af_answer_tokens(ctx, NGX_HTTP_OK, NULL);
    }

    return refuse_token(ctx, verdict);
}


/*
 * A browser need not try these again.  But as long as the session lives,
 * another tab may have got new cookies, while this answer was on its way.
 */

static ngx_int_t
refuse_token(af_ctx_t *ctx, const char *verdict)
{
    ngx_uint_t  i;

    static const struct {
        const char       *verdict;
        af_problem_id_t   problem;
        ngx_uint_t        ended;       /* its session has */
    } refusals[] = {
        { "reused", AF_REUSED_TOKEN, 1 },
        { "ended", AF_INVALID_TOKEN, 1 },
        { "expired", AF_EXPIRED_TOKEN, 0 },
        { "email_not_verified", AF_EMAIL_NOT_VERIFIED, 0 },
        { NULL, AF_INVALID_TOKEN, 0 }
    };

    for (i = 0; refusals[i].verdict; i++) {
        if (ngx_strcmp(verdict, refusals[i].verdict) == 0) {
            break;
        }
    }

    if (refusals[i].ended
        && ctx->presented.source == AF_SOURCE_COOKIE
        && af_cookies_expire(ctx->request) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return af_problem(ctx, refusals[i].problem, NULL);
}


/*
 * The session of the token which comes first, of either kind; but a refresh
 * cookie is there for when there is no good access token.
 */

static ngx_int_t
present_either(af_ctx_t *ctx)
{
    af_source_t           source;
    const af_identity_t  *identity;

    identity = ctx->identity;
    source = af_present_refresh(ctx);

    if (identity->own
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

    if (rc == NGX_DECLINED) {
        return refuse_token(ctx, "ended");
    }

    if (rc != NGX_OK) {
        return rc;
    }

    af_bind(ctx, "others",
            json_object_get(ctx->query, "scope") ? "true" : "false");

    return af_segment(ctx, &af_sql_auth_lock_account, &af_sql_auth_logout,
                      NULL);
}


/* one that ended meanwhile has ended: only a refresh token may be refused */

static ngx_int_t
say_ended(af_ctx_t *ctx)
{
    ngx_str_t    session_id;
    const char  *verdict;

    verdict = af_found(ctx) ? af_column(ctx, "verdict") : "ended";

    if (ctx->presented.source == AF_SOURCE_NONE) {
        session_id = ctx->identity->session_id;

    } else if (ngx_strcmp(verdict, "current") == 0
               || ngx_strcmp(verdict, "former") == 0)
    {
        session_id.data = (u_char *) af_column(ctx, "session_id");
        session_id.len = ngx_strlen(session_id.data);

    } else {
        return refuse_token(ctx, verdict);
    }

    if (json_object_get(ctx->query, "scope") == NULL
        && af_expire_cookies(ctx, NULL, &session_id) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return af_answer(ctx, NGX_HTTP_NO_CONTENT, NULL, 0);
}


static ngx_int_t
end_sessions(af_ctx_t *ctx)
{
    return af_segment(ctx, &af_sql_auth_lock_account, &af_sql_auth_logout_all,
                      NULL);
}
