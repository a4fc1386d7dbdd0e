/*
 * Steps of pages that show more than a route of the API answers: whose link it
 * is, an account's sessions, and roles to choose from.
 */

#include "pages/pages.h"
#include "pages/view.h"
#include "api/api.h"
#include "api/invitations.h"
#include "api/registration.h"
#include "mail/outbox.h"


static ngx_int_t find_reset(af_ctx_t *ctx);
static ngx_int_t show_reset(af_ctx_t *ctx);
static ngx_int_t show_verification(af_ctx_t *ctx);
static ngx_int_t open_door(af_ctx_t *ctx);
static ngx_int_t take_token(af_ctx_t *ctx);
static ngx_int_t af_page_link(af_ctx_t *ctx, const char *const *kinds);
static ngx_int_t show(af_ctx_t *ctx);

static ngx_int_t choose_roles(af_ctx_t *ctx);
static ngx_int_t find_roles(af_ctx_t *ctx);
static ngx_int_t find_sessions(af_ctx_t *ctx);
static ngx_int_t find_factors(af_ctx_t *ctx);
static ngx_int_t bind_account(af_ctx_t *ctx);
static ngx_int_t keep(af_ctx_t *ctx);
static ngx_int_t choose_role(af_ctx_t *ctx);
static ngx_int_t name_events(af_ctx_t *ctx);
static ngx_int_t find_devices(af_ctx_t *ctx);
static ngx_int_t keep_devices(af_ctx_t *ctx);
static ngx_int_t list(af_ctx_t *ctx);
static ngx_int_t find_names(af_ctx_t *ctx);
static ngx_int_t keep_names(af_ctx_t *ctx);
static ngx_int_t af_page_find_all(af_ctx_t *ctx, char *name,
    const af_statement_t *statement);
static ngx_int_t af_page_choose(af_ctx_t *ctx, const char *name,
    const char *arg);
static json_t *af_page_named(json_t *all, json_t *name);


/* the most roles and sessions that a page shows */
#define AF_PAGE_ALL  "100"


const af_step_pt  af_page_reset_steps[] = {
    find_reset,
    show_reset,
    NULL
};


const af_step_pt  af_page_verify_steps[] = {
    show_verification,
    NULL
};


const af_step_pt  af_page_sign_up_steps[] = {
    open_door,
    NULL
};


const af_step_pt  af_page_invitation_steps[] = {
    take_token,
    NULL
};


const af_step_pt  af_page_account_steps[] = {
    find_roles,
    keep,
    find_sessions,
    keep,
    find_factors,
    af_page_keep_factors,
    af_step_query,
    af_step_answer,
    NULL
};


const af_step_pt  af_page_sessions_steps[] = {
    find_devices,
    keep_devices,
    list,
    NULL
};


const af_step_pt  af_page_invitations_steps[] = {
    af_page_mail_languages,
    choose_roles,
    NULL
};


static const af_step_pt  all_roles_steps[] = {
    find_roles,
    keep,
    list,
    NULL
};


const af_step_pt  af_page_users_steps[] = {
    find_roles,
    keep,
    choose_role,
    list,
    NULL
};


const af_step_pt  af_page_audit_steps[] = {
    name_events,
    list,
    NULL
};


static const af_step_pt  names_steps[] = {
    find_names,
    keep_names,
    NULL
};


static ngx_int_t
find_reset(af_ctx_t *ctx)
{
    static const char *const  kinds[] = {
        "reset_password", "claim_account", NULL
    };

    return (af_page_link(ctx, kinds) == NGX_OK)
           ? af_query(ctx, &af_sql_account_find_reset) : NGX_ERROR;
}


/* password managers want to know whose password it is */

static ngx_int_t
show_reset(af_ctx_t *ctx)
{
    const char       *email;
    af_page_state_t  *state;

    if (!af_found(ctx)) {
        return af_problem(ctx, AF_INVALID_MAIL_TOKEN, NULL);
    }

    state = ctx->page;
    email = af_column(ctx, "email");

    return (json_object_set_new(state->data, "item",
                                json_pack("{ss}", "email", email))
            == 0)
           ? show(ctx) : NGX_ERROR;
}


/* a GET verifies nothing: programs that look for viruses follow links */

static ngx_int_t
show_verification(af_ctx_t *ctx)
{
    static const char *const  kinds[] = {
        "verify_email", "change_email", NULL
    };

    return (af_page_link(ctx, kinds) == NGX_OK) ? show(ctx) : NGX_ERROR;
}


static ngx_int_t
open_door(af_ctx_t *ctx)
{
    if (!af_registration_is_open(ctx->conf)) {
        ((af_page_state_t *) ctx->page)->template = "closed";
    }

    return show(ctx);
}


/* the API has it in a body */

