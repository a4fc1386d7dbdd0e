/*
 * autoflow_webauthn: for which site passkeys are made, in WebAuthn's words the
 * relying party.
 */

#ifndef AF_API_RELYING_PARTY_H
#define AF_API_RELYING_PARTY_H

#include "conf/conf.h"
#include "check/origin.h"


typedef struct af_relying_party_s {
    const char         *id;
    const char         *name;
    const af_origin_t  *origins;
    size_t              norigins;
} af_relying_party_t;


char *af_webauthn_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * When everything else is known, for init_main_conf: without the directive, the
 * host of autoflow_link_base is the site if browsers would accept it.
 */
char *af_webauthn_init(ngx_conf_t *cf, ngx_http_autoflow_main_conf_t *amcf);


#endif /* AF_API_RELYING_PARTY_H */
