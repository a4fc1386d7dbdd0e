#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <curl/curl.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "net/address.h"
#include "net/curl.h"
#include "net/fetch.h"


/* what libcurl's callbacks work on */

typedef struct {
    const af_fetch_t     *request;
    af_fetch_response_t  *response;
    struct curl_slist    *headers;
    const char           *reason;  /* why we aborted it */
} af_fetch_transfer_t;


static int af_fetch_url_has(CURLU *url, CURLUPart part);
static int af_fetch_ca_valid(const af_fetch_t *request);
static CURLcode af_fetch_perform(af_fetch_transfer_t *transfer,
    const volatile sig_atomic_t *stop, char *error, size_t size);
static int af_fetch_set_up(CURL *curl, af_fetch_transfer_t *transfer);
static int af_fetch_set_ca(CURL *curl, const af_fetch_t *request);
static int af_fetch_set_headers(CURL *curl, af_fetch_transfer_t *transfer);
static int af_fetch_add_header(af_fetch_transfer_t *transfer,
    const char *header);
static int af_fetch_set_body(CURL *curl, const af_fetch_t *request);
static int af_fetch_set_public(CURL *curl, af_fetch_transfer_t *transfer);
static curl_socket_t af_fetch_open(void *arg, curlsocktype purpose,
    struct curl_sockaddr *address);
static size_t af_fetch_write(char *data, size_t size, size_t n, void *arg);


const char *
af_fetch_check(const af_fetch_t *request)
{
    CURLU       *url;
    CURLUcode    code;
    const char  *error;

    url = curl_url();
    if (url == NULL) {
        return "out of memory";
    }

    code = curl_url_set(url, CURLUPART_URL, request->url, 0);
    error = NULL;

    if (code != CURLUE_OK) {
        error = curl_url_strerror(code);

    } else if (af_fetch_url_has(url, CURLUPART_USER)
               || af_fetch_url_has(url, CURLUPART_PASSWORD))
    {
        error = "the URL has a user or a password";

    } else if (request->ca != NULL && !af_fetch_ca_valid(request)) {
        error = "the CA file has no valid certificate";
    }

    curl_url_cleanup(url);

    return error;
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


/* at least one certificate, and none malformed */

static int
af_fetch_ca_valid(const af_fetch_t *request)
{
    BIO            *bio;
    X509           *certificate;
    unsigned        n;
    unsigned long   error;

    bio = BIO_new_mem_buf(request->ca, request->ca_len);

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


int
af_fetch(const af_fetch_t *request, af_fetch_response_t *response,
    const volatile sig_atomic_t *stop, char *error, size_t size)
{
    CURLcode             code;
    af_fetch_transfer_t  transfer;

    memset(&transfer, 0, sizeof(transfer));
    transfer.request = request;
    transfer.response = response;

    response->len = 0;
    response->body = malloc(request->max + 1);

    snprintf(error, size, "%s", curl_easy_strerror(CURLE_OUT_OF_MEMORY));

    code = (response->body != NULL)
           ? af_fetch_perform(&transfer, stop, error, size)
           : CURLE_OUT_OF_MEMORY;

    if (code == CURLE_OK) {
        response->body[response->len] = '\0';
        return 0;
    }

    free(response->body);
    response->body = NULL;

    if (transfer.reason != NULL) {
        snprintf(error, size, "%s", transfer.reason);
    }

    return -1;
}


static CURLcode
af_fetch_perform(af_fetch_transfer_t *transfer,
    const volatile sig_atomic_t *stop, char *error, size_t size)
{
    CURL              *curl;
    CURLcode           code;
    const af_fetch_t  *request;

    request = transfer->request;
    code = CURLE_OUT_OF_MEMORY;

    curl = af_curl_create(request->plain ? "http,https" : "https", request->url,
                          request->timeout, stop);

    if (curl != NULL && af_fetch_set_up(curl, transfer) == 0) {
        code = af_curl_perform(curl, error, size);
    }

    if (code == CURLE_OK) {
        code = curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE,
                                 &transfer->response->status);
    }

    curl_easy_cleanup(curl);
    curl_slist_free_all(transfer->headers);

    return code;
}


static int
af_fetch_set_up(CURL *curl, af_fetch_transfer_t *transfer)
{
    return curl_easy_setopt(curl, CURLOPT_USERAGENT, "autoflow") != CURLE_OK
           || curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, af_fetch_write)
              != CURLE_OK
           || curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer) != CURLE_OK
           || af_fetch_set_ca(curl, transfer->request) != 0
           || af_fetch_set_headers(curl, transfer) != 0
           || af_fetch_set_body(curl, transfer->request) != 0
           || af_fetch_set_public(curl, transfer) != 0;
}


static int
af_fetch_set_ca(CURL *curl, const af_fetch_t *request)
{
    struct curl_blob  blob;

    if (request->ca == NULL) {
        return 0;
    }

    /* otherwise the built-in CApath would be trusted as well */

    blob.data = (char *) request->ca;
    blob.len = request->ca_len;
    blob.flags = CURL_BLOB_NOCOPY;

    return curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob) != CURLE_OK
           || curl_easy_setopt(curl, CURLOPT_CAPATH, NULL) != CURLE_OK;
}


/* doesn't wait for a 100 (Continue) */

static int
af_fetch_set_headers(CURL *curl, af_fetch_transfer_t *transfer)
{
    const char *const  *header;

    if (af_fetch_add_header(transfer, "Expect:") != 0) {
        return -1;
    }

    for (header = transfer->request->headers; header && *header; header++) {
        if (af_fetch_add_header(transfer, *header) != 0) {
            return -1;
        }
    }

    return curl_easy_setopt(curl, CURLOPT_HTTPHEADER, transfer->headers)
           != CURLE_OK;
}


static int
af_fetch_add_header(af_fetch_transfer_t *transfer, const char *header)
{
    struct curl_slist  *headers;

    headers = curl_slist_append(transfer->headers, header);
    if (headers == NULL) {
        return -1;
    }

    transfer->headers = headers;

    return 0;
}


static int
af_fetch_set_body(CURL *curl, const af_fetch_t *request)
{
    if (request->body == NULL) {
        return 0;
    }

    return curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                            (curl_off_t) request->body_len)
           != CURLE_OK
           || curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body)
              != CURLE_OK;
}


/*
 * The address is checked when its socket is opened: a name may by then resolve
 * to another one than before.  A proxy would connect for us.
 */

static int
af_fetch_set_public(CURL *curl, af_fetch_transfer_t *transfer)
{
    if (!transfer->request->public) {
        return 0;
    }

    return curl_easy_setopt(curl, CURLOPT_PROXY, "") != CURLE_OK
           || curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, transfer)
              != CURLE_OK
           || curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION,
                               af_fetch_open)
              != CURLE_OK;
}


static curl_socket_t
af_fetch_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    af_fetch_transfer_t *transfer = arg;

    (void) purpose;

    if (!af_address_is_public(&address->addr)) {
        transfer->reason = "its address is not public";
        return CURL_SOCKET_BAD;
    }

    return socket(address->family, address->socktype | SOCK_CLOEXEC,
                  address->protocol);
}


static size_t
af_fetch_write(char *data, size_t size, size_t n, void *arg)
{
    af_fetch_response_t  *response;
    af_fetch_transfer_t  *transfer = arg;

    response = transfer->response;
    n *= size;

    if (n > transfer->request->max - response->len) {
        transfer->reason = "the response is too large";
        return 0;
    }

    memcpy(response->body + response->len, data, n);
    response->len += n;

    return n;
}
