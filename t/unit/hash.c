/* Stored hashes: what is accepted, what matches, and what that may cost. */

#include <stdio.h>
#include <sodium.h>

#include "unit.h"
#include "crypto/hash.h"
#include "crypto/password.h"


static const char *const  problems[] = {
    "", "unknown_scheme", "malformed", "excessive"
};


static const struct {
    const char  *problem;
    const char  *password;
    const char  *hash;
} rows[] = {
#include "hashes.h"
};


static const af_argon2_t  cheap = { crypto_pwhash_MEMLIMIT_MIN, 1 };


#define verify(hash, text)                                                   \
    af_password_verify(&cheap, hash, text, strlen(text))


static void
test_what_is_wrong_with_a_hash(void **state)
{
    int        failed;
    size_t     i;
    af_hash_t  hash;

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(rows); i++) {
        af_row(strcmp(problems[af_hash_parse(&hash, rows[i].hash,
                                             AF_HASH_WORK_MAX)],
                      rows[i].problem) == 0, "%s", rows[i].hash);
    }

    assert_int_equal(failed, 0);
}


static void
test_only_its_password_matches_and_is_to_be_rehashed(void **state)
{
    int     failed;
    char    longer[64];
    size_t  i;

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(rows); i++) {
        if (rows[i].password[0] == '\0') {
            continue;
        }

        (void) snprintf(longer, sizeof(longer), "%s!", rows[i].password);

        af_row(verify(rows[i].hash, rows[i].password)
               == AF_PASSWORD_NEEDS_REHASH, "%s", rows[i].hash);
        af_row(verify(rows[i].hash, longer) == AF_PASSWORD_MISMATCH,
               "%s with another password", rows[i].hash);
    }

    assert_int_equal(failed, 0);
}


/* except a digest: PBKDF2 and scrypt derive as much as there is */

static void
test_nothing_that_was_cut_off_is_accepted(void **state)
{
    int        failed;
    char      *part;
    size_t     i, len;
    af_hash_t  hash;

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(rows); i++) {

        if (rows[i].problem[0] != '\0') {
            continue;
        }

        for (len = strlen(rows[i].hash); len-- > 0; /* void */ ) {
            part = af_exact(rows[i].hash, len + 1);
            part[len] = '\0';

            af_row(af_hash_parse(&hash, part, AF_HASH_WORK_MAX)
                   != AF_HASH_VALID || hash.digest.len >= 16,
                   "the first %zu of %s", len, rows[i].hash);

            free(part);
        }
    }

    assert_int_equal(failed, 0);
}


#define DIGITS_72  "012345678901234567890123456789012345678901234567890123"  \
                   "4567890123456789ab"

static void
test_bcrypt_has_72_octets(void **state)
{
    char               text[sizeof(DIGITS_72) + 1];

    static const char  hash[] = "$2b$04$4bGFGzZWEd2g9Q7gvMeYVu"
                                "0qljRTaSWsHdRxQo5rml6TJL.owYnhG";

    (void) state;

    assert_int_equal(verify(hash, DIGITS_72), AF_PASSWORD_NEEDS_REHASH);
    assert_int_equal(verify(hash, DIGITS_72 "tail"), AF_PASSWORD_NEEDS_REHASH);

    memcpy(text, DIGITS_72, sizeof(DIGITS_72));
    text[71] = 'c';
    assert_int_equal(verify(hash, text), AF_PASSWORD_MISMATCH);

    /* and none after a zero: a password with one matches nothing */

    assert_int_equal(af_password_verify(&cheap, rows[0].hash, "U*U", 3),
                     AF_PASSWORD_NEEDS_REHASH);
    assert_int_equal(af_password_verify(&cheap, rows[0].hash, "U*U\0x", 5),
                     AF_PASSWORD_MISMATCH);
}


static void
test_work_is_limited(void **state)
{
    af_hash_t          hash;

    static const char  bcrypt[] = "$2b$04$4bGFGzZWEd2g9Q7gvMeYVu"
                                  "KoULU9jaFYp22i2AvrAmsmyobD0ILQi";

    (void) state;

    assert_int_equal(af_hash_parse(&hash, bcrypt, 1600), AF_HASH_VALID);
    assert_true(hash.work == 1600);
    assert_int_equal(af_hash_parse(&hash, bcrypt, 1599), AF_HASH_EXCESSIVE);

    assert_int_equal(verify("$2b$31$4bGFGzZWEd2g9Q7gvMeYVu"
                            "KoULU9jaFYp22i2AvrAmsmyobD0ILQi",
                            "correct horse"), AF_PASSWORD_EXCESSIVE);
}


/* of a decomposed "café" */

static void
test_forms_are_tried_while_all_are_within_the_limit(void **state)
{
    static const char  usual[] = "pbkdf2:sha1:1000$salt$"
                                 "6be93153d46f087d52ae2c9cdff787b35c6ac2e8";
    static const char  costly[] = "pbkdf2:sha1:2200000$salt$"
                                  "d87260881290fbc9aaa8fb91c6183f7ffb588b3d";

    (void) state;

    assert_int_equal(verify(usual, "caf\xc3\xa9"), AF_PASSWORD_NEEDS_REHASH);
    assert_int_equal(verify(usual, "cafe\xcc\x81"), AF_PASSWORD_NEEDS_REHASH);

    assert_int_equal(verify(costly, "caf\xc3\xa9"), AF_PASSWORD_MISMATCH);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_what_is_wrong_with_a_hash),
        cmocka_unit_test(test_only_its_password_matches_and_is_to_be_rehashed),
        cmocka_unit_test(test_nothing_that_was_cut_off_is_accepted),
        cmocka_unit_test(test_bcrypt_has_72_octets),
        cmocka_unit_test(test_work_is_limited),
        cmocka_unit_test(test_forms_are_tried_while_all_are_within_the_limit)
    };

    return sodium_init() == -1
           || cmocka_run_group_tests_name("hash", tests, NULL, NULL);
}
