/*
 * autoflow_pages: the account and the administration as pages, which are rows
 * of a table.  A page does what a route of the API does, and a form of it leads
 * to a page; both are of a dialect, whose answers are rendered from templates.
 */

#ifndef AF_PAGES_PAGES_H
#define AF_PAGES_PAGES_H

#include "flow/flow.h"
#include "check/template.h"


/* the longest key of a text, with the terminating zero */
#define AF_PAGE_KEY_MAX  64


typedef enum {
    AF_PAGE_ANY = 0,
    AF_PAGE_GUEST,             /* whoever is signed in is led on */
    AF_PAGE_USER,
    AF_PAGE_SUPERUSER
} af_page_access_t;


typedef struct {
    const char        *method;     /* GET, or POST of a form */
    const char        *path;
    af_page_access_t   access;
    const char        *template;   /* of GET; NULL: JSON to save; or .shows */
    const char        *api;        /* "PUT /auth/me": what it does, or NULL */
    const af_step_pt  *steps;      /* instead of the API's */
    const af_schema_t *body;       /* likewise, or of a statement */
    const af_statement_t  *lock;
    const af_statement_t  *statement;

    /* of POST: paths, with {names} of its own */
    const char        *form;       /* what has the form; NULL: its own path */
    const char        *then;       /* where it leads; NULL: back to the form */
    const char        *done;       /* what is said there, or NULL */
    const char        *undone;     /* likewise, if it was taken away */
    const char        *late;       /* the page to begin again with, once what
                                      the form was for has expired, or NULL */
    const char        *shows;      /* a member of an answer that is a page */

    const char        *scope;      /* of the query "scope", or NULL */

    unsigned           returns:1;  /* or leads to where people came from; a
                                      GET keeps that for its form */
    unsigned           begins:1;   /* or to where new accounts begin */
    unsigned           leads:1;    /* likewise from a GET, if signed in */
    unsigned           reauth:1;   /* "current_password" is required */
    unsigned           fresh:1;    /* a proof is, not long ago */
    unsigned           fills:1;    /* the form has what the account has */
    unsigned           names:1;    /* accounts are shown by their addresses */
    unsigned           options:1;  /* it has what passkeys are asked with */
} af_page_t;


/* a file that was read */

typedef struct {
    ngx_str_t          name;       /* without the suffix of its kind */
    ngx_str_t          path;
    ngx_str_t          text;

    /* by its kind */
    af_template_t      template;
    json_t            *texts;
    const ngx_str_t   *type;
    ngx_str_t          etag;
} af_page_file_t;


typedef enum {
    AF_PAGES_TEMPLATES = 0,
    AF_PAGES_TEXTS,
    AF_PAGES_STATIC,

    AF_PAGES_KINDS
} af_pages_kind_t;


typedef struct af_pages_s {
    ngx_str_t          brand;
    ngx_str_t          own;        /* a folder, or empty */
    ngx_str_t          css;        /* files, or empty */
    ngx_str_t          logo;
    ngx_str_t          start;      /* of new accounts, or empty */
    const char        *css_name;   /* as static files, or NULL */
    const char        *logo_name;

    ngx_str_t          base;       /* of links: "/account/" */
    ngx_str_t          statics;    /* "/account/static/HASH/" */
    ngx_str_t          version;    /* HASH, of all of them */

    ngx_array_t       *files[AF_PAGES_KINDS];   /* of af_page_file_t */
    unsigned           loaded:1;
} af_pages_t;


/* a request's, in ctx->page */

typedef struct {
    json_t            *args;       /* of the URI */
    json_t            *data;       /* added by steps, for the template */
    char              *user;       /* the account's JSON, or NULL */

    const char        *answer;     /* the API's, meanwhile */
    json_t            *names;      /* of the accounts in it; NULL: unknown */

    const char        *template;   /* instead of the page's, or NULL */

    /* the form that a page is shown for again, and why */
    const af_route_t  *refused;    /* NULL: none */
    af_problem_id_t    problem;
    json_t            *typed;      /* its fields */

    unsigned           has_password:1;   /* the account has */
    unsigned           kept:1;     /* they were, and are filled in again */
    unsigned           late:1;     /* it took too long */
    unsigned           recovered:1;
    unsigned           bare:1;     /* without what it is about, or its list */
    unsigned           guest:1;    /* the session could not be renewed */
} af_page_state_t;


extern const af_dialect_t  af_pages_dialect;


char *af_pages_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* Reads the files of a location, when it is merged, and what they must have. */
char *af_pages_merge(ngx_conf_t *cf, const ngx_http_autoflow_loc_conf_t *conf);
char *af_pages_load(ngx_conf_t *cf, af_pages_t *pages);

/* Makes the routes: before any directive is read. */
ngx_int_t af_pages_init(ngx_log_t *log);

/* The content handler. */
ngx_int_t af_pages_handler(ngx_http_request_t *r);

/* A file of a kind, or NULL. */
af_page_file_t *af_pages_file(const af_pages_t *pages, af_pages_kind_t kind,
    const char *name, size_t len);

/* The page of a route; that with the form of another one; that of a path. */
#define af_page_of(route)  ((const af_page_t *) (route)->page)
const af_route_t *af_pages_form(const af_page_t *page);
const af_route_t *af_pages_at(const char *path);

/* The steps of the API's route that a page is; NULL: the default flow. */
const af_step_pt *af_pages_steps(const af_page_t *page);

/* The templates that pages need: the i-th; NULL: there are no more. */
const char *af_pages_template(ngx_uint_t i);

/* The request's state, created if necessary; NULL: no memory. */
af_page_state_t *af_page_state(af_ctx_t *ctx);

