/*
 * Accounts that are registered with a passkey, and have no password.
 */

#include "api/api.h"
#include "api/attempts.h"
#include "api/auth.h"
#include "api/mfa.h"
#include "api/passkey.h"
#include "api/passkey_options.h"
#include "api/registration.h"
#include "api/tokens.h"


static ngx_int_t answer_options(af_ctx_t *ctx);


/* whether there is such an account nobody learns from the options */

static const af_step_pt  options_steps[] = {
    af_step_passkeys_on,
    af_step_open_door,
    af_step_domain,
    answer_options,
    NULL
};


static const af_step_pt  register_steps[] = {
    af_step_passkeys_on,
    af_step_open_door,
    af_step_domain,
    af_attempt_address,
    af_step_passkey_first,
    af_step_passkey_account,
    af_step_recovery_codes,
    af_step_query,
    af_step_passkey_tokens,
    NULL
};


static const af_field_t  options_fields[] = {
    { "email", &af_type_email, AF_REQUIRED, NULL },
    AF_PERSON_FIELDS,
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  options_schema = {
    "PasskeyOwnerToBe", options_fields, af_rule_name
};


static const af_field_t  register_fields[] = {
    { "email", &af_type_email, AF_REQUIRED, NULL },
    AF_PERSON_FIELDS,
    { "passkey_name", &af_type_label, 0, NULL },
    { "credential", &af_type_object, AF_REQUIRED, &af_schema_new_credential },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  register_schema = {
    "PasskeyRegistration", register_fields, af_rule_name
};


const af_route_t  af_passkey_register_routes[] = {

    { NGX_HTTP_POST, "/auth/register/passkey/options", AF_PUBLIC,
      .summary = "Read what a browser makes a passkey with, for a new account",
      .problems = AF_PROBLEM_LIST(AF_PASSKEYS_OFF, AF_CLOSED_REGISTRATION),
      .body = &options_schema,
      .answer = &af_schema_creation_options,
      .steps = options_steps },

    { NGX_HTTP_POST, "/auth/register/passkey", AF_PUBLIC,
      .summary = "Register an account with a passkey",
      .problems = AF_PROBLEM_LIST(AF_PASSKEYS_OFF, AF_CLOSED_REGISTRATION,
                                  AF_PASSKEY_TAKEN, AF_EMAIL_TAKEN,
                                  AF_USERNAME_TAKEN, AF_TOO_MANY_ATTEMPTS),
      .body = &register_schema,
      .answer = &af_schema_registered,
      .status = NGX_HTTP_CREATED,
      .statement = &af_sql_auth_register,
      .missing = AF_WRONG_PASSKEY,
      .steps = register_steps },

    { .path = NULL }
};


static ngx_int_t
answer_options(af_ctx_t *ctx)
{
    return af_passkey_answer_first(ctx, af_field(ctx, "email"));
}


ngx_int_t
af_passkey_answer_first(af_ctx_t *ctx, const char *email)
{
    af_challenge_t      challenge;
    af_passkey_owner_t  owner;

    ngx_memzero(&challenge, sizeof(af_challenge_t));

    challenge.purpose = AF_CHALLENGE_REGISTER;
    af_challenge_handle(&challenge);

    owner.email = email;
    owner.name = af_field(ctx, "full_name");
    owner.credentials = "[]";

    return af_passkey_answer_creation(ctx, &challenge, &owner);
}


ngx_int_t
af_step_passkey_first(af_ctx_t *ctx)
{
    ngx_int_t  rc;

    static const char  purpose[] = { AF_CHALLENGE_REGISTER, '\0' };

    af_bind(ctx, "password_hash", NULL);

    rc = af_passkey_made(ctx, purpose, "", "");

    if (rc == NGX_DECLINED) {
        return af_problem(ctx, AF_WRONG_PASSKEY, NULL);
    }

    return (rc == NGX_OK) ? af_query(ctx, &af_sql_passkeys_new_account) : rc;
}


/* its recovery codes are hashed with its id */

ngx_int_t
af_step_passkey_account(af_ctx_t *ctx)
{
    const char  *id;

    id = af_column(ctx, "id");
    id = af_string(ctx, id, ngx_strlen(id));

    af_bind(ctx, "user_id", id);
    af_bind(ctx, "new_id", id);

    return id ? NGX_OK : NGX_ERROR;
}


void
af_passkey_none(af_ctx_t *ctx)
{
    af_bind(ctx, "credential", NULL);
    af_bind(ctx, "passkey_name", NULL);
    af_bind(ctx, "new_id", NULL);
    af_bind(ctx, "hashes", NULL);
}


ngx_int_t
af_step_passkey_tokens(af_ctx_t *ctx)
{
    return af_found(ctx) ? af_tokens_and(ctx, af_factor_codes(ctx))
                         : af_missing(ctx);
}
