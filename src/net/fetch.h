/*
 * The HTTP client: one request and its response, synchronously, for a thread.
 * Pure C, with libcurl; af_curl_init() was called before there were
 * threads.
 *
 * The time and the size of the response are limited, redirects are not
 * followed, and nothing is kept between requests.
 */

#ifndef AF_NET_FETCH_H
#define AF_NET_FETCH_H

#include <signal.h>
#include <stddef.h>


/* A request: GET, or POST if it has a body. */

typedef struct {
    const char         *url;
    const char         *ca;        /* PEM of CAs; NULL: the system's */
    size_t              ca_len;
    const char *const  *headers;   /* "Name: value", NULL-ended; or NULL */
    const char         *body;
    size_t              body_len;
    size_t              max;       /* octets of the longest response */
    long                timeout;   /* milliseconds in total */
    unsigned            plain:1;   /* http is allowed */
    unsigned            public:1;  /* the URL is not trusted */
} af_fetch_t;


typedef struct {
    long                status;
    char               *body;      /* zero-terminated, from malloc() */
    size_t              len;
} af_fetch_response_t;


/*
 * Returns NULL, or a phrase that says why the request could never succeed.
 * URLs with credentials are refused, since URLs are logged.
 */
const char *af_fetch_check(const af_fetch_t *request);

/*
 * Returns 0 with a response of any status; or -1, also soon after *stop became
 * true, and `error` says why.
 */
int af_fetch(const af_fetch_t *request, af_fetch_response_t *response,
    const volatile sig_atomic_t *stop, char *error, size_t size);


#endif /* AF_NET_FETCH_H */
