/*
 * Fetching a document, by libcurl.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <curl/curl.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "token/fetch.h"


typedef struct {
    char    *data;
    size_t   len;
} af_document_t;


static int af_fetch_url_has(CURLU *url, CURLUPart part);
static int af_fetch_ca_valid(const af_fetch_t *what);
static CURLcode af_fetch_perform(CURL *curl, char *reason);
static int af_fetch_set_up(CURL *curl, const af_fetch_t *what,
    af_document_t *document, char *error);
static int af_fetch_set_ca(CURL *curl, const af_fetch_t *what);
static size_t af_fetch_write(char *data, size_t size, size_t n, void *arg);


const char *
af_fetch_check(const af_fetch_t *what)
{
    CURLU       *url;
    CURLUcode    code;
    const char  *why;

    url = curl_url();
    if (url == NULL) {
        return "out of memory";
    }

    code = curl_url_set(url, CURLUPART_URL, what->url, 0);
    why = NULL;

    if (code != CURLUE_OK) {
        why = curl_url_strerror(code);

    } else if (af_fetch_url_has(url, CURLUPART_USER)
               || af_fetch_url_has(url, CURLUPART_PASSWORD))
    {
        why = "the URL has a user or a password";

    } else if (what->ca != NULL && !af_fetch_ca_valid(what)) {
        why = "the file of CAs has no certificate";
    }

    curl_url_cleanup(url);

    return why;
}


static int
af_fetch_url_has(CURLU *url, CURLUPart part)
{
    int    has;
    char  *text;

    text = NULL;
    has = curl_url_get(url, part, &text, 0) == CURLUE_OK;

    curl_free(text);

    return has;
}


/* one certificate at least, and none that is broken */

static int
af_fetch_ca_valid(const af_fetch_t *what)
{
    BIO            *bio;
    X509           *certificate;
    unsigned        n;
    unsigned long   error;

    bio = BIO_new_mem_buf(what->ca, what->ca_len);

    if (bio == NULL) {
        return 0;
    }

    (void) ERR_set_mark();

    for (n = 0; /* void */ ; n++) {
        certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);

        if (certificate == NULL) {
            break;
        }

        X509_free(certificate);
    }

    error = ERR_peek_last_error();

    (void) ERR_pop_to_mark();
    BIO_free(bio);

    return n > 0 && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}


char *
af_fetch(const af_fetch_t *what, size_t *len, char *error, size_t size)
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
        && af_fetch_set_up(curl, what, &document, reason) == 0)
    {
        code = af_fetch_perform(curl, reason);
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


/* any other answer than 200, as a redirect, is no document either */

static CURLcode
af_fetch_perform(CURL *curl, char *reason)
{
    long      status;
    CURLcode  code;

    code = curl_easy_perform(curl);

    if (code != CURLE_OK) {
        return code;
    }

    code = curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);

    if (code == CURLE_OK && status != 200) {
        snprintf(reason, CURL_ERROR_SIZE,
                 "The requested URL returned %ld, not 200", status);
        return CURLE_HTTP_RETURNED_ERROR;
    }

    return code;
}


static int
af_fetch_set_up(CURL *curl, const af_fetch_t *what, af_document_t *document,
    char *error)
{
    const char  *protocols;

    protocols = what->plain ? "http,https" : "https";

    /* without NOSIGNAL libcurl would use SIGALRM, in a thread */

    return curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) != CURLE_OK
           || curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error) != CURLE_OK
           || curl_easy_setopt(curl, CURLOPT_URL, what->url) != CURLE_OK
           || curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, protocols)
              != CURLE_OK
           || curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L) != CURLE_OK
           || curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS,
                               (long) AF_FETCH_TIMEOUT)
              != CURLE_OK
           || curl_easy_setopt(curl, CURLOPT_USERAGENT, "autoflow") != CURLE_OK
           || curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, af_fetch_write)
              != CURLE_OK
           || curl_easy_setopt(curl, CURLOPT_WRITEDATA, document) != CURLE_OK
           || af_fetch_set_ca(curl, what) != 0;
}


static int
af_fetch_set_ca(CURL *curl, const af_fetch_t *what)
{
    struct curl_blob  blob;

    if (what->ca == NULL) {
        return 0;
    }

    /* a CApath, which is built in, would be trusted beside it */

    blob.data = (char *) what->ca;
    blob.len = what->ca_len;
    blob.flags = CURL_BLOB_NOCOPY;

    return curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob) != CURLE_OK
           || curl_easy_setopt(curl, CURLOPT_CAPATH, NULL) != CURLE_OK;
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
