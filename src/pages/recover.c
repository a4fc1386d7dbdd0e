/*
 * What becomes of a page after a problem: a form is shown again, and what needs
 * a session, or another proof, leads to where that is asked for, and back.
 */

#include "pages/pages.h"


static ngx_int_t af_page_ask(af_ctx_t *ctx, const char *path);
static ngx_int_t af_page_show_again(af_ctx_t *ctx, const af_page_t *page,
    const af_route_t *form);
static ngx_int_t af_page_again(af_ctx_t *ctx, const af_route_t *route);
static ngx_int_t af_page_dead(af_page_state_t *state, const char *template);
static ngx_uint_t af_page_needs_session(af_problem_id_t problem);
static ngx_uint_t af_page_needs_proof(const af_ctx_t *ctx);
static ngx_int_t af_page_lead(af_ctx_t *ctx, const af_step_pt *steps);
static ngx_uint_t af_page_is_final(const af_ctx_t *ctx);
static ngx_int_t af_page_sign_in(af_ctx_t *ctx);


static const af_step_pt  sign_in_steps[] = { af_page_sign_in, NULL };


ngx_int_t
af_page_recover(af_ctx_t *ctx)
{
    const af_page_t   *page;
    const af_route_t  *form;
    af_page_state_t   *state;

    if (af_page_is_final(ctx)) {
        return NGX_DECLINED;
    }

    state = ctx->page;
    state->recovered = 1;
    page = af_page_of(ctx->match.route);

    if (af_page_needs_session(ctx->problem)) {

        if (page->access >= AF_PAGE_USER) {
            return af_page_lead(ctx, sign_in_steps);
        }

        if (ctx->match.route->method == NGX_HTTP_GET) {

            /* the session could not be renewed */
            state->guest = 1;
            return af_page_again(ctx, ctx->match.route);
        }
    }

    if (af_page_needs_proof(ctx)) {
        return af_page_lead(ctx, af_page_confirm_steps);
    }

    if (ctx->problem == AF_MFA_REQUIRED) {
        return af_page_ask(ctx, "/sign-in/code");
    }

    if (ctx->problem == AF_MFA_ENROLMENT_REQUIRED) {
        return af_page_ask(ctx, "/sign-in/enrol");
    }

    form = af_pages_form(page);

    return form ? af_page_show_again(ctx, page, form) : NGX_DECLINED;
}


/*
 * The password was right, and a factor is missing: the answer is the page that
 * asks for it, whose form has the token.  In a URL it would stay in logs and
 * histories, and a cookie could be planted, or be another tab's: here it is in
 * the hands of whoever has just given the password, and goes with the page.
 */

static ngx_int_t
af_page_ask(af_ctx_t *ctx, const char *path)
{
    json_t           *members;
    af_page_state_t  *state;

    state = ctx->page;
    members = af_request_find_ctx(ctx->request)->members;

    if (json_object_update(ctx->body, members) != 0) {
        return NGX_DECLINED;
    }

    state->typed = ctx->body;
    ctx->body = NULL;

    return af_page_again(ctx, af_pages_at(path));
}


static ngx_int_t
af_page_show_again(af_ctx_t *ctx, const af_page_t *page,
    const af_route_t *form)
{
    af_page_state_t  *state;

    state = ctx->page;

    if (page->late && (ctx->problem == AF_INVALID_MAIL_TOKEN
                       || ctx->problem == AF_NOT_FOUND
                       || ctx->problem == AF_REAUTHENTICATION_REQUIRED
                       || ctx->problem == AF_CSRF_REFUSED))
    {
        form = af_pages_at(page->late);
        state->late = (ctx->problem != AF_CSRF_REFUSED);

    } else if (ctx->problem == AF_INVALID_MAIL_TOKEN) {
        state->template = "link_dead";

        if (af_page_dead(state, af_page_of(form)->template) != NGX_OK) {
            return NGX_DECLINED;
        }
    }

    af_problem_note(ctx->request, ctx->problem, ctx->cause);

    af_request_find_ctx(ctx->request)->problem = af_problems[ctx->problem].code;

    state->refused = ctx->match.route;
    state->problem = ctx->problem;
    state->bare = (ctx->match.route->method == NGX_HTTP_GET || state->template);
    state->typed = ctx->body;
    ctx->body = NULL;

    return af_page_again(ctx, form);
}


