/*
 * The first steps of all pages: who it is, and whether the page is theirs.
 *
 * A session whose access cookie has expired is renewed by the refresh cookie,
 * in the same request.  Two tabs that do so at once get the same successor,
 * since they are within the grace period; so does one that never received the
 * answer to its first try.
 */

#include "pages/pages.h"
#include "api/api.h"
#include "api/reauth.h"
#include "api/refresh.h"
#include "api/tokens.h"
#include "flow/proof.h"


static ngx_int_t enter(af_ctx_t *ctx);
static ngx_int_t admit(af_ctx_t *ctx);
static ngx_int_t confirm(af_ctx_t *ctx);
static ngx_int_t lead_on(af_ctx_t *ctx);
static ngx_int_t find_session(af_ctx_t *ctx);
static ngx_int_t exchange_token(af_ctx_t *ctx);
static ngx_int_t set_cookies(af_ctx_t *ctx);
static ngx_int_t renewed(af_ctx_t *ctx);
static void set_proof(af_identity_t *identity, json_t *claims);
static void set_id(ngx_str_t *id, char text[AF_UUID_SIZE], const char *value);
static ngx_int_t find_user(af_ctx_t *ctx);
static ngx_int_t keep_user(af_ctx_t *ctx);
static ngx_int_t begin(af_ctx_t *ctx);
static ngx_int_t fill(af_ctx_t *ctx, const af_page_t *page);
static ngx_int_t reauthenticated(af_ctx_t *ctx);
static ngx_int_t set_scope(af_ctx_t *ctx, const af_page_t *page);
static ngx_int_t show(af_ctx_t *ctx);


const af_step_pt  af_page_enter_steps[] = { enter, NULL };
const af_step_pt  af_page_confirm_steps[] = { confirm, NULL };


static const af_step_pt  renew_steps[] = {
    find_session,
    exchange_token,
    set_cookies,
    NULL
};


static const af_step_pt  user_steps[] = {
    find_user,
    keep_user,
    begin,
    NULL
};


static const af_step_pt  begin_steps[] = { begin, NULL };


const af_step_pt  af_page_reauth_steps[] = {
    af_step_reauth_find,
    af_step_reauth_verify,
    af_step_reauth_check,
    af_step_reauth_allow,
    reauthenticated,
    NULL
};


static const af_step_pt  default_steps[] = {
    af_step_query,
    af_step_answer,
    NULL
};


static const af_step_pt  show_steps[] = { show, NULL };


static const af_field_t  reauth_fields[] = {
    { "current_password", &af_type_credential, 0, NULL },
    { NULL, NULL, 0, NULL }
};

const af_schema_t  af_page_reauth_schema = {
    "Confirmation", reauth_fields, NULL
};


ngx_uint_t
af_page_is_signed_in(const af_ctx_t *ctx)
{
    return ctx && ctx->identity && ctx->identity->status == AF_TOKEN_OK
           && ctx->identity->first_party;
}


/* the form of a stolen token is no different: that is found out by its use */

ngx_uint_t
af_page_may_be_signed_in(af_ctx_t *ctx)
{
    af_credential_t  cookie;

    if (af_page_is_signed_in(ctx)) {
        return 1;
    }

    af_refresh_credential(ctx->request, NULL, &cookie);

    return cookie.source == AF_SOURCE_COOKIE
           && cookie.form == AF_REFRESH_NUMBERED;
}


static ngx_int_t
enter(af_ctx_t *ctx)
{
    const af_page_t  *page;
    af_page_state_t  *state;

    page = af_page_of(ctx->match.route);
    state = af_page_state(ctx);

    if (ctx->identity == NULL) {
        /* the request was refused before it was known */
        ctx->identity = af_identity(ctx->request);
    }

    if (state == NULL || ctx->identity == NULL) {
        return NGX_ERROR;
    }

    if (ctx->identity->status == AF_TOKEN_UNAVAILABLE) {
        return af_problem(ctx, AF_UNAVAILABLE, NULL);
    }

    if (page->access == AF_PAGE_ANY || state->guest
        || af_page_is_signed_in(ctx))
    {
        return admit(ctx);
    }

    return af_page_may_be_signed_in(ctx) ? af_follow(ctx, renew_steps)
                                         : admit(ctx);
}


