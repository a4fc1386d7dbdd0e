#include "api/api.h"
#include "api/attempts.h"
#include "api/auth.h"
#include "api/invitations.h"
#include "api/mail_token.h"
#include "api/mfa.h"
#include "api/passkey.h"
#include "api/passkey_options.h"
#include "api/password.h"
#include "api/registration.h"
#include "api/schemas.h"
#include "api/tokens.h"
#include "mail/outbox.h"


static ngx_int_t check_domain(af_ctx_t *ctx);
static ngx_int_t choose_language(af_ctx_t *ctx);

static ngx_int_t check_token(af_ctx_t *ctx);
static ngx_int_t find_invitation(af_ctx_t *ctx);
static ngx_int_t count_success(af_ctx_t *ctx);
static ngx_int_t hash_password(af_ctx_t *ctx);
static ngx_int_t create_account(af_ctx_t *ctx);

static ngx_int_t answer_options(af_ctx_t *ctx);
static ngx_int_t check_passkey(af_ctx_t *ctx);


static const af_step_pt  invite_steps[] = {
    af_step_invited_door,
    check_domain,
    choose_language,
    af_step_query,
    af_step_answer,
    NULL
};


static const af_step_pt  resend_steps[] = {
    af_step_invited_door,
    af_step_query,
    af_step_answer,
    NULL
};


const af_step_pt  af_look_steps[] = {
    af_step_invited_door,
    af_attempt_address,
    check_token,
    find_invitation,
    count_success,
    af_step_answer,
    NULL
};


const af_step_pt  af_accept_steps[] = {
    af_step_invited_door,
    af_attempt_address,
    check_token,
    find_invitation,
    hash_password,
    af_password_hashed,
    create_account,
    count_success,
    af_step_tokens,
    NULL
};


static const af_step_pt  passkey_options_steps[] = {
    af_step_passkeys_on,
    af_step_invited_door,
    af_attempt_address,
    check_token,
    find_invitation,
    count_success,
    answer_options,
    NULL
};


static const af_step_pt  accept_passkey_steps[] = {
    af_step_passkeys_on,
    af_step_invited_door,
    af_attempt_address,
    check_token,
    find_invitation,
    check_passkey,
    af_step_passkey_account,
    af_step_recovery_codes,
    create_account,
    count_success,
    af_step_passkey_tokens,
    NULL
};


