/*
 * The directives that need more than nginx's own slots.
 */

#ifndef NGX_HTTP_AUTOFLOW_DIRECTIVES_H
#define NGX_HTTP_AUTOFLOW_DIRECTIVES_H

#include "ngx_http_autoflow_source.h"


/* name=value parameters: how a value is read, and into which member */

typedef struct {
    ngx_str_t     name;        /* with the '=' */
    ngx_int_t   (*set)(ngx_str_t *value, void *member);
    size_t        offset;
} ngx_http_autoflow_param_t;


char *ngx_http_autoflow_database(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_autoflow_secret(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_autoflow_attempts(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_autoflow_sessions(ngx_conf_t *cf, ngx_command_t *cmd,
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

/* mails: ngx_http_autoflow_mail.c */
char *ngx_http_autoflow_mail(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_autoflow_link_base(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_autoflow_require_verified(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_autoflow_init_mail(ngx_conf_t *cf,
    ngx_http_autoflow_main_conf_t *amcf);

/* Makes the keys of each autoflow_secret.  Logs why if it returns NGX_ERROR. */
ngx_int_t ngx_http_autoflow_derive(ngx_conf_t *cf, const ngx_array_t *secrets,
    af_purpose_keys_t *keys);

/* post handlers of ngx_conf_set_str_slot and ngx_conf_set_sec_slot */
char *ngx_http_autoflow_check_text(ngx_conf_t *cf, void *post, void *data);
char *ngx_http_autoflow_check_positive(ngx_conf_t *cf, void *post, void *data);

/* Reads a directive's arguments from `first` on into `conf`. */
char *ngx_http_autoflow_params(ngx_conf_t *cf, ngx_uint_t first,
    const ngx_http_autoflow_param_t *params, void *conf);
ngx_int_t ngx_http_autoflow_param_str(ngx_str_t *value, void *member);

/*
 * Remembers a secret that production refuses: the environment may be
 * configured later, init_main_conf judges it.
 */
void ngx_http_autoflow_exposed(ngx_conf_t *cf,
    ngx_http_autoflow_source_t *source);
void ngx_http_autoflow_place(ngx_conf_t *cf, ngx_http_autoflow_where_t *where);


#endif /* NGX_HTTP_AUTOFLOW_DIRECTIVES_H */