/* the first step of pages: who it is, whose session is renewed if needed */
extern const af_step_pt  af_page_enter_steps[];

/* Whether the request is signed in, or by a refresh cookie may be. */
ngx_uint_t af_page_is_signed_in(const af_ctx_t *ctx);
ngx_uint_t af_page_may_be_signed_in(af_ctx_t *ctx);

/* to where its owner proves who it is, and back to the page or its form */
extern const af_step_pt  af_page_confirm_steps[];

/* of .reauth, before the API's */
extern const af_step_pt   af_page_reauth_steps[];
extern const af_schema_t  af_page_reauth_schema;

/* steps of pages: of factors, of links in mails, of an account, before lists */
extern const af_step_pt   af_page_sign_in_steps[];
extern const af_step_pt   af_page_code_steps[];
extern const af_step_pt   af_page_proof_steps[];
extern const af_step_pt   af_page_enrol_steps[];
extern const af_step_pt   af_page_sessions_steps[];
extern const af_step_pt   af_page_passkey_steps[];
extern const af_step_pt   af_page_key_steps[];
extern const af_step_pt   af_page_factors_steps[];
extern const af_step_pt   af_page_factor_steps[];
extern const af_step_pt   af_page_app_steps[];
extern const af_step_pt   af_page_reset_steps[];
extern const af_step_pt   af_page_verify_steps[];
extern const af_step_pt   af_page_sign_up_steps[];
extern const af_step_pt   af_page_invitation_steps[];
extern const af_step_pt   af_page_account_steps[];
extern const af_step_pt   af_page_invitations_steps[];
extern const af_step_pt   af_page_users_steps[];
extern const af_step_pt   af_page_audit_steps[];

/* A step: what a template gets of the factors that mfa/factors has found. */
ngx_int_t af_page_keep_factors(af_ctx_t *ctx);

/* Looks up whom an answer is about, before it is shown: a step's end. */
ngx_int_t af_page_find_names(af_ctx_t *ctx, const char *json);

/* Whether a role, by its name, is that of inviters. */
ngx_uint_t af_page_makes_inviters(const af_ctx_t *ctx, const json_t *role);

/* Marks those of all roles that are held, or in a form; both may be NULL. */
ngx_int_t af_page_role_boxes(json_t *all, json_t *held, json_t *typed);

/*
 * Adds to the query of a form's page, at `place`, what was filled in; and fills
 * it in again there, if the query has it.
 */
ngx_int_t af_page_keep(af_ctx_t *ctx, const char *place, json_t *args);
ngx_int_t af_page_fill(af_ctx_t *ctx, const char *place);

/* The functions of the dialect: see http/dialect.h. */
af_problem_id_t af_page_receive(af_ctx_t *ctx);
ngx_int_t af_page_answer(af_ctx_t *ctx, const char *json, size_t len);
ngx_int_t af_page_recover(af_ctx_t *ctx);
ngx_int_t af_page_refuse(ngx_http_request_t *r, const af_problem_t *problem,
    const char *detail);

/*
 * What a template gets; a new reference, or NULL for no memory.  `ctx` is NULL
 * before a flow.
 */
json_t *af_page_data(ngx_http_request_t *r, af_ctx_t *ctx,
    const char *template, const char *json);

/*
 * Add to it what went wrong with the form that was sent, if any; and a problem,
 * with what a person should know.
 */
ngx_int_t af_page_errors(af_ctx_t *ctx, json_t *data);
ngx_int_t af_page_set_problem(ngx_http_request_t *r, json_t *data,
    const af_problem_t *problem, const char *detail);

/*
 * The texts for a request's Accept-Language, which is before that what was
 * chosen on a page; the links to choose; and those of mails: a step.
 */
const af_page_file_t *af_page_language(ngx_http_request_t *r,
    const af_pages_t *pages);
ngx_int_t af_page_choose_language(ngx_http_request_t *r);
ngx_int_t af_page_languages(af_ctx_t *ctx, json_t *data);
ngx_int_t af_page_mail_languages(af_ctx_t *ctx);

/*
 * What was sent by this name, in the body or the URI, or NULL.
 *
 * The path of a page in URLs, with the {names} of the request's own; such a
 * path with a query of strings; where the request's page is, or that of its
 * form, to come back to it; and where the request wants to return to, or NULL.
 * In the request's pool.
 */
const char *af_page_sent(const af_ctx_t *ctx, const char *name);
char *af_page_url(af_ctx_t *ctx, const char *path);
char *af_page_with(af_ctx_t *ctx, const char *place, json_t *args);
const char *af_page_here(af_ctx_t *ctx);
const char *af_page_return(af_ctx_t *ctx);

/* Where whoever has just got an account begins, or NULL. */
const char *af_page_start(af_ctx_t *ctx);

/*
 * A step's end: back to where somebody came from, with a cookie for a moment,
 * by which the next request knows that they have been sent back: if they are
 * here again, for the same reason, their browser keeps no cookies, or the page
 * refuses what it gets.
 */
ngx_int_t af_page_go_back(af_ctx_t *ctx, const char *place);
ngx_uint_t af_page_is_back(const af_ctx_t *ctx, const char *place);

/* A step's end: to a page, with a query, which may be NULL. */
ngx_int_t af_page_go(af_ctx_t *ctx, const char *path, const char *name,
    const char *value);

/* The static file of a path below "/static/". */
ngx_int_t af_page_static(ngx_http_request_t *r, const ngx_str_t *path);

/* Sends a page that a template makes of data, which is freed. */
ngx_int_t af_page_send(ngx_http_request_t *r, ngx_uint_t status,
    const char *template, json_t *data);


#endif /* AF_PAGES_PAGES_H */
