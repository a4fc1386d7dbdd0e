/*
 * The keys of a server: autoflow_key, and what else its tokens are verified
 * with.
 */

#ifndef AF_KEYS_KEYS_H
#define AF_KEYS_KEYS_H

#include "conf/conf.h"


char *af_key_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *af_audience_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* The post handler of ngx_conf_set_str_slot for values of claims. */
char *af_claim_post(ngx_conf_t *cf, void *post, void *data);

/* Inherits the keys, and finds the signing one. */
char *af_keys_merge(ngx_conf_t *cf, const ngx_http_autoflow_srv_conf_t *prev,
    ngx_http_autoflow_srv_conf_t *conf);

/*
 * Checks that the server has keys, as a directive of its location requires:
 * NGX_CONF_OK, or NGX_CONF_ERROR having logged that it has none.
 */
char *af_keys_check(ngx_conf_t *cf, const char *directive,
    const af_conf_line_t *line);


#endif /* AF_KEYS_KEYS_H */
