/*
 * What is made with one secret and read with others, while a secret is replaced
 * and afterwards; for each purpose.
 */

#include <sodium.h>

#include "unit.h"
#include "mail/token.h"
#include "token/base64url.h"
#include "token/challenge.h"
#include "token/csrf.h"
#include "token/cursor.h"
#include "token/refresh.h"
#include "token/mfa.h"
#include "token/seal.h"


#define A  "a secret of 32 octets and a few more"
#define B  "another secret, of some 32 octets"

#define USER     "019ada00-0000-7000-8000-000000000001"
#define SESSION  "019ada00-0000-7000-8000-0000000000ff"
#define HASH     "$argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA"
#define HANDLE   "000102030405060708090a0b0c0d0e0f"
#define ROW      "7c5e3f0a-1b2c-4d3e-8f90-a1b2c3d4e5f6"

/* cursors are the longest */
#define TEXT_SIZE  AF_CURSOR_SIZE


enum { OF_A, OF_B, OF_A_WITH_IDS_OF_B, SECRETS };

static af_secret_keys_t  made[SECRETS];
static unsigned char     session_random[AF_REFRESH_RANDOM];

/* as a configuration lists the secrets */

static af_secret_keys_t  a_b[2], b_a[2];

static const struct {
    const char         *name;
    af_purpose_keys_t   keys;
} configured[] = {
    { "A", { &made[OF_A], 1 } },
    { "B, A", { b_a, 2 } },
    { "A, B", { a_b, 2 } },
    { "B", { &made[OF_B], 1 } },
    { "none", { NULL, 0 } }
};

enum { A_ALONE, B_THEN_A, A_THEN_B, B_ALONE };


static int
setup(void **state)
{
    size_t  i;

    (void) state;

    for (i = 0; i < AF_REFRESH_RANDOM; i++) {
        session_random[i] = i;
    }

    if (af_secret_keys_derive((unsigned char *) A, strlen(A), &made[OF_A]) != 0
        || af_secret_keys_derive((unsigned char *) B, strlen(B), &made[OF_B])
           != 0)
    {
        return -1;
    }

    a_b[0] = b_a[1] = made[OF_A];
    a_b[1] = b_a[0] = made[OF_B];

    made[OF_A_WITH_IDS_OF_B] = made[OF_A];

    for (i = 0; i < AF_PURPOSES; i++) {
        memcpy(made[OF_A_WITH_IDS_OF_B].keys[i].id, made[OF_B].keys[i].id,
               AF_KEY_ID_SIZE);
    }

    return 0;
}


static void
seal_refresh(const af_purpose_keys_t *keys, char *text)
{
    assert_int_equal(af_refresh_make(keys, USER, SESSION, 1, session_random,
                                     text), 0);
}


static int
open_refresh(const af_purpose_keys_t *keys, const char *text, size_t len)
{
    af_refresh_t  token;

    return af_refresh_parse(keys, text, len, &token) == 0
           && strcmp(token.session_id, SESSION) == 0
           && af_refresh_check(keys, &token, session_random);
}


static void
seal_mail(const af_purpose_keys_t *keys, char *text)
{
    assert_int_equal(af_mail_token_make(keys, "reset_password", ROW, text), 0);
}


static int
open_mail(const af_purpose_keys_t *keys, const char *text, size_t len)
{
    char  id[AF_MAIL_ID_SIZE];

    return af_mail_token_check(keys, "reset_password", text, len, id)
           && strcmp(id, ROW) == 0;
}


static void
seal_csrf(const af_purpose_keys_t *keys, char *text)
{
    af_csrf_make(keys, (unsigned char *) SESSION, strlen(SESSION), text);
}


static int
open_csrf(const af_purpose_keys_t *keys, const char *text, size_t len)
{
    return af_csrf_check(keys, (unsigned char *) SESSION, strlen(SESSION),
                         text, len);
}


static void
seal_cursor(const af_purpose_keys_t *keys, char *text)
{
    assert_int_equal(af_cursor_make(keys, "list", "position", text), 0);
}


static int
open_cursor(const af_purpose_keys_t *keys, const char *text, size_t len)
{
    char  position[AF_POSITION_SIZE];

    return af_cursor_check(keys, "list", text, len, position)
           && strcmp(position, "position") == 0;
}


static void
seal_password(const af_purpose_keys_t *keys, char *text)
{
    assert_int_equal(af_seal(keys, AF_PURPOSE_PASSWORD, HASH, text), 0);
}


