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


/* What is fetched, and from whom. */
typedef struct {
    const char  *url;
    const char  *ca;           /* PEM of the CAs that are trusted, and no
                                  others; NULL: the system's */
    size_t       ca_len;
    int          plain;        /* http is good enough */
} af_fetch_t;


/*
 * Returns a phrase that says why it could never be fetched, or NULL.  Secrets
 * in a URL are refused, as URLs are logged.
 */
const char *af_fetch_check(const af_fetch_t *what);

/*
 * Fetches it: by https alone unless it may be plain; redirects are not
 * followed, as who may name our keys is the administrator alone.
 *
 * Returns the document, its length in *len, to be freed with free(), or NULL
 * with a phrase that says why in `error`.
 */
char *af_fetch(const af_fetch_t *what, size_t *len, char *error, size_t size);


#endif /* AF_TOKEN_FETCH_H */