static const af_field_t  invitation_fields[] = {
    { "id", &af_type_uuid, AF_REQUIRED, NULL },
    { "email", &af_type_email, AF_REQUIRED, NULL },
    { "roles", &af_type_roles, AF_REQUIRED, NULL },
    { "invited_by", &af_type_uuid, AF_REQUIRED, NULL },
    { "created_at", &af_type_time, AF_REQUIRED, NULL },
    { "mailed_at", &af_type_time, AF_REQUIRED, NULL },
    { "expires_at", &af_type_time, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  invitation_schema = {
    "Invitation", invitation_fields, NULL
};


static const af_field_t  invitations_fields[] = {
    AF_LIST_FIELDS(&invitation_schema),
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  invitations_schema = {
    "InvitationList", invitations_fields, NULL
};


static const af_field_t  invite_fields[] = {
    { "email", &af_type_email, AF_REQUIRED, NULL },
    { "roles", &af_type_roles, 0, NULL },
    { "language", &af_type_language, 0, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  invite_schema = {
    "NewInvitation", invite_fields, NULL
};


static const af_field_t  look_fields[] = {
    { "token", &af_type_token, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  look_schema = {
    "InvitationToken", look_fields, NULL
};


/* what whoever has the mail may know */

static const af_field_t  invited_fields[] = {
    { "email", &af_type_email, AF_REQUIRED, NULL },
    { "expires_at", &af_type_time, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  invited_schema = { "Invited", invited_fields, NULL };


static const af_field_t  accept_fields[] = {
    { "token", &af_type_token, AF_REQUIRED, NULL },
    AF_ACCOUNT_FIELDS,
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  accept_schema = {
    "InvitationAnswer", accept_fields, af_rule_name
};


static const af_field_t  passkey_options_fields[] = {
    { "token", &af_type_token, AF_REQUIRED, NULL },
    AF_PERSON_FIELDS,
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  passkey_options_schema = {
    "InvitedPasskeyOwner", passkey_options_fields, af_rule_name
};


static const af_field_t  accept_passkey_fields[] = {
    { "token", &af_type_token, AF_REQUIRED, NULL },
    AF_PERSON_FIELDS,
    { "passkey_name", &af_type_label, 0, NULL },
    { "credential", &af_type_object, AF_REQUIRED, &af_schema_new_credential },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  accept_passkey_schema = {
    "InvitationPasskey", accept_passkey_fields, af_rule_name
};


const af_route_t  af_invitations_routes[] = {

    { NGX_HTTP_GET, "/auth/invitations", AF_USER,
      .summary = "List invitations",
      .problems = AF_PROBLEM_LIST(AF_FORBIDDEN),
      .query = &af_schema_page,
      .answer = &invitations_schema,
      .statement = &af_sql_invitations_list,
      .steps = af_list_steps },

    { NGX_HTTP_POST, "/auth/invitations", AF_USER,
      .summary = "Invite somebody to have an account",
      .problems = AF_PROBLEM_LIST(AF_FORBIDDEN, AF_CLOSED_REGISTRATION,
                                  AF_EMAIL_TAKEN, AF_ALREADY_INVITED,
                                  AF_LIMIT_REACHED, AF_MAIL_OFF),
      .body = &invite_schema,
      .proof = AF_PROOF_COOKIE,
      .answer = &invitation_schema,
      .status = NGX_HTTP_CREATED,
      .lock = &af_sql_auth_lock_account,
      .statement = &af_sql_invitations_invite,
      .missing = AF_INVALID_TOKEN,
      .steps = invite_steps },

    { NGX_HTTP_POST, "/auth/invitations/look", AF_PUBLIC,
      .summary = "Read whom a token from a mail invites",
      .problems = AF_PROBLEM_LIST(AF_CLOSED_REGISTRATION,
                                  AF_TOO_MANY_ATTEMPTS),
      .body = &look_schema,
      .answer = &invited_schema,
      .statement = &af_sql_invitations_look,
      .missing = AF_INVALID_MAIL_TOKEN,
      .steps = af_look_steps },

    { NGX_HTTP_POST, "/auth/invitations/accept", AF_PUBLIC,
      .summary = "Create an account with a token from a mail",
      .problems = AF_PROBLEM_LIST(AF_CLOSED_REGISTRATION, AF_EMAIL_TAKEN,
                                  AF_USERNAME_TAKEN, AF_TOO_MANY_ATTEMPTS),
      .body = &accept_schema,
      .answer = &af_schema_registered,
      .status = NGX_HTTP_CREATED,
      .statement = &af_sql_invitations_look,
      .missing = AF_INVALID_MAIL_TOKEN,
      .steps = af_accept_steps },

    { NGX_HTTP_POST, "/auth/invitations/accept/passkey/options", AF_PUBLIC,
      .summary = "Read what a browser makes a passkey with, for who is invited",
      .problems = AF_PROBLEM_LIST(AF_PASSKEYS_OFF, AF_CLOSED_REGISTRATION,
                                  AF_TOO_MANY_ATTEMPTS),
      .body = &passkey_options_schema,
      .answer = &af_schema_creation_options,
      .statement = &af_sql_invitations_look,
      .missing = AF_INVALID_MAIL_TOKEN,
      .steps = passkey_options_steps },

    { NGX_HTTP_POST, "/auth/invitations/accept/passkey", AF_PUBLIC,
      .summary = "Create an account with a token from a mail, and a passkey",
      .problems = AF_PROBLEM_LIST(AF_PASSKEYS_OFF, AF_CLOSED_REGISTRATION,
                                  AF_WRONG_PASSKEY, AF_PASSKEY_TAKEN,
                                  AF_EMAIL_TAKEN, AF_USERNAME_TAKEN,
                                  AF_TOO_MANY_ATTEMPTS),
      .body = &accept_passkey_schema,
      .answer = &af_schema_registered,
      .status = NGX_HTTP_CREATED,
      .statement = &af_sql_invitations_look,
      .missing = AF_INVALID_MAIL_TOKEN,
      .steps = accept_passkey_steps },

    { NGX_HTTP_POST, "/auth/invitations/{id}/resend", AF_USER,
      .summary = "Mail an invitation again",
      .problems = AF_PROBLEM_LIST(AF_FORBIDDEN, AF_CLOSED_REGISTRATION,
                                  AF_LIMIT_REACHED, AF_MAIL_OFF),
      .proof = AF_PROOF_COOKIE,
      .answer = &invitation_schema,
      .statement = &af_sql_invitations_resend,
      .steps = resend_steps },

    { NGX_HTTP_DELETE, "/auth/invitations/{id}", AF_USER,
      .summary = "Withdraw an invitation",
      .problems = AF_PROBLEM_LIST(AF_FORBIDDEN),
      .proof = AF_PROOF_COOKIE,
      .statement = &af_sql_invitations_withdraw },

    { .path = NULL }
};


/* superusers may create accounts with any address */

static ngx_int_t
check_domain(af_ctx_t *ctx)
{
    return ctx->identity->superuser ? NGX_OK : af_step_domain(ctx);
}


/* the mail's: that of the request, unless the inviter knows better */

static ngx_int_t
choose_language(af_ctx_t *ctx)
{
    const char                   *wanted;
    const af_mail_conf_t         *conf;
    const af_compose_language_t  *language;

    wanted = af_field(ctx, "language");
    conf = ctx->conf->mail_conf;

    if (wanted == NULL || conf == NULL) {
        return NGX_OK;
    }

    language = af_compose_language(&conf->compose, wanted, ngx_strlen(wanted));

    if (language == NULL || *language->name == '\0') {
        return af_invalid(ctx, "language", "reference",
                          "must be one that mails are written in");
    }

    af_bind(ctx, "accepted_language", language->name);

    return NGX_OK;
}


static ngx_int_t
check_token(af_ctx_t *ctx)
{
    static const char *const  kinds[] = { "invitation", NULL };

    return af_mail_token(ctx, kinds);
}


static ngx_int_t
find_invitation(af_ctx_t *ctx)
{
    return af_query(ctx, &af_sql_invitations_look);
}


static ngx_int_t
count_success(af_ctx_t *ctx)
{
    if (af_found(ctx)) {
        af_attempts_succeeded(ctx);
    }

    return NGX_OK;
}


/* the address is not in the body, but no password may be similar to it */

static ngx_int_t
hash_password(af_ctx_t *ctx)
{
    const char  *email;

    if (!af_found(ctx)) {
        return af_missing(ctx);
    }

    email = af_column(ctx, "email");
    email = af_string(ctx, email, ngx_strlen(email));
    if (email == NULL) {
        return NGX_ERROR;
    }

    af_bind(ctx, "email", email);
    af_passkey_none(ctx);

    return af_step_hash(ctx);
}


static ngx_int_t
create_account(af_ctx_t *ctx)
{
    return af_segment(ctx, &af_sql_invitations_lock,
                      &af_sql_invitations_accept, &af_sql_invitations_open,
                      NULL);
}


static ngx_int_t
answer_options(af_ctx_t *ctx)
{
    return af_found(ctx)
           ? af_passkey_answer_first(ctx, af_column(ctx, "email"))
           : af_missing(ctx);
}


static ngx_int_t
check_passkey(af_ctx_t *ctx)
{
    return af_found(ctx) ? af_step_passkey_first(ctx) : af_missing(ctx);
}
