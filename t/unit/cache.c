/*
 * The cache of verified tokens: it returns only what was put in, replaces the
 * least recently used, and has no more than its memory.
 */

#include <ctype.h>
#include <stdio.h>
#include <sodium.h>

#include "unit.h"
#include "check/uuid.h"
#include "token/cache.h"
#include "token/recent.h"


/* sizes with room for one set, and for many */
#define ONE_SET  300
#define LARGE    (1024 * 1024)


static int  scope_a, scope_b;


static void
put(af_cache_t *cache, const void *scope, const char *token, int value)
{
    af_cache_key_t  key;

    af_cache_key(cache, scope, token, strlen(token), &key);
    (void) af_cache_put(cache, &key, &value);
}


/* 0: none */

static int
get(af_cache_t *cache, const void *scope, const char *token)
{
    int             *value;
    af_cache_key_t   key;

    af_cache_key(cache, scope, token, strlen(token), &key);
    value = af_cache_get(cache, &key);

    return value ? *value : 0;
}


static af_cache_t *
make(size_t size)
{
    af_cache_t  *cache;

    assert_int_not_equal(sodium_init(), -1);

    cache = af_cache_create(size, sizeof(int));
    assert_non_null(cache);

    return cache;
}


static void
test_found_only_by_the_whole_token(void **state)
{
    af_cache_t  *cache;

    (void) state;

    cache = make(ONE_SET);

    assert_int_equal(get(cache, &scope_a, "a.b.c"), 0);
    put(cache, &scope_a, "a.b.c", 1);
    assert_int_equal(get(cache, &scope_a, "a.b.c"), 1);

    assert_int_equal(get(cache, &scope_b, "a.b.c"), 0);
    assert_int_equal(get(cache, &scope_a, "a.b.d"), 0);
    assert_int_equal(get(cache, &scope_a, "b.b.c"), 0);
    assert_int_equal(get(cache, &scope_a, "a.b.cc"), 0);
    assert_int_equal(get(cache, &scope_a, "a.b."), 0);
    assert_int_equal(get(cache, &scope_a, ""), 0);

    af_cache_free(cache);
}


static void
test_every_octet_of_a_digest_counts(void **state)
{
    int              one = 1;
    size_t           i;
    af_cache_t      *cache;
    af_cache_key_t   key;
    unsigned char   *digest = (unsigned char *) key.digest;

    (void) state;

    cache = make(ONE_SET);

    af_cache_key(cache, &scope_a, "a.b.c", 5, &key);
    assert_int_equal(af_cache_put(cache, &key, &one), 1);

    for (i = 0; i < sizeof(key.digest); i++) {
        digest[i] ^= 1;
        assert_null(af_cache_get(cache, &key));
        digest[i] ^= 1;
    }

    assert_non_null(af_cache_get(cache, &key));

    af_cache_free(cache);
}


static void
test_digests_depend_on_a_random_key(void **state)
{
    af_cache_t      *a, *b;
    af_cache_key_t   key_a, key_b;

    (void) state;

    a = make(ONE_SET);
    b = make(ONE_SET);

    af_cache_key(a, &scope_a, "a.b.c", 5, &key_a);
    af_cache_key(b, &scope_a, "a.b.c", 5, &key_b);

    assert_int_not_equal(key_a.digest[0], key_b.digest[0]);
    assert_int_not_equal(key_a.digest[1], key_b.digest[1]);

    af_cache_free(a);
    af_cache_free(b);
}


/* the digest that is remembered with a good token is the token's */

static void
test_digests_of_recent_tokens(void **state)
{
    int              one = 1;
    size_t           i, j, len;
    char             token[2 * AF_RECENT_MAX];
    af_cache_t      *cache;
    af_cache_key_t   key, again, other;

    static const size_t  lengths[] = {
        0, 1, AF_RECENT_MIN - 1, AF_RECENT_MIN, AF_RECENT_MIN + 1, 31, 32, 33,
        500, AF_RECENT_MAX - 1, AF_RECENT_MAX, AF_RECENT_MAX + 1,
        sizeof(token)
    };

    (void) state;

    cache = make(ONE_SET);
    memset(token, 'a', sizeof(token));

    for (i = 0; i < af_nelts(lengths); i++) {
        len = lengths[i];

        af_cache_key(cache, &scope_a, token, len, &key);
        af_cache_key(cache, &scope_a, token, len, &again);
        assert_ptr_equal(again.recent, key.recent);

        (void) af_cache_put(cache, &key, &one);
        af_cache_key(cache, &scope_a, token, len, &again);
        assert_null(again.recent);
        assert_memory_equal(key.digest, again.digest, sizeof(key.digest));

        for (j = 0; j < len; j++) {
            token[j] ^= 1;
            af_cache_key(cache, &scope_a, token, len, &other);
            assert_memory_not_equal(key.digest, other.digest,
                                    sizeof(key.digest));
            assert_null(af_cache_get(cache, &other));
            token[j] ^= 1;

            af_cache_key(cache, &scope_a, token, len, &again);
            assert_memory_equal(key.digest, again.digest, sizeof(key.digest));
        }
    }

    af_cache_free(cache);
}


