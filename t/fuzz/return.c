/*
 * Where a sign-in may lead back to: what is accepted leads, to libcurl, to the
 * host that it is judged by; and a local path to its own, also once it
 * has been read as browsers do, without tabs and line breaks, and with slashes
 * for backslashes.
 */

#include <curl/curl.h>
#include <strings.h>

#include "fuzz.h"
#include "check/return.h"


static void must_lead_to(const char *text, const char *host, size_t len);
static size_t browsers(const char *text, size_t len, char *dst);


static const char  own[] = "own.example";


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char         *text, *copy;
    af_origin_t   origin;

    text = af_exact(data, size);
    copy = malloc(size + 1);
    af_must(copy != NULL);

    switch (af_return_check(text, size, &origin)) {

    case AF_RETURN_LOCAL:
        af_must(browsers(text, size, copy) == size);
        af_must(copy[0] == '/' && copy[1] != '/');
        must_lead_to(copy, own, sizeof(own) - 1);
        break;

    case AF_RETURN_ABSOLUTE:
        af_must(browsers(text, size, copy) == size);
        must_lead_to(copy, origin.host, origin.host_len);
        break;

    default:
        break;
    }

    free(copy);
    free(text);

    return 0;
}


static void
must_lead_to(const char *text, const char *host, size_t len)
{
    char   *found;
    CURLU  *url;

    url = curl_url();
    af_must(url != NULL);

    af_must(curl_url_set(url, CURLUPART_URL, "https://own.example/a/b", 0)
            == CURLUE_OK);

    /* libcurl refuses some that are not addresses, as browsers do */

    if (curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK) {
        af_must(curl_url_get(url, CURLUPART_HOST, &found, 0) == CURLUE_OK);
        af_must(strlen(found) == len || host[0] == '['
                || (host[0] >= '0' && host[0] <= '9'));
        af_must(strlen(found) != len || strncasecmp(found, host, len) == 0
                || host[0] == '[' || (host[0] >= '0' && host[0] <= '9'));
        curl_free(found);
    }

    curl_url_cleanup(url);
}


/* a terminated copy, as browsers read it; returns its length */

static size_t
browsers(const char *text, size_t len, char *dst)
{
    char    *p;
    size_t   i;

    p = dst;

    for (i = 0; i < len; i++) {
        if (text[i] != '\t' && text[i] != '\n' && text[i] != '\r') {
            *p++ = (text[i] == '\\') ? '/' : text[i];
        }
    }

    *p = '\0';

    return strlen(dst);
}
