#include "api/api.h"
#include "api/schemas.h"
#include "api/tokens.h"


static ngx_int_t present_token(af_ctx_t *ctx);
static ngx_int_t send_successor(af_ctx_t *ctx);

static ngx_int_t end_session(af_ctx_t *ctx);
static ngx_int_t say_ended(af_ctx_t *ctx);

static ngx_int_t end_sessions(af_ctx_t *ctx);

static const af_step_pt  refresh_steps[] = {
    present_token,
    send_successor,
    NULL
};


static const af_step_pt  logout_steps[] = {
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


static ngx_int_t
present_token(af_ctx_t *ctx)
{
    ngx_int_t    rc;
    ngx_str_t    bearer;
    const char  *token;

    rc = af_presented_refresh(ctx, &token);

    if (rc == NGX_DECLINED) {
        af_bearer(ctx->request, &bearer);

        return bearer.len ? af_problem(ctx, AF_INVALID_TOKEN, NULL)
                          : af_problem(ctx, AF_TOKEN_REQUIRED,
                                       "no refresh token was sent");
    }

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    ctx->data = (void *) token;

    if (af_bind_token_hash(ctx, token) != NGX_OK
        || af_bind_successors(ctx, token) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return af_query(ctx, &af_sql_auth_refresh);
}


static ngx_int_t
send_successor(af_ctx_t *ctx)
{
    ngx_uint_t   i;
    const char  *verdict, *successor;

    static const struct {
        const char       *verdict;
        af_problem_id_t   problem;
        ngx_uint_t        ended;       /* its session has */
    } refusals[] = {
        { "token_reused", AF_REUSED_TOKEN, 1 },
        { "session_ended", AF_INVALID_TOKEN, 1 },
        { "token_expired", AF_EXPIRED_TOKEN, 0 },
        { "email_not_verified", AF_EMAIL_NOT_VERIFIED, 0 },
        { NULL, AF_INVALID_TOKEN, 0 }
    };

    successor = af_found(ctx) ? af_column(ctx, "successor") : NULL;

    if (successor) {
        i = ngx_atoi((u_char *) successor, ngx_strlen(successor)) - 1;

        return (af_use_successor(ctx, ctx->data, i) == NGX_OK)
               ? af_answer_tokens(ctx, NGX_HTTP_OK, NULL) : NGX_ERROR;
    }

    verdict = af_found(ctx) ? af_column(ctx, "verdict") : "";

    for (i = 0; refusals[i].verdict; i++) {
        if (ngx_strcmp(verdict, refusals[i].verdict) == 0) {
            break;
        }
    }

    /*
     * A browser need not try these again.  But as long as the session lives,
     * another tab may have got new cookies, while this answer was on its way.
     */

    if (refusals[i].ended
        && ctx->presented.source == AF_SOURCE_COOKIE
        && af_cookies_expire(ctx->request) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return af_problem(ctx, refusals[i].problem, NULL);
}


/*
 * That of the token which comes first, of either kind; but a refresh cookie
 * is there for when there is no good access token.
 */

static ngx_int_t
end_session(af_ctx_t *ctx)
{
    ngx_int_t             rc;
    const char           *token;
    af_credential_t       refresh;
    const af_identity_t  *identity;

    identity = ctx->identity;

    af_refresh_credential(ctx->request, af_field(ctx, "refresh_token"),
                          &refresh);

    af_bind(ctx, "others",
            json_object_get(ctx->query, "scope") ? "true" : "false");
    af_bind(ctx, "token_hash", NULL);

    if (!identity->own
        || refresh.source == AF_SOURCE_BODY
        || refresh.source == AF_SOURCE_BEARER)
    {
        rc = af_presented_refresh(ctx, &token);

        if (rc == NGX_DECLINED) {
            return af_problem(ctx, identity->status == AF_TOKEN_OK
                                   ? AF_INVALID_TOKEN
                                   : af_token_problem(identity->status), NULL);
        }

        if (rc != NGX_OK || af_bind_token_hash(ctx, token) != NGX_OK) {
            return NGX_ERROR;
        }

        af_bind(ctx, "session_id", NULL);
    }

    return af_query(ctx, &af_sql_auth_logout);
}


/* one that ended meanwhile has ended: only a refresh token may be unknown */

static ngx_int_t
say_ended(af_ctx_t *ctx)
{
    ngx_str_t  session_id;

    if (ctx->presented.source == AF_SOURCE_NONE) {
        session_id = ctx->identity->session_id;

    } else if (af_found(ctx)) {
        session_id.data = (u_char *) af_column(ctx, "session_id");
        session_id.len = ngx_strlen(session_id.data);

    } else {
        return af_problem(ctx, AF_INVALID_TOKEN, NULL);
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
