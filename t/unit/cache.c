/*
 * The cache of verified tokens: it returns only what was put in, replaces the
 * least recently used, and has no more than its memory.
 */

#include <stdio.h>
#include <sodium.h>

#include "unit.h"
#include "token/cache.h"


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
    assert_true((size_t) empty * (sizeof(key) + sizeof(int)) <= LARGE);
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
        cmocka_unit_test(test_replaced),
        cmocka_unit_test(test_least_recently_used_goes),
        cmocka_unit_test(test_memory_is_bounded),
        cmocka_unit_test(test_no_room)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
