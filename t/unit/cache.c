/*
 * The verified-token cache: it returns only what was put in, releases each
 * value once, and evicts the least recently used.
 */

#include <stdio.h>

#include "unit.h"
#include "token/cache.h"


static int  released[64];

static int  scope_a, scope_b;


static void
release(void *value)
{
    released[*(int *) value]++;
}


static af_cache_key_t
key_of(const void *scope, const char *token)
{
    af_cache_key_t  key;

    key.scope = scope;
    key.token = token;
    key.len = strlen(token);

    return key;
}


static void
test_found_only_by_the_whole_token(void **state)
{
    int              one = 1;
    af_cache_t      *cache;
    af_cache_key_t   key, other;

    (void) state;

    cache = af_cache_create(1);
    assert_non_null(cache);

    key = key_of(&scope_a, "a.b.c");
    assert_null(af_cache_get(cache, &key));
    assert_int_equal(af_cache_put(cache, &key, &one, release), 0);
    assert_ptr_equal(af_cache_get(cache, &key), &one);

    other = key_of(&scope_b, "a.b.c");
    assert_null(af_cache_get(cache, &other));

    other = key_of(&scope_a, "a.b.d");
    assert_null(af_cache_get(cache, &other));

    other = key_of(&scope_a, "a.b.cc");
    assert_null(af_cache_get(cache, &other));

    other = key_of(&scope_a, "a.b.");
    assert_null(af_cache_get(cache, &other));

    af_cache_free(cache);
}


static void
test_replaced(void **state)
{
    int              one = 1, two = 2;
    af_cache_t      *cache;
    af_cache_key_t   key;

    (void) state;
    memset(released, 0, sizeof(released));

    cache = af_cache_create(1);
    assert_non_null(cache);

    key = key_of(&scope_a, "a.b.c");
    assert_int_equal(af_cache_put(cache, &key, &one, release), 0);
    assert_int_equal(af_cache_put(cache, &key, &two, release), 0);
    assert_int_equal(released[1], 1);
    assert_ptr_equal(af_cache_get(cache, &key), &two);

    af_cache_free(cache);
    assert_int_equal(released[1], 1);
    assert_int_equal(released[2], 1);
}


static void
test_least_recently_used_goes(void **state)
{
    int              i, values[8];
    char             token[8][16];
    af_cache_t      *cache;
    af_cache_key_t   key[8];

    (void) state;
    memset(released, 0, sizeof(released));

    cache = af_cache_create(1);
    assert_non_null(cache);

    for (i = 0; i < AF_CACHE_WAYS; i++) {
        values[i] = i;
        snprintf(token[i], sizeof(token[i]), "t.%d", i);
        key[i] = key_of(&scope_a, token[i]);
        assert_int_equal(af_cache_put(cache, &key[i], &values[i], release), 0);
    }

    /* the first is used: now the second is the oldest */

    assert_non_null(af_cache_get(cache, &key[0]));

    values[i] = i;
    snprintf(token[i], sizeof(token[i]), "t.%d", i);
    key[i] = key_of(&scope_a, token[i]);
    assert_int_equal(af_cache_put(cache, &key[i], &values[i], release), 0);

    assert_non_null(af_cache_get(cache, &key[0]));
    assert_null(af_cache_get(cache, &key[1]));
    assert_int_equal(released[1], 1);

    af_cache_free(cache);

    for (i = 0; i <= AF_CACHE_WAYS; i++) {
        assert_int_equal(released[i], 1);
    }
}


static void
test_too_long(void **state)
{
    int              one = 1;
    char             token[AF_CACHE_TOKEN_MAX + 1];
    af_cache_t      *cache;
    af_cache_key_t   key;

    (void) state;
    memset(released, 0, sizeof(released));
    memset(token, 'a', sizeof(token));

    cache = af_cache_create(4);
    assert_non_null(cache);

    key.scope = &scope_a;
    key.token = token;
    key.len = sizeof(token);

    assert_int_equal(af_cache_put(cache, &key, &one, release), -1);
    assert_null(af_cache_get(cache, &key));
    assert_int_equal(released[1], 0);

    key.len--;
    assert_int_equal(af_cache_put(cache, &key, &one, release), 0);
    assert_non_null(af_cache_get(cache, &key));

    af_cache_free(cache);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_found_only_by_the_whole_token),
        cmocka_unit_test(test_replaced),
        cmocka_unit_test(test_least_recently_used_goes),
        cmocka_unit_test(test_too_long)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
