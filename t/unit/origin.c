/*
 * Origins, and patterns in lists of them.
 */

#include "unit.h"
#include "check/origin.h"


static const struct {
    const char  *text;
    unsigned     port;
    unsigned     wildcard;
} good[] = {
    { "https://example.com", 443, 0 },
    { "http://example.com", 80, 0 },
    { "HTTPS://Example.COM:443", 443, 0 },
    { "http://localhost:3000", 3000, 0 },
    { "http://127.0.0.1:65535", 65535, 0 },
    { "http://[::1]:3000", 3000, 0 },
    { "https://[2001:db8::7F]", 443, 0 },
    { "https://under_score.example", 443, 0 },
    { "https://xn--mnchen-3ya.example", 443, 0 },
    { "capacitor://localhost", 0, 0 },
    { "chrome-extension://abcdefghijklmnop", 0, 0 },
    { "https://*.example.com", 443, 1 },
    { "https://*.example.com:8443", 8443, 1 },
    { "http://*.localhost:3000", 3000, 1 },
    { "http://localhost:*", 80, 0 },
    { "http://LOCALHOST:*", 80, 0 },
    { "http://*.localhost:*", 80, 1 },
    { "http://127.0.0.1:*", 80, 0 },
    { "https://[::1]:*", 443, 0 }
};


static const char  *bad[] = {
    "", "null", "*", "example.com", "//example.com", "://example.com",
    "https:", "https:/", "https://", "https:example.com",
    "1http://example.com", "ht tp://example.com", " https://example.com",
    "https://example.com/", "https://example.com/path", "https:///",
    "https://example.com?x", "https://example.com#x", "https://example.com ",
    "https://user@example.com", "https://user:x@example.com",
    "https://ex ample.com", "https://ex\tample.com",
    "https://m\xc3\xbcnchen.de",
    "https://.example.com", "https://example..com", "https://example.com.",
    "https://example.com:", "https://example.com:0", "https://example.com:080",
    "https://example.com:65536", "https://example.com:123456",
    "https://example.com:x", "https://example.com:80:80", "https://:443",
    "https://::1", "https://[::1", "https://[]", "https://[::1]x",
    "https://[::g]", "https://[::1]:", "https://a,https://b",
    "https://*", "https://*.", "https://*.com", "https://*.*.example.com",
    "https://a.*.example.com", "https://a*.example.com",
    "https://*a.example.com", "https://example.*", "*://example.com",
    "*.example.com", "https://*.[::1]",
    "https://example.com:*", "https://*.example.com:*", "http://127.0.0.2:*",
    "http://localhost:**", "http://localhost:3*", "http://xlocalhost:*",
    "http://localhost.example.com:*", "http://.localhost:*"
};


static const struct {
    const char  *pattern;
    const char  *origin;
    int          matches;
} pairs[] = {
    { "https://example.com", "https://example.com", 1 },
    { "https://example.com", "https://example.com:443", 1 },
    { "https://example.com:443", "https://example.com", 1 },
    { "http://example.com", "http://example.com:80", 1 },
    { "https://Example.com", "HTTPS://eXAMPLE.com", 1 },
    { "http://[::1]:3000", "http://[::1]:3000", 1 },
    { "capacitor://localhost", "capacitor://localhost", 1 },

    { "https://example.com", "http://example.com", 0 },
    { "https://example.com", "http://example.com:443", 0 },
    { "http://example.com", "https://example.com:80", 0 },
    { "https://example.com", "https://example.com:8443", 0 },
    { "http://localhost:3000", "http://localhost", 0 },
    { "http://localhost:3000", "http://localhost:30000", 0 },
    { "http://localhost", "http://127.0.0.1", 0 },
    { "http://localhost:*", "http://localhost:5173", 1 },
    { "http://localhost:*", "http://localhost", 1 },
    { "http://localhost:*", "https://localhost:5173", 0 },
    { "http://localhost:*", "http://a.localhost:5173", 0 },
    { "http://localhost:*", "http://127.0.0.1:5173", 0 },
    { "http://localhost:*", "http://localhost:*", 0 },
    { "http://*.localhost:*", "http://a.localhost:5173", 1 },
    { "https://example.com", "https://example.co", 0 },
    { "https://example.com", "https://example.com.evil.net", 0 },
    { "https://example.com", "https://evil-example.com", 0 },
    { "https://example.com", "https://www.example.com", 0 },
    { "https://example.com", "https://examplexcom", 0 },
    { "capacitor://localhost", "http://localhost", 0 },

    { "https://*.example.com", "https://a.example.com", 1 },
    { "https://*.example.com", "https://A.EXAMPLE.com", 1 },
    { "https://*.example.com:8443", "https://a.example.com:8443", 1 },
    { "https://*.example.com", "https://example.com", 0 },
    { "https://*.example.com", "https://a.b.example.com", 0 },
    { "https://*.example.com", "https://evilexample.com", 0 },
    { "https://*.example.com", "https://a.example.com.evil.net", 0 },
    { "https://*.example.com", "https://example.com.evil.net", 0 },
    { "https://*.example.com", "http://a.example.com", 0 },
    { "https://*.example.com", "https://a.example.com:8443", 0 },
    { "https://*.example.com", "https://*.example.com", 0 },
    { "https://a.example.com", "https://*.example.com", 0 },
    { "https://*.example.com", "https://[::1]", 0 }
};


