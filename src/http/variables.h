/*
 * The variables $autoflow_*, evaluated on demand, in any phase.
 */

#ifndef AF_HTTP_VARIABLES_H
#define AF_HTTP_VARIABLES_H

#include "http/identity.h"


ngx_int_t af_variables_add(ngx_conf_t *cf);

/* autoflow_claim_set: a variable for a path of names */
char *af_claim_set_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


#endif /* AF_HTTP_VARIABLES_H */
