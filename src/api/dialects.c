/*
 * All dialects.  A new one is a file like this one's second half, and a row;
 * the format of its accounts is a branch of SQL's user_as().
 */

#include "api/api.h"


static json_t *autoflow_tokens(const af_token_pair_t *pair);


static const af_section_t  autoflow_sections[] = {
    { "Tokens", "Registration, login", af_auth_routes },
    { "Sessions", "Refresh, logout, and the sessions of an account",
      af_sessions_routes },
    { "Second step", "Logins with a factor, after the password",
      af_mfa_login_routes },
    { "Passkeys", "Logins with a passkey alone", af_passkey_login_routes },
    { "Sign-up", "Accounts with a passkey alone", af_passkey_register_routes },
    { "Enrolment", "The first factor of an account that must have one",
      af_mfa_enrol_routes },
    { "Devices", "Browsers at which no second factor is asked for",
      af_devices_routes },
    { "Factors", "Second factors of an account", af_mfa_routes },
    { "New passkeys", "Passkeys and security keys of an account",
      af_passkeys_routes },
    { "Account", "The requesting account", af_account_routes },
    { "Recovery", "Forgotten passwords and addresses to verify, by mail",
      af_recovery_routes },
    { "Invitations", "Whoever may have an account, by mail",
      af_invitations_routes },
    { "Users", "All accounts, for superusers", af_users_routes },
    { "Roles", "Roles, for superusers", af_roles_routes },
    { "Audit", "What was done by whom, for superusers", af_audit_routes },
    { "Profiles", "Accounts, as others see them", af_profiles_routes },
    { "Contacts", "Ways to contact the owner of a profile",
      af_contacts_routes },
    { "Jobs", "Jobs of the owner of a profile", af_jobs_routes },
    { "Locations", "Places that profiles and organizations refer to",
      af_locations_routes },
    { "Organizations", "Employers", af_organizations_routes },
    { "Messages", "Messages between accounts", af_messages_routes },
    { "System", "Health, keys, and this document", af_system_routes },
    { NULL, NULL, NULL }
};


static const af_dialect_t  autoflow_dialect = {
    .name = "autoflow",
    .sections = autoflow_sections,
    .problems = af_problems,
    .problem = af_problem_document,
    .problem_type = ngx_string("application/problem+json"),
    .problem_schema = &af_problem_schema,
    .tokens = autoflow_tokens
};


const af_dialect_t *const  af_dialects[] = {
    &autoflow_dialect,
    NULL
};


/* RFC 6749, section 5.1, and the account */

static json_t *
autoflow_tokens(const af_token_pair_t *pair)
{
    if (pair->access == NULL) {
        return json_pack("{sn ss sO*}", "user", "message", pair->message,
                         "recovery_codes", pair->recovery_codes);
    }

    return json_pack("{ss# ss ss sI sn ss* sO*}",
                     "access_token", pair->access, (int) pair->access_len,
                     "refresh_token", pair->refresh,
                     "token_type", "bearer",
                     "expires_in", (json_int_t) pair->expires_in,
                     "user",
                     "message", pair->message,
                     "recovery_codes", pair->recovery_codes);
}