/* every octet is compared, at any length, and nothing behind the last one */

static void
test_recent_token_is_compared_in_full(void **state)
{
    size_t         i, len;
    char           token[AF_RECENT_MAX];
    af_recent_t   *slot, *slots;

    static const uint64_t  digest[2] = { 1, 2 };

    (void) state;

    slots = calloc(AF_RECENT_SLOTS, sizeof(af_recent_t));
    assert_non_null(slots);

    memset(token, 'a', sizeof(token));

    assert_null(af_recent_slot(slots, token, AF_RECENT_MIN - 1));
    assert_null(af_recent_slot(slots, token, AF_RECENT_MAX + 1));

    for (len = AF_RECENT_MIN; len <= AF_RECENT_MAX; len++) {
        slot = af_recent_slot(slots, token, len);

        assert_true(slot >= slots && slot < slots + AF_RECENT_SLOTS);
        assert_false(af_recent_is(slot, token, len));

        af_recent_put(slot, token, len, digest);

        assert_true(af_recent_is(slot, token, len));
        assert_false(af_recent_is(slot, token, len - 1));
        assert_memory_equal(slot->digest, digest, sizeof(digest));

        for (i = 0; i < len; i++) {
            slot->token[i] ^= 0x80;
            assert_false(af_recent_is(slot, token, len));
            slot->token[i] ^= 0x80;
        }

        if (len < AF_RECENT_MAX) {
            slot->token[len] ^= 0x80;
            assert_true(af_recent_is(slot, token, len));
        }
    }

    free(slots);
}


/* tokens that differ, and have the same end, as they may, have one place */

static void
test_recent_tokens_displace_each_other(void **state)
{
    char           a[] = "one.payload.0123456789";
    char           b[] = "two.payload.0123456789";
    af_recent_t   *slot, slots[AF_RECENT_SLOTS];

    static const uint64_t  of_a[2] = { 1, 2 }, of_b[2] = { 3, 4 };

    (void) state;

    memset(slots, 0, sizeof(slots));

    slot = af_recent_slot(slots, a, sizeof(a) - 1);
    assert_ptr_equal(slot, af_recent_slot(slots, b, sizeof(b) - 1));

    af_recent_put(slot, a, sizeof(a) - 1, of_a);
    assert_true(af_recent_is(slot, a, sizeof(a) - 1));
    assert_false(af_recent_is(slot, b, sizeof(b) - 1));

    af_recent_put(slot, b, sizeof(b) - 1, of_b);
    assert_false(af_recent_is(slot, a, sizeof(a) - 1));
    assert_true(af_recent_is(slot, b, sizeof(b) - 1));
    assert_memory_equal(slot->digest, of_b, sizeof(of_b));
}


static void
test_ids_as_text(void **state)
{
    size_t         i, j;
    char           text[AF_UUID_SIZE], expected[AF_UUID_SIZE];
    unsigned char  id[AF_UUID_OCTETS], read[AF_UUID_OCTETS];

    (void) state;

    for (i = 0; i < 256; i++) {

        for (j = 0; j < sizeof(id); j++) {
            id[j] = i + 17 * j;
        }

        snprintf(expected, sizeof(expected),
                 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
                 "%02x%02x%02x%02x%02x%02x",
                 id[0], id[1], id[2], id[3], id[4], id[5], id[6], id[7],
                 id[8], id[9], id[10], id[11], id[12], id[13], id[14], id[15]);

        af_uuid_write(id, text);
        assert_string_equal(text, expected);

        assert_int_equal(af_uuid_read(text, AF_UUID_SIZE - 1, read), 0);
        assert_memory_equal(id, read, sizeof(id));
    }
}


/* each octet at each place: a hyphen, or a hex digit in either case */

static void
test_what_is_no_id(void **state)
{
    int            c, valid;
    char           text[AF_UUID_SIZE], wanted[AF_UUID_SIZE];
    size_t         i;
    unsigned char  id[AF_UUID_OCTETS];

    static const char  usual[] = "0123cdef-89ab-4567-89ab-fedc0123ba98";

    (void) state;

    for (i = 0; i < AF_UUID_SIZE - 1; i++) {

        for (c = 0; c < 256; c++) {
            memcpy(text, usual, sizeof(text));
            text[i] = c;
            valid = (usual[i] == '-') ? c == '-'
                                      : c < 0x80 && isxdigit(c) != 0;

            assert_int_equal(af_uuid_read(text, AF_UUID_SIZE - 1, id),
                             valid ? 0 : -1);

            if (valid) {
                memcpy(wanted, text, sizeof(wanted));
                wanted[i] = tolower(c);
                af_uuid_write(id, text);
                assert_string_equal(text, wanted);
            }
        }
    }

    assert_int_equal(af_uuid_read(usual, AF_UUID_SIZE - 2, id), -1);
    assert_int_equal(af_uuid_read(usual, AF_UUID_SIZE, id), -1);
}