static const char *
parse(const char *text, af_origin_t *origin, char **copy)
{
    size_t  len;

    len = strlen(text);
    *copy = af_exact(text, len);

    return af_origin_parse(*copy, len, origin);
}


static void
test_origins_and_patterns_are_read(void **state)
{
    char         *copy;
    size_t        i;
    unsigned      failed;
    const char   *why;
    af_origin_t   origin;

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(good); i++) {
        why = parse(good[i].text, &origin, &copy);

        af_row(why == NULL, "%s: %s", good[i].text, why);
        af_row(why != NULL || (origin.port == good[i].port
                               && origin.wildcard == good[i].wildcard),
               "%s", good[i].text);
        free(copy);
    }

    assert_int_equal(failed, 0);
}


static void
test_nothing_else_is(void **state)
{
    char         *copy;
    size_t        i;
    unsigned      failed;
    af_origin_t   origin;

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(bad); i++) {
        af_row(parse(bad[i], &origin, &copy) != NULL, "\"%s\"", bad[i]);
        free(copy);
    }

    assert_non_null(af_origin_parse("https://a\0b", 11, &origin));

    assert_int_equal(failed, 0);
}


static void
test_a_pattern_matches_its_origins_alone(void **state)
{
    char         *one, *two;
    size_t        i;
    unsigned      failed;
    af_origin_t   pattern, origin;

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(pairs); i++) {
        assert_null(parse(pairs[i].pattern, &pattern, &one));
        assert_null(parse(pairs[i].origin, &origin, &two));

        af_row(af_origin_matches(&pattern, &origin) == pairs[i].matches,
               "%s, %s", pairs[i].pattern, pairs[i].origin);
        free(one);
        free(two);
    }

    assert_int_equal(failed, 0);
}


static void
test_a_host_has_an_origin(void **state)
{
    af_origin_t  host, origin;

    (void) state;

    assert_null(af_origin_parse("https://example.com", 19, &origin));

    assert_null(af_origin_parse_host("https", "Example.com", 11, &host));
    assert_int_equal(af_origin_matches(&host, &origin), 1);

    assert_null(af_origin_parse_host("https", "example.com:443", 15, &host));
    assert_int_equal(af_origin_matches(&host, &origin), 1);

    assert_null(af_origin_parse_host("http", "example.com", 11, &host));
    assert_int_equal(af_origin_matches(&host, &origin), 0);

    assert_null(af_origin_parse_host("https", "example.com:444", 15, &host));
    assert_int_equal(af_origin_matches(&host, &origin), 0);

    assert_non_null(af_origin_parse_host("https", "", 0, &host));
    assert_non_null(af_origin_parse_host("https", "a/b", 3, &host));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_origins_and_patterns_are_read),
        cmocka_unit_test(test_nothing_else_is),
        cmocka_unit_test(test_a_pattern_matches_its_origins_alone),
        cmocka_unit_test(test_a_host_has_an_origin)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
