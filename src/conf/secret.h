/*
 * Values of directives that are secrets: a literal, or the contents of an
 * environment variable or a file.  And autoflow_secret and autoflow_seal_key,
 * from which keys are derived.
 */

#ifndef AF_CONF_SECRET_H
#define AF_CONF_SECRET_H

#include "conf/conf.h"


typedef struct {
    ngx_str_t     text;        /* zero-terminated */
    ngx_str_t     file;        /* its name, if it was read from one */
    unsigned      literal:1;   /* written in the configuration */
    unsigned      public:1;    /* the file is readable by everyone */
} af_secret_value_t;


/*
 * Reads a literal, or what a value names; returns NGX_ERROR having logged why.
 */
ngx_int_t af_secret_value_read(ngx_conf_t *cf, ngx_str_t *value,
    af_secret_value_t *secret);

/* Likewise, of a value that is the name of a file. */
ngx_int_t af_secret_value_file(ngx_conf_t *cf, ngx_str_t *name,
    af_secret_value_t *secret);

/* Wipes what was read from a file: no other text is ours to wipe. */
void af_secret_value_wipe(af_secret_value_t *secret);

/*
 * Decodes a text that begins with "base64url:" or "hex:".  Returns NGX_DECLINED
 * if it doesn't, or NGX_ERROR having logged why.
 */
ngx_int_t af_secret_value_decode(ngx_conf_t *cf, ngx_str_t *text,
    ngx_str_t *octets);

/* Notes a secret that others may read, which production refuses. */
void af_secret_value_note_exposed(ngx_conf_t *cf,
    const af_secret_value_t *secret);


char *af_secret_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *af_seal_key_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * Derives the secrets' keys, for init_main_conf.  Returns NGX_CONF_ERROR, which
 * is logged, if there is no secret or no memory.
 */
char *af_secrets_init(ngx_conf_t *cf, ngx_http_autoflow_main_conf_t *amcf);


#endif /* AF_CONF_SECRET_H */
