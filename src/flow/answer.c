/*
 * How steps send responses.
 */

#include "flow/flow.h"
#include "check/wipe.h"


static char *af_answer_insert(af_ctx_t *ctx, const char *text,
    const char *name, const char *json);


ngx_int_t
af_answer(af_ctx_t *ctx, json_t *object, const char *name, const char *json)
{
    char  *text, *answer;

    text = json_dumps(object, JSON_COMPACT|JSON_REAL_PRECISION(9));
    json_decref(object);

    if (text == NULL) {
        return NGX_ERROR;
    }

    answer = json ? af_answer_insert(ctx, text, name, json)
                  : af_string(ctx, text, ngx_strlen(text));
    af_wipe_free(text);

    if (answer == NULL) {
        return NGX_ERROR;
    }

    /* tokens, perhaps */

    ctx->answer.data = (u_char *) answer;
    ctx->answer.len = ngx_strlen(answer);

    return af_answer_text(ctx, answer, ctx->answer.len);
}


/*
 * Inserts JSON literally where the member `name` of an object is null.  This
 * can't be found within a string, where quotes are escaped.
 */

static char *
af_answer_insert(af_ctx_t *ctx, const char *text, const char *name,
    const char *json)
{
    char        *answer;
    u_char       member[64];
    const char  *null;

    (void) ngx_snprintf(member, sizeof(member), "\"%s\":null%Z", name);
    null = ngx_strstr(text, member);

    if (null == NULL) {
        return af_string(ctx, text, ngx_strlen(text));
    }

    null += ngx_strlen(member) - (sizeof("null") - 1);

    answer = ngx_pnalloc(ctx->request->pool,
                         ngx_strlen(text) + ngx_strlen(json) + 1);
    if (answer) {
        ngx_sprintf((u_char *) answer, "%*s%s%s%Z", (size_t) (null - text),
                    text, json, null + sizeof("null") - 1);
    }

    return answer;
}


ngx_int_t
af_answer_text(af_ctx_t *ctx, const char *json, size_t len)
{
    ngx_uint_t        status;
    const af_face_t  *face;

    face = af_loc_conf(ctx->request)->dialect->face;

    if (face) {
        return face->answer(ctx, json, len);
    }

    status = ctx->unavailable ? NGX_HTTP_SERVICE_UNAVAILABLE
                              : af_route_status(ctx->match.route);

    ctx->rc = af_respond(ctx->request, status, json, len);

    return NGX_DONE;
}


ngx_int_t
af_answer_unavailable(af_ctx_t *ctx, json_t *object)
{
    ctx->unavailable = 1;

    return af_answer(ctx, object, NULL, NULL);
}


ngx_int_t
af_answer_html(af_ctx_t *ctx, const char *html, size_t len)
{
    af_content_type(ctx->request, "text/html; charset=utf-8");

    return af_answer_text(ctx, html, len);
}


ngx_int_t
af_answer_cached(af_ctx_t *ctx, const ngx_str_t *text, ngx_str_t *etag)
{
    ngx_http_headers_in_t  *in;

    /* nginx would answer them with a 412 of its own; only the ETag matters */

    in = &ctx->request->headers_in;
    in->if_match = NULL;
    in->if_modified_since = NULL;
    in->if_unmodified_since = NULL;

    return (af_set_header(ctx->request, "ETag", etag->data, etag->len,
                          &ctx->request->headers_out.etag)
            == NGX_OK)
           ? af_answer_text(ctx, (char *) text->data, text->len) : NGX_ERROR;
}


ngx_int_t
af_answer_redirect(af_ctx_t *ctx, const char *url)
{
    u_char      *location;
    size_t       len;
    ngx_uint_t   status;

    len = ngx_strlen(url);

    location = ngx_pnalloc(ctx->request->pool, len);
    if (location == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(location, url, len);

    /*
     * Not as headers_out.location, which nginx would make absolute, with the
     * scheme and the port of this server: clients may know others.
     */

    if (af_set_header(ctx->request, "Location", location, len, NULL)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    status = ctx->match.route->redirects ? NGX_HTTP_SEE_OTHER
                                         : af_route_status(ctx->match.route);

    ctx->rc = af_respond(ctx->request, status, NULL, 0);

    return NGX_DONE;
}
