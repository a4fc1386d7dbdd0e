/*
 * base64url, as in tokens: what is decoded is what an encoder would write, and
 * nothing else.
 */

#include "fuzz.h"
#include "token/jwt.c"


static void decoded(const char *s, size_t len);
static void encoded(const unsigned char *octets, size_t n);
static void appended(size_t at, const unsigned char *octets, size_t n,
    int rc);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size <= AF_JWT_MAX) {
        decoded((const char *) data, size);
        encoded(data, size);
    }

    return 0;
}


static void
decoded(const char *s, size_t len)
{
    int             rc;
    long            expected;
    char            again[AF_JWT_MAX + 1];
    size_t          n;
    unsigned char  *octets, reference[AF_JWT_MAX];

    octets = malloc(AF_JWT_MAX);
    af_must(octets != NULL);

    rc = af_base64url_decode(octets, AF_JWT_MAX, &n, s, len);

    expected = af_unbase64(reference, s, len);
    af_must(rc == (expected != -1));

    if (rc) {
        af_must(n == (size_t) expected);
        af_must(memcmp(octets, reference, n) == 0);

        sodium_bin2base64(again, sizeof(again), octets, n, AF_BASE64URL);
        af_must(strlen(again) == len && memcmp(again, s, len) == 0);
    }

    free(octets);
}


static void
encoded(const unsigned char *octets, size_t n)
{
    size_t  len;

    len = sodium_base64_ENCODED_LEN(n, AF_BASE64URL) - 1;

    if (len > AF_JWT_MAX) {
        appended(0, octets, n, -1);
        return;
    }

    appended(0, octets, n, 0);
    appended(AF_JWT_MAX - len, octets, n, 0);
    appended(AF_JWT_MAX + 1 - len, octets, n, -1);
}


static void
appended(size_t at, const unsigned char *octets, size_t n, int rc)
{
    char           *out;
    size_t          len;
    unsigned char   reference[AF_JWT_MAX];

    out = malloc(AF_JWT_MAX + 1);
    af_must(out != NULL);

    len = at;
    af_must(af_jwt_append(out, &len, octets, n) == rc);

    if (rc == 0) {
        af_must(len <= AF_JWT_MAX && out[len] == '\0');
        af_must(af_unbase64(reference, out + at, len - at) == (long) n);
        af_must(memcmp(reference, octets, n) == 0);

    } else {
        af_must(len == at);
    }

    free(out);
}
