/*
 * Fetching a document, by libcurl.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <curl/curl.h>

#include "token/fetch.h"


typedef struct {
    char    *data;
    size_t   len;
} af_document_t;


static int af_fetch_set_up(CURL *curl, const char *url, int plain,
    af_document_t *document, char *error);
static size_t af_fetch_write(char *data, size_t size, size_t n, void *arg);


char *
af_fetch(const char *url, int plain, size_t *len, char *error, size_t size)
{
    char            reason[CURL_ERROR_SIZE];
    CURL           *curl;
    CURLcode        code;
    af_document_t   document;

    reason[0] = '\0';
    document.len = 0;
    document.data = malloc(AF_FETCH_MAX);
    curl = curl_easy_init();

    code = CURLE_OUT_OF_MEMORY;

    if (document.data != NULL && curl != NULL
        && af_fetch_set_up(curl, url, plain, &document, reason) == 0)
    {
        code = curl_easy_perform(curl);
    }

    curl_easy_cleanup(curl);

    if (code == CURLE_OK) {
        *len = document.len;
        return document.data;
    }

    free(document.data);

    if (code == CURLE_WRITE_ERROR) {
        snprintf(reason, sizeof(reason), "the document is too long");
    }

    snprintf(error, size, "%s", reason[0] ? reason : curl_easy_strerror(code));

    return NULL;
}


static int
af_fetch_set_up(CURL *curl, const char *url, int plain,
    af_document_t *document, char *error)
{
    const char  *protocols;

    protocols = plain ? "http,https" : "https";

    /* without NOSIGNAL libcurl would use SIGALRM, in a thread */

    return curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) != CURLE_OK
           || curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error) != CURLE_OK
           || curl_easy_setopt(curl, CURLOPT_URL, url) != CURLE_OK
           || curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, protocols)
              != CURLE_OK
           || curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L) != CURLE_OK
           || curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS,
                               (long) AF_FETCH_TIMEOUT)
              != CURLE_OK
           || curl_easy_setopt(curl, CURLOPT_USERAGENT, "autoflow") != CURLE_OK
           || curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, af_fetch_write)
              != CURLE_OK
           || curl_easy_setopt(curl, CURLOPT_WRITEDATA, document) != CURLE_OK;
}


static size_t
af_fetch_write(char *data, size_t size, size_t n, void *arg)
{
    af_document_t *document = arg;

    n *= size;

    if (n > AF_FETCH_MAX - document->len) {
        return 0;
    }

    memcpy(document->data + document->len, data, n);
    document->len += n;

    return n;
}
