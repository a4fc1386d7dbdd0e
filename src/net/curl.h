/*
 * What all uses of libcurl have in common: it is synchronous, for a thread.
 * Pure C; curl_global_init() has been called before there were threads.
 */

#ifndef AF_NET_CURL_H
#define AF_NET_CURL_H

#include <signal.h>
#include <stddef.h>
#include <curl/curl.h>


/*
 * Returns a handle for transfers of `url`, which must be of one of the
 * protocols ("http,https"), or NULL.  Each takes `timeout` milliseconds at
 * most, and ends soon when *stop becomes true.
 */
CURL *af_curl_create(const char *protocols, const char *url, long timeout,
    const volatile sig_atomic_t *stop);

/* Performs a transfer.  What went wrong is told in `error`. */
CURLcode af_curl_perform(CURL *curl, char *error, size_t size);


#endif /* AF_NET_CURL_H */