static int
open_password(const af_purpose_keys_t *keys, const char *text, size_t len)
{
    char  hash[AF_SEAL_TEXT_SIZE];

    return af_unseal(keys, AF_PURPOSE_PASSWORD, text, len, hash) != -1
           && strcmp(hash, HASH) == 0;
}


static void
seal_mfa(const af_purpose_keys_t *keys, char *text)
{
    assert_int_equal(af_mfa_token_make(keys, AF_PURPOSE_MFA, USER, HASH, 1000,
                                       text), 0);
}


static int
open_mfa(const af_purpose_keys_t *keys, const char *text, size_t len)
{
    af_mfa_token_t  mfa;

    return af_mfa_token_open(keys, AF_PURPOSE_MFA, text, len,
                             1000 + AF_MFA_TTL - 1, &mfa)
           == 0
           && af_mfa_token_open(keys, AF_PURPOSE_MFA, text, len,
                                1000 + AF_MFA_TTL, &mfa)
              == 1
           && af_mfa_token_open(keys, AF_PURPOSE_ENROL, text, len, 1000, &mfa)
              == -1
           && strcmp(mfa.user_id, USER) == 0
           && af_mfa_token_matches(&mfa, HASH)
           && !af_mfa_token_matches(&mfa, HASH "a")
           && !af_mfa_token_matches(&mfa, NULL);
}


static void
seal_seed(const af_purpose_keys_t *keys, char *text)
{
    assert_int_equal(af_mfa_seal(keys, USER, "JBSWY3DPEHPK3PXP", text), 0);
}


static int
open_seed(const af_purpose_keys_t *keys, const char *text, size_t len)
{
    char  seed[AF_SEAL_TEXT_SIZE];

    return af_mfa_unseal(keys, SESSION, text, len, seed) == -1
           && af_mfa_unseal(keys, USER, text, len, seed) != -1
           && strcmp(seed, "JBSWY3DPEHPK3PXP") == 0;
}


static void
seal_challenge(const af_purpose_keys_t *keys, char *text)
{
    af_challenge_t  challenge = {
        AF_CHALLENGE_REAUTH, USER, SESSION, HANDLE, 1000 + AF_CHALLENGE_TTL
    };

    af_challenge_make(keys, &challenge, text);
}


static int
open_challenge(const af_purpose_keys_t *keys, const char *text, size_t len)
{
    af_challenge_t  challenge;

    return af_challenge_open(keys, text, len, 1000 + AF_CHALLENGE_TTL,
                             &challenge) == -1
           && af_challenge_open(keys, text, len, 999 + AF_CHALLENGE_TTL,
                                &challenge) == 0
           && challenge.purpose == AF_CHALLENGE_REAUTH
           && challenge.expires == 1000 + AF_CHALLENGE_TTL
           && strcmp(challenge.user_id, USER) == 0
           && strcmp(challenge.session_id, SESSION) == 0
           && strcmp(challenge.handle, HANDLE) == 0;
}


static void
test_challenges_of_nobody(void **state)
{
    char            text[AF_SEALED_SIZE];
    af_challenge_t  challenge = { AF_CHALLENGE_LOGIN, "", "", "", 2000 };

    (void) state;

    af_challenge_make(&configured[A_ALONE].keys, &challenge, text);
    memset(&challenge, 0xff, sizeof(challenge));

    assert_int_equal(af_challenge_open(&configured[A_ALONE].keys, text,
                                       strlen(text), 1000, &challenge), 0);
    assert_int_equal(challenge.purpose, AF_CHALLENGE_LOGIN);
    assert_string_equal(challenge.user_id, "");
    assert_string_equal(challenge.session_id, "");
    assert_string_equal(challenge.handle, "");

    /* sealed for it, but too short */

    assert_int_equal(af_seal(&configured[A_ALONE].keys, AF_PURPOSE_CHALLENGE,
                             "l", text), 0);
    assert_int_equal(af_challenge_open(&configured[A_ALONE].keys, text,
                                       strlen(text), 1000, &challenge), -1);
}


/*
 * `former` and `present` are by Python's hmac, from A and the values above; the
 * password's hash and what follows with the nonce 00 01 02 …
 */

