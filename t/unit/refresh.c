/* Refresh tokens: their parts, and what it takes to make one. */

#include <stdio.h>
#include <sodium.h>

#include "unit.h"
#include "token/base64url.h"
#include "token/refresh.h"


#define USER     "019ada00-0000-7000-8000-000000000001"
#define SESSION  "019ada00-0000-7000-8000-0000000000ff"

/*
 * by Python's hmac, hashlib and base64, from the secret, the ids and the random
 * below; and an earlier form, without the key's id
 */
#define FIRST                                                                \
    "rivYIBgBmtoAAABwAIAAAAAAAAABAZraAAAAcACAAAAAAAAA_wAAAAAA"               \
    "AAABBj-KsbPRhE7deGPTCodg3GDLQmoI0xERUsgmfbm71YIRJcWzW6aXoA"
#define UNKEYED                                                              \
    "rwGa2gAAAHAAgAAAAAAAAAEBmtoAAABwAIAAAAAAAAD_AAAAAAAAAA"                 \
    "F9auk-SaMOkbLHFBUaGuuQaDyaZOXl4IG5KgXGHKAoE8HtG9aTkR1o"
#define LATER                                                                \
    "rwGa2gAAAHAAgAAAAAAAAAEBmtoAAABwAIAAAAAAAAD_AAABAAAAAA"                 \
    "UAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


enum { FORMER_SECRET, SECRET, SECRETS };

static const char *const  secrets[SECRETS] = {
    "another secret, of some 32 octets",
    "a secret of 32 octets and a few more"
};

static af_secret_keys_t         made[SECRETS];
static const af_purpose_keys_t  keys = { made, SECRETS };
static unsigned char            session_random[AF_REFRESH_RANDOM];


static int
setup(void **state)
{
    size_t  i;

    (void) state;

    for (i = 0; i < SECRETS; i++) {
        assert_int_equal(af_secret_keys_derive(
                             (const unsigned char *) secrets[i],
                             strlen(secrets[i]), &made[i]), 0);
    }

    for (i = 0; i < AF_REFRESH_RANDOM; i++) {
        session_random[i] = i;
    }

    return 0;
}


static int
make(size_t secret, uint64_t number, char text[AF_REFRESH_SIZE])
{
    af_purpose_keys_t  one = { &made[secret], 1 };

    return af_refresh_make(&one, USER, SESSION, number, session_random, text);
}


/* a copy without a terminating zero */

static int
parse(const char *text, size_t len, af_refresh_t *token)
{
    int    rc;
    char  *copy;

    copy = af_exact(text, len);
    rc = af_refresh_parse(&keys, copy, len, token);
    free(copy);

    return rc;
}


static void
test_what_was_made_is_read(void **state)
{
    int           failed;
    char          text[AF_REFRESH_SIZE];
    size_t        i, secret;
    af_refresh_t  token;

    static const uint64_t  numbers[] = {
        1, 2, 255, 256, UINT32_MAX, AF_REFRESH_NUMBER_MAX
    };

    (void) state;

    failed = 0;

    for (secret = 0; secret < SECRETS; secret++) {
        for (i = 0; i < af_nelts(numbers); i++) {
            assert_int_equal(make(secret, numbers[i], text), 0);
            assert_int_equal(strlen(text), AF_REFRESH_SIZE - 1);
            assert_int_equal(parse(text, strlen(text), &token), 0);

            af_row(token.number == numbers[i], "number %zu", i);
            af_row(token.secret == secret, "secret %zu", secret);
            af_row(strcmp(token.user_id, USER) == 0, "user");
            af_row(strcmp(token.session_id, SESSION) == 0, "session");
            af_row(af_refresh_check(&keys, &token, session_random),
                   "number %zu", i);
        }
    }

    assert_int_equal(failed, 0);
}


static void
test_what_cannot_be_made(void **state)
{
    char  text[AF_REFRESH_SIZE];

    (void) state;

    assert_int_equal(make(SECRET, 0, text), -1);
    assert_int_equal(make(SECRET, (uint64_t) AF_REFRESH_NUMBER_MAX + 1, text),
                     -1);
    assert_int_equal(af_refresh_make(&keys, "x", SESSION, 1, session_random,
                                     text), -1);
    assert_int_equal(af_refresh_make(&keys, USER, "", 1, session_random, text),
                     -1);
}


/* any changed octet, except those of the MAC, which is for the row */

