/*
 * The HTTP client: one request and its answer, synchronously, for a thread.
 * Pure C, by libcurl; curl_global_init() has been called before there were
 * threads.
 *
 * Its time and the answer's size are bounded, redirects are not followed, and
 * nothing is kept from one request for the next.
 */

#ifndef AF_NET_FETCH_H
#define AF_NET_FETCH_H

#include <signal.h>
#include <stddef.h>


/* What is asked for, and of whom: GET, or POST if there is a body. */

typedef struct {
    const char         *url;
    const char         *ca;        /* PEM of the CAs that are trusted, and no
                                      others; NULL: the system's */
    size_t              ca_len;
    const char *const  *headers;   /* "Name: value", NULL-ended; or NULL */
    const char         *body;
    size_t              body_len;
    size_t              max;       /* octets of the longest answer */
    long                timeout;   /* milliseconds for all of it */
    unsigned            plain:1;   /* http is good enough */
    unsigned            public:1;  /* whoever named the URL shall have us
                                      connect to the Internet alone */
} af_fetch_t;


typedef struct {
    long                status;
    char               *body;      /* to be freed with free(); ends with a
                                      zero that doesn't count */
    size_t              len;
} af_fetch_response_t;


/*
 * Returns a phrase that says why it could never be fetched, or NULL.  Secrets
 * in a URL are refused, as URLs are logged.
 */
const char *af_fetch_check(const af_fetch_t *request);

/*
 * Returns 0 with an answer of whatever status; or -1, with a phrase that says
 * why in `error`, also soon after *stop became true.
 */
int af_fetch(const af_fetch_t *request, af_fetch_response_t *response,
    const volatile sig_atomic_t *stop, char *error, size_t size);


#endif /* AF_NET_FETCH_H */
