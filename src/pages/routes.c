/*
 * The pages, and the routes that are made of them and of the API's.
 */

#include "pages/pages.h"
#include "api/api.h"
#include "api/metrics.h"


static const af_route_t *af_pages_api(const char *name);
static ngx_uint_t af_pages_is_named(const af_route_t *route, const char *name);
static void af_pages_route(af_route_t *route, const af_page_t *page,
    const af_route_t *api);
static json_t *af_pages_tokens(const af_token_pair_t *pair);
static int email_is_required(json_t *body, json_t *errors);


/* of the fields of an account, which a form for it must have */

static const af_field_t  email_fields[] = {
    { "email", &af_type_email, AF_REQUIRED, NULL },
    { "current_password", &af_type_credential, 0, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  email_schema = {
    "AddressChange", email_fields, email_is_required
};


static const af_page_t  af_pages[] = {

    { "GET", "/", AF_PAGE_USER, .template = "account", .leads = 1,
      .api = "GET /auth/mfa/factors", .steps = af_page_factors_steps },

    /* signing in and out */

    { "GET", "/sign-in", AF_PAGE_GUEST, .template = "sign_in",
      .api = "POST /auth/login/passkey/options", .options = 1,
      .steps = af_page_sign_in_steps },
    { "POST", "/sign-in", AF_PAGE_ANY,
      .api = "POST /auth/login", .then = "/", .returns = 1 },

    { "POST", "/sign-in/passkey", AF_PAGE_ANY, .form = "/sign-in",
      .api = "POST /auth/login/passkey", .then = "/", .returns = 1 },

    /* the second step of it: nobody gets here but by the first one */

    { "GET", "/sign-in/code", AF_PAGE_ANY, .template = "code",
      .api = "POST /auth/mfa/passkey/options", .options = 1,
      .steps = af_page_code_steps },
    { "POST", "/sign-in/code", AF_PAGE_ANY,
      .api = "POST /auth/mfa/verify", .late = "/sign-in", .then = "/",
      .returns = 1 },

    /* or the first factor of who must have one */

    { "GET", "/sign-in/enrol", AF_PAGE_ANY, .template = "enrol",
      .steps = af_page_enrol_steps },
    { "POST", "/sign-in/enrol", AF_PAGE_ANY, .template = "factor_app",
      .api = "POST /auth/mfa/enrol", .shows = "secret", .late = "/sign-in" },
    { "GET", "/sign-in/enrol/{id}/confirm", AF_PAGE_ANY,
      .template = "factor_app", .steps = af_page_app_steps },
    { "POST", "/sign-in/enrol/{id}/confirm", AF_PAGE_ANY,
      .template = "recovery_codes", .late = "/sign-in",
      .api = "POST /auth/mfa/enrol/{id}/confirm", .shows = "recovery_codes",
      .then = "/", .returns = 1 },
    { "POST", "/sign-in/enrol/passkey", AF_PAGE_ANY,
      .template = "passkey_enrol", .form = "/sign-in/enrol",
      .late = "/sign-in", .api = "POST /auth/mfa/enrol/passkey/options",
      .steps = af_page_passkey_steps, .shows = "challenge", .options = 1 },
    { "POST", "/sign-in/enrol/key", AF_PAGE_ANY, .template = "key_enrol",
      .form = "/sign-in/enrol", .late = "/sign-in",
      .api = "POST /auth/mfa/enrol/passkey/options",
      .steps = af_page_key_steps, .shows = "challenge", .options = 1 },
    { "POST", "/sign-in/enrol/passkey/make", AF_PAGE_ANY,
      .template = "recovery_codes", .form = "/sign-in/enrol",
      .late = "/sign-in", .api = "POST /auth/mfa/enrol/passkey",
      .shows = "recovery_codes", .then = "/", .returns = 1 },

    { "GET", "/cookies", AF_PAGE_ANY, .template = "cookies" },

    { "GET", "/sign-out", AF_PAGE_ANY, .template = "sign_out" },
    { "POST", "/sign-out", AF_PAGE_ANY,
      .api = "POST /auth/logout", .then = "/sign-in", .done = "signed_out" },

    /* getting an account, and getting back into it */

    { "GET", "/sign-up", AF_PAGE_GUEST, .template = "sign_up",
      .steps = af_page_sign_up_steps },
    { "POST", "/sign-up", AF_PAGE_ANY,
      .api = "POST /auth/register", .then = "/", .returns = 1, .begins = 1 },

    /* without a password: for whom a passkey is to be made, and then with it */

    { "POST", "/sign-up/passkey", AF_PAGE_ANY, .template = "passkey_first",
      .form = "/sign-up", .api = "POST /auth/register/passkey/options",
      .steps = af_page_passkey_steps, .shows = "challenge", .options = 1 },
    { "POST", "/sign-up/passkey/make", AF_PAGE_ANY,
      .template = "recovery_codes", .form = "/sign-up",
      .api = "POST /auth/register/passkey", .shows = "recovery_codes",
      .then = "/", .returns = 1, .begins = 1 },

    { "GET", "/accept-invitation", AF_PAGE_ANY, .template = "invitation",
      .api = "POST /auth/invitations/look",
      .steps = af_page_invitation_steps },
    { "POST", "/accept-invitation", AF_PAGE_ANY,
      .api = "POST /auth/invitations/accept", .then = "/", .returns = 1,
      .begins = 1 },
    { "POST", "/accept-invitation/passkey", AF_PAGE_ANY,
      .template = "passkey_invited", .form = "/accept-invitation",
      .api = "POST /auth/invitations/accept/passkey/options",
      .steps = af_page_passkey_steps, .shows = "challenge", .options = 1 },
    { "POST", "/accept-invitation/passkey/make", AF_PAGE_ANY,
      .template = "recovery_codes", .form = "/accept-invitation",
      .api = "POST /auth/invitations/accept/passkey",
      .shows = "recovery_codes", .then = "/", .returns = 1, .begins = 1 },

    { "GET", "/forgot-password", AF_PAGE_ANY, .template = "forgot" },
    { "POST", "/forgot-password", AF_PAGE_ANY,
      .api = "POST /auth/forgot-password", .done = "mail_sent" },

    { "GET", "/reset-password", AF_PAGE_ANY, .template = "reset",
      .steps = af_page_reset_steps },
    { "POST", "/reset-password", AF_PAGE_ANY,
      .api = "POST /auth/reset-password", .then = "/sign-in",
      .done = "password_reset" },

    { "GET", "/verify-email", AF_PAGE_ANY, .template = "verify",
      .steps = af_page_verify_steps },
    { "POST", "/verify-email", AF_PAGE_ANY,
      .api = "POST /user/verify-email", .then = "/sign-in",
      .done = "verified" },

    { "GET", "/verify-email/again", AF_PAGE_ANY, .template = "verify_again",
      .fills = 1 },
    { "POST", "/verify-email/again", AF_PAGE_ANY,
      .api = "POST /user/verify-email/resend", .done = "mail_sent" },

    /* the account */

    { "GET", "/profile", AF_PAGE_USER, .template = "profile", .fills = 1 },
    { "POST", "/profile", AF_PAGE_USER,
      .api = "PATCH /auth/me", .done = "saved" },

    { "GET", "/email", AF_PAGE_USER, .template = "email" },
    { "POST", "/email", AF_PAGE_USER,
      .api = "PATCH /auth/me", .body = &email_schema, .done = "mail_sent" },

    { "GET", "/password", AF_PAGE_USER, .template = "password" },
    { "POST", "/password", AF_PAGE_USER,
      .api = "PUT /auth/me/password", .done = "password_changed" },

    /* what is shown once is the answer to a form */

    { "GET", "/factors", AF_PAGE_USER, .template = "factor_list",
      .api = "GET /auth/mfa/factors", .steps = af_page_factors_steps },
    { "GET", "/factors/add", AF_PAGE_USER, .fresh = 1,
      .template = "factor_new" },
    { "POST", "/factors/add", AF_PAGE_USER, .fresh = 1,
      .template = "factor_app",
      .api = "POST /auth/mfa/factors", .shows = "secret" },
    { "GET", "/factors/add-passkey", AF_PAGE_USER, .fresh = 1,
      .template = "passkey_new", .api = "POST /auth/passkeys/options",
      .steps = af_page_passkey_steps, .options = 1, .returns = 1 },
    { "POST", "/factors/add-passkey", AF_PAGE_USER, .fresh = 1,
      .template = "recovery_codes", .api = "POST /auth/passkeys",
      .shows = "recovery_codes", .then = "/factors", .done = "passkey_added",
      .returns = 1 },
    { "GET", "/factors/add-key", AF_PAGE_USER, .fresh = 1,
      .template = "key_new", .api = "POST /auth/passkeys/options",
      .steps = af_page_key_steps, .options = 1, .returns = 1 },
    { "POST", "/factors/add-key", AF_PAGE_USER, .fresh = 1,
      .template = "recovery_codes", .api = "POST /auth/passkeys",
      .shows = "recovery_codes", .then = "/factors", .done = "key_added",
      .returns = 1 },
    { "GET", "/factors/{id}/confirm", AF_PAGE_USER, .template = "factor_app",
      .steps = af_page_app_steps },
    { "POST", "/factors/{id}/confirm", AF_PAGE_USER,
      .template = "recovery_codes", .late = "/factors",
      .api = "POST /auth/mfa/factors/{id}/confirm", .shows = "recovery_codes",
      .then = "/factors", .done = "factor_added", .returns = 1 },
    { "GET", "/factors/{id}", AF_PAGE_USER, .template = "factor",
      .api = "GET /auth/mfa/factors", .steps = af_page_factor_steps },
    { "POST", "/factors/{id}/rename", AF_PAGE_USER, .form = "/factors/{id}",
      .api = "PATCH /auth/mfa/factors/{id}", .then = "/factors",
      .done = "factor_renamed" },
    { "POST", "/factors/{id}/remove", AF_PAGE_USER, .fresh = 1,
      .form = "/factors/{id}", .api = "DELETE /auth/mfa/factors/{id}",
      .then = "/factors", .done = "factor_removed" },
    { "POST", "/factors/codes", AF_PAGE_USER, .fresh = 1,
      .template = "recovery_codes", .form = "/factors",
      .api = "POST /auth/mfa/recovery-codes", .shows = "recovery_codes" },

    { "GET", "/sessions", AF_PAGE_USER, .template = "sessions",
      .api = "GET /auth/sessions", .steps = af_page_sessions_steps },
    { "POST", "/devices/{id}/forget", AF_PAGE_USER, .form = "/sessions",
      .api = "DELETE /auth/mfa/devices/{id}", .done = "device_forgotten" },
    { "POST", "/sessions/{id}/end", AF_PAGE_USER, .form = "/sessions",
      .api = "DELETE /auth/sessions/{id}", .done = "session_ended" },
    { "POST", "/sessions/end-others", AF_PAGE_USER, .form = "/sessions",
      .api = "POST /auth/logout", .scope = "others", .done = "others_ended" },
    { "POST", "/sessions/end-all", AF_PAGE_USER, .form = "/sessions",
      .api = "POST /auth/logout-all", .then = "/sign-in",
      .done = "all_ended" },

    { "GET", "/export", AF_PAGE_USER, .api = "GET /user/export" },

    { "GET", "/delete", AF_PAGE_USER, .template = "delete" },
    { "POST", "/delete", AF_PAGE_USER, .reauth = 1,
      .api = "DELETE /auth/me", .then = "/sign-in", .done = "deleted" },

    /* that it is still the owner */

    { "GET", "/confirm", AF_PAGE_USER, .template = "confirm",
      .api = "POST /auth/reauth/passkey/options", .options = 1,
      .steps = af_page_proof_steps },
    { "POST", "/confirm", AF_PAGE_USER,
      .api = "POST /auth/reauth", .then = "/", .returns = 1 },

    /* inviting others: the API decides whether it is allowed */

    { "GET", "/invitations", AF_PAGE_USER, .fresh = 1,
      .template = "invitations", .api = "GET /auth/invitations",
      .steps = af_page_invitations_steps, .names = 1 },
    { "POST", "/invitations", AF_PAGE_USER, .fresh = 1,
      .api = "POST /auth/invitations", .done = "invited" },
    { "POST", "/invitations/{id}/resend", AF_PAGE_USER, .fresh = 1,
      .form = "/invitations", .api = "POST /auth/invitations/{id}/resend",
      .done = "invited" },
    { "POST", "/invitations/{id}/withdraw", AF_PAGE_USER, .fresh = 1,
      .form = "/invitations", .api = "DELETE /auth/invitations/{id}",
      .done = "withdrawn" },

    /* the administration */

    { "GET", "/admin/users", AF_PAGE_SUPERUSER, .fresh = 1,
      .template = "admin_users", .api = "GET /auth/users",
      .steps = af_page_users_steps },

    { "GET", "/admin/users/{id}", AF_PAGE_SUPERUSER, .fresh = 1,
      .template = "admin_user", .api = "GET /auth/users/{id}",
      .steps = af_page_account_steps },
    { "POST", "/admin/users/{id}/disable", AF_PAGE_SUPERUSER, .fresh = 1,
      .form = "/admin/users/{id}", .api = "PUT /auth/users/{id}/disable",
      .done = "user_disabled" },
    { "POST", "/admin/users/{id}/enable", AF_PAGE_SUPERUSER, .fresh = 1,
      .form = "/admin/users/{id}", .api = "PUT /auth/users/{id}/enable",
      .done = "user_enabled" },
    { "POST", "/admin/users/{id}/superuser", AF_PAGE_SUPERUSER, .fresh = 1,
      .form = "/admin/users/{id}", .api = "PUT /auth/users/{id}/superuser",
      .done = "superuser_given", .undone = "superuser_taken" },
    { "POST", "/admin/users/{id}/roles", AF_PAGE_SUPERUSER, .fresh = 1,
      .form = "/admin/users/{id}", .api = "PUT /auth/users/{id}/roles",
      .done = "roles_saved" },
    { "POST", "/admin/users/{id}/reset-factors", AF_PAGE_SUPERUSER,
      .fresh = 1, .form = "/admin/users/{id}",
      .api = "DELETE /auth/users/{id}/factors", .done = "factors_reset" },
    { "POST", "/admin/users/{id}/end-sessions", AF_PAGE_SUPERUSER, .fresh = 1,
      .form = "/admin/users/{id}", .done = "user_sessions_ended",
      .lock = &af_sql_admin_lock_user,
      .statement = &af_sql_admin_end_sessions },

    { "GET", "/admin/roles", AF_PAGE_SUPERUSER, .fresh = 1,
      .template = "admin_roles", .api = "GET /auth/roles" },
    { "POST", "/admin/roles", AF_PAGE_SUPERUSER, .fresh = 1,
      .api = "POST /auth/roles", .done = "role_made" },
    { "POST", "/admin/roles/{id}/delete", AF_PAGE_SUPERUSER, .fresh = 1,
      .form = "/admin/roles", .api = "DELETE /auth/roles/{id}",
      .done = "role_deleted" },

    { "GET", "/admin/audit", AF_PAGE_SUPERUSER, .fresh = 1,
      .template = "admin_audit", .api = "GET /auth/audit",
      .steps = af_page_audit_steps, .names = 1 },

    { .path = NULL }
};


#define AF_PAGES  (sizeof(af_pages) / sizeof(af_pages[0]))

static af_route_t         af_pages_routes[AF_PAGES];
static const af_route_t  *af_pages_apis[AF_PAGES];


static const af_section_t  af_pages_sections[] = {
    { "Pages", "The account and the administration", af_pages_routes },
    { NULL, NULL, NULL }
};


static const af_face_t  af_pages_face = {
    .receive = af_page_receive,
    .answer = af_page_answer,
    .recover = af_page_recover,
    .refuse = af_page_refuse
};


const af_dialect_t  af_pages_dialect = {
    .name = "pages",
    .accounts = "autoflow",
    .face = &af_pages_face,
    .sections = af_pages_sections,
    .problems = af_problems,
    .tokens = af_pages_tokens
};


/* the body of a form without fields */

static const af_field_t  no_fields[] = {
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  no_schema = { "Form", no_fields, NULL };


ngx_int_t
af_pages_init(ngx_log_t *log)
{
    ngx_uint_t         i;
    const af_route_t  *api;

    for (i = 0; af_pages[i].path; i++) {

        api = NULL;

        if (af_pages[i].api) {
            api = af_pages_api(af_pages[i].api);

            if (api == NULL) {
                ngx_log_error(NGX_LOG_EMERG, log, 0,
                              "the API has no \"%s\"", af_pages[i].api);
                return NGX_ERROR;
            }
        }

        af_pages_apis[i] = api;
        af_pages_route(&af_pages_routes[i], &af_pages[i], api);
    }

    af_metrics_dialect(&af_pages_dialect);

    return NGX_OK;
}


static const af_route_t *
af_pages_api(const char *name)
{
    const af_route_t    *route;
    const af_section_t  *section;

    for (section = af_dialects[0]->sections; section->routes; section++) {
        for (route = section->routes; route->path; route++) {
            if (af_pages_is_named(route, name)) {
                return route;
            }
        }
    }

    return NULL;
}


static ngx_uint_t
af_pages_is_named(const af_route_t *route, const char *name)
{
    const ngx_str_t  *method;

    method = af_method_name(route->method);

    return ngx_strncmp(name, method->data, method->len) == 0
           && name[method->len] == ' '
           && ngx_strcmp(name + method->len + 1, route->path) == 0;
}


/* whoever may use it is decided by its first step, after a renewal */

static void
af_pages_route(af_route_t *route, const af_page_t *page, const af_route_t *api)
{
    ngx_memzero(route, sizeof(af_route_t));

    if (api) {
        *route = *api;
    }

    route->path = page->path;
    route->alias = NULL;
    route->auth = AF_OPTIONAL;
    route->steps = af_page_enter_steps;
    route->page = page;
    route->redirects = 1;

    /* whose form has the password needs no other proof of that */

    if (page->fresh) {
        route->proof = AF_PROOF_FRESH;

    } else if (route->proof == AF_PROOF_FRESH && page->reauth) {
        route->proof = AF_PROOF_PASSWORD;

    } else if (route->proof < AF_PROOF_FACTOR) {
        route->proof = AF_PROOF_NONE;
    }

    if (ngx_strcmp(page->method, "GET") == 0) {
        route->method = NGX_HTTP_GET;
        route->status = NGX_HTTP_OK;
        route->body_optional = 1;
        return;
    }

    route->method = NGX_HTTP_POST;
    route->status = NGX_HTTP_SEE_OTHER;
    route->form = 1;
    route->body_optional = 0;

    if (page->body) {
        route->body = page->body;
    }

    if (page->statement) {
        route->lock = page->lock;
        route->statement = page->statement;
    }

    if (route->body == NULL) {
        route->body = page->reauth ? &af_page_reauth_schema : &no_schema;
    }
}


const af_route_t *
af_pages_form(const af_page_t *page)
{
    return af_pages_at(page->form ? page->form : page->path);
}


const af_route_t *
af_pages_at(const char *path)
{
    ngx_uint_t  i;

    for (i = 0; af_pages[i].path; i++) {
        if (ngx_strcmp(af_pages[i].path, path) == 0
            && ngx_strcmp(af_pages[i].method, "GET") == 0)
        {
            return &af_pages_routes[i];
        }
    }

    return NULL;
}


const af_step_pt *
af_pages_steps(const af_page_t *page)
{
    const af_route_t  *api;

    api = page->api ? af_pages_apis[page - af_pages] : NULL;

    return api ? api->steps : NULL;
}


const char *
af_pages_template(ngx_uint_t i)
{
    ngx_uint_t  n;

    static const char *const  others[] = {
        "problem", "link_dead", "closed", NULL
    };

    for (n = 0; af_pages[n].path; n++) {
        if (af_pages[n].template && i-- == 0) {
            return af_pages[n].template;
        }
    }

    return (i < sizeof(others) / sizeof(others[0])) ? others[i] : NULL;
}


/* to a change nothing is required */

static int
email_is_required(json_t *body, json_t *errors)
{
    return json_object_get(body, "email")
           ? 0 : af_schema_error(errors, "email", "required", "is required");
}


/* a registration may have none yet */

static json_t *
af_pages_tokens(const af_token_pair_t *pair)
{
    return json_pack("{sb sb sO*}", "session", pair->access != NULL,
                     "to_verify", pair->access == NULL,
                     "recovery_codes", pair->recovery_codes);
}
