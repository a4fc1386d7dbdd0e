/*
 * What the dialect does differently from an API: what comes in are forms, what
 * goes out are pages, and a form leads to a page (303).
 */

#include "pages/pages.h"
#include "http/csrf.h"
#include "http/login.h"

#include <sodium.h>


static ngx_uint_t af_page_is_forged(af_ctx_t *ctx);
static ngx_int_t af_page_tidy(af_ctx_t *ctx);
static ngx_int_t af_page_object(json_t *body, const char *name,
    const char *text);
static ngx_int_t af_page_roles(json_t *body);
static ngx_int_t af_page_leave(af_ctx_t *ctx, const char *json);
static ngx_uint_t af_page_must_verify(const af_ctx_t *ctx);
static ngx_uint_t af_page_has(const char *json, const char *name);
static ngx_int_t af_page_save(af_ctx_t *ctx, const char *json, size_t len);
static ngx_int_t af_page_headers(ngx_http_request_t *r);
static ngx_int_t af_page_policy(ngx_http_request_t *r, ngx_str_t *policy);
static ngx_int_t af_page_header(ngx_http_request_t *r, const char *name,
    const ngx_str_t *value);
static void af_page_free(void *data);


af_problem_id_t
af_page_receive(af_ctx_t *ctx)
{
    const af_page_t  *page;

    page = af_page_of(ctx->match.route);

    if (page->access >= AF_PAGE_USER && !af_page_may_be_signed_in(ctx)) {
        return AF_TOKEN_REQUIRED;
    }

    if (af_page_is_forged(ctx)) {
        return AF_CSRF_REFUSED;
    }

    return (af_page_tidy(ctx) == NGX_OK) ? AF_PROBLEM_NONE : AF_INTERNAL_ERROR;
}


/*
 * The form was made for a session, or before there was one: then a cookie of
 * ours has the same token.  Other sites can't read it, and what they send has
 * an Origin of theirs.
 */

static ngx_uint_t
af_page_is_forged(af_ctx_t *ctx)
{
    ngx_str_t         token, session_id;
    const char       *csrf;
    af_credential_t   cookie;

    csrf = af_field(ctx, "csrf");

    if (csrf == NULL || *csrf == '\0') {
        return 1;
    }

    token.data = (u_char *) csrf;
    token.len = ngx_strlen(csrf);

    ngx_str_set(&session_id, "");

    if (af_csrf_matches(ctx->request, &session_id, &token)) {
        return 0;
    }

    if (af_page_is_signed_in(ctx)) {
        session_id = ctx->identity->session_id;

    } else {
        af_refresh_credential(ctx->request, NULL, &cookie);

        if (cookie.source != AF_SOURCE_COOKIE
            || cookie.form != AF_REFRESH_NUMBERED)
        {
            return 1;
        }

        session_id.data = (u_char *) cookie.refresh.session_id;
        session_id.len = ngx_strlen(session_id.data);
    }

    return !af_csrf_matches(ctx->request, &session_id, &token);
}


/*
 * A form sends all its fields, as text: an empty one was left out, or clears
 * what is there.
 */

