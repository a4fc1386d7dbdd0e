#include "api/api.h"
#include "api/attempts.h"
#include "api/password.h"
#include "api/proofs.h"
#include "api/reauth.h"
#include "api/registration.h"
#include "api/schemas.h"
#include "api/tokens.h"
#include "flow/proof.h"
#include "mail/outbox.h"


static ngx_int_t hash_new_password(af_ctx_t *ctx);
static ngx_int_t change_password(af_ctx_t *ctx);
static ngx_int_t answer_password(af_ctx_t *ctx);

static ngx_int_t choose_change(af_ctx_t *ctx);
static ngx_int_t check_domain(af_ctx_t *ctx);
static ngx_int_t answer_address(af_ctx_t *ctx);

static ngx_int_t answer_deleted(af_ctx_t *ctx);


static const af_step_pt  password_steps[] = {
    af_step_reauth_find,
    af_step_reauth_verify,
    af_step_reauth_check,
    af_step_reauth_allow,
    hash_new_password,
    change_password,
    answer_password,
    NULL
};


static const af_step_pt  change_steps[] = {
    choose_change,
    NULL
};


static const af_step_pt  delete_steps[] = {
    af_step_query,
    answer_deleted,
    NULL
};


static const af_step_pt  profile_steps[] = {
    af_step_query,
    af_step_answer,
    NULL
};


/* this also requests a mail */

static const af_step_pt  address_steps[] = {
    af_step_reauth_find,
    af_step_reauth_verify,
    af_step_reauth_check,
    af_step_reauth_allow,
    check_domain,
    af_attempt_address,
    af_step_query,
    answer_address,
    NULL
};


/* who has a password gives it: see api/reauth.h */

