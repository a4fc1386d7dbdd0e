#include "api/api.h"
#include "api/attempts.h"
#include "api/auth.h"
#include "api/mfa.h"
#include "api/passkey.h"
#include "api/password.h"
#include "api/registration.h"
#include "api/schemas.h"
#include "api/tokens.h"
#include "check/email.h"
#include "check/input.h"
#include "shm/counters.h"


static ngx_int_t set_password(af_ctx_t *ctx);
static int one_identifier(json_t *body, json_t *errors);
static ngx_int_t find_account(af_ctx_t *ctx);
static ngx_int_t set_account(af_ctx_t *ctx);
static ngx_int_t count_attempt(af_ctx_t *ctx);
static ngx_int_t check_familiar(af_ctx_t *ctx);
static ngx_int_t compare_password(af_ctx_t *ctx);
static ngx_int_t check_password(af_ctx_t *ctx);
static ngx_int_t open_session(af_ctx_t *ctx);
static ngx_int_t refuse_login(af_ctx_t *ctx, af_problem_id_t problem,
    const char *reason);
static ngx_int_t answer_refusal(af_ctx_t *ctx);
static ngx_int_t answer_tokens(af_ctx_t *ctx);


const af_step_pt  af_register_steps[] = {
    af_step_open_door,
    af_step_domain,
    af_attempt_address,
    af_step_hash,
    set_password,
    af_step_query,
    af_step_tokens,
    NULL
};


const af_step_pt  af_login_steps[] = {
    find_account,
    set_account,
    count_attempt,
    check_familiar,
    compare_password,
    check_password,
    open_session,
    answer_tokens,
    NULL
};


static const af_step_pt  refusal_steps[] = {
    answer_refusal,
    NULL
};