static ngx_int_t
af_page_tidy(af_ctx_t *ctx)
{
    json_t            *body;
    const char        *text;
    const af_field_t  *field;
    const af_route_t  *route;

    body = ctx->body;
    route = ctx->match.route;

    /* a token in a body would be used instead of the cookie */
    json_object_del(body, "refresh_token");

    for (field = route->body->fields; field->name; field++) {

        text = json_string_value(json_object_get(body, field->name));

        if (text && *text && field->type->json == JSON_OBJECT) {
            if (af_page_object(body, field->name, text) != NGX_OK) {
                return NGX_ERROR;
            }

            continue;
        }

        if (text && *text == '\0') {

            if (route->partial && (field->flags & AF_NULLABLE)) {
                if (json_object_set_new(body, field->name, json_null()) != 0) {
                    return NGX_ERROR;
                }

            } else {
                json_object_del(body, field->name);
            }
        }

        if (ngx_strcmp(field->name, "roles") == 0
            && af_page_roles(body) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return af_schema_convert(route->body, body) == 0 ? NGX_OK : NGX_ERROR;
}


/* that a script has put there; what is none stays a text, and is refused */

static ngx_int_t
af_page_object(json_t *body, const char *name, const char *text)
{
    json_t  *object;

    object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

    return (object == NULL || json_object_set_new(body, name, object) == 0)
           ? NGX_OK : NGX_ERROR;
}


/* of check boxes: role_NAME */

static ngx_int_t
af_page_roles(json_t *body)
{
    void        *next;
    json_t      *roles, *value;
    const char  *name;

    static const char  prefix[] = "role_";

    roles = json_array();

    json_object_foreach_safe(body, next, name, value) {
        if (ngx_strncmp(name, prefix, sizeof(prefix) - 1) == 0
            && json_array_append_new(roles,
                                     json_string(name + sizeof(prefix) - 1))
               != 0)
        {
            json_decref(roles);
            return NGX_ERROR;
        }
    }

    return (json_object_set_new(body, "roles", roles) == 0) ? NGX_OK
                                                            : NGX_ERROR;
}


ngx_int_t
af_page_answer(af_ctx_t *ctx, const char *json, size_t len)
{
    ngx_uint_t        status;
    const char       *template;
    const af_page_t  *page;
    af_page_state_t  *state;

    page = af_page_of(ctx->match.route);
    state = af_page_state(ctx);

    if (page == NULL || state == NULL) {

        /* OPTIONS */
        ctx->rc = af_respond(ctx->request, NGX_HTTP_NO_CONTENT, NULL, 0);
        return NGX_DONE;
    }

    if (ctx->match.route->method == NGX_HTTP_POST
        && !(page->shows && json && af_page_has(json, page->shows)))
    {
        return af_page_leave(ctx, json);
    }

    if (page->template == NULL) {
        return af_page_save(ctx, json, len);
    }

    if (page->names && json && state->names == NULL) {
        return af_page_find_names(ctx, json);
    }

    template = state->template ? state->template : page->template;
    status = NGX_HTTP_OK;

    if (state->refused) {
        status = af_problems[state->problem].status;

        if (status == NGX_HTTP_UNAUTHORIZED
            && af_challenge(ctx->request, state->problem) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    ctx->rc = af_page_send(ctx->request, status, template,
                           af_page_data(ctx->request, ctx, template, json));

    return (ctx->rc == NGX_HTTP_INTERNAL_SERVER_ERROR) ? NGX_ERROR : NGX_DONE;
}


/* see other (RFC 9110, section 15.4.4) */

static ngx_int_t
af_page_leave(af_ctx_t *ctx, const char *json)
{
    const char       *place, *done, *then;
    const af_page_t  *page, *form;

    page = af_page_of(ctx->match.route);
    place = page->returns ? af_page_return(ctx) : NULL;

    if (place == NULL && page->begins) {
        place = af_page_start(ctx);
    }

    if (page->returns && json && ngx_strstr(json, "\"session\":false")) {
        return af_page_go(ctx, "/sign-in", "done",
                          af_page_must_verify(ctx) ? "signed_up"
                                                   : "must_enrol");
    }

    if (place) {
        return (page->access >= AF_PAGE_USER) ? af_answer_redirect(ctx, place)
                                              : af_page_go_back(ctx, place);
    }

    form = af_page_of(af_pages_form(page));
    then = page->then ? page->then : form->path;
    done = page->done;

    if (page->undone && json_is_false(json_object_get(ctx->body,
                                                      "is_superuser")))
    {
        done = page->undone;
    }

    return af_page_go(ctx, then, done ? "done" : NULL, done);
}


/*
 * Why a new account has no session yet: its address, which an invitation has
 * verified, or a factor that it must have.
 */

static ngx_uint_t
af_page_must_verify(const af_ctx_t *ctx)
{
    return (ctx->conf->require_verified
            || ctx->conf->registration == AF_REGISTRATION_VERIFIED)
           && ctx->match.route->statement == &af_sql_auth_register;
}


/* this can't be found within a string, where quotes are escaped */

static ngx_uint_t
af_page_has(const char *json, const char *name)
{
    u_char  member[64];

    (void) ngx_snprintf(member, sizeof(member), "\"%s\":%Z", name);

    return ngx_strstr(json, member) != NULL;
}


static ngx_int_t
af_page_save(af_ctx_t *ctx, const char *json, size_t len)
{
    static const ngx_str_t  disposition = ngx_string(
        "attachment; filename=\"account.json\"");

    if (af_page_header(ctx->request, "Content-Disposition", &disposition)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ctx->rc = af_respond(ctx->request, NGX_HTTP_OK, json, len);

    return NGX_DONE;
}


ngx_int_t
af_page_refuse(ngx_http_request_t *r, const af_problem_t *problem,
    const char *detail)
{
    json_t  *data;

    data = af_page_data(r, NULL, "problem", NULL);

    if (data == NULL
        || af_page_set_problem(r, data, problem, detail) != NGX_OK)
    {
        json_decref(data);
        return NGX_ERROR;
    }

    return af_page_send(r, problem->status, "problem", data);
}


ngx_int_t
af_page_send(ngx_http_request_t *r, ngx_uint_t status, const char *template,
    json_t *data)
{
    af_buffer_t         *out;
    af_page_file_t      *file;
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(af_buffer_t));

    if (cln == NULL || data == NULL) {
        json_decref(data);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    out = cln->data;
    ngx_memzero(out, sizeof(af_buffer_t));
    cln->handler = af_page_free;

    file = af_pages_file(af_loc_conf(r)->pages, AF_PAGES_TEMPLATES, template,
                         ngx_strlen(template));

    af_template_render(AF_TEMPLATE_HTML, &file->template, data, out);
    json_decref(data);

    if (out->failed || af_page_headers(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    af_content_type(r, "text/html; charset=utf-8");

    return af_respond(r, status, out->data, out->len);
}


static void
af_page_free(void *data)
{
    af_buffer_free(data);
}


/*
 * Not "no-referrer", by which the Origin of a form would be "null"; the path,
 * with the token of a mail's link, is sent to nobody.
 */

static ngx_int_t
af_page_headers(ngx_http_request_t *r)
{
    ngx_str_t  policy;

    static const ngx_str_t  referrer = ngx_string("strict-origin");
    static const ngx_str_t  vary = ngx_string("Accept-Language");
    static const ngx_str_t  opener = ngx_string("same-origin");

    if (af_page_policy(r, &policy) != NGX_OK) {
        return NGX_ERROR;
    }

    return (af_page_header(r, "Content-Security-Policy", &policy) != NGX_OK
        || af_page_header(r, "Referrer-Policy", &referrer) != NGX_OK
        || af_page_header(r, "Cross-Origin-Opener-Policy", &opener) != NGX_OK
        || af_page_header(r, "Vary", &vary) != NGX_OK)
           ? NGX_ERROR : NGX_OK;
}


/* a form may lead to other hosts: browsers check every redirect */

static ngx_int_t
af_page_policy(ngx_http_request_t *r, ngx_str_t *policy)
{
    ngx_str_t                  sources;
    const af_login_returns_t  *returns;

    static const char  format[] =
        "default-src 'none'; script-src 'self'; style-src 'self'; "
        "img-src 'self' data:; font-src 'self'; connect-src 'self'; "
        "form-action 'self'%V; frame-ancestors 'none'; base-uri 'none'";

    ngx_str_set(&sources, "");
    returns = af_loc_conf(r)->login_returns;

    if (returns) {
        sources = returns->sources;
    }

    policy->data = ngx_pnalloc(r->pool, sizeof(format) + sources.len);
    if (policy->data == NULL) {
        return NGX_ERROR;
    }

    policy->len = ngx_sprintf(policy->data, format, &sources) - policy->data;

    return NGX_OK;
}


static ngx_int_t
af_page_header(ngx_http_request_t *r, const char *name, const ngx_str_t *value)
{
    return af_set_header(r, name, value->data, value->len, NULL);
}
