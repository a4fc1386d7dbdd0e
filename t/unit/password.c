/*
 * Passwords: what matches, that a refusal costs as much as a match, and what is
 * weak.
 */

#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "unit.h"
#include "crypto/password.h"


static const af_argon2_t  cheap = { crypto_pwhash_MEMLIMIT_MIN, 1 };
static const af_argon2_t  cheap_too = { crypto_pwhash_MEMLIMIT_MIN, 2 };
static const af_argon2_t  usual = { 19 * 1024 * 1024, 2 };


static const struct {
    const char  *name;
    const char  *hash;
} foreign[] = {
    { "no account", NULL },
    { "empty", "" },
    { "in plain text", "secret" },
    { "of an unknown scheme", "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMH"
      "WjlO/O817G3uBnIFNjnQJuesI68OTLiBFdcbYEdFCoEOfaS35inz1" },
    { "only a prefix", "$argon2id$" },
    { "no salt", "$argon2id$v=19$m=8,t=1,p=1$" },
    { "no digest", "$argon2id$v=19$m=8,t=1,p=1$Dt49sxFoyH0zf6ASuYYyWg" },
    { "another version", "$argon2id$v=18$m=8,t=1,p=1$Dt49sxFoyH0zf6ASuYYyWg$"
      "B5yIMsM6vQnCWLvMXh9PFcSoYHeLw7wBh8Iiyl7a/DY" },
    { "no cost", "$argon2id$v=19$Dt49sxFoyH0zf6ASuYYyWg$"
      "B5yIMsM6vQnCWLvMXh9PFcSoYHeLw7wBh8Iiyl7a/DY" },
    { "not base64", "$argon2id$v=19$m=8,t=1,p=1$????????????????????""??$"
      "B5yIMsM6vQnCWLvMXh9PFcSoYHeLw7wBh8Iiyl7a/DY" }
};


static const char *const  nobody[] = { NULL };
static const char *const  ada[] = {
    "ada.lovelace@example.com", "Countess-1815", "Ada King", NULL
};


/* too short to be words */
static const char *const  letters[] = {
    "k X 9 # m P", "2 v L q 8 w", NULL
};


static const struct {
    const char         *password;
    const char *const  *words;
    double              least;
    double              most;
} strengths[] = {
    { "password", nobody, 0, 10 },
    { "12345678", nobody, 0, 10 },
    { "qwertyuiop", nobody, 0, 20 },
    { "aaaaaaaaaaaa", nobody, 0, 20 },
    { "P@ssw0rd", nobody, 0, 20 },
    { "", nobody, 0, 1 },
    { "correct horse battery staple", nobody, 50, 100 },
    { "kX9#mP2vLq8w", nobody, 50, 100 },
    { "\xd0\xbf\xd0\xb0\xd1\x80\xd0\xbe\xd0\xbb\xd1\x8c-\xd0\xb5\xd1\x89",
      nobody, 50, 200 },

    /* as a whole, in part, in another case, backwards, and with additions */
    { "lovelace.zz", nobody, 20, 100 },
    { "ada.lovelace@example.com", ada, 0, 10 },
    { "countess-1815", ada, 0, 10 },
    { "lovelace", ada, 0, 10 },
    { "LOVELACE", ada, 0, 10 },
    { "ecalevol", ada, 0, 10 },
    { "l0vel4ce", ada, 0, 15 },
    { "Lovelace1", ada, 0, 20 },
    { "adalovelace", ada, 0, 20 },
    { "kX9#mP2vLq8w", ada, 50, 100 },
    { "kX9#mP2vLq8w", letters, 70, 100 }
};


static const struct {
    const char  *password;
    int          similar;
} likenesses[] = {
    { "ada.lovelace@example.com", 1 },
    { "ADA.Lovelace@Example.COM", 1 },
    { "ada.lovelace", 1 },
    { "Ada.Lovelace", 1 },
    { "countess-1815", 1 },
    { "ada king", 1 },
    { "ada.lovelace@", 0 },
    { "ada.lovelac", 0 },
    { "ada.lovelaceA", 0 },
    { "example.com", 0 },
    { "countess-181", 0 },
    { "countess-18155", 0 },
    { "", 0 },
    { "something else", 0 }
};


