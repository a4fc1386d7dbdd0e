/*
 * Steps of pages about second factors.
 */

#include "pages/pages.h"
#include "check/qr.h"


static ngx_int_t offer_passkey(af_ctx_t *ctx);
static ngx_int_t name_device(af_ctx_t *ctx);
static ngx_int_t choose_key(af_ctx_t *ctx);
static ngx_int_t make_passkey(af_ctx_t *ctx);
static ngx_int_t ask_code(af_ctx_t *ctx);
static ngx_int_t af_page_kinds(af_page_state_t *state, json_t *factors);
static ngx_int_t af_page_has_kind(af_page_state_t *state, const json_t *has,
    const char *name);
static ngx_int_t find_factors(af_ctx_t *ctx);
static ngx_int_t ask_proof(af_ctx_t *ctx);
static ngx_int_t ask_factor(af_ctx_t *ctx);
static ngx_int_t af_page_asked(af_ctx_t *ctx, const char *token);
static ngx_int_t show(af_ctx_t *ctx);
static ngx_int_t show_factor(af_ctx_t *ctx);
static ngx_int_t show_app(af_ctx_t *ctx);
static json_t *af_page_app(af_ctx_t *ctx, const char *uri);
static json_t *af_page_confirmed(json_t *factors);


/* it is asked for again if few are left */
#define AF_PAGE_FEW_CODES  3


const af_step_pt  af_page_sign_in_steps[] = {
    offer_passkey,
    NULL
};


const af_step_pt  af_page_code_steps[] = {
    ask_code,
    NULL
};


const af_step_pt  af_page_proof_steps[] = {
    find_factors,
    af_page_keep_factors,
    ask_proof,
    NULL
};


const af_step_pt  af_page_enrol_steps[] = {
    ask_factor,
    NULL
};


/* to make one */

const af_step_pt  af_page_passkey_steps[] = {
    name_device,
    make_passkey,
    NULL
};


const af_step_pt  af_page_key_steps[] = {
    choose_key,
    make_passkey,
    NULL
};


const af_step_pt  af_page_factors_steps[] = {
    af_step_query,
    af_page_keep_factors,
    show,
    NULL
};


const af_step_pt  af_page_factor_steps[] = {
    af_step_query,
    show_factor,
    NULL
};


const af_step_pt  af_page_app_steps[] = {
    show_app,
    NULL
};


static ngx_int_t
offer_passkey(af_ctx_t *ctx)
{
    return ctx->conf->webauthn
           ? af_follow(ctx, af_pages_steps(af_page_of(ctx->match.route)))
           : show(ctx);
}


/* what a passkey is called, unless its owner knows better: where it was made */

static ngx_int_t
name_device(af_ctx_t *ctx)
{
    const char       *name;
    af_page_state_t  *state;

    state = ctx->page;

    return (af_value(ctx, "user_agent", &name) == NGX_OK
            && json_object_set_new(state->data, "user_agent",
                                   json_string(name ? name : ""))
               == 0)
           ? NGX_OK : NGX_ERROR;
}


/* the API has it in a body */

