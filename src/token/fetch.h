/*
 * Fetching a document by HTTPS, synchronously: for a thread.  Pure C, and
 * curl_global_init() has been called before there were threads.
 */

#ifndef AF_TOKEN_FETCH_H
#define AF_TOKEN_FETCH_H

#include <stddef.h>


/* the longest document, in octets, and the longest time, in milliseconds */
#define AF_FETCH_MAX      262144
#define AF_FETCH_TIMEOUT  10000


/*
 * Fetches `url`: by https alone unless `plain` allows http too; redirects are
 * not followed, as who may name our keys is the administrator alone.
 *
 * Returns the document, its length in *len, to be freed with free(), or NULL
 * with a phrase that says why in `error`.
 */
char *af_fetch(const char *url, int plain, size_t *len, char *error,
    size_t size);


#endif /* AF_TOKEN_FETCH_H */