/* one that was displaced is found by its digest, and takes its place again */

static void
test_displaced_token_returns(void **state)
{
    int              i;
    char             token[] = "?.payload.0123456789abcdef";
    af_cache_t      *cache;
    af_cache_key_t   key;

    (void) state;

    cache = make(LARGE);

    for (i = 0; i < 2; i++) {
        token[0] = '0' + i;
        put(cache, &scope_a, token, i + 1);
    }

    for (i = 0; i < 6; i++) {
        token[0] = '0' + i % 2;
        assert_int_equal(get(cache, &scope_b, token), 0);

        af_cache_key(cache, &scope_a, token, strlen(token), &key);
        assert_non_null(key.recent);
        assert_int_equal(*(int *) af_cache_get(cache, &key), i % 2 + 1);

        af_cache_key(cache, &scope_a, token, strlen(token), &key);
        assert_null(key.recent);
        assert_int_equal(*(int *) af_cache_get(cache, &key), i % 2 + 1);
    }

    af_cache_free(cache);
}


static void
test_replaced(void **state)
{
    int              one = 1, two = 2;
    af_cache_t      *cache;
    af_cache_key_t   key;

    (void) state;

    cache = make(ONE_SET);

    af_cache_key(cache, &scope_a, "a.b.c", 5, &key);
    assert_int_equal(af_cache_put(cache, &key, &one), 1);
    assert_int_equal(af_cache_put(cache, &key, &two), 0);
    assert_int_equal(get(cache, &scope_a, "a.b.c"), 2);

    /* the other entries are still empty */

    af_cache_key(cache, &scope_a, "a.b.d", 5, &key);
    assert_int_equal(af_cache_put(cache, &key, &one), 1);

    af_cache_free(cache);
}


static void
test_least_recently_used_goes(void **state)
{
    int          i;
    char         token[16];
    af_cache_t  *cache;

    (void) state;

    cache = make(ONE_SET);

    for (i = 1; i <= AF_CACHE_WAYS; i++) {
        snprintf(token, sizeof(token), "t.%d", i);
        put(cache, &scope_a, token, i);
    }

    /* the first is used: now the second is the oldest */

    assert_int_equal(get(cache, &scope_a, "t.1"), 1);

    put(cache, &scope_a, "another", 9);

    assert_int_equal(get(cache, &scope_a, "another"), 9);
    assert_int_equal(get(cache, &scope_a, "t.1"), 1);
    assert_int_equal(get(cache, &scope_a, "t.2"), 0);

    for (i = 3; i <= AF_CACHE_WAYS; i++) {
        snprintf(token, sizeof(token), "t.%d", i);
        assert_int_equal(get(cache, &scope_a, token), i);
    }

    af_cache_free(cache);
}


/* twice as many tokens as there is room for: it is used, and nothing else */

static void
test_memory_is_bounded(void **state)
{
    int              i, empty, found;
    char             token[16];
    af_cache_t      *cache;
    af_cache_key_t   key;

    (void) state;

    cache = make(LARGE);
    empty = 0;
    found = 0;

    for (i = 1; i <= 2 * LARGE / 40; i++) {
        snprintf(token, sizeof(token), "t.%d", i);
        af_cache_key(cache, &scope_a, token, strlen(token), &key);
        empty += af_cache_put(cache, &key, &i);
    }

    for (i = 1; i <= 2 * LARGE / 40; i++) {
        snprintf(token, sizeof(token), "t.%d", i);
        found += (get(cache, &scope_a, token) == i);
    }

    assert_int_equal(found, empty);
    assert_true((size_t) empty * (sizeof(key.digest) + sizeof(int)) <= LARGE);
    assert_true(empty > LARGE / 60);

    af_cache_free(cache);
}


static void
test_no_room(void **state)
{
    (void) state;

    assert_null(af_cache_create(0, sizeof(int)));
    assert_null(af_cache_create(ONE_SET / 3, sizeof(int)));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_found_only_by_the_whole_token),
        cmocka_unit_test(test_every_octet_of_a_digest_counts),
        cmocka_unit_test(test_digests_depend_on_a_random_key),
        cmocka_unit_test(test_digests_of_recent_tokens),
        cmocka_unit_test(test_recent_token_is_compared_in_full),
        cmocka_unit_test(test_recent_tokens_displace_each_other),
        cmocka_unit_test(test_displaced_token_returns),
        cmocka_unit_test(test_ids_as_text),
        cmocka_unit_test(test_what_is_no_id),
        cmocka_unit_test(test_replaced),
        cmocka_unit_test(test_least_recently_used_goes),
        cmocka_unit_test(test_memory_is_bounded),
        cmocka_unit_test(test_no_room)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