static ngx_int_t
admit(af_ctx_t *ctx)
{
    ngx_uint_t        signed_in;
    const af_page_t  *page;

    page = af_page_of(ctx->match.route);
    signed_in = af_page_is_signed_in(ctx);

    if (signed_in && (page->access == AF_PAGE_GUEST || page->leads)) {
        return lead_on(ctx);
    }

    if (page->access >= AF_PAGE_USER && !signed_in) {
        return af_problem(ctx, AF_TOKEN_REQUIRED, NULL);
    }

    if (page->access == AF_PAGE_SUPERUSER && !ctx->identity->superuser) {
        return af_problem(ctx, AF_FORBIDDEN, NULL);
    }

    return af_follow(ctx, (signed_in && page->template) ? user_steps
                                                        : begin_steps);
}


/* and then back to the page, or the form with what was filled in */

static ngx_int_t
confirm(af_ctx_t *ctx)
{
    char             *place;
    json_t           *args;
    const char       *back;
    const af_page_t  *form;
    af_page_state_t  *state;

    state = ctx->page;

    if (ctx->body == NULL && state->refused == NULL) {
        back = af_page_here(ctx);
        return back ? af_page_go(ctx, "/confirm", "return", back) : NGX_ERROR;
    }

    form = af_page_of(af_pages_form(af_page_of(ctx->match.route)));
    place = af_page_url(ctx, form->path);
    back = form->returns ? af_page_return(ctx) : NULL;
    args = back ? json_pack("{ss}", "return", back) : json_object();

    back = (place && af_page_keep(ctx, place, args) == NGX_OK)
           ? af_page_with(ctx, place, args) : NULL;
    json_decref(args);

    return back ? af_page_go(ctx, "/confirm", "return", back) : NGX_ERROR;
}


static ngx_int_t
lead_on(af_ctx_t *ctx)
{
    const char  *place, *done;

    place = af_page_return(ctx);

    if (place) {
        return af_page_is_back(ctx, place)
               ? af_page_go(ctx, "/cookies", "return", place)
               : af_page_go_back(ctx, place);
    }

    if (af_page_of(ctx->match.route)->access != AF_PAGE_GUEST) {
        return af_follow(ctx, user_steps);
    }

    done = af_page_sent(ctx, "done");

    return af_page_go(ctx, "/", done ? "done" : NULL, done);
}


static ngx_int_t
find_session(af_ctx_t *ctx)
{
    af_refresh_credential(ctx->request, NULL, &ctx->presented);

    return af_find_refresh(ctx);
}


static ngx_int_t
exchange_token(af_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = af_refresh_found(ctx);

    return (rc == NGX_OK) ? af_query(ctx, &af_sql_auth_refresh) : rc;
}


static ngx_int_t
set_cookies(af_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (!af_found(ctx)) {
        return af_problem(ctx, AF_INVALID_TOKEN, NULL);
    }

    rc = af_tokens_renew(ctx);

    return (rc == NGX_OK) ? renewed(ctx) : rc;
}


/* who the new access token is of: it need not be verified */

static ngx_int_t
renewed(af_ctx_t *ctx)
{
    json_t         *claims;
    af_identity_t  *identity;

    identity = ngx_pcalloc(ctx->request->pool, sizeof(af_identity_t));
    claims = json_loads(af_column(ctx, "claims"), 0, NULL);

    if (identity == NULL || claims == NULL) {
        json_decref(claims);
        return NGX_ERROR;
    }

    identity->conf = ctx->server;
    identity->status = AF_TOKEN_OK;
    identity->first_party = 1;
    identity->cookie = 1;
    identity->superuser = json_is_true(json_object_get(claims,
                                                       "is_superuser"));
    set_proof(identity, claims);
    json_decref(claims);

    set_id(&identity->user_id, identity->ids[0], af_column(ctx, "user_id"));
    set_id(&identity->session_id, identity->ids[1],
           af_column(ctx, "session_id"));

    ctx->identity = identity;
    ctx->nbindings = 0;
    ctx->presented.source = AF_SOURCE_NONE;

    return admit(ctx);
}


