/*
 * What all uses of libcurl have in common: synchronous, for a thread.  Pure C.
 */

#ifndef AF_NET_CURL_H
#define AF_NET_CURL_H

#include <signal.h>
#include <stddef.h>
#include <curl/curl.h>


/*
 * To be called in each process before a thread uses libcurl.  It then wipes
 * what it frees: passwords, and mails with their tokens.
 */
void af_curl_init(void);

/*
 * Returns a handle for transfers of `url`, whose scheme must be one of
 * `protocols` ("http,https"), or NULL.  Each takes at most `timeout`
 * milliseconds, and ends soon after *stop becomes true.
 */
CURL *af_curl_create(const char *protocols, const char *url, long timeout,
    const volatile sig_atomic_t *stop);

/* Performs a transfer.  On failure `error` says why. */
CURLcode af_curl_perform(CURL *curl, char *error, size_t size);


#endif /* AF_NET_CURL_H */