static const struct {
    const char  *name;
    void       (*seal)(const af_purpose_keys_t *keys, char *text);
    int        (*open)(const af_purpose_keys_t *keys, const char *text,
                       size_t len);
    const char  *present;
    const char  *former;
    int          random;       /* what is made differs each time */
} sealed[] = {
    { "refresh token", seal_refresh, open_refresh,
      "rivYIBgBmtoAAABwAIAAAAAAAAABAZraAAAAcACAAAAAAAAA_wAAAAAAAAABBj-KsbPR"
      "hE7deGPTCodg3GDLQmoI0xERUsgmfbm71YIRJcWzW6aXoA",
      "rwGa2gAAAHAAgAAAAAAAAAEBmtoAAABwAIAAAAAAAAD_AAAAAAAAAAF9auk-SaMOkbLH"
      "FBUaGuuQaDyaZOXl4IG5KgXGHKAoE8HtG9aTkR1o", 0 },
    { "mail token", seal_mail, open_mail,
      "8g0G_3xePwobLE0-j5ChssPU5faWKyTn2b501qWegN-Q7mDwTM6XZNcFtFathX7eU0wB"
      "kw",
      "fF4_ChssTT6PkKGyw9Tl9pYrJOfZvnTWpZ6A35DuYPBMzpdk1wW0Vq2Fft5TTAGT", 0 },
    { "CSRF token", seal_csrf, open_csrf,
      "MSmiQpkZNRUnOMMm-klqqbVDrefr38KC70IC0wDxgZXrwzOt",
      "mRk1FSc4wyb6SWqptUOt5-vfwoLvQgLTAPGBlevDM60", 0 },
    { "cursor", seal_cursor, open_cursor,
      "Am1XZ-Vwb3NpdGlvbuoQH6IS5v1Ytj6LTxmmYFo",
      NULL, 0 },
    { "password hash", seal_password, open_password,
      "$sealed$NP0jjgABAgMEBQYHCAkKCwwNDg8QERITFBUWF-a4yUGwCm0qqePmXnKFjYKl"
      "lGrKP3PL7evRGxb_oTVhzSZ-eZ9XO-ArlD0B5KcQADW87UWVuBlx",
      NULL, 1 },
    { "MFA token", seal_mfa, open_mfa,
      "$sealed$kvscIgABAgMEBQYHCAkKCwwNDg8QERITFBUWF3eNbAQ3AEtkZ4U8voc8GI"
      "kS_xfrAShh1D5nQfYLKbVYDQNBn4ANvR6XPloeRTJzWtyjs3a2nIQgMHD1DPTFhEjj"
      "-vL7r-qmOJatgEXx0AhRfsuQCuQ3pFg",
      NULL, 1 },
    { "seed", seal_seed, open_seed,
      "$sealed$B6n_PgABAgMEBQYHCAkKCwwNDg8QERITFBUWFxmnQ-7D3ojL6-0qTNSGQH"
      "E4ma75Q_Fn4i_Gs-PAVR33tap9uXdVMDJR97OfJAgPd1J7RvW0umr0H8fuNU4rXJHN"
      "xW4q",
      NULL, 1 },
    { "challenge", seal_challenge, open_challenge,
      "$sealed$zOOXWQABAgMEBQYHCAkKCwwNDg8QERITFBUWF_mBEJO4wE31LBmgqzgeWD"
      "iAoNHRteo99TvCES_jGyFQXT4-MrEm0J1uN2euaS8JmikiG7GWI3vrz_3yxTBLwtJV"
      "ELh8aBRILiaILvisukfOzQwxrCZYbBw6Plf7PD9WLyRtuYwPgt550o3nyl3aZ5h7d3"
      "_8JtNenqW0biNW",
      NULL, 1 }
};


/* the keys are those from before there were ids, which new tokens carry */

