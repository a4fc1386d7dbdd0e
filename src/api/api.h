/*
 * The endpoints.  Each section of API.md is a file with a route table; to add
 * an endpoint, add a row to one and a statement to sql/queries/.
 */

#ifndef AF_API_API_H
#define AF_API_API_H

#include "flow/flow.h"


char *af_api_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *af_sessions_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* what it requires of other directives, when all of them are known */
char *af_sessions_check(ngx_conf_t *cf,
    const ngx_http_autoflow_main_conf_t *amcf);

/*
 * Checks what autoflow_api requires, when a location is merged: NGX_CONF_OK, or
 * NGX_CONF_ERROR, having logged what is missing.
 */
char *af_api_check(ngx_conf_t *cf, const ngx_http_autoflow_loc_conf_t *alcf);

/* NULL-ended; the first is the default */
extern const af_dialect_t *const  af_dialects[];

/* the content handler of autoflow_api */
ngx_int_t af_api_handler(ngx_http_request_t *r);

/* the methods of the request's path, as a mask; 0 if there is no such path */
ngx_uint_t af_api_methods(ngx_http_request_t *r);


extern const af_route_t  af_auth_routes[];
extern const af_route_t  af_sessions_routes[];
extern const af_route_t  af_mfa_login_routes[];
extern const af_route_t  af_devices_routes[];
extern const af_route_t  af_mfa_enrol_routes[];
extern const af_route_t  af_mfa_routes[];
extern const af_route_t  af_passkeys_routes[];
extern const af_route_t  af_passkey_login_routes[];
extern const af_route_t  af_passkey_register_routes[];
extern const af_route_t  af_account_routes[];
extern const af_route_t  af_recovery_routes[];
extern const af_route_t  af_invitations_routes[];
extern const af_route_t  af_users_routes[];
extern const af_route_t  af_roles_routes[];
extern const af_route_t  af_audit_routes[];
extern const af_route_t  af_profiles_routes[];
extern const af_route_t  af_contacts_routes[];
extern const af_route_t  af_jobs_routes[];
extern const af_route_t  af_locations_routes[];
extern const af_route_t  af_organizations_routes[];
extern const af_route_t  af_messages_routes[];
extern const af_route_t  af_system_routes[];


#endif /* AF_API_API_H */
