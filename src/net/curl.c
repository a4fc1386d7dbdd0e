#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/curl.h"
#include "check/wipe.h"


static int af_curl_progress(void *arg, curl_off_t dltotal, curl_off_t dlnow,
    curl_off_t ultotal, curl_off_t ulnow);
static CURLcode af_curl_perform_utf8(CURL *curl);


void
af_curl_init(void)
{
    (void) curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, af_wipe_free,
                                af_wipe_realloc, strdup, calloc);
}


CURL *
af_curl_create(const char *protocols, const char *url, long timeout,
    const volatile sig_atomic_t *stop)
{
    CURL  *curl;

    curl = curl_easy_init();
    if (curl == NULL) {
        return NULL;
    }

    /* otherwise libcurl would use SIGALRM, in a thread */

    if (curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) != CURLE_OK
        || curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, protocols) != CURLE_OK
        || curl_easy_setopt(curl, CURLOPT_URL, url) != CURLE_OK
        || curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout) != CURLE_OK
        || curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L) != CURLE_OK
        || curl_easy_setopt(curl, CURLOPT_XFERINFODATA, (void *) stop)
           != CURLE_OK
        || curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, af_curl_progress)
           != CURLE_OK)
    {
        curl_easy_cleanup(curl);
        return NULL;
    }

    return curl;
}


static int
af_curl_progress(void *arg, curl_off_t dltotal, curl_off_t dlnow,
    curl_off_t ultotal, curl_off_t ulnow)
{
    const volatile sig_atomic_t *stop = arg;

    (void) dltotal;
    (void) dlnow;
    (void) ultotal;
    (void) ulnow;

    return *stop != 0;
}


CURLcode
af_curl_perform(CURL *curl, char *error, size_t size)
{
    char      reason[CURL_ERROR_SIZE];
    CURLcode  code;

    reason[0] = '\0';

    code = curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);

    if (code == CURLE_OK) {
        code = af_curl_perform_utf8(curl);
        (void) curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, NULL);
    }

    if (code != CURLE_OK) {
        snprintf(error, size, "%s",
                 reason[0] ? reason : curl_easy_strerror(code));
    }

    return code;
}


/*
 * libcurl converts an internationalized domain name from the locale's encoding:
 * ours is UTF-8, whatever the process uses.
 */

static CURLcode
af_curl_perform_utf8(CURL *curl)
{
    CURLcode  code;
    locale_t  utf8, old;

    utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t) 0);

    if (utf8 == (locale_t) 0) {
        return curl_easy_perform(curl);
    }

    old = uselocale(utf8);
    code = curl_easy_perform(curl);
    (void) uselocale(old);

    freelocale(utf8);

    return code;
}
