/*
 * autoflow_threads: the thread pools for what would block a worker.
 */

#ifndef AF_CONF_THREADS_H
#define AF_CONF_THREADS_H

#include "conf/conf.h"


char *af_threads_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * Finds the pools that are needed, for init_main_conf.  Returns NGX_CONF_OK, or
 * NGX_CONF_ERROR having logged which one is missing.
 */
char *af_threads_init(ngx_conf_t *cf, ngx_http_autoflow_main_conf_t *amcf);


#endif /* AF_CONF_THREADS_H */
