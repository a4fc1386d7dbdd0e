/*
 * All dialects.  A new one is a file like this one's second half, and a row;
 * the format of its accounts is a branch of SQL's user_as().
 */

#include "api/api.h"


static json_t *autoflow_tokens(const af_token_pair_t *pair);


static const af_route_t *const  autoflow_routes[] = {
    af_auth_routes,
    af_sessions_routes,
    af_account_routes,
    af_recovery_routes,
    af_users_routes,
    af_roles_routes,
    af_audit_routes,
    af_profiles_routes,
    af_contacts_routes,
    af_jobs_routes,
    af_locations_routes,
    af_organizations_routes,
    af_messages_routes,
    af_system_routes,
    NULL
};


static const af_dialect_t  autoflow_dialect = {
    .name = "autoflow",
    .routes = autoflow_routes,
    .problems = af_problems,
    .problem = af_problem_document,
    .problem_type = ngx_string("application/problem+json"),
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
        return json_pack("{sn ss}", "user", "message", pair->message);
    }

    return json_pack("{ss# ss ss sI sn ss*}",
                     "access_token", pair->access, (int) pair->access_len,
                     "refresh_token", pair->refresh,
                     "token_type", "bearer",
                     "expires_in", (json_int_t) pair->expires_in,
                     "user",
                     "message", pair->message);
}
