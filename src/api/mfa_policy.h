/*
 * autoflow_mfa: whether accounts may have second factors, and which must.
 */

#ifndef AF_API_MFA_POLICY_H
#define AF_API_MFA_POLICY_H

#include "conf/conf.h"


char *af_mfa_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* Sets the default, and checks what it requires of other directives. */
char *af_mfa_init(ngx_conf_t *cf, ngx_http_autoflow_main_conf_t *amcf);


#endif /* AF_API_MFA_POLICY_H */