static void
test_keys_and_their_ids(void **state)
{
    int            failed;
    size_t         i, n;
    unsigned char  key[AF_DERIVED_KEY_SIZE], id[AF_KEY_ID_SIZE];

    static const struct {
        const char  *key;
        const char  *id;
    } keys[AF_PURPOSES] = {
        [AF_PURPOSE_REFRESH_TAG] = {
            "7e491f760d0252e49753bd6f2c0d97350c91b37f72bb78f57f97ba61361c7899",
            "2bd82018" },
        [AF_PURPOSE_REFRESH_MAC] = {
            "de489cb95a02b2bc57d63a5b745c28e9e7bfd191ab694f36505ca52bc01b82e0",
            "53d0e574" },
        [AF_PURPOSE_REFRESH_LEGACY] = {
            "4e1fb6515640d27fb602432d6e19a58ceb4170f9931229e313fdead3d635dcc3",
            "0cebd07e" },
        [AF_PURPOSE_MAIL] = {
            "833165674873c608b4cd7a9746620740b4c8f90cc2a5b39007ee05a558d7c415",
            "f20d06ff" },
        [AF_PURPOSE_CSRF] = {
            "3544d5ef06f547e5311632b63d465941f9a881fdd42db9bd0327fea06f4274e6",
            "3129a242" },
        [AF_PURPOSE_CURSOR] = {
            "c1237a031de084f9c970b73fffe605727fdab7c8cc8ba89d99c75f8a03944d2e",
            "6d5767e5" },
        [AF_PURPOSE_LOGIN] = {
            "6f4dbe202362f0ca3674dd51775376fcf04e42ec2f7f2bda3c809595e47f9f34",
            "3aaf39bd" },
        [AF_PURPOSE_PASSWORD] = {
            "310bf235c0f59a582543cb38eb7e94359783407b001201dd87cc7fd21c85afa4",
            "34fd238e" },
        [AF_PURPOSE_MFA] = {
            "51b4ecdf8726f39d3eddec81590090da0aae2b0344e49ffaa56c656d56cd6514",
            "92fb1c22" },
        [AF_PURPOSE_FACTOR] = {
            "4373a4566a24f3319a835e3ff64b01f6df1d67c8eb2c53fdf6d0c3135d8d730f",
            "07a9ff3e" },
        [AF_PURPOSE_CHALLENGE] = {
            "98e7446a316fd4545d177afb70594ffa3609a0646cc9a85a96e13f7ca027a869",
            "cce39759" },
        [AF_PURPOSE_ENROL] = {
            "59b735d997b1a8e9590c870ad65e17a0628087d9f777770e88e52c7b861db2c8",
            "7279ea81" }
    };

    (void) state;

    failed = 0;

    for (i = 0; i < AF_PURPOSES; i++) {
        sodium_hex2bin(key, sizeof(key), keys[i].key, strlen(keys[i].key),
                       NULL, &n, NULL);
        sodium_hex2bin(id, sizeof(id), keys[i].id, strlen(keys[i].id), NULL,
                       &n, NULL);

        af_row(memcmp(made[OF_A].keys[i].key, key, sizeof(key)) == 0,
               "purpose %zu", i);
        af_row(memcmp(made[OF_A].keys[i].id, id, sizeof(id)) == 0,
               "purpose %zu", i);

        af_row(af_purpose_find(&configured[B_THEN_A].keys, i, id) == 1,
               "purpose %zu", i);
        af_row(af_purpose_find(&configured[B_ALONE].keys, i, id) == -1,
               "purpose %zu", i);
        af_row(af_purpose_find(&configured[A_ALONE].keys,
                               (i + 1) % AF_PURPOSES, id)
               == -1, "purpose %zu", i);
    }

    assert_int_equal(failed, 0);
}


static void
test_another_implementation_makes_the_same(void **state)
{
    int     failed;
    char    text[TEXT_SIZE];
    size_t  i;

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(sealed); i++) {
        sealed[i].seal(&configured[A_ALONE].keys, text);
        af_row((strcmp(text, sealed[i].present) == 0) == !sealed[i].random,
               "%s", sealed[i].name);
        af_row(sealed[i].open(&configured[A_ALONE].keys, sealed[i].present,
                              strlen(sealed[i].present)),
               "%s", sealed[i].name);
    }

    assert_int_equal(failed, 0);
}


static void
test_a_secret_is_replaced(void **state)
{
    int     failed, good;
    char    text[TEXT_SIZE];
    size_t  i, j, k;

    /* the configuration that made it, and those that read it */
    static const struct {
        size_t  by;
        int     read[af_nelts(configured)];    /* in their order */
    } steps[] = {
        { A_ALONE, { 1, 1, 1, 0, 0 } },
        { A_THEN_B, { 1, 1, 1, 0, 0 } },
        { B_THEN_A, { 0, 1, 1, 1, 0 } },
        { B_ALONE, { 0, 1, 1, 1, 0 } }
    };

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(sealed); i++) {
        for (j = 0; j < af_nelts(steps); j++) {
            sealed[i].seal(&configured[steps[j].by].keys, text);

            for (k = 0; k < af_nelts(configured); k++) {
                good = sealed[i].open(&configured[k].keys, text, strlen(text));

                af_row(good == steps[j].read[k],
                       "%s of \"%s\", with \"%s\"", sealed[i].name,
                       configured[steps[j].by].name, configured[k].name);
            }
        }
    }

    assert_int_equal(failed, 0);
}