static const af_field_t  password_fields[] = {
    { "current_password", &af_type_credential, 0, NULL },
    { "new_password", &af_type_password, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  password_schema = {
    "PasswordChange", password_fields, NULL
};


static const af_field_t  profile_fields[] = {
    { "full_name", &af_type_name, AF_NULLABLE, NULL },
    { "bio", &af_type_text, AF_NULLABLE, NULL },
    { "username", &af_type_username, AF_NULLABLE, NULL },
    { "email", &af_type_email, 0, NULL },
    { "current_password", &af_type_credential, 0, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  profile_schema = {
    "ProfileChange", profile_fields, NULL
};


static const af_field_t  export_fields[] = {
    { "exported_at", &af_type_time, AF_REQUIRED, NULL },
    { "complete", &af_type_boolean, AF_REQUIRED, NULL },
    { "cut", &af_type_array, AF_REQUIRED, NULL },
    { "user", &af_type_object, AF_REQUIRED, &af_schema_user },
    { "language", &af_type_string, AF_REQUIRED|AF_NULLABLE, NULL },
    { "profile", &af_type_object, AF_REQUIRED|AF_NULLABLE, NULL },
    { "contacts", &af_type_array, AF_REQUIRED, &af_schema_contact },
    { "jobs", &af_type_array, AF_REQUIRED, &af_schema_job },
    { "locations", &af_type_array, AF_REQUIRED, &af_schema_location },
    { "organizations", &af_type_array, AF_REQUIRED, NULL },
    { "messages", &af_type_array, AF_REQUIRED, NULL },
    { "sessions", &af_type_array, AF_REQUIRED, NULL },
    { "addresses", &af_type_array, AF_REQUIRED, NULL },
    { "factors", &af_type_array, AF_REQUIRED, NULL },
    { "devices", &af_type_array, AF_REQUIRED, NULL },
    { "imports", &af_type_array, AF_REQUIRED, NULL },
    { "invitations", &af_type_array, AF_REQUIRED, NULL },
    { "mails", &af_type_array, AF_REQUIRED, NULL },
    { "events", &af_type_array, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  export_schema = { "Export", export_fields, NULL };


const af_route_t  af_account_routes[] = {

    { NGX_HTTP_GET, "/auth/me", AF_USER,
      .summary = "Read the account",
      .alias = "/user/profile",
      .answer = &af_schema_user,
      .statement = &af_sql_auth_me,
      .missing = AF_INVALID_TOKEN },

    { NGX_HTTP_PUT, "/auth/me", AF_USER,
      .summary = "Change the account",
      .problems = AF_PROBLEM_LIST(AF_EMAIL_TAKEN, AF_USERNAME_TAKEN,
                                  AF_WRONG_PASSWORD),
      .alias = "/user/profile",
      .body = &profile_schema,
      .partial = 1,
      .proof = AF_PROOF_SOMETIMES,
      .answer = &af_schema_user,
      .lock = &af_sql_auth_lock_account,
      .statement = &af_sql_account_update_profile,
      .missing = AF_INVALID_TOKEN,
      .steps = change_steps },

    { NGX_HTTP_PATCH, "/auth/me", AF_USER,
      .summary = "Change the account",
      .problems = AF_PROBLEM_LIST(AF_EMAIL_TAKEN, AF_USERNAME_TAKEN,
                                  AF_WRONG_PASSWORD),
      .alias = "/user/profile",
      .body = &profile_schema,
      .partial = 1,
      .proof = AF_PROOF_SOMETIMES,
      .answer = &af_schema_user,
      .lock = &af_sql_auth_lock_account,
      .statement = &af_sql_account_update_profile,
      .missing = AF_INVALID_TOKEN,
      .steps = change_steps },

    { NGX_HTTP_GET, "/user/export", AF_USER,
      .summary = "Read all stored data of the account",
      .answer = &export_schema,
      .statement = &af_sql_account_export,
      .missing = AF_INVALID_TOKEN },

    { NGX_HTTP_DELETE, "/auth/me", AF_USER,
      .summary = "Delete the account",
      .problems = AF_PROBLEM_LIST(AF_LAST_SUPERUSER),
      .alias = "/user/account",
      .self = 1,
      .proof = AF_PROOF_FRESH,
      .lock = &af_sql_admin_lock_user,
      .statement = &af_sql_admin_delete_user,
      .steps = delete_steps },

    { NGX_HTTP_PUT, "/auth/me/password", AF_USER,
      .summary = "Change the password, or set the first one",
      .budget = AF_BUDGET_PASSWORD,
      .proof = AF_PROOF_PASSWORD,
      .body = &password_schema,
      .lock = &af_sql_auth_lock_account,
      .statement = &af_sql_auth_change_password,
      .missing = AF_WRONG_PASSWORD,
      .steps = password_steps },

    { NGX_HTTP_POST, "/auth/reauth", AF_USER,
      .summary = "Prove again who it is, for an access token that says so",
      .problems = AF_PROBLEM_LIST(AF_WRONG_CODE, AF_EMAIL_NOT_VERIFIED,
                                  AF_WRONG_PASSKEY, AF_PASSKEYS_OFF,
                                  AF_CODES_UNAVAILABLE),
      .body = &af_proofs_schema,
      .answer = &af_schema_access_token,
      .lock = &af_sql_auth_lock_account,
      .statement = &af_sql_auth_reauth,
      .missing = AF_WRONG_PASSWORD,
      .steps = af_proofs_steps },

    { .path = NULL }
};


static ngx_int_t
hash_new_password(af_ctx_t *ctx)
{
    return af_hash_password(ctx, "new_password", af_reauth_names(ctx));
}


static ngx_int_t
change_password(af_ctx_t *ctx)
{
    return (af_password_hashed(ctx) == NGX_OK) ? af_step_query(ctx) : NGX_ERROR;
}


static ngx_int_t
answer_password(af_ctx_t *ctx)
{
    return af_reauth_answer(ctx, password_steps);
}


static ngx_int_t
choose_change(af_ctx_t *ctx)
{
    if (af_field(ctx, "email")) {
        return af_proof_demand(ctx, address_steps);
    }

    af_bind(ctx, "verified_hash", NULL);

    return af_follow(ctx, profile_steps);
}


/* the current address withdraws a pending one, whatever its domain */

static ngx_int_t
check_domain(af_ctx_t *ctx)
{
    return (ngx_strcmp(af_reauth_names(ctx)[0], af_field(ctx, "email")) == 0)
           ? NGX_OK : af_step_domain(ctx);
}


static ngx_int_t
answer_address(af_ctx_t *ctx)
{
    return af_reauth_answer(ctx, address_steps);
}


/* even if a concurrent request won */

static ngx_int_t
answer_deleted(af_ctx_t *ctx)
{
    if (!af_found(ctx)
        && af_session_ended(ctx, (char *) ctx->identity->user_id.data, 0)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return af_answer_text(ctx, NULL, 0);
}