static void
test_a_hash_matches_its_password_only(void **state)
{
    int   failed;
    char  hash[AF_PASSWORD_HASH_SIZE], again[AF_PASSWORD_HASH_SIZE];
    char  password[1025];

    (void) state;

    failed = 0;
    memset(password, 'x', sizeof(password));

    assert_int_equal(af_password_hash(&cheap, "secret", 6, hash), 0);
    assert_int_equal(af_password_hash(&cheap, "secret", 6, again), 0);

    assert_memory_equal(hash, "$argon2id$v=19$m=8,t=1,p=1$", 27);
    assert_string_not_equal(hash, again);

#define is(status, cost, text, len)                                          \
    af_row(af_password_verify(cost, hash, text, len) == status, "%zu",       \
           (size_t) len)

    is(AF_PASSWORD_MATCH, &cheap, "secret", 6);
    is(AF_PASSWORD_NEEDS_REHASH, &cheap_too, "secret", 6);
    is(AF_PASSWORD_NEEDS_REHASH, &usual, "secret", 6);
    is(AF_PASSWORD_MISMATCH, &cheap, "secret", 5);
    is(AF_PASSWORD_MISMATCH, &cheap, "secret", 7);
    is(AF_PASSWORD_MISMATCH, &cheap, "Secret", 6);
    is(AF_PASSWORD_MISMATCH, &cheap, "", 0);

    assert_int_equal(af_password_hash(&cheap, password, 1024, hash), 0);
    is(AF_PASSWORD_MATCH, &cheap, password, 1024);
    is(AF_PASSWORD_MISMATCH, &cheap, password, 1023);
    is(AF_PASSWORD_MISMATCH, &cheap, password, 1025);

    assert_int_equal(af_password_hash(&cheap, "", 0, hash), 0);
    is(AF_PASSWORD_MATCH, &cheap, "", 0);
    is(AF_PASSWORD_MISMATCH, &cheap, "x", 1);

#undef is

    assert_int_equal(failed, 0);
}


static void
test_no_other_hash_matches(void **state)
{
    int     failed;
    char    hash[AF_PASSWORD_HASH_SIZE], old[AF_PASSWORD_HASH_SIZE];
    size_t  i, len;

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(foreign); i++) {
        af_row(af_password_verify(&cheap, foreign[i].hash, "secret", 6)
               == AF_PASSWORD_MISMATCH, "%s", foreign[i].name);
    }

    assert_int_equal(af_password_hash(&cheap, "secret", 6, hash), 0);
    len = strlen(hash);

    for (i = 0; i < len; i++) {
        memcpy(old, hash, len + 1);
        old[i] = '\0';
        af_row(af_password_verify(&cheap, old, "secret", 6)
               == AF_PASSWORD_MISMATCH, "the first %zu", i);
    }

    memcpy(old, hash, len);
    memcpy(old + len, "A", 2);
    assert_int_equal(af_password_verify(&cheap, old, "secret", 6),
                     AF_PASSWORD_MISMATCH);

    assert_int_equal(failed, 0);
}


/* "é" and "ệ", precomposed and decomposed */
#define COMPOSED    "caf\xc3\xa9 \xe1\xbb\x87"
#define DECOMPOSED  "cafe\xcc\x81 e\xcc\xa3\xcc\x82"
#define MIXED       "caf\xc3\xa9 e\xcc\xa3\xcc\x82"


