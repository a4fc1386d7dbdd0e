/* autoflow_password_blocklist: a list of passwords that nobody may choose. */

#ifndef AF_CONF_BLOCKLIST_H
#define AF_CONF_BLOCKLIST_H

#include "conf/conf.h"


char *af_blocklist_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


#endif /* AF_CONF_BLOCKLIST_H */
