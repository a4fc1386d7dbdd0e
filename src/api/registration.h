/*
 * autoflow_registration: who may have an account.
 */

#ifndef AF_API_REGISTRATION_H
#define AF_API_REGISTRATION_H

#include "flow/flow.h"


char *af_registration_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * When everything else is known, for init_main_conf.  Without the directive
 * anybody may register; but where people sign in with a browser, which whatever
 * serves these says by `site_used`, whoever is invited.
 */
char *af_registration_init(ngx_conf_t *cf, ngx_http_autoflow_main_conf_t *amcf);

/* Whether anybody may register an account. */
#define af_registration_is_open(amcf)                                         \
    ((amcf)->registration <= AF_REGISTRATION_VERIFIED)


/* Steps.  The first two end the flow unless anybody, or who is invited, may. */
ngx_int_t af_step_open_door(af_ctx_t *ctx);
ngx_int_t af_step_invited_door(af_ctx_t *ctx);

/* Likewise unless the domain of the body's "email" may have accounts. */
ngx_int_t af_step_domain(af_ctx_t *ctx);


#endif /* AF_API_REGISTRATION_H */
