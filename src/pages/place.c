/*
 * Where pages lead.
 */

#include "pages/pages.h"
#include "pages/view.h"
#include "check/return.h"
#include "http/login.h"


/* a cookie's name, and a checksum of where somebody was sent back to */
#define AF_PAGE_TRIP_SIZE  (sizeof("af_trip=") + 8)


static u_char *af_page_trip(u_char trip[AF_PAGE_TRIP_SIZE], const char *place);


const char *
af_page_return(af_ctx_t *ctx)
{
    ngx_str_t    value;
    const char  *place;

    place = af_page_sent(ctx, "return");

    if (place == NULL) {
        return NULL;
    }

    value.data = (u_char *) place;
    value.len = ngx_strlen(place);

    return af_login_return(ctx->request, &value) ? place : NULL;
}


const char *
af_page_start(af_ctx_t *ctx)
{
    const af_pages_t  *pages;

    pages = af_loc_conf(ctx->request)->pages;

    return (pages->start.len && af_login_return(ctx->request, &pages->start))
           ? (char *) pages->start.data : NULL;
}


const char *
af_page_sent(const af_ctx_t *ctx, const char *name)
{
    const char             *value;
    const af_page_state_t  *state;

    state = af_page_state((af_ctx_t *) ctx);

    if (state == NULL) {
        return NULL;
    }

    value = json_string_value(json_object_get(ctx->body, name));

    if (value == NULL) {
        value = json_string_value(json_object_get(state->typed, name));
    }

    return value ? value
                 : json_string_value(json_object_get(state->args, name));
}


char *
af_page_url(af_ctx_t *ctx, const char *path)
{
    char                   *url;
    u_char                 *p;
    size_t                  len;
    ngx_uint_t              i;
    const ngx_str_t        *base;
    const af_path_param_t  *param;

    base = &af_loc_conf(ctx->request)->pages->base;
    len = base->len + ngx_strlen(path) + 1;

    for (i = 0; i < ctx->match.nparams; i++) {
        len += ctx->match.params[i].value_len;
    }

    url = ngx_pnalloc(ctx->request->pool, len);
    if (url == NULL) {
        return NULL;
    }

    p = ngx_cpymem(url, base->data, base->len);

    for (path++, i = 0; *path; path++) {

        if (*path != '{') {
            *p++ = *path;
            continue;
        }

        path += strcspn(path, "}");

        if (i < ctx->match.nparams) {
            param = &ctx->match.params[i++];
            p = ngx_cpymem(p, param->value, param->value_len);
        }
    }

    *p = '\0';

    return url;
}


ngx_int_t
af_page_go_back(af_ctx_t *ctx, const char *place)
{
    u_char  *cookie, *last;

    static const char  attributes[] = "; Path=/; Max-Age=30; SameSite=Lax; "
                                      "HttpOnly";

    cookie = ngx_pnalloc(ctx->request->pool,
                         AF_PAGE_TRIP_SIZE + sizeof(attributes));
    if (cookie == NULL) {
        return NGX_ERROR;
    }

    last = ngx_sprintf(af_page_trip(cookie, place), "%s", attributes);

    return (af_set_header(ctx->request, "Set-Cookie", cookie, last - cookie,
                          NULL)
            == NGX_OK)
           ? af_answer_redirect(ctx, place) : NGX_ERROR;
}


ngx_uint_t
af_page_is_back(const af_ctx_t *ctx, const char *place)
{
    u_char     trip[AF_PAGE_TRIP_SIZE];
    ngx_str_t  cookie;

    cookie.data = trip;
    cookie.len = af_page_trip(trip, place) - trip;

    return af_cookies_contain(ctx->request, &cookie);
}


/* for another place it is another trip: tabs may sign in one after the other */

static u_char *
af_page_trip(u_char trip[AF_PAGE_TRIP_SIZE], const char *place)
{
    return ngx_sprintf(trip, "af_trip=%08xD",
                       ngx_crc32_long((u_char *) place, ngx_strlen(place)));
}


ngx_int_t
af_page_go(af_ctx_t *ctx, const char *path, const char *name,
    const char *value)
{
    char    *place;
    json_t  *args;

    args = name ? json_pack("{ss}", name, value) : json_object();
    place = af_page_url(ctx, path);

    if (place) {
        place = af_page_with(ctx, place, args);
    }

    json_decref(args);

    return place ? af_answer_redirect(ctx, place) : NGX_ERROR;
}


/* a query that is too long to lead back to is left out */

const char *
af_page_here(af_ctx_t *ctx)
{
    char                   *place, *all;
    json_t                 *args;
    const af_page_state_t  *state;

    state = ctx->page;
    place = af_page_url(ctx, af_page_of(af_pages_form(
                                   af_page_of(ctx->match.route)))->path);

    if (place == NULL || ctx->match.route->method != NGX_HTTP_GET) {
        return place;
    }

    args = json_copy(state->args);

    if (!af_page_of(ctx->match.route)->returns) {
        (void) json_object_del(args, "return");
    }

    (void) json_object_del(args, "done");
    (void) json_object_del(args, "lang");

    all = args ? af_page_with(ctx, place, args) : NULL;
    json_decref(args);

    return (all && ngx_strlen(all) > AF_RETURN_MAX) ? place : all;
}


char *
af_page_with(af_ctx_t *ctx, const char *place, json_t *args)
{
    char    *all, *query;
    size_t   len;

    static const char *const  without[] = { NULL };

    query = af_view_query(args, without);
    if (query == NULL) {
        return NULL;
    }

    len = ngx_strlen(place) + ngx_strlen(query) + 1;
    all = ngx_pnalloc(ctx->request->pool, len);

    if (all) {
        ngx_sprintf((u_char *) all, "%s%s%Z", place, query);
    }

    free(query);

    return all;
}