static void
test_the_key_that_is_named_is_the_only_one_tried(void **state)
{
    int                failed;
    char               text[TEXT_SIZE];
    size_t             i;
    af_purpose_keys_t  liar = { &made[OF_A_WITH_IDS_OF_B], 1 };

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(sealed); i++) {
        sealed[i].seal(&liar, text);

        af_row(sealed[i].open(&liar, text, strlen(text)), "%s",
               sealed[i].name);
        af_row(!sealed[i].open(&configured[A_THEN_B].keys, text,
                               strlen(text)), "%s", sealed[i].name);
    }

    assert_int_equal(failed, 0);
}


static void
test_forms_without_an_id(void **state)
{
    int     failed, good;
    size_t  i, k;

    static const int  read[af_nelts(configured)] = { 1, 1, 1, 0, 0 };

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(sealed); i++) {
        for (k = 0; sealed[i].former && k < af_nelts(configured); k++) {
            good = sealed[i].open(&configured[k].keys, sealed[i].former,
                                  strlen(sealed[i].former));

            af_row(good == read[k], "%s, with \"%s\"", sealed[i].name,
                   configured[k].name);
        }
    }

    assert_int_equal(failed, 0);
}


static void
test_nothing_that_was_altered(void **state)
{
    int     failed;
    char    text[TEXT_SIZE], *exact, was;
    size_t  i, j, len;

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(sealed); i++) {
        sealed[i].seal(&configured[A_THEN_B].keys, text);
        len = strlen(text);

        for (j = 0; j < len; j++) {
            was = text[j];
            text[j] = (was == 'A') ? 'B' : 'A';
            af_row(!sealed[i].open(&configured[A_THEN_B].keys, text, len),
                   "%s, character %zu", sealed[i].name, j);
            text[j] = '\xff';
            af_row(!sealed[i].open(&configured[A_THEN_B].keys, text, len),
                   "%s, character %zu", sealed[i].name, j);
            text[j] = was;

            exact = af_exact(text, j);
            af_row(!sealed[i].open(&configured[A_THEN_B].keys, exact, j),
                   "%s, the first %zu", sealed[i].name, j);
            free(exact);
        }

        af_row(!sealed[i].open(&configured[A_THEN_B].keys, text, len + 1),
               "%s, with its end", sealed[i].name);
        af_row(sealed[i].open(&configured[A_THEN_B].keys, text, len),
               "%s, as it was", sealed[i].name);
    }

    assert_int_equal(failed, 0);
}


static void
test_no_text_is_cut_or_seen_through_its_seal(void **state)
{
    char  text[AF_SEAL_TEXT_SIZE + 1], sealed_text[AF_SEALED_SIZE];
    char  again[AF_SEALED_SIZE], opened[AF_SEAL_TEXT_SIZE];

    const af_purpose_keys_t *keys = &configured[A_ALONE].keys;

    (void) state;

    memset(text, 'x', AF_SEAL_TEXT_SIZE);
    text[AF_SEAL_TEXT_SIZE] = '\0';
    assert_int_equal(af_seal(keys, AF_PURPOSE_PASSWORD, text, sealed_text), -1);

    text[AF_SEAL_TEXT_MAX] = '\0';
    assert_int_equal(af_seal(keys, AF_PURPOSE_PASSWORD, text, sealed_text), 0);
    assert_int_equal(af_unseal(keys, AF_PURPOSE_PASSWORD, sealed_text,
                               strlen(sealed_text), opened), 0);
    assert_string_equal(opened, text);

    assert_true(af_sealed(sealed_text));
    assert_false(af_sealed(HASH));

    /* who has the same password can't be seen */
    assert_int_equal(af_seal(keys, AF_PURPOSE_PASSWORD, text, again), 0);
    assert_string_not_equal(again, sealed_text);

    /* nor can it be opened for anything else */
    assert_int_equal(af_unseal(keys, AF_PURPOSE_CURSOR, sealed_text,
                               strlen(sealed_text), opened), -1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_keys_and_their_ids),
        cmocka_unit_test(test_another_implementation_makes_the_same),
        cmocka_unit_test(test_a_secret_is_replaced),
        cmocka_unit_test(test_the_key_that_is_named_is_the_only_one_tried),
        cmocka_unit_test(test_forms_without_an_id),
        cmocka_unit_test(test_nothing_that_was_altered),
        cmocka_unit_test(test_no_text_is_cut_or_seen_through_its_seal),
        cmocka_unit_test(test_challenges_of_nobody)
    };

    return sodium_init() == -1
           || cmocka_run_group_tests_name("purposes", tests, setup, NULL);
}
