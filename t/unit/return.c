/*
 * Where a sign-in may lead back to.
 */

#include "unit.h"
#include "check/return.h"


static const char  *local[] = {
    "/", "/wiki", "/wiki/page?a=b&c=d#e", "/a//b", "/..//evil.example",
    "/%5cevil.example", "/%0d%0aSet-Cookie:x", "/@evil.example",
    "/:80", "/?http://evil.example/", "/#//evil.example", "/;/", "/.//",
    "/%2f/evil.example"
};


static const struct {
    const char  *text;
    const char  *host;
    unsigned     port;
} absolute[] = {
    { "https://example.com", "example.com", 443 },
    { "https://example.com/", "example.com", 443 },
    { "https://example.com/a?b=c://d#e", "example.com", 443 },
    { "https://example.com?a", "example.com", 443 },
    { "https://example.com#a", "example.com", 443 },
    { "HTTPS://Example.COM:8443/", "Example.COM", 8443 },
    { "http://localhost:3000/", "localhost", 3000 },
    { "http://[::1]:3000/x", "[::1]", 3000 },
    { "https://a.example/@evil.example", "a.example", 443 }
};


static const char  *refused[] = {
    "", "//", "//evil.example", "///evil.example", "/\\evil.example",
    "\\/evil.example", "\\\\evil.example", "/\t/evil.example", "/\n/x", "/\r/x",
    "/a b", "/a\\b", "/\x7f", "/\xc3\xa9", " /", "\t/", "/ ", "wiki", "?a",
    "#a",
    ".", "./", "../", "evil.example", "evil.example/", "@evil.example",
    "javascript:alert(1)", "javascript://example.com/%0aalert(1)",
    "data:text/html,x", "mailto:a@b", "ftp://example.com/", "file:///etc",
    "htt://example.com/", "h://example.com", "https:", "https:/example.com",
    "https:example.com", "https://", "https:///example.com", "://example.com",
    "https://user@example.com/", "https://example.com:80@evil.example/",
    "https://example.com\\@evil.example/", "https://example.com:x/",
    "https://example.com:/", "https://*.example.com/", "http://localhost:*/",
    "https://exa%6dple.com/", "https://example.com,evil.example/",
    "/x?://example.com\n", "a/b://example.com/", "https://example.com./"
};


static void
test_paths_lead_back_to_the_same_host(void **state)
{
    int          failed;
    size_t       i;
    af_origin_t  origin;

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(local); i++) {
        af_row(af_return_check(local[i], strlen(local[i]), &origin)
               == AF_RETURN_LOCAL, "%s", local[i]);
    }

    assert_int_equal(failed, 0);
}


static void
test_urls_have_an_origin(void **state)
{
    size_t       i;
    const char  *text;
    af_origin_t  origin;

    (void) state;

    for (i = 0; i < af_nelts(absolute); i++) {
        text = absolute[i].text;

        assert_int_equal(af_return_check(text, strlen(text), &origin),
                         AF_RETURN_ABSOLUTE);
        assert_int_equal(origin.host_len, strlen(absolute[i].host));
        assert_memory_equal(origin.host, absolute[i].host, origin.host_len);
        assert_int_equal(origin.port, absolute[i].port);
    }
}


static void
test_anything_else_is_refused(void **state)
{
    int          failed;
    size_t       i;
    af_origin_t  origin;

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(refused); i++) {
        af_row(af_return_check(refused[i], strlen(refused[i]), &origin)
               == AF_RETURN_REFUSED, "%s", refused[i]);
    }

    assert_int_equal(failed, 0);
    assert_int_equal(af_return_check("/\0x", 3, &origin), AF_RETURN_REFUSED);
}


static void
test_the_length_is_limited(void **state)
{
    char         text[AF_RETURN_MAX + 1];
    af_origin_t  origin;

    (void) state;

    memset(text, 'a', sizeof(text));
    text[0] = '/';

    assert_int_equal(af_return_check(text, AF_RETURN_MAX, &origin),
                     AF_RETURN_LOCAL);
    assert_int_equal(af_return_check(text, AF_RETURN_MAX + 1, &origin),
                     AF_RETURN_REFUSED);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_paths_lead_back_to_the_same_host),
        cmocka_unit_test(test_urls_have_an_origin),
        cmocka_unit_test(test_anything_else_is_refused),
        cmocka_unit_test(test_the_length_is_limited)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