static void
test_normalization_forms_match(void **state)
{
    char    hash[AF_PASSWORD_HASH_SIZE], old[AF_PASSWORD_HASH_SIZE];
    size_t  i, k;

    static const char *const  forms[] = { COMPOSED, DECOMPOSED, MIXED };

    (void) state;

#define verify(hash, text)                                                   \
    af_password_verify(&cheap, hash, text, strlen(text))

    for (i = 0; i < af_nelts(forms); i++) {
        assert_int_equal(af_password_hash(&cheap, forms[i], strlen(forms[i]),
                                          hash), 0);
        assert_int_equal(crypto_pwhash_str_alg(old, forms[i],
                             strlen(forms[i]), cheap.time, cheap.memory,
                             crypto_pwhash_ALG_ARGON2ID13), 0);

        for (k = 0; k < af_nelts(forms); k++) {
            assert_int_equal(verify(hash, forms[k]), AF_PASSWORD_MATCH);
        }

        /* hashes made earlier, which need a rehash */

        assert_int_equal(verify(old, forms[i]),
                         i == 0 ? AF_PASSWORD_MATCH : AF_PASSWORD_NEEDS_REHASH);
        assert_int_equal(verify(hash, "cafe e"), AF_PASSWORD_MISMATCH);
    }

    /* each of the two forms that systems send matches the other */

    assert_int_equal(crypto_pwhash_str_alg(old, DECOMPOSED,
                         strlen(DECOMPOSED), cheap.time, cheap.memory,
                         crypto_pwhash_ALG_ARGON2ID13), 0);
    assert_int_equal(verify(old, COMPOSED), AF_PASSWORD_NEEDS_REHASH);

    /* compatibility forms are not equivalent */

    assert_int_equal(af_password_hash(&cheap, "\xef\xac\x81", 3, hash), 0);
    assert_int_equal(verify(hash, "fi"), AF_PASSWORD_MISMATCH);

#undef verify
}


static void
test_a_hash_of_excessive_cost_is_not_computed(void **state)
{
    int          failed;
    char         hash[AF_PASSWORD_HASH_SIZE];
    size_t       i;
    af_argon2_t  dear;

    static const char  rest[] = ",p=1$Dt49sxFoyH0zf6ASuYYyWg$"
                                "B5yIMsM6vQnCWLvMXh9PFcSoYHeLw7wBh8Iiyl7a/DY";

    static const struct {
        const char            *cost;
        af_password_status_t   status;
    } rows[] = {
        { "m=1048576,t=100000", AF_PASSWORD_EXCESSIVE },
        { "m=1048577,t=1", AF_PASSWORD_EXCESSIVE },
        { "m=4294967295,t=4294967295", AF_PASSWORD_EXCESSIVE },
        { "m=8,t=524289", AF_PASSWORD_EXCESSIVE },
        { "m=8,t=4294967295", AF_PASSWORD_EXCESSIVE },
        { "m=65536,t=4", AF_PASSWORD_MISMATCH },
        { "m=8,t=65536", AF_PASSWORD_MISMATCH }
    };

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(rows); i++) {
        (void) snprintf(hash, sizeof(hash), "$argon2id$v=19$%s%s",
                        rows[i].cost, rest);
        af_row(af_password_verify(&cheap, hash, "secret", 6)
               == rows[i].status, "%s", rows[i].cost);
    }

    /* a higher configured cost is allowed */

    dear.memory = 1024 * 1024 * 1024;
    dear.time = 4;

    (void) snprintf(hash, sizeof(hash), "$argon2id$v=19$m=8,t=524289%s", rest);
    assert_int_equal(af_password_verify(&dear, hash, "secret", 6),
                     AF_PASSWORD_MISMATCH);

    assert_int_equal(failed, 0);
}


static double
cost_of(const char *hash, const char *password)
{
    int      i;
    double   best, spent;
    clock_t  start;

    best = 0;

    for (i = 0; i < 3; i++) {
        start = clock();
        (void) af_password_verify(&usual, hash, password, strlen(password));
        spent = (double) (clock() - start);
        best = (i == 0 || spent < best) ? spent : best;
    }

    return best;
}


static void
test_refusing_costs_as_much_as_matching(void **state)
{
    int     failed;
    char    hash[AF_PASSWORD_HASH_SIZE];
    size_t  i;
    double  match, cost;

    (void) state;

    failed = 0;

    assert_int_equal(af_password_hash(&usual, "secret", 6, hash), 0);
    match = cost_of(hash, "secret");

    cost = cost_of(hash, "another");
    af_row(cost > match / 3 && cost < match * 3, "wrong: %f", cost / match);

    for (i = 0; i < af_nelts(foreign); i++) {
        cost = cost_of(foreign[i].hash, "secret");
        af_row(cost > match / 3 && cost < match * 3, "%s: %f",
               foreign[i].name, cost / match);
    }

    assert_int_equal(failed, 0);
}


/* octets that are mapped: sanitizers map terabytes */

