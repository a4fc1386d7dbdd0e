/*
 * Values of directives that bear secrets: a literal, or what an environment
 * variable or a file holds.  And autoflow_secret, which keys are made of.
 */

#ifndef AF_CONF_SECRET_H
#define AF_CONF_SECRET_H

#include "conf/conf.h"


typedef struct {
    ngx_str_t     text;        /* ends with a zero */
    ngx_str_t     file;        /* that it was read from, if it was */
    unsigned      literal:1;   /* it stands in the configuration */
    unsigned      public:1;    /* the file is everyone's to read */
} af_secret_value_t;


/* Reads what a value says or names; logs why if it can't. */
ngx_int_t af_secret_value_read(ngx_conf_t *cf, ngx_str_t *value,
    af_secret_value_t *secret);

/* The same of a value that is the name of a file. */
ngx_int_t af_secret_value_file(ngx_conf_t *cf, ngx_str_t *name,
    af_secret_value_t *secret);

/* Wipes what was read of a file: no other text is ours to wipe. */
void af_secret_value_wipe(af_secret_value_t *secret);

/*
 * Decodes a text that begins with "base64url:" or "hex:".  Returns
 * NGX_DECLINED if it does not, NGX_ERROR having logged why.
 */
ngx_int_t af_secret_value_decode(ngx_conf_t *cf, ngx_str_t *text,
    ngx_str_t *octets);

/* Production refuses a secret that others may read. */
void af_secret_value_note_exposed(ngx_conf_t *cf,
    const af_secret_value_t *secret);


char *af_secret_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * Makes their keys, for init_main_conf.  NGX_CONF_ERROR if there is none, or no
 * memory, which is logged.
 */
char *af_secrets_init(ngx_conf_t *cf, ngx_http_autoflow_main_conf_t *amcf);


#endif /* AF_CONF_SECRET_H */
