/*
 * What is remembered of a token's claims: what they are, or nothing.
 */

#include "unit.h"
#include "token/said.h"


static const char *const  names[] = {
    "email", "email_verified", "roles", "is_superuser"
};


/* each claim is the same as in the text, or unknown; returns how many aren't */

static int
known(const char *text)
{
    int           n;
    size_t        i, len;
    af_said_t     said;
    af_claim_t    claim, kept;
    af_claims_t   claims;

    assert_int_equal(af_claims_read(&claims, text, strlen(text)), 0);

    memset(&said, 0xa5, sizeof(said));
    af_said_read(&said, &claims);
    n = 0;

    for (i = 0; i < af_nelts(names); i++) {
        len = strlen(names[i]);

        if (!af_said_find(&said, names[i], len, &kept)) {
            continue;
        }

        n++;
        af_claims_find(&claims, names[i], len, af_members_key(names[i], len),
                       &claim);

        assert_int_equal(kept.type, claim.type);
        assert_null(kept.json);

        if (kept.type != AF_VALUE_NONE && kept.type != AF_VALUE_NULL) {
            assert_int_equal(kept.len, claim.len);
            assert_memory_equal(kept.text, claim.text, claim.len);
        }
    }

    af_claims_free(&claims);

    return n;
}


#define FIFTY_ONE  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNO@example.c"

static void
test_what_is_kept(void **state)
{
    int  failed = 0;

    static const struct {
        const char  *name;
        const char  *text;
        int          known;
    } rows[] = {
        { "as usual", "{\"email\":\"ada@example.com\",\"email_verified\":true,"
          "\"roles\":[\"admin\", \"x\"],\"is_superuser\":false}", 4 },
        { "none", "{}", 4 },
        { "null", "{\"email\":null,\"email_verified\":null,\"roles\":null,"
          "\"is_superuser\":null}", 4 },
        { "other types", "{\"email\":true,\"email_verified\":\"true\","
          "\"roles\":\"admin\",\"is_superuser\":[\"x\"]}", 4 },
        { "numbers", "{\"email\":1,\"email_verified\":0,\"roles\":-7,"
          "\"is_superuser\":1}", 0 },
        { "an object", "{\"email\":{\"a\":1},\"roles\":[\"a\"]}", 3 },
        { "other elements", "{\"roles\":[1]}", 0 },
        { "no roles", "{\"roles\":[]}", 4 },
        { "an escape, so there is a tree", "{\"email\":\"\\u0061@b.c\"}", 0 },
        { "a name twice within", "{\"x\":{\"a\":1}}", 4 },
        { "one octet less", "{\"email\":\"" FIFTY_ONE "\"}", 4 },
        { "just enough", "{\"email\":\"" FIFTY_ONE "x\"}", 4 },
        { "too long", "{\"email\":\"" FIFTY_ONE "xy\"}", 3 },
        { "too long with roles", "{\"roles\":[\"\"],\"email\":\"" FIFTY_ONE
          "\"}", 3 }
    };

    (void) state;

    assert_int_equal(sizeof(FIFTY_ONE) - 1, AF_SAID_MAX - 1);

    for (size_t i = 0; i < af_nelts(rows); i++) {
        af_row(known(rows[i].text) == rows[i].known, "%s", rows[i].name);
    }

    assert_int_equal(failed, 0);
}


static void
test_only_these_names(void **state)
{
    af_said_t    said;
    af_claim_t   claim;
    af_claims_t  claims;

    static const char  text[] =
        "{\"role\":\"x\",\"rolesx\":\"y\",\"sub\":\"z\"}";

    (void) state;

    assert_int_equal(af_claims_read(&claims, text, sizeof(text) - 1), 0);
    af_said_read(&said, &claims);

    assert_int_equal(af_said_find(&said, "role", 4, &claim), 0);
    assert_int_equal(af_said_find(&said, "rolesx", 6, &claim), 0);
    assert_int_equal(af_said_find(&said, "sub", 3, &claim), 0);
    assert_int_equal(af_said_find(&said, "", 0, &claim), 0);
    assert_int_equal(af_said_find(&said, "roles", 5, &claim), 1);
    assert_int_equal(claim.type, AF_VALUE_NONE);

    af_claims_free(&claims);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_what_is_kept),
        cmocka_unit_test(test_only_these_names)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