static ngx_int_t
take_token(af_ctx_t *ctx)
{
    json_t      *body;
    const char  *token;

    token = af_page_sent(ctx, "token");

    if (token == NULL) {
        return af_problem(ctx, AF_INVALID_MAIL_TOKEN, NULL);
    }

    body = json_pack("{ss}", "token", token);
    json_decref(ctx->body);
    ctx->body = body;

    return body ? af_follow(ctx, af_look_steps) : NGX_ERROR;
}


static ngx_int_t
af_page_link(af_ctx_t *ctx, const char *const *kinds)
{
    char        *id;
    const char  *token;

    token = af_page_sent(ctx, "token");

    id = ngx_pnalloc(ctx->request->pool, AF_MAIL_ID_SIZE);
    if (id == NULL) {
        return NGX_ERROR;
    }

    for ( /* void */ ; token && *kinds; kinds++) {
        if (af_outbox_check_token(ctx->conf->outbox, *kinds, token, id)) {
            af_bind(ctx, "mail_id", id);
            return NGX_OK;
        }
    }

    return af_problem(ctx, AF_INVALID_MAIL_TOKEN, NULL);
}


static ngx_int_t
show(af_ctx_t *ctx)
{
    return af_answer_text(ctx, NULL, 0);
}


/* an inviter can give what they have, except for what makes them an inviter */

static ngx_int_t
choose_roles(af_ctx_t *ctx)
{
    int               rc;
    size_t            i;
    json_t           *user, *role, *roles;
    af_page_state_t  *state;

    if (ctx->identity->superuser) {
        return af_follow(ctx, all_roles_steps);
    }

    state = ctx->page;
    user = json_loads(state->user, 0, NULL);
    roles = json_array();
    rc = 0;

    json_array_foreach(json_object_get(user, "roles"), i, role) {
        if (!af_page_makes_inviters(ctx, role)) {
            rc |= json_array_append_new(roles, json_pack("{sO}", "name",
                                                         role));
        }
    }

    json_decref(user);

    rc |= json_object_set_new(state->data, "all_roles_total",
                              json_integer(json_array_size(roles)));
    rc |= json_object_set_new(state->data, "all_roles", roles);

    return rc == 0 ? list(ctx) : NGX_ERROR;
}


static ngx_int_t
find_roles(af_ctx_t *ctx)
{
    return af_page_find_all(ctx, "all_roles", &af_sql_admin_roles);
}


static ngx_int_t
find_sessions(af_ctx_t *ctx)
{
    return (bind_account(ctx) == NGX_OK)
           ? af_page_find_all(ctx, "sessions", &af_sql_auth_sessions)
           : NGX_ERROR;
}


static ngx_int_t
find_factors(af_ctx_t *ctx)
{
    return (bind_account(ctx) == NGX_OK)
           ? af_query(ctx, &af_sql_mfa_factors) : NGX_ERROR;
}


/* the one that the page is about */

static ngx_int_t
bind_account(af_ctx_t *ctx)
{
    const char             *id;
    const af_path_param_t  *param;

    param = &ctx->match.params[0];

    id = af_string(ctx, param->value, param->value_len);
    if (id == NULL) {
        return NGX_ERROR;
    }

    af_bind(ctx, "user_id", id);

    return NGX_OK;
}


static ngx_int_t
af_page_find_all(af_ctx_t *ctx, char *name, const af_statement_t *statement)
{
    ctx->data = name;

    af_bind(ctx, "page", "1");
    af_bind(ctx, "size", AF_PAGE_ALL);
    af_bind(ctx, "position", NULL);

    return af_query(ctx, statement);
}


/* the elements of what was found; what was bound for it is no longer */

