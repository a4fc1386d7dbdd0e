/*
 * What can't be a secret.  t/10-config.t has real keys in these formats.
 */

#include "unit.h"
#include "token/secret.h"


#define DER  "DER is not a secret: a key must be in PEM"


/* the first octets of a secret, the others are 'x', and its length */

static const struct {
    const char  *name;
    const char  *begin;
    size_t       known;
    size_t       len;
    const char  *error;
} rows[] = {
    { "nothing", "", 0, 0, NULL },
    { "one octet", "\x30", 1, 1, NULL },
    { "text", "", 0, 32, NULL },

    { "a SEQUENCE", "\x30\x2a\x30", 3, 44, DER },
    { "of an INTEGER", "\x30\x2a\x02", 3, 44, DER },
    { "of an OBJECT IDENTIFIER", "\x30\x2a\x06", 3, 44, DER },
    { "of something else", "\x30\x2a\x04", 3, 44, NULL },
    { "one octet was cut off", "\x30\x2b\x30", 3, 44, DER },
    { "two", "\x30\x2c\x30", 3, 44, DER },
    { "three", "\x30\x2d\x30", 3, 44, NULL },
    { "one too many", "\x30\x29\x30", 3, 44, NULL },
    { "a SET", "\x31\x2a\x30", 3, 44, NULL },
    { "one octet of length", "\x30\x81\xa0\x30", 4, 163, DER },
    { "two", "\x30\x82\x01\x22\x30", 5, 294, DER },
    { "three", "\x30\x83\x00\x01\x22\x30", 6, 295, DER },
    { "four", "\x30\x84\x00\x00\x01\x22\x30", 7, 296, DER },
    { "five", "\x30\x85\x00\x00\x00\x01\x22\x30", 8, 297, NULL },
    { "no length", "\x30\x80\x30", 3, 44, NULL },
    { "a length that is too long", "\x30\xff\x30", 3, 44, NULL },
    { "a huge length", "\x30\x84\xff\xff\xff\xff\x30", 7, 44, NULL },

    { "PEM", "-----BEGIN ", 11, 40, "PEM is not a secret" },
    { "an SSH key", "ssh-rsa ", 8, 40, "an SSH key is not a secret" },
    { "another", "ecdsa-sha2-nistp256 ", 20, 40, "an SSH key is not a secret" },
    { "a word like it", "ssh", 3, 40, NULL },
    { "an object", "{\"a\":\"0123456789012345678901234567\"}", 36, 36,
      "JSON is not a secret" },
    { "a list", "[\"012345678901234567890123456789\"]", 34, 34,
      "JSON is not a secret" },
    { "behind a byte order mark", "\xef\xbb\xbf[\"01234567890123456789\"]",
      27, 27, "JSON is not a secret" },
    { "not closed", "[\"", 2, 34, NULL }
};


/* in memory of exactly its length, for sanitizers */

static void
test_keys_are_not_secrets(void **state)
{
    int          failed;
    size_t       i;
    const char  *error;
    void        *secret;

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(rows); i++) {
        secret = malloc(rows[i].len);

        memset(secret, 'x', rows[i].len);
        memcpy(secret, rows[i].begin, rows[i].known);

        error = af_secret_check(secret, rows[i].len);

        af_row(rows[i].error ? error && strcmp(error, rows[i].error) == 0
                             : error == NULL, "%s", rows[i].name);

        free(secret);
    }

    assert_int_equal(failed, 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_keys_are_not_secrets)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
