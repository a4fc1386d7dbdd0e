/*
 * Values of directives that bear secrets: a literal, or what an environment
 * variable or a file holds.
 */

#ifndef NGX_HTTP_AUTOFLOW_SOURCE_H
#define NGX_HTTP_AUTOFLOW_SOURCE_H

#include "http/conf.h"


typedef struct {
    ngx_str_t     text;        /* ends with a zero */
    ngx_str_t     file;        /* that it was read from, if it was */
    unsigned      literal:1;   /* it stands in the configuration */
    unsigned      public:1;    /* the file is everyone's to read */
} ngx_http_autoflow_source_t;


/* Reads what a value says or names; logs why if it can't. */
ngx_int_t ngx_http_autoflow_source(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_autoflow_source_t *source);

/* The same of a value that is the name of a file. */
ngx_int_t ngx_http_autoflow_source_file(ngx_conf_t *cf, ngx_str_t *name,
    ngx_http_autoflow_source_t *source);

/* Wipes what was read of a file: no other text is ours to wipe. */
void ngx_http_autoflow_source_wipe(ngx_http_autoflow_source_t *source);

/*
 * Decodes a text that begins with "base64url:" or "hex:".  Returns
 * NGX_DECLINED if it does not, NGX_ERROR having logged why.
 */
ngx_int_t ngx_http_autoflow_source_decode(ngx_conf_t *cf, ngx_str_t *text,
    ngx_str_t *octets);


#endif /* NGX_HTTP_AUTOFLOW_SOURCE_H */