static const af_field_t  register_fields[] = {
    AF_REGISTRATION_FIELDS,
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  register_schema = {
    "Registration", register_fields, af_rule_name
};


static const af_field_t  registered_fields[] = {
    { "access_token", &af_type_string, 0, NULL },
    { "refresh_token", &af_type_string, 0, NULL },
    { "token_type", &af_type_string, 0, NULL },
    { "expires_in", &af_type_integer, 0, NULL },
    { "user", &af_type_object, AF_REQUIRED, &af_schema_user },
    { "message", &af_type_string, AF_REQUIRED, NULL },
    { "recovery_codes", &af_type_recovery_codes, 0, NULL },
    { NULL, NULL, 0, NULL }
};

const af_schema_t  af_schema_registered = {
    "Registered", registered_fields, NULL
};


static const af_field_t  login_fields[] = {
    { "email", &af_type_credential, 0, NULL },
    { "username", &af_type_credential, 0, NULL },
    { "password", &af_type_credential, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  login_schema = {
    "Login", login_fields, one_identifier
};


const af_route_t  af_auth_routes[] = {

    { NGX_HTTP_POST, "/auth/register", AF_PUBLIC,
      .summary = "Register an account",
      .problems = AF_PROBLEM_LIST(AF_CLOSED_REGISTRATION, AF_EMAIL_TAKEN,
                                  AF_USERNAME_TAKEN, AF_TOO_MANY_ATTEMPTS),
      .alias = "/auth/signup",
      .body = &register_schema,
      .answer = &af_schema_registered,
      .status = NGX_HTTP_CREATED,
      .statement = &af_sql_auth_register,
      .steps = af_register_steps },

    { NGX_HTTP_POST, "/auth/login", AF_PUBLIC,
      .summary = "Log in",
      .problems = AF_PROBLEM_LIST(AF_INVALID_CREDENTIALS, AF_ACCOUNT_DISABLED,
                                  AF_MFA_REQUIRED, AF_MFA_ENROLMENT_REQUIRED,
                                  AF_EMAIL_NOT_VERIFIED, AF_TOO_MANY_ATTEMPTS),
      .body = &login_schema,
      .form = 1,
      .answer = &af_schema_token_pair,
      .lock = &af_sql_auth_lock_account,
      .statement = &af_sql_auth_login,
      .steps = af_login_steps },

    { .path = NULL }
};


/* set by the first two steps for later ones */

typedef struct {
    const char       *name;            /* the counters' key, without an id */
    const char       *user_id;         /* NULL: no such account */
    const char       *hash;
    unsigned          active:1;
    unsigned          verified:1;
    unsigned          factors:1;
    unsigned          lacks:1;         /* it must have some */
    unsigned          too_many:1;      /* from all addresses */
    af_account_key_t  key;
    af_problem_id_t   problem;         /* of a refusal */
} login_t;


int
af_rule_name(json_t *body, json_t *errors)
{
    json_t      *joined;
    const char  *full, *name, *first, *last;

    full = json_string_value(json_object_get(body, "full_name"));
    name = json_string_value(json_object_get(body, "name"));
    first = json_string_value(json_object_get(body, "first_name"));
    last = json_string_value(json_object_get(body, "last_name"));

    if (full) {
        return 0;
    }

    if (name || first == NULL || last == NULL) {
        name = name ? name : first ? first : last;

        return name ? json_object_set_new(body, "full_name", json_string(name))
                    : 0;
    }

    joined = json_sprintf("%s %s", first, last);

    if (joined == NULL || json_object_set_new(body, "full_name", joined) != 0) {
        return -1;
    }

    return (af_text_length(json_string_value(joined),
                           json_string_length(joined))
            > af_type_name.max)
           ? af_schema_error(errors, "last_name", "length",
                             "is too long together with first_name")
           : 0;
}


ngx_int_t
af_step_hash(af_ctx_t *ctx)
{
    ngx_uint_t    i, n;
    const char   *words[4];

    static const char *const  names[] = {
        "email", "username", "full_name", NULL
    };

    n = 0;

    for (i = 0; names[i]; i++) {
        if (af_value(ctx, names[i], &words[n]) == NGX_OK && words[n]) {
            n++;
        }
    }

    words[n] = NULL;

    return af_hash_password(ctx, "password", words);
}


/* and no passkey */

static ngx_int_t
set_password(af_ctx_t *ctx)
{
    af_passkey_none(ctx);

    return af_password_hashed(ctx);
}


static int
one_identifier(json_t *body, json_t *errors)
{
    static const char *const  names[] = { "email", "username", NULL };

    return af_schema_one_of(body, errors, names);
}


static ngx_int_t
find_account(af_ctx_t *ctx)
{
    ngx_int_t    rc;
    login_t     *login;
    const char  *name;
    char         key[AF_TYPE_KEY_SIZE], *address;

    if (ctx->data == NULL) {
        ctx->data = ngx_pcalloc(ctx->request->pool, sizeof(login_t));
        if (ctx->data == NULL) {
            return NGX_ERROR;
        }
    }

    name = af_field(ctx, "email");
    name = name ? name : af_field(ctx, "username");
    address = NULL;

    if (af_email_key(name, ngx_strlen(name), key) == 0) {
        address = af_string(ctx, key, ngx_strlen(key));
        if (address == NULL) {
            return NGX_ERROR;
        }
    }

    af_bind(ctx, "login", name);
    af_bind(ctx, "login_key", address);

    login = ctx->data;
    login->name = address ? address : name;

    af_account_key(ctx, NULL, login->name, &login->key);

    if (af_account_bind(ctx, &login->key) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = af_attempt_address(ctx);

    return (rc == NGX_OK) ? af_query(ctx, &af_sql_auth_find_account) : rc;
}


static ngx_int_t
set_account(af_ctx_t *ctx)
{
    login_t *login = ctx->data;

    const char  *user_id, *hash;

    user_id = af_column(ctx, "user_id");

    if (user_id) {
        hash = af_column(ctx, "password_hash");

        login->user_id = af_string(ctx, user_id, ngx_strlen(user_id));
        login->hash = hash ? af_string(ctx, hash, ngx_strlen(hash)) : NULL;
        login->active = (af_column(ctx, "is_active")[0] == 't');
        login->verified = (af_column(ctx, "verified")[0] == 't');
        login->factors = (af_column(ctx, "factors")[0] == 't');
        login->lacks = (af_column(ctx, "lacks")[0] == 't');

        if (login->user_id == NULL || (hash && login->hash == NULL)) {
            return NGX_ERROR;
        }
    }

    af_bind(ctx, "user_id", login->user_id);

    if (login->user_id == NULL) {
        return NGX_OK;
    }

    af_account_key(ctx, login->user_id, login->name, &login->key);

    return af_account_bind(ctx, &login->key);
}


static ngx_int_t
count_attempt(af_ctx_t *ctx)
{
    login_t *login = ctx->data;

    ngx_int_t  rc;

    af_attempts_learn(ctx, &login->key);

    rc = af_attempt_account(ctx, &login->key);
    if (rc != NGX_OK) {
        return rc;
    }

    login->too_many = af_attempts_spent(ctx, &login->key);

    return login->too_many ? af_query(ctx, &af_sql_auth_familiar)
                           : af_attempt_total(ctx, &login->key);
}


/* an attacker elsewhere must not lock the owner out */

static ngx_int_t
check_familiar(af_ctx_t *ctx)
{
    login_t *login = ctx->data;

    ngx_int_t   rc;
    ngx_uint_t  familiar;

    familiar = login->too_many && af_found(ctx);

    rc = (login->too_many && !familiar) ? af_attempt_total(ctx, &login->key)
                                        : NGX_OK;

    return (rc == NGX_OK) ? af_attempts_bind(ctx, !familiar) : rc;
}


static ngx_int_t
compare_password(af_ctx_t *ctx)
{
    login_t *login = ctx->data;

    ngx_int_t  rc;

    rc = af_attempt_login(ctx, &login->key);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = af_verify_password(ctx, "password", login->hash);

    if (rc == NGX_ERROR) {
        af_attempts_unchecked(ctx);
    }

    return rc;
}


static ngx_int_t
check_password(af_ctx_t *ctx)
{
    login_t *login = ctx->data;

    switch (af_password_verified(ctx)) {

    case NGX_OK:
        break;

    case NGX_DECLINED:
        return refuse_login(ctx, AF_INVALID_CREDENTIALS,
                            login->user_id ? "wrong_password"
                                           : "unknown_account");
    default:
        return NGX_ERROR;
    }

    if (!login->active) {
        return refuse_login(ctx, AF_ACCOUNT_DISABLED, "account_disabled");
    }

    if (!login->verified) {
        return refuse_login(ctx, AF_EMAIL_NOT_VERIFIED, "email_not_verified");
    }

    return (login->factors || login->lacks) ? af_mfa_ask(ctx) : NGX_OK;
}


static ngx_int_t
open_session(af_ctx_t *ctx)
{
    return af_password_rehashed(ctx)
           ? af_segment(ctx, &af_sql_auth_lock_account,
                        &af_sql_auth_upgrade_password, &af_sql_auth_login, NULL)
           : af_segment(ctx, &af_sql_auth_lock_account, &af_sql_auth_login,
                        NULL);
}


/* a refusal writes too, so that it takes as long as a success */

static ngx_int_t
refuse_login(af_ctx_t *ctx, af_problem_id_t problem, const char *reason)
{
    login_t *login = ctx->data;

    login->problem = problem;

    af_attempts_failed(ctx);
    af_count_named(AF_METRIC_LOGINS, reason);
    af_bind(ctx, "reason", reason);

    (void) af_follow(ctx, refusal_steps);

    return af_query(ctx, &af_sql_auth_login_failed);
}


static ngx_int_t
answer_refusal(af_ctx_t *ctx)
{
    login_t *login = ctx->data;

    ngx_int_t  rc;

    rc = af_attempts_exceeded(ctx);

    return (rc == NGX_OK) ? af_problem(ctx, login->problem, NULL) : rc;
}


static ngx_int_t
answer_tokens(af_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (af_found(ctx)) {
        af_attempts_succeeded(ctx);
        af_count_named(AF_METRIC_LOGINS, "success");
        return af_step_tokens(ctx);
    }

    rc = af_attempt_again(ctx, af_login_steps);

    return (rc == NGX_DECLINED)
           ? refuse_login(ctx, AF_INVALID_CREDENTIALS, "changed_meanwhile")
           : rc;
}
