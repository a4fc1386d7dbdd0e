/*
 * What can't be a secret: keys in all their usual formats.
 */

#include <stdlib.h>
#include <string.h>
#include <sodium.h>

#include "check/json.h"
#include "token/pem.h"
#include "token/secret.h"


#define AF_DER_SEQUENCE  0x30


/* INTEGER, OBJECT IDENTIFIER, SEQUENCE */
static const unsigned char  af_der_first[] = { 0x02, 0x06, AF_DER_SEQUENCE };


static int af_secret_is_der(const unsigned char *octets, size_t len);
static size_t af_der_length(const unsigned char **p, size_t len);
static int af_secret_is_base64_der(const unsigned char *text, size_t len);
static int af_secret_is_ssh(const unsigned char *text, size_t len);
static int af_secret_is_json(const unsigned char *text, size_t len);
static int af_secret_begins(const unsigned char *text, size_t len,
    const char *prefix);


const char *
af_secret_check(const unsigned char *secret, size_t len)
{
    if (af_pem_is((const char *) secret, len)) {
        return "PEM is not a secret";
    }

    if (af_secret_is_json(secret, len)) {
        return "JSON is not a secret";
    }

    if (af_secret_is_ssh(secret, len)) {
        return "an SSH key is not a secret";
    }

    if (af_secret_is_der(secret, len) || af_secret_is_base64_der(secret, len)) {
        return "DER is not a secret: a key must be in PEM";
    }

    return NULL;
}


/*
 * A SEQUENCE of the right length that begins as keys and certificates do.  At
 * some lengths, one in a million valid secrets looks like this.
 */

static int
af_secret_is_der(const unsigned char *octets, size_t len)
{
    size_t                n, rest;
    const unsigned char  *p;

    if (len < 32 || octets[0] != AF_DER_SEQUENCE) {
        return 0;
    }

    p = octets + 1;
    n = af_der_length(&p, len - 1);
    rest = octets + len - p;

    /* the last octets may have been stripped as the end of a line */

    return rest != 0 && n >= rest && n - rest <= 2
           && memchr(af_der_first, *p, sizeof(af_der_first)) != NULL;
}


/* leaves *p after the length (X.690, section 8.1.3) */

static size_t
af_der_length(const unsigned char **p, size_t len)
{
    size_t    n;
    unsigned  octets;

    n = *(*p)++;

    if (n < 0x80) {
        return n;
    }

    octets = n & 0x7f;

    if (octets == 0 || octets > 4 || octets >= len) {
        return 0;
    }

    for (n = 0; octets != 0; octets--) {
        n = n << 8 | *(*p)++;
    }

    return n;
}


/* PEM without its first and last lines, as some consoles display keys */

static int
af_secret_is_base64_der(const unsigned char *text, size_t len)
{
    int             found;
    size_t          i, n;
    unsigned char  *octets;

    static const int  variants[] = {
        sodium_base64_VARIANT_ORIGINAL,
        sodium_base64_VARIANT_URLSAFE,
        sodium_base64_VARIANT_URLSAFE_NO_PADDING
    };

    octets = malloc(len + 1);
    if (octets == NULL) {
        return 0;
    }

    found = 0;

    for (i = 0; i < sizeof(variants) / sizeof(variants[0]) && !found; i++) {
        found = sodium_base642bin(octets, len, (const char *) text, len,
                                  " \t\r\n", &n, NULL, variants[i])
                == 0
                && af_secret_is_der(octets, n);
    }

    sodium_memzero(octets, len);
    free(octets);

    return found;
}


static int
af_secret_is_ssh(const unsigned char *text, size_t len)
{
    return af_secret_begins(text, len, "ssh-")
           || af_secret_begins(text, len, "ecdsa-sha2-");
}


/* also after a byte order mark, or a list of keys */

static int
af_secret_is_json(const unsigned char *text, size_t len)
{
    json_t        *json;
    json_error_t   error;

    if (af_secret_begins(text, len, "\xef\xbb\xbf")) {
        text += 3;
        len -= 3;
    }

    json = af_json_load((const char *) text, len, 0, &error);
    json_decref(json);

    return json != NULL;
}


static int
af_secret_begins(const unsigned char *text, size_t len, const char *prefix)
{
    size_t  n;

    n = strlen(prefix);

    return len >= n && memcmp(text, prefix, n) == 0;
}
