/*
 * What was filled in before the password had to be confirmed.  It goes along in
 * the URL of the form's page, with a MAC that binds it to the page and to the
 * session: no link can fill in anybody's form.
 *
 * Other pages of the host can send a form of ours, as they can do whatever the
 * visitor can.  So nothing is done that was kept: it is only filled in again,
 * where the visitor sees it, and a notice says so.  And it is kept of forms
 * that took the place of a page; an answer to a script doesn't have it.
 */

#include "pages/pages.h"
#include "http/login.h"
#include "token/cursor.h"


/* the longest that is kept, in octets: a URL has to have room for it */
#define AF_PAGE_KEPT_MAX  1024


static ngx_uint_t af_page_is_foreign(const af_ctx_t *ctx);
static json_t *af_page_filled(const af_ctx_t *ctx);
static const char *af_page_kept_name(af_ctx_t *ctx, const char *place);


ngx_int_t
af_page_keep(af_ctx_t *ctx, const char *place, json_t *args)
{
    int          rc;
    char         cursor[AF_CURSOR_SIZE], *text;
    json_t      *filled;
    const char  *name;

    if (!af_login_is_for_people(ctx->request) || af_page_is_foreign(ctx)) {
        return NGX_OK;
    }

    name = af_page_kept_name(ctx, place);
    filled = af_page_filled(ctx);
    text = json_dumps(filled, JSON_COMPACT);
    rc = (name && filled && text) ? 0 : -1;

    if (rc == 0 && json_object_size(filled)
        && ngx_strlen(text) <= AF_PAGE_KEPT_MAX)
    {
        rc = af_cursor_make(&ctx->conf->purpose_keys, name, text, cursor);
        rc |= json_object_set_new(args, "kept", json_string(cursor));
    }

    free(text);
    json_decref(filled);

    return rc == 0 ? NGX_OK : NGX_ERROR;
}


/*
 * Whether a form was refused for more than its fields: another site's has been
 * by now.
 */

static ngx_uint_t
af_page_is_foreign(const af_ctx_t *ctx)
{
    const af_page_state_t  *state;

    state = ctx->page;

    return state->refused && af_problems[state->problem].status != 422;
}


/* the texts and roles among the fields of a form */

static json_t *
af_page_filled(const af_ctx_t *ctx)
{
    json_t                 *filled, *value;
    const af_field_t       *field;
    const af_route_t       *route;
    const af_page_state_t  *state;

    state = ctx->page;
    route = state->refused ? state->refused : ctx->match.route;
    filled = json_object();

    for (field = route->body->fields; field->name; field++) {
        value = json_object_get(ctx->body ? ctx->body : state->typed,
                                field->name);

        if (!field->type->secret
            && (json_is_string(value) || json_is_array(value))
            && json_object_set(filled, field->name, value) != 0)
        {
            json_decref(filled);
            return NULL;
        }
    }

    return filled;
}


ngx_int_t
af_page_fill(af_ctx_t *ctx, const char *place)
{
    char              text[AF_POSITION_SIZE];
    const char       *name, *kept;
    af_page_state_t  *state;

    state = ctx->page;
    kept = json_string_value(json_object_get(state->args, "kept"));

    if (kept == NULL || state->typed) {
        return NGX_OK;
    }

    name = af_page_kept_name(ctx, place);

    if (name == NULL) {
        return NGX_ERROR;
    }

    if (af_cursor_check(&ctx->conf->purpose_keys, name, kept,
                        ngx_strlen(kept), text))
    {
        state->typed = json_loads(text, 0, NULL);
        state->kept = (state->typed != NULL);
    }

    return NGX_OK;
}


/* no list's cursors are bound to such a name */

static const char *
af_page_kept_name(af_ctx_t *ctx, const char *place)
{
    u_char           *name;
    size_t            len;
    const ngx_str_t  *session_id;

    session_id = &ctx->identity->session_id;
    len = sizeof("kept  ") + session_id->len + ngx_strlen(place);

    name = ngx_pnalloc(ctx->request->pool, len);

    if (name) {
        ngx_sprintf(name, "kept %V %s%Z", session_id, place);
    }

    return (char *) name;
}