static rlim_t
address_space(void)
{
    FILE           *file;
    unsigned long   pages;

    file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu", &pages), 1);
    fclose(file);

    return (rlim_t) pages * sysconf(_SC_PAGESIZE);
}


static void
test_out_of_memory_is_not_a_mismatch(void **state)
{
    char           hash[AF_PASSWORD_HASH_SIZE];
    struct rlimit  limit, low;

    static const af_argon2_t  large = { (size_t) 4 << 30, 1 };

    (void) state;

    assert_int_equal(getrlimit(RLIMIT_AS, &limit), 0);
    low = limit;
    low.rlim_cur = address_space() + ((rlim_t) 1 << 30);
    assert_int_equal(setrlimit(RLIMIT_AS, &low), 0);

    assert_int_equal(af_password_hash(&large, "secret", 6, hash), -1);
    assert_int_equal(af_password_verify(&large, NULL, "secret", 6),
                     AF_PASSWORD_ERROR);
    assert_int_equal(af_password_verify(&large, "secret", "secret", 6),
                     AF_PASSWORD_ERROR);

    assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
}


static void
test_strength(void **state)
{
    int     failed;
    size_t  i;
    double  bits;

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(strengths); i++) {
        bits = af_password_strength(strengths[i].password,
                                    strengths[i].words);

        af_row(bits >= strengths[i].least && bits <= strengths[i].most,
               "%s: %f", strengths[i].password, bits);
    }

    assert_int_equal(failed, 0);
}


static void
test_only_the_start_of_a_long_password_counts(void **state)
{
    char    password[513];
    size_t  i;
    double  bits;

    (void) state;

    /* the worst case: 100 octets of it would take more than a second */

    for (i = 0; i < sizeof(password) - 1; i++) {
        password[i] = "12"[i % 2];
    }

    password[i] = '\0';
    bits = af_password_strength(password, nobody);

    password[40] = '\0';
    assert_true(af_password_strength(password, nobody) == bits);

    password[39] = '\0';
    assert_true(af_password_strength(password, nobody) != bits);
}


static void
test_any_number_of_words(void **state)
{
    char         text[4][2000], many[1000];
    size_t       i, n;
    const char  *list[5];

    (void) state;

    for (i = 0; i < 4; i++) {
        for (n = 0; n < sizeof(text[i]) - 1; n++) {
            text[i][n] = "x -@."[(n * (i + 1)) % 5];
        }

        text[i][n] = '\0';
        list[i] = text[i];
    }

    list[4] = NULL;

    /* more parts than there is room for, none of them short */

    for (n = 0; n < sizeof(many) - 1; n++) {
        many[n] = (n % 4 == 3) ? ' ' : (char) ('a' + n % 26);
    }

    many[n] = '\0';

    assert_true(af_password_strength("kX9#mP2vLq8w", list) > 50);

    list[0] = "";
    list[1] = many;
    list[2] = "@";
    assert_true(af_password_strength("kX9#mP2vLq8w", list) > 50);
    assert_int_equal(af_password_similar("kX9#mP2vLq8w", list), 0);
}


static void
test_similarity(void **state)
{
    int     failed;
    size_t  i;

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(likenesses); i++) {
        af_row(af_password_similar(likenesses[i].password, ada)
               == likenesses[i].similar, "%s", likenesses[i].password);
    }

    assert_int_equal(af_password_similar("anything", nobody), 0);
    assert_int_equal(failed, 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_a_hash_matches_its_password_only),
        cmocka_unit_test(test_no_other_hash_matches),
        cmocka_unit_test(test_normalization_forms_match),
        cmocka_unit_test(test_a_hash_of_excessive_cost_is_not_computed),
        cmocka_unit_test(test_refusing_costs_as_much_as_matching),
        cmocka_unit_test(test_out_of_memory_is_not_a_mismatch),
        cmocka_unit_test(test_strength),
        cmocka_unit_test(test_only_the_start_of_a_long_password_counts),
        cmocka_unit_test(test_any_number_of_words),
        cmocka_unit_test(test_similarity)
    };

    return sodium_init() == -1
           || cmocka_run_group_tests_name("password", tests, NULL, NULL);
}
