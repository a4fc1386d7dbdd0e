/*
 * What files.c and kinds.c share: reading the files of pages.
 */

#ifndef AF_PAGES_FILES_H
#define AF_PAGES_FILES_H

#include "pages/pages.h"

#include <sodium.h>


/* octets of the hash of a file, and of all static ones together */
#define AF_PAGES_HASH  crypto_generichash_BYTES_MIN


/*
 * Each checks a file of a kind that was read, and adds what is made of it.
 * They return NGX_CONF_OK, or NGX_CONF_ERROR and say why.
 */
char *af_pages_check_template(ngx_conf_t *cf, af_pages_t *pages,
    af_page_file_t *file);
char *af_pages_check_texts(ngx_conf_t *cf, af_pages_t *pages,
    af_page_file_t *file);
char *af_pages_check_static(ngx_conf_t *cf, af_pages_t *pages,
    af_page_file_t *file);

/* The media type of a static file by its name, or NULL. */
const ngx_str_t *af_pages_type(const ngx_str_t *name);

/* Says what is wrong in a line of a file; NGX_CONF_ERROR. */
char *af_pages_wrong(ngx_conf_t *cf, const af_page_file_t *file, size_t line,
    const char *error);


#endif /* AF_PAGES_FILES_H */
