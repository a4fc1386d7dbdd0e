/*
 * What templates get.
 */

#include "pages/pages.h"
#include "pages/view.h"
#include "api/registration.h"
#include "check/input.h"
#include "http/csrf.h"
#include "token/base64url.h"

#include <sodium.h>


static ngx_int_t af_page_place(ngx_http_request_t *r, json_t *data,
    const char *template);
static ngx_int_t af_page_visitor(af_ctx_t *ctx, json_t *data);
static ngx_int_t af_page_csrf(af_ctx_t *ctx, char token[AF_CSRF_SIZE]);
static ngx_int_t af_page_new_csrf(af_ctx_t *ctx, char token[AF_CSRF_SIZE]);
static ngx_int_t af_page_back(af_ctx_t *ctx, json_t *data);
static ngx_int_t af_page_user(af_ctx_t *ctx, json_t *data);
static ngx_uint_t af_page_may_invite(const af_ctx_t *ctx, json_t *user);
static ngx_int_t af_page_content(af_ctx_t *ctx, json_t *data,
    const char *json);
static int af_page_options(json_t *data, const char *json);
static int af_page_filter(json_t *data, json_t *args);
static int af_page_list(json_t *data, json_t *answer, json_t *args);
static ngx_int_t af_page_choices(af_page_state_t *state, json_t *data);
static ngx_int_t af_page_values(af_ctx_t *ctx, json_t *data);
static int af_page_tokens(const af_ctx_t *ctx, json_t *data);
static ngx_int_t af_page_typed(json_t *typed, json_t *values);
static ngx_int_t af_page_done(af_ctx_t *ctx, json_t *data);
static ngx_int_t af_page_set(json_t *data, const char *name,
    const ngx_str_t *value);
static void af_page_state_free(void *data);


af_page_state_t *
af_page_state(af_ctx_t *ctx)
{
    ngx_str_t           *args;
    const char          *error;
    af_page_state_t     *state;
    ngx_pool_cleanup_t  *cln;

    if (ctx->page) {
        return ctx->page;
    }

    cln = ngx_pool_cleanup_add(ctx->request->pool, sizeof(af_page_state_t));
    if (cln == NULL) {
        return NULL;
    }

    state = cln->data;
    ngx_memzero(state, sizeof(af_page_state_t));
    cln->handler = af_page_state_free;

    args = &ctx->request->args;

    state->args = af_form_parse((char *) args->data, args->len, &error);

    if (state->args == NULL) {
        state->args = json_object();
    }

    state->data = json_object();
    ctx->page = state;

    return (state->args && state->data) ? state : NULL;
}


static void
af_page_state_free(void *data)
{
    af_page_state_t *state = data;

    json_decref(state->args);
    json_decref(state->data);
    json_decref(state->typed);
    json_decref(state->names);
}


json_t *
af_page_data(ngx_http_request_t *r, af_ctx_t *ctx, const char *template,
    const char *json)
{
    json_t  *data;

    data = json_object();

    if (af_page_place(r, data, template) != NGX_OK
        || (ctx && (af_page_visitor(ctx, data) != NGX_OK
                    || af_page_content(ctx, data, json) != NGX_OK
                    || af_page_values(ctx, data) != NGX_OK
                    || af_page_done(ctx, data) != NGX_OK
                    || af_page_languages(ctx, data) != NGX_OK
                    || af_page_errors(ctx, data) != NGX_OK)))
    {
        json_decref(data);
        return NULL;
    }

    return data;
}


/* which page of which site it is, and its texts */

static ngx_int_t
af_page_place(ngx_http_request_t *r, json_t *data, const char *template)
{
    int                    rc;
    u_char                 at[AF_PAGE_KEY_MAX];
    ngx_str_t              id;
    const af_pages_t      *pages;
    const af_page_file_t  *language;

    pages = af_loc_conf(r)->pages;
    language = af_page_language(r, pages);
    id = af_request_id(r);

    (void) ngx_snprintf(at, sizeof(at), "at_%s%Z", template);

    rc = json_object_set(data, "t", language->texts);

    rc |= json_object_set_new(data, "page", json_pack("{sb}", template, 1));
    rc |= json_object_set_new(data, (char *) at, json_true());

    if (pages->css_name) {
        rc |= json_object_set_new(data, "css",
                                  json_sprintf("%.*s%s",
                                               (int) pages->statics.len,
                                               pages->statics.data,
                                               pages->css_name));
    }

    if (pages->logo_name) {
        rc |= json_object_set_new(data, "logo",
                                  json_sprintf("%.*s%s",
                                               (int) pages->statics.len,
                                               pages->statics.data,
                                               pages->logo_name));
    }

    return (rc == 0
            && af_page_set(data, "lang", &language->name) == NGX_OK
            && af_page_set(data, "brand", &pages->brand) == NGX_OK
            && af_page_set(data, "base", &pages->base) == NGX_OK
            && af_page_set(data, "static", &pages->statics) == NGX_OK
            && af_page_set(data, "request_id", &id) == NGX_OK)
           ? NGX_OK : NGX_ERROR;
}