static void
set_proof(af_identity_t *identity, json_t *claims)
{
    identity->verified.auth_time =
        json_integer_value(json_object_get(claims, "auth_time"));
    identity->verified.mfa_time =
        json_integer_value(json_object_get(claims, "mfa_time"));
    identity->verified.aal =
        json_integer_value(json_object_get(claims, "aal"));
}


static void
set_id(ngx_str_t *id, char text[AF_UUID_SIZE], const char *value)
{
    (void) ngx_cpystrn((u_char *) text, (u_char *) value, AF_UUID_SIZE);

    id->data = (u_char *) text;
    id->len = ngx_strlen(text);
}



static ngx_int_t
find_user(af_ctx_t *ctx)
{
    return af_query(ctx, &af_sql_auth_me);
}


/* what all pages say at the top */

static ngx_int_t
keep_user(af_ctx_t *ctx)
{
    const char       *json;
    af_page_state_t  *state;

    state = ctx->page;

    if (!af_found(ctx)) {
        return af_problem(ctx, AF_INVALID_TOKEN, NULL);
    }

    json = af_column(ctx, "json");
    state->user = af_string(ctx, json, ngx_strlen(json));
    state->has_password = (af_column(ctx, "has_password")[0] == 't');

    return state->user ? NGX_OK : NGX_ERROR;
}


/* the page's own, or those of the API's route */

static ngx_int_t
begin(af_ctx_t *ctx)
{
    const af_page_t   *page;
    af_page_state_t   *state;
    const af_step_pt  *steps;

    page = af_page_of(ctx->match.route);

    if (page->scope && set_scope(ctx, page) != NGX_OK) {
        return NGX_ERROR;
    }

    if (page->reauth) {
        return af_proof_before(ctx, af_page_reauth_steps);
    }

    if (page->access >= AF_PAGE_USER
        && ctx->match.route->method == NGX_HTTP_GET
        && fill(ctx, page) != NGX_OK)
    {
        return NGX_ERROR;
    }

    state = ctx->page;

    if (state->bare && (state->template || !ctx->match.route->query)) {
        return af_follow(ctx, show_steps);
    }

    /* a list that isn't shown still has its filter */

    steps = page->steps ? page->steps
            : state->bare ? show_steps : af_pages_steps(page);

    return af_proof_before(ctx, steps ? steps
                                      : ctx->match.route->statement
                                        ? default_steps : show_steps);
}


static ngx_int_t
fill(af_ctx_t *ctx, const af_page_t *page)
{
    const char  *place;

    place = af_page_url(ctx, page->path);

    return place ? af_page_fill(ctx, place) : NGX_ERROR;
}


static ngx_int_t
reauthenticated(af_ctx_t *ctx)
{
    const af_step_pt  *steps;

    steps = af_pages_steps(af_page_of(ctx->match.route));

    return af_follow(ctx, steps ? steps : default_steps);
}


/* the API has it in the query, where forms can't have it */

static ngx_int_t
set_scope(af_ctx_t *ctx, const af_page_t *page)
{
    if (ctx->query == NULL) {
        ctx->query = json_object();
    }

    return (json_object_set_new(ctx->query, "scope", json_string(page->scope))
            == 0)
           ? NGX_OK : NGX_ERROR;
}


/* a page that needs nothing of the database */

static ngx_int_t
show(af_ctx_t *ctx)
{
    return af_answer_text(ctx, NULL, 0);
}
