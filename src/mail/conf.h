/*
 * The directives about mails: autoflow_mail, autoflow_mail_templates,
 * autoflow_link_base, autoflow_require_verified_email.
 */

#ifndef AF_MAIL_CONF_H
#define AF_MAIL_CONF_H

#include "conf/conf.h"


char *af_mail_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *af_link_base_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *af_require_verified_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* Creates amcf->outbox when everything else is known, for init_main_conf. */
char *af_mail_init(ngx_conf_t *cf, ngx_http_autoflow_main_conf_t *amcf);


#endif /* AF_MAIL_CONF_H */
