/*
 * The directives that need more than nginx's own slots.
 */

#ifndef NGX_HTTP_AUTOFLOW_DIRECTIVES_H
#define NGX_HTTP_AUTOFLOW_DIRECTIVES_H

#include "http/conf.h"


char *ngx_http_autoflow_database(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_autoflow_secret(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_autoflow_attempts(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_autoflow_staleness(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_autoflow_password(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_autoflow_threads(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_autoflow_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_autoflow_key_url(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_autoflow_audience(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_autoflow_api(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_autoflow_cookies(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_autoflow_verify(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_autoflow_cors_origins(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_autoflow_auth(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_autoflow_require(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_autoflow_claim_set(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* post handlers of ngx_conf_set_str_slot and ngx_conf_set_sec_slot */
char *ngx_http_autoflow_check_text(ngx_conf_t *cf, void *post, void *data);
char *ngx_http_autoflow_check_positive(ngx_conf_t *cf, void *post, void *data);


#endif /* NGX_HTTP_AUTOFLOW_DIRECTIVES_H */