static ngx_int_t
keep(af_ctx_t *ctx)
{
    int               rc;
    json_t           *data;
    u_char            total[32];
    const char       *text, *name;
    af_page_state_t  *state;

    state = ctx->page;
    name = ctx->data;
    text = af_found(ctx) ? af_column(ctx, "data") : NULL;
    data = text ? json_loads(text, 0, NULL) : json_array();

    (void) ngx_snprintf(total, sizeof(total), "%s_total%Z", name);

    rc = json_object_set_new(state->data, (char *) total,
                             json_integer(json_array_size(data)));
    rc |= json_object_set_new(state->data, name, data);

    ctx->nbindings = 0;

    return rc == 0 ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
choose_role(af_ctx_t *ctx)
{
    return af_page_choose(ctx, "all_roles", "role");
}


/* all events that there are texts for, in their order */

static ngx_int_t
name_events(af_ctx_t *ctx)
{
    int               rc;
    json_t           *events, *texts, *text;
    const char       *key;
    af_page_state_t  *state;

    static const char  prefix[] = "event_";

    state = ctx->page;
    texts = af_page_language(ctx->request, af_loc_conf(ctx->request)->pages)
            ->texts;

    events = json_array();
    rc = json_object_set_new(state->data, "events", events);

    json_object_foreach(texts, key, text) {

        if (ngx_strncmp(key, prefix, sizeof(prefix) - 1) == 0) {
            rc |= json_array_append_new(events,
                                        json_pack("{ss sO}", "name",
                                                  key + sizeof(prefix) - 1,
                                                  "text", text));
        }
    }

    return rc == 0 ? af_page_choose(ctx, "events", "action") : NGX_ERROR;
}


/* by what a list is filtered: also what isn't among all that are offered */

static ngx_int_t
af_page_choose(af_ctx_t *ctx, const char *name, const char *arg)
{
    int               rc;
    json_t           *all, *value, *one;
    af_page_state_t  *state;

    state = ctx->page;
    all = json_object_get(state->data, name);
    value = json_object_get(state->args, arg);

    if (json_string_length(value) == 0) {
        return NGX_OK;
    }

    rc = 0;
    one = af_page_named(all, value);

    if (one == NULL) {
        one = json_pack("{sO sO}", "name", value, "text", value);
        rc = json_array_append_new(all, one);
    }

    rc |= json_object_set_new(one, "chosen", json_true());

    return rc == 0 ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
find_devices(af_ctx_t *ctx)
{
    return af_query(ctx, &af_sql_mfa_devices);
}


static ngx_int_t
keep_devices(af_ctx_t *ctx)
{
    int               rc;
    json_t           *answer, *total;
    af_page_state_t  *state;

    state = ctx->page;
    answer = json_loads(af_column(ctx, "json"), 0, NULL);
    total = json_integer(json_array_size(json_object_get(answer, "devices")));
    ctx->nbindings = 0;

    rc = json_object_set_new(state->data, "devices_total", total);
    rc |= json_object_update_new(state->data, answer);

    return rc == 0 ? NGX_OK : NGX_ERROR;
}


/* unless the query was refused */

static ngx_int_t
list(af_ctx_t *ctx)
{
    return ((af_page_state_t *) ctx->page)->bare
           ? show(ctx) : af_follow(ctx, af_list_steps);
}


ngx_int_t
af_page_find_names(af_ctx_t *ctx, const char *json)
{
    char             *text;
    json_t           *answer, *ids;
    const char       *bound;
    af_page_state_t  *state;

    answer = json_loads(json, 0, NULL);
    ids = af_view_ids(answer);
    text = ids ? json_dumps(ids, JSON_COMPACT) : NULL;

    json_decref(answer);
    json_decref(ids);

    bound = text ? af_string(ctx, text, ngx_strlen(text)) : NULL;
    free(text);

    state = ctx->page;
    state->answer = af_string(ctx, json, ngx_strlen(json));

    if (bound == NULL || state->answer == NULL) {
        return NGX_ERROR;
    }

    ctx->nbindings = 0;
    af_bind(ctx, "ids", bound);

    return af_follow(ctx, names_steps);
}


static ngx_int_t
find_names(af_ctx_t *ctx)
{
    return af_query(ctx, &af_sql_admin_names);
}


static ngx_int_t
keep_names(af_ctx_t *ctx)
{
    const char       *names;
    af_page_state_t  *state;

    state = ctx->page;
    names = af_found(ctx) ? af_column(ctx, "names") : NULL;
    state->names = names ? json_loads(names, 0, NULL) : json_object();

    return state->names
           ? af_answer_text(ctx, state->answer, ngx_strlen(state->answer))
           : NGX_ERROR;
}


/*
 * Each of all roles, and whether it is among those of an account or a form.  If
 * there are more of them than a page shows, those that are held are there
 * nevertheless: a form without them would take them away.
 */

ngx_int_t
af_page_role_boxes(json_t *all, json_t *held, json_t *typed)
{
    int      rc;
    size_t   i;
    json_t  *role, *box, *names;

    rc = 0;
    names = json_object_get(typed, "roles");

    json_array_foreach(held, i, role) {
        if (af_page_named(all, role) == NULL) {
            rc |= json_array_append_new(all, json_pack("{sO}", "name", role));
        }
    }

    json_array_foreach(names ? names : held, i, role) {
        box = af_page_named(all, role);
        rc |= box ? json_object_set_new(box, "held", json_true()) : 0;
    }

    return rc == 0 ? NGX_OK : NGX_ERROR;
}


static json_t *
af_page_named(json_t *all, json_t *name)
{
    size_t   i;
    json_t  *box;

    json_array_foreach(all, i, box) {
        if (json_equal(json_object_get(box, "name"), name)) {
            return box;
        }
    }

    return NULL;
}