static ngx_int_t
choose_key(af_ctx_t *ctx)
{
    if (ctx->body == NULL) {
        ctx->body = json_object();
    }

    return json_object_set_new(ctx->body, "type", json_string("security_key"))
           == 0 ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
make_passkey(af_ctx_t *ctx)
{
    return af_follow(ctx, af_pages_steps(af_page_of(ctx->match.route)));
}


/* what the account has is known from its password, and then from this form */

static ngx_int_t
ask_code(af_ctx_t *ctx)
{
    json_t           *token;
    ngx_int_t         rc;
    af_page_state_t  *state;

    state = ctx->page;
    token = json_object_get(state->typed, "mfa_token");

    if (!json_is_string(token)) {
        return af_page_asked(ctx, "mfa_token");
    }

    rc = af_page_has_kind(state, json_object_get(state->typed, "has_totp"),
                          "has_totp");
    rc |= af_page_has_kind(state,
                           json_object_get(state->typed, "has_webauthn"),
                           "has_webauthn");
    rc |= af_page_kinds(state, json_object_get(state->typed, "factors"));

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    if (json_object_get(state->data, "has_webauthn") == NULL) {
        return show(ctx);
    }

    /* the API has it in a body */

    json_decref(ctx->body);
    ctx->body = json_pack("{sO}", "mfa_token", token);

    return ctx->body ? offer_passkey(ctx) : NGX_ERROR;
}


static ngx_int_t
af_page_kinds(af_page_state_t *state, json_t *factors)
{
    size_t       i;
    json_t      *factor;
    ngx_int_t    rc;
    const char  *type;

    rc = NGX_OK;

    json_array_foreach(factors, i, factor) {
        type = json_string_value(json_object_get(factor, "type"));
        rc |= af_page_has_kind(state, factor,
                               ngx_strcmp(type, "webauthn") == 0
                               ? "has_webauthn" : "has_totp");
    }

    return rc;
}


static ngx_int_t
af_page_has_kind(af_page_state_t *state, const json_t *has, const char *name)
{
    return (has == NULL
            || json_object_set_new(state->data, name, json_true()) == 0)
           ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
find_factors(af_ctx_t *ctx)
{
    return af_query(ctx, &af_sql_mfa_factors);
}


static ngx_int_t
ask_proof(af_ctx_t *ctx)
{
    af_page_state_t  *state;

    state = ctx->page;

    return json_object_get(state->data, "has_webauthn") ? offer_passkey(ctx)
                                                        : show(ctx);
}


static ngx_int_t
ask_factor(af_ctx_t *ctx)
{
    return af_page_asked(ctx, "enrolment_token");
}


/* the token is the password's, or was in the form of this page: in no URL */

static ngx_int_t
af_page_asked(af_ctx_t *ctx, const char *token)
{
    const char       *back;
    af_page_state_t  *state;

    state = ctx->page;

    if (json_is_string(json_object_get(state->typed, token))) {
        return show(ctx);
    }

    back = af_page_return(ctx);

    return af_page_go(ctx, "/sign-in", back ? "return" : NULL, back);
}


static ngx_int_t
show(af_ctx_t *ctx)
{
    return af_answer_text(ctx, NULL, 0);
}


/* where none can be added nothing is said of them, unless there are some */

ngx_int_t
af_page_keep_factors(af_ctx_t *ctx)
{
    int               rc;
    json_t           *answer, *factors, *codes;
    ngx_uint_t        may_add;
    af_page_state_t  *state;

    state = ctx->page;
    may_add = (ctx->conf->mfa != AF_MFA_DISABLED)
              && (ctx->conf->seals || ctx->conf->webauthn);
    answer = json_loads(af_column(ctx, "json"), 0, NULL);
    codes = json_object_get(answer, "recovery_codes");
    factors = af_page_confirmed(json_object_get(answer, "factors"));

    rc = json_object_set_new(state->data, "factors_total",
                             json_integer(json_array_size(factors)));
    rc |= json_object_set_new(state->data, "second_factor",
                              json_boolean(may_add
                                           || json_array_size(factors)));
    rc |= json_object_set_new(state->data, "may_add",
                              json_boolean(may_add && ctx->conf->seals));
    rc |= json_object_set_new(state->data, "may_add_any",
                              json_boolean(may_add));
    rc |= json_object_set_new(state->data, "few_codes",
                              json_boolean(json_integer_value(codes)
                                           < AF_PAGE_FEW_CODES));
    rc |= json_object_set(state->data, "codes_left", codes);
    rc |= af_page_kinds(state, factors);
    rc |= json_object_set_new(state->data, "factors", factors);
    json_decref(answer);

    ctx->nbindings = 0;

    return rc == 0 ? NGX_OK : NGX_ERROR;
}


/* of at most twenty: it needs no statement of its own */

static ngx_int_t
show_factor(af_ctx_t *ctx)
{
    int                     rc;
    size_t                  i, alone;
    json_t                 *answer, *factors, *factor;
    ngx_str_t               id;
    af_page_state_t        *state;
    const af_path_param_t  *param;

    state = ctx->page;
    param = &ctx->match.params[0];
    answer = json_loads(af_column(ctx, "json"), 0, NULL);
    factors = af_page_confirmed(json_object_get(answer, "factors"));
    rc = factors ? 0 : -1;

    alone = 0;

    json_array_foreach(factors, i, factor) {
        alone += json_is_true(json_object_get(factor, "sign_in"));
        id.data = (u_char *) json_string_value(json_object_get(factor, "id"));

        if (ngx_strncasecmp(id.data, (u_char *) param->value,
                            param->value_len)
            == 0)
        {
            rc |= json_object_set(state->data, "item", factor);
        }
    }

    rc |= json_object_set_new(state->data, "is_last",
                              json_boolean(json_array_size(factors) == 1));
    rc |= json_object_set_new(state->data, "is_only_way",
                              json_boolean(alone == 1 && !state->has_password
                                           && json_is_true(json_object_get(
                                                  json_object_get(state->data,
                                                                  "item"),
                                                  "sign_in"))));
    json_decref(factors);
    json_decref(answer);

    if (rc != 0) {
        return NGX_ERROR;
    }

    return json_object_get(state->data, "item")
           ? show(ctx) : af_problem(ctx, AF_NOT_FOUND, NULL);
}


/* after a wrong code: the API has shown the secret once, and the form has it */

static ngx_int_t
show_app(af_ctx_t *ctx)
{
    json_t           *app;
    const char       *uri;
    af_page_state_t  *state;

    static const char  scheme[] = "otpauth://totp/";

    state = ctx->page;
    uri = json_string_value(json_object_get(state->typed, "uri"));

    if (uri == NULL || ngx_strncmp(uri, scheme, sizeof(scheme) - 1) != 0) {
        return af_page_go(ctx, af_page_is_signed_in(ctx) ? "/factors"
                                                         : "/sign-in",
                          NULL, NULL);
    }

    app = af_page_app(ctx, uri);

    return (app && json_object_set_new(state->data, "item", app) == 0)
           ? show(ctx) : NGX_ERROR;
}


/* as the API's answer */

static json_t *
af_page_app(af_ctx_t *ctx, const char *uri)
{
    json_t                 *app;
    const char             *secret;
    af_buffer_t             qr;
    const af_path_param_t  *param;

    static const char  name[] = "?secret=";

    ngx_memzero(&qr, sizeof(af_buffer_t));

    param = &ctx->match.params[0];
    secret = ngx_strstr(uri, name);
    secret = secret ? secret + sizeof(name) - 1 : "";

    app = (af_qr_svg(uri, &qr) == 0)
          ? json_pack("{ss# ss ss s{ss#}}",
                      "secret", secret, (int) strcspn(secret, "&"),
                      "uri", uri, "qr", qr.data,
                      "factor", "id", param->value, (int) param->value_len)
          : NULL;

    af_buffer_free(&qr);

    return app;
}


/* the others don't count yet */

static json_t *
af_page_confirmed(json_t *factors)
{
    size_t   i;
    json_t  *confirmed, *factor;

    confirmed = json_array();

    json_array_foreach(factors, i, factor) {
        if (json_is_true(json_object_get(factor, "confirmed"))
            && json_array_append(confirmed, factor) != 0)
        {
            json_decref(confirmed);
            return NULL;
        }
    }

    return confirmed;
}