static ngx_int_t
af_page_again(af_ctx_t *ctx, const af_route_t *route)
{
    ctx->match.route = route;
    ctx->problem = AF_PROBLEM_NONE;
    ctx->pending_problem = AF_PROBLEM_NONE;
    ctx->nbindings = 0;
    ctx->data = NULL;
    ctx->step = NULL;

    json_decref(ctx->query);
    ctx->query = route->query ? json_object() : NULL;

    return NGX_OK;
}


/* how to get another link depends on its kind */

static ngx_int_t
af_page_dead(af_page_state_t *state, const char *template)
{
    u_char  kind[64];

    (void) ngx_snprintf(kind, sizeof(kind), "kind_%s%Z", template);

    return (json_object_set_new(state->data, (char *) kind, json_true()) == 0)
           ? NGX_OK : NGX_ERROR;
}


static ngx_uint_t
af_page_is_final(const af_ctx_t *ctx)
{
    const af_page_t        *page;
    const af_page_state_t  *state;

    page = ctx->match.route ? af_page_of(ctx->match.route) : NULL;
    state = af_page_state((af_ctx_t *) ctx);

    if (page == NULL || state == NULL) {
        return 1;
    }

    /* also of a page that is shown again */

    if (af_page_needs_proof(ctx)
        || (page->access >= AF_PAGE_USER
            && af_page_needs_session(ctx->problem)))
    {
        return 0;
    }

    /* the form has another way, besides codes */

    if (state->recovered
        || (af_problems[ctx->problem].status >= 500
            && ctx->problem != AF_CODES_UNAVAILABLE))
    {
        return 1;
    }

    if (ctx->match.route->method == NGX_HTTP_POST
        || af_page_needs_session(ctx->problem))
    {
        return 0;
    }

    /* a link that no longer works, or a filter that is malformed */

    return page->template == NULL
           || (ctx->problem != AF_INVALID_MAIL_TOKEN
               && af_problems[ctx->problem].status != 422);
}


static ngx_uint_t
af_page_needs_session(af_problem_id_t problem)
{
    return problem == AF_TOKEN_REQUIRED || problem == AF_INVALID_TOKEN
           || problem == AF_NOT_YET_VALID_TOKEN || problem == AF_EXPIRED_TOKEN
           || problem == AF_REVOKED_TOKEN || problem == AF_REUSED_TOKEN
           || problem == AF_MFA_ENROLMENT_REQUIRED;
}


static ngx_uint_t
af_page_needs_proof(const af_ctx_t *ctx)
{
    return ctx->problem == AF_REAUTHENTICATION_REQUIRED
           && af_page_of(ctx->match.route)->access >= AF_PAGE_USER;
}


static ngx_int_t
af_page_lead(af_ctx_t *ctx, const af_step_pt *steps)
{
    af_problem_note(ctx->request, ctx->problem, ctx->cause);

    ctx->problem = AF_PROBLEM_NONE;
    ctx->pending_problem = AF_PROBLEM_NONE;
    ctx->step = steps;

    return NGX_OK;
}


/* and then back to the page, or that of its form */

static ngx_int_t
af_page_sign_in(af_ctx_t *ctx)
{
    const char       *back;
    const af_page_t  *page;

    page = af_page_of(ctx->match.route);
    back = af_page_return(ctx);

    if (back == NULL && af_pages_form(page)
        && (ngx_strcmp(page->path, "/") != 0))
    {
        back = af_page_here(ctx);

        if (back == NULL) {
            return NGX_ERROR;
        }
    }

    return af_page_go(ctx, "/sign-in", back ? "return" : NULL, back);
}
