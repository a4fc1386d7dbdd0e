/*
 * Where pages lead.
 */

#include "pages/pages.h"
#include "pages/view.h"
#include "http/login.h"


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
    static u_char  cookie[] = "af_trip=1; Path=/; Max-Age=30; "
                              "SameSite=Lax; HttpOnly";

    return (af_set_header(ctx->request, "Set-Cookie", cookie,
                          sizeof(cookie) - 1, NULL)
            == NGX_OK)
           ? af_answer_redirect(ctx, place) : NGX_ERROR;
}


ngx_uint_t
af_page_is_back(const af_ctx_t *ctx)
{
    static const ngx_str_t  cookie = ngx_string("af_trip=1");

    return af_cookies_contain(ctx->request, &cookie);
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
