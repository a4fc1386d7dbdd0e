/*
 * A second dialect, as small as one can be: a token endpoint as of RFC 6749, an
 * account, a page, and where to find it.  t/11-example.t compiles it in.
 */

#include "api/auth.h"
#include "api/openapi.h"
#include "api/schemas.h"


static json_t *oauth_problem(const af_problem_t *problem, const char *detail,
    const ngx_str_t *request_id, json_t *errors);
static json_t *oauth_tokens(const af_token_pair_t *pair);
static ngx_int_t answer_page(af_ctx_t *ctx);
static ngx_int_t answer_place(af_ctx_t *ctx);


static const af_step_pt  page_steps[] = { answer_page, NULL };
static const af_step_pt  place_steps[] = { answer_place, NULL };


static const af_field_t  password_fields[] = {
    { "username", &af_type_credential, AF_REQUIRED, NULL },
    { "password", &af_type_credential, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  password_schema = {
    "PasswordGrant", password_fields, NULL
};


static const af_field_t  refresh_fields[] = {
    { "refresh_token", &af_type_token, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  refresh_schema = {
    "RefreshGrant", refresh_fields, NULL
};


static const af_field_t  problem_fields[] = {
    { "error", &af_type_string, AF_REQUIRED, NULL },
    { "error_description", &af_type_string, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  problem_schema = {
    "Error", problem_fields, NULL
};


static const af_route_t  oauth_routes[] = {

    { NGX_HTTP_POST, "/token", AF_PUBLIC,
      .summary = "Get tokens",
      .selector = "grant_type=password",
      .body = &password_schema,
      .form = 1,
      .answer = &af_schema_token_pair,
      .lock = &af_sql_auth_lock_account,
      .statement = &af_sql_auth_login,
      .steps = af_login_steps },

    { NGX_HTTP_POST, "/token", AF_PUBLIC,
      .summary = "Get tokens",
      .selector = "grant_type=refresh_token",
      .body = &refresh_schema,
      .form = 1,
      .answer = &af_schema_token_pair,
      .statement = &af_sql_auth_refresh,
      .missing = AF_INVALID_TOKEN,
      .steps = af_refresh_steps },

    { NGX_HTTP_GET, "/user", AF_USER,
      .summary = "Read the account",
      .answer = &af_schema_user,
      .statement = &af_sql_auth_me,
      .missing = AF_INVALID_TOKEN },

    { NGX_HTTP_GET, "/page", AF_PUBLIC,
      .summary = "A page",
      .status = NGX_HTTP_OK,
      .steps = page_steps },

    { NGX_HTTP_GET, "/", AF_PUBLIC,
      .summary = "Where the page is",
      .status = NGX_HTTP_SEE_OTHER,
      .steps = place_steps },

    { NGX_HTTP_GET, "/openapi.json", AF_PUBLIC,
      .summary = "Read this document",
      .cached = 1,
      .answer = &af_openapi_schema,
      .steps = af_openapi_steps },

    { .path = NULL }
};

static const af_section_t  oauth_sections[] = {
    { "Tokens", "RFC 6749", oauth_routes },
    { NULL, NULL, NULL }
};


const af_dialect_t  af_oauth_dialect = {
    .name = "oauth",
    .sections = oauth_sections,
    .problems = af_problems,
    .problem = oauth_problem,
    .problem_type = ngx_string("application/json"),
    .problem_schema = &problem_schema,
    .tokens = oauth_tokens
};


/* RFC 6749, section 5.2 */

static json_t *
oauth_problem(const af_problem_t *problem, const char *detail,
    const ngx_str_t *request_id, json_t *errors)
{
    return json_pack("{ss ss}", "error", problem->code,
                     "error_description", detail);
}


/* section 5.1 */

static json_t *
oauth_tokens(const af_token_pair_t *pair)
{
    return json_pack("{ss# ss sI ss}",
                     "access_token", pair->access, (int) pair->access_len,
                     "token_type", "Bearer",
                     "expires_in", (json_int_t) pair->expires_in,
                     "refresh_token", pair->refresh);
}


static ngx_int_t
answer_page(af_ctx_t *ctx)
{
    static const char  page[] = "<!doctype html><title>Tokens</title>";

    return af_answer_html(ctx, page, sizeof(page) - 1);
}


static ngx_int_t
answer_place(af_ctx_t *ctx)
{
    return af_answer_redirect(ctx, "page");
}
