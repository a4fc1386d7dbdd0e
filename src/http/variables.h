/*
 * The variables $autoflow_*: evaluated when asked for, in any phase.
 */

#ifndef AF_HTTP_VARIABLES_H
#define AF_HTTP_VARIABLES_H

#include "http/identity.h"


ngx_int_t af_variables_add(ngx_conf_t *cf);

/* Adds a variable for the claim that `path`, of ngx_str_t, leads to. */
ngx_int_t af_variables_add_claim(ngx_conf_t *cf, ngx_str_t *name,
    ngx_array_t *path);


#endif /* AF_HTTP_VARIABLES_H */