static void
test_the_tag_detects_junk(void **state)
{
    int            failed;
    char           text[AF_REFRESH_SIZE];
    size_t         i, j, n;
    af_refresh_t   token;
    unsigned char  octets[AF_REFRESH_OCTETS];

    static const char *const  good[] = { FIRST, UNKEYED };

    (void) state;

    failed = 0;

    for (j = 0; j < af_nelts(good); j++) {
        assert_true(af_base64url_decode(octets, sizeof(octets), &n, good[j],
                                        strlen(good[j])));

        for (i = 0; i < n; i++) {
            octets[i] ^= 1;
            sodium_bin2base64(text, sizeof(text), octets, n, AF_BASE64URL);
            octets[i] ^= 1;

            if (i < n - 32) {
                af_row(parse(text, strlen(text), &token) == -1,
                       "octet %zu of %zu", i, n);

            } else {
                af_row(parse(text, strlen(text), &token) == 0,
                       "octet %zu of %zu", i, n);
                af_row(!af_refresh_check(&keys, &token, session_random),
                       "octet %zu of %zu", i, n);
            }
        }
    }

    af_row(parse(LATER, strlen(LATER), &token) == -1, "no tag");
    af_row(parse(FIRST, strlen(FIRST) - 1, &token) == -1, "cut");
    af_row(parse(FIRST "A", strlen(FIRST) + 1, &token) == -1, "longer");
    af_row(parse(UNKEYED "A", strlen(UNKEYED) + 1, &token) == -1, "longer");
    af_row(parse("", 0, &token) == -1, "empty");

    assert_int_equal(failed, 0);
}


static void
test_neither_secret_nor_random_alone_is_enough(void **state)
{
    char           text[AF_REFRESH_SIZE];
    af_refresh_t   token;
    unsigned char  other[AF_REFRESH_RANDOM] = { 0 };

    af_secret_keys_t   mixed = made[SECRET];
    af_purpose_keys_t  one = { &mixed, 1 };

    (void) state;

    /* the secret, and another session's random */

    assert_int_equal(af_refresh_make(&one, USER, SESSION, 1, other, text), 0);
    assert_int_equal(parse(text, strlen(text), &token), 0);
    assert_false(af_refresh_check(&keys, &token, session_random));

    /* the random, and another secret's key */

    mixed.keys[AF_PURPOSE_REFRESH_MAC] =
        made[FORMER_SECRET].keys[AF_PURPOSE_REFRESH_MAC];
    assert_int_equal(af_refresh_make(&one, USER, SESSION, 1, session_random,
                                     text), 0);
    assert_int_equal(parse(text, strlen(text), &token), 0);
    assert_false(af_refresh_check(&keys, &token, session_random));
}


static void
test_forms(void **state)
{
    int     failed;
    size_t  i;

    static const struct {
        const char         *text;
        af_refresh_form_t   form;
    } texts[] = {
        { FIRST, AF_REFRESH_NUMBERED },
        { UNKEYED, AF_REFRESH_NUMBERED },
        { LATER, AF_REFRESH_NUMBERED },
        { "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA_", AF_REFRESH_LEGACY },
        { "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA.", AF_REFRESH_NONE },
        { "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", AF_REFRESH_NONE },
        { "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", AF_REFRESH_NONE },
        { "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
          AF_REFRESH_NONE },
        { "", AF_REFRESH_NONE }
    };

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(texts); i++) {
        af_row(af_refresh_form(texts[i].text, strlen(texts[i].text))
               == texts[i].form, "%s", texts[i].text);
    }

    assert_int_equal(failed, 0);
}


static void
test_legacy_tokens(void **state)
{
    char  successor[AF_REFRESH_LEGACY_SIZE];
    char  hash[AF_REFRESH_HASH_SIZE];

    (void) state;

    af_refresh_successor(&keys, FORMER_SECRET, "token", successor);
    assert_int_equal(af_refresh_form(successor, strlen(successor)),
                     AF_REFRESH_LEGACY);
    assert_string_equal(successor,
                        "-gloaU8LlrXTbkVPgTcPkU8O5JqgHZHz-RUcGeLDHJ8");

    af_refresh_hash("token", hash);
    assert_string_equal(hash, "3c469e9d6c5875d37a43f353d4f88e61"
                              "fcf812c66eee3457465a40b0da4153e0");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_what_was_made_is_read),
        cmocka_unit_test(test_what_cannot_be_made),
        cmocka_unit_test(test_the_tag_detects_junk),
        cmocka_unit_test(test_neither_secret_nor_random_alone_is_enough),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_legacy_tokens)
    };

    return sodium_init() == -1
           || cmocka_run_group_tests_name("refresh", tests, setup, NULL);
}