/* who it is, and what proves that a form is this page's */

static ngx_int_t
af_page_visitor(af_ctx_t *ctx, json_t *data)
{
    int   rc;
    char  csrf[AF_CSRF_SIZE];

    if (af_page_csrf(ctx, csrf) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = json_object_set_new(data, "csrf", json_string(csrf));
    rc |= json_object_set_new(data, "mail", json_boolean(ctx->conf->outbox));
    rc |= json_object_set_new(data, "seals", json_boolean(ctx->conf->seals));
    rc |= json_object_set_new(data, "passkeys",
                              json_boolean(ctx->conf->webauthn != NULL));
    rc |= json_object_set_new(data, "may_remember",
                              json_boolean(ctx->conf->mfa_remember));
    rc |= json_object_set_new(data, "some_must",
                              json_boolean(ctx->conf->mfa_required_of
                                           != NULL));
    rc |= json_object_set_new(data, "sign_up_open",
                              json_boolean(af_registration_is_open(ctx->conf)));
    rc |= json_object_set_new(data, "invite_only",
                              json_boolean(ctx->conf->registration
                                           == AF_REGISTRATION_INVITE));

    return (rc == 0 && af_page_back(ctx, data) == NGX_OK)
           ? af_page_user(ctx, data) : NGX_ERROR;
}


static ngx_int_t
af_page_csrf(af_ctx_t *ctx, char token[AF_CSRF_SIZE])
{
    ngx_str_t         values[AF_COOKIE_VALUES];
    ngx_uint_t        i, n;
    unsigned char     octets[AF_CSRF_SIZE];
    size_t            len;
    af_page_state_t  *state;

    state = ctx->page;

    if (af_page_is_signed_in(ctx)) {
        af_csrf_token(ctx->request, &ctx->identity->session_id, token);
        return NGX_OK;
    }

    n = af_cookie(ctx->request, AF_COOKIE_CSRF, values);

    for (i = 0; i < n; i++) {
        if (values[i].len == AF_CSRF_SIZE - 1
            && af_base64url_decode(octets, sizeof(octets), &len,
                                   (char *) values[i].data, values[i].len))
        {
            (void) ngx_cpystrn((u_char *) token, values[i].data, AF_CSRF_SIZE);

            /* the session has ended, and its cookies; other tabs have forms */

            return state->guest ? af_cookies_set_csrf(ctx->request, &values[i])
                                : NGX_OK;
        }
    }

    return af_page_new_csrf(ctx, token);
}


/* as that of a session, which nobody has */

static ngx_int_t
af_page_new_csrf(af_ctx_t *ctx, char token[AF_CSRF_SIZE])
{
    u_char     random[crypto_auth_hmacsha256_KEYBYTES];
    ngx_str_t  nobody, csrf;

    randombytes_buf(random, sizeof(random));

    nobody.data = random;
    nobody.len = sizeof(random);

    af_csrf_token(ctx->request, &nobody, token);

    csrf.data = (u_char *) token;
    csrf.len = AF_CSRF_SIZE - 1;

    return af_cookies_set_csrf(ctx->request, &csrf);
}


static ngx_int_t
af_page_back(af_ctx_t *ctx, json_t *data)
{
    int          rc;
    char        *query;
    json_t      *args;
    const char  *place;

    static const char *const  without[] = { NULL };

    place = af_page_return(ctx);

    if (place == NULL && af_page_of(ctx->match.route)->begins) {
        place = af_page_start(ctx);
    }

    place = place ? place : "";

    rc = json_object_set_new(data, "return", json_string(place));

    args = json_pack("{ss}", "return", place);
    query = af_view_query(args, without);
    json_decref(args);

    rc |= json_object_set_new(data, "return_query", json_string(query));
    free(query);

    return rc == 0 ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
af_page_user(af_ctx_t *ctx, json_t *data)
{
    json_t           *user;
    af_page_state_t  *state;

    state = ctx->page;

    if (state->user == NULL) {
        return NGX_OK;
    }

    user = json_loads(state->user, 0, NULL);

    return (json_object_set_new(data, "user", user) == 0
            && af_view_add(user, json_object_get(data, "t"), NULL) == 0
            && json_object_set_new(data, "signed_in", json_true()) == 0
            && json_object_set_new(data, "has_password",
                                   json_boolean(state->has_password)) == 0
            && json_object_set_new(data, "may_invite",
                                   json_boolean(af_page_may_invite(ctx, user)))
               == 0)
           ? NGX_OK : NGX_ERROR;
}


/* whom to show the way to that page: it is the API that decides */

static ngx_uint_t
af_page_may_invite(const af_ctx_t *ctx, json_t *user)
{
    size_t   i;
    json_t  *role;

    json_array_foreach(json_object_get(user, "roles"), i, role) {
        if (af_page_makes_inviters(ctx, role)) {
            return 1;
        }
    }

    return json_is_true(json_object_get(user, "is_superuser"));
}


ngx_uint_t
af_page_makes_inviters(const af_ctx_t *ctx, const json_t *role)
{
    return ctx->conf->inviters
           && ngx_strcmp(json_string_value(role), ctx->conf->inviters) == 0;
}


/* an answer of the API: a list is at the top, a single object is the item */

static ngx_int_t
af_page_content(af_ctx_t *ctx, json_t *data, const char *json)
{
    int               rc;
    json_t           *answer;
    af_page_state_t  *state;

    state = ctx->page;

    rc = af_view_add(state->data, json_object_get(data, "t"), NULL);
    rc |= json_object_update(data, state->data);
    rc |= json_object_set(data, "query", state->args);
    rc |= af_page_filter(data, state->args);

    if (json && af_page_of(ctx->match.route)->options) {
        rc |= af_page_options(data, json);
        json = NULL;
    }

    answer = json ? json_loads(json, 0, NULL) : NULL;

    if (answer == NULL) {
        return (rc == 0 && json == NULL) ? af_page_choices(state, data)
                                         : NGX_ERROR;
    }

    rc |= af_view_add(answer, json_object_get(data, "t"), state->names);

    if (json_object_get(answer, "data")) {
        rc |= af_page_list(data, answer, state->args);

    } else {
        rc |= json_object_set_new(data, "item", answer);
    }

    return (rc == 0 && af_page_choices(state, data) == NGX_OK) ? NGX_OK
                                                               : NGX_ERROR;
}


/* for the script; and for people, whose passkey it will be */

static int
af_page_options(json_t *data, const char *json)
{
    int      rc;
    json_t  *options, *owner;

    options = json_loads(json, 0, NULL);
    owner = json_object_get(json_object_get(options, "user"), "name");

    rc = json_object_set_new(data, "options", json_string(json));
    rc |= owner ? json_object_set(data, "owner", owner) : 0;

    json_decref(options);

    return rc;
}


/* "NAME_VALUE" of the query: templates can't compare */

static int
af_page_filter(json_t *data, json_t *args)
{
    int          rc;
    json_t      *filter, *value;
    u_char       key[AF_PAGE_KEY_MAX];
    const char  *name;

    filter = json_object();
    rc = json_object_set_new(data, "filter", filter);

    json_object_foreach(args, name, value) {

        if (ngx_strlen(name) + json_string_length(value) + 2 <= sizeof(key)) {
            ngx_sprintf(key, "%s_%s%Z", name, json_string_value(value));
            rc |= json_object_set_new(filter, (char *) key, json_true());
        }
    }

    return rc;
}


/* takes the answer, whose total is null where its page has no number */

static int
af_page_list(json_t *data, json_t *answer, json_t *args)
{
    int     rc;
    size_t  n;

    n = json_array_size(json_object_get(answer, "data"));

    rc = af_view_paging(answer, args);

    rc |= json_object_set_new(data, "listed", json_true());
    rc |= json_object_set_new(data, "any", json_boolean(n > 0));
    rc |= json_object_set_new(data, "others", json_boolean(n > 1));
    rc |= json_object_update(data, answer);
    json_decref(answer);

    return rc;
}


/* roles to choose from, instead of the names of those that are held */

static ngx_int_t
af_page_choices(af_page_state_t *state, json_t *data)
{
    int      rc;
    json_t  *all, *item;

    all = json_object_get(state->data, "all_roles");
    item = json_object_get(data, "item");

    if (all == NULL) {
        return NGX_OK;
    }

    rc = (af_page_role_boxes(all, json_object_get(item, "roles"), state->typed)
          != NGX_OK);
    rc |= json_object_set(item ? item : data, "roles", all);
    rc |= json_object_set(data, "roles_total",
                          json_object_get(state->data, "all_roles_total"));

    return rc == 0 ? NGX_OK : NGX_ERROR;
}


/* what the fields of the form have: what was typed, or sent before it, or is
   stored */

static ngx_int_t
af_page_values(af_ctx_t *ctx, json_t *data)
{
    json_t           *user, *values;
    const char       *token;
    af_page_state_t  *state;

    state = ctx->page;
    values = json_object();

    if (values == NULL || json_object_set_new(data, "values", values) != 0
        || json_object_set_new(data, "kept", json_boolean(state->kept)) != 0)
    {
        return NGX_ERROR;
    }

    token = af_page_sent(ctx, "token");

    if (token
        && json_object_set_new(data, "token", json_string(token)) != 0)
    {
        return NGX_ERROR;
    }

    if (af_page_tokens(ctx, data) != 0) {
        return NGX_ERROR;
    }

    if (state->refused || state->kept) {
        return af_page_typed(state->typed, values);
    }

    if (ctx->match.route->method == NGX_HTTP_POST) {
        return af_page_typed(ctx->body, values);
    }

    user = json_object_get(data, "user");

    if (user == NULL || !af_page_of(ctx->match.route)->fills) {
        return NGX_OK;
    }

    return json_object_update(values, user) == 0 ? NGX_OK : NGX_ERROR;
}


/* of a login that lacks a factor: for its next form, and from no URL */

static int
af_page_tokens(const af_ctx_t *ctx, json_t *data)
{
    int                     rc;
    json_t                 *token;
    const char *const      *name;
    const af_page_state_t  *state;

    static const char *const  names[] = {
        "mfa_token", "enrolment_token", NULL
    };

    state = ctx->page;
    rc = 0;

    for (name = names; *name; name++) {
        token = json_object_get(ctx->body ? ctx->body : state->typed, *name);
        rc |= token ? json_object_set(data, *name, token) : 0;
    }

    return rc;
}


static ngx_int_t
af_page_typed(json_t *typed, json_t *values)
{
    json_t      *value;
    const char  *name;

    json_object_foreach(typed, name, value) {

        if (json_is_string(value)
            && ngx_strstr(name, "password") == NULL
            && ngx_strstr(name, "token") == NULL
            && ngx_strcmp(name, "csrf") != 0
            && json_object_set(values, name, value) != 0)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* what the form has done that led here; no link of others can say so */

static ngx_int_t
af_page_done(af_ctx_t *ctx, json_t *data)
{
    int               rc;
    char             *text;
    u_char            key[AF_PAGE_KEY_MAX];
    const char       *done;
    ngx_table_elt_t  *h;
    af_page_state_t  *state;

    state = ctx->page;
    done = json_string_value(json_object_get(state->args, "done"));
    h = af_header_in(ctx->request, "sec-fetch-site", 0);

    if (done == NULL || state->refused
        || (h && ngx_strcmp(h->value.data, "cross-site") == 0)
        || ngx_strlen(done) > AF_PAGE_KEY_MAX - sizeof("done_"))
    {
        return NGX_OK;
    }

    (void) ngx_snprintf(key, sizeof(key), "done_%s%Z", done);

    text = af_view_text(data, (char *) key);

    if (text == NULL) {
        return NGX_OK;
    }

    rc = json_object_set_new(data, "done", json_string(text));
    free(text);

    return rc == 0 ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
af_page_set(json_t *data, const char *name, const ngx_str_t *value)
{
    return (json_object_set_new(data, name,
                                json_stringn(value->len ? (char *) value->data
                                                        : "", value->len))
            == 0)
           ? NGX_OK : NGX_ERROR;
}
