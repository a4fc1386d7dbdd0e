/*
 * The variables $autoflow_*: evaluated when asked for, in any phase.
 */

#ifndef AF_HTTP_VARIABLES_H
#define AF_HTTP_VARIABLES_H

#include "http/identity.h"


ngx_int_t af_variables_add(ngx_conf_t *cf);


#endif /* AF_HTTP_VARIABLES_H */
