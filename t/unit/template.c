/*
 * Templates, and what is written with their help: languages and devices.
 */

#include <jansson.h>

#include "unit.h"
#include "check/device.h"
#include "check/language.h"
#include "check/template.h"


static const char  values[] =
    "{\"name\": \"A & B <c>\", \"empty\": \"\", \"no\": false, \"yes\": true,"
    " \"zero\": 0, \"n\": -7, \"half\": 0.5, \"null\": null, \"none\": [],"
    " \"list\": [{\"name\": \"one\"}, {\"x\": \"two\"}],"
    " \"words\": [\"a\", \"<\"], \"a\": {\"b\": {\"c\": \"deep\"}},"
    " \"t\": {\"hi\": \"<Hi> {{name}}, {{t.hi}} {{list}}{{\"}}";


static const struct {
    const char  *text;
    const char  *result;               /* or the error */
    size_t       line;                 /* 0: valid */
} templates[] = {
    { "", "", 0 },
    { "x", "x", 0 },
    { "{{name}}|{{ name }}", "A &amp; B &lt;c&gt;|A &amp; B &lt;c&gt;", 0 },
    { "{{a.b.c}}{{a.x.c}}{{a}}{{a.b}}{{unknown}}{{list}}", "deep", 0 },
    { "{{n}} {{half}} {{yes}} {{no}} {{null}}", "-7 0.5 true false ", 0 },

    /* sections */
    { "{{#yes}}1{{/yes}}{{#no}}2{{/no}}{{#empty}}3{{/empty}}{{#zero}}4{{/zero}}"
      "{{#none}}5{{/none}}{{#null}}6{{/null}}{{#unknown}}7{{/unknown}}"
      "{{#n}}8{{/n}}{{#half}}9{{/half}}", "189", 0 },
    { "{{^yes}}1{{/yes}}{{^no}}2{{/no}}{{^none}}3{{/none}}{{^unknown}}4"
      "{{/unknown}}", "234", 0 },
    { "{{#list}}[{{name}}{{x}}]{{/list}}", "[one][A &amp; B &lt;c&gt;two]", 0 },
    { "{{#words}}{{.}};{{/words}}", "a;&lt;;", 0 },
    { "{{#a}}{{#b}}{{c}}{{name}}{{/b}}{{/a}}", "deepA &amp; B &lt;c&gt;", 0 },
    { "{{#a.b}}{{c}}{{/a.b}}", "deep", 0 },
    { "{{#list}}{{#yes}}x{{/yes}}{{/list}}", "xx", 0 },

    /* a tag alone on its line takes the line with it */
    { "a\n{{#yes}}\nb\n{{/yes}}\nc", "a\nb\nc", 0 },
    { "a\n  {{#yes}}  \r\nb\n\t{{/yes}}", "a\nb\n", 0 },
    { "{{! comment }}\na{{! another }}b", "ab", 0 },
    { " {{name}} \n", " A &amp; B &lt;c&gt; \n", 0 },
    { "a {{#yes}}\n b{{/yes}}", "a \n b", 0 },
    { "{{>part}}\nx", "(A &amp; B &lt;c&gt;)x", 0 },
    { "{{#list}}{{>part}}{{/list}}", "(one)(A &amp; B &lt;c&gt;)", 0 },

    /* a text has values of its own, which are not texts */
    { "{{t.hi}}", "&lt;Hi&gt; A &amp; B &lt;c&gt;, &lt;Hi&gt; {{name}}, "
      "{{t.hi}} {{list}}{{ {{", 0 },

    { "a\n{{", "without", 2 },
    { "{{name}", "without", 1 },
    { "{{{name}}}", "unknown", 1 },
    { "{{&name}}", "unknown", 1 },
    { "{{=<% %>=}}", "unknown", 1 },
    { "{{}}", "unknown", 1 },
    { "\n\n{{# }}", "unknown", 3 },
    { "{{a b}}", "unknown", 1 },
    { "{{#name}}\n", "without its end", 1 },
    { "{{/name}}", "not that of", 1 },
    { "{{#a}}{{#b}}\n{{/a}}{{/b}}", "not that of", 2 },
    { "\xff", "UTF-8", 1 },
    { "{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}"
      "{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}", "too many", 1 }
};


static const af_template_t *
part(void *data, const char *name, size_t len)
{
    return (len == 4 && memcmp(name, "part", 4) == 0) ? data : NULL;
}


static void
test_templates(void **state)
{
    int            failed, rc;
    char          *text;
    size_t         i, len, line;
    json_t        *object;
    const char    *error;
    af_buffer_t    out;
    af_template_t  template, other;

    (void) state;

    failed = 0;
    object = json_loads(values, 0, NULL);
    assert_non_null(object);
    assert_int_equal(af_template_parse(&other, "({{name}})", 10, &error,
                                       &line), 0);

    for (i = 0; i < af_nelts(templates); i++) {
        len = strlen(templates[i].text);
        text = af_exact(templates[i].text, len);
        memset(&out, 0, sizeof(out));

        rc = af_template_parse(&template, text, len, &error, &line);

        if (templates[i].line != 0) {
            af_row(rc == -1 && line == templates[i].line
                   && strstr(error, templates[i].result), "%s: %zu, %s",
                   templates[i].text, rc ? line : 0, rc ? error : "right");

        } else {
            af_row(rc == 0, "%s", templates[i].text);
            assert_null(af_template_link(&template, part, &other));
            assert_true(af_template_nests(&template));

            af_buffer_puts(&out, "");
            af_template_render(AF_TEMPLATE_HTML, &template, object, &out);
            af_row(strcmp(out.data, templates[i].result) == 0, "%s: %s",
                   templates[i].text, out.data);
            af_template_free(&template);
        }

        af_buffer_free(&out);
        free(text);
    }

    af_template_free(&other);
    json_decref(object);

    assert_int_equal(failed, 0);
}


static void
test_partials(void **state)
{
    size_t             line;
    const char        *error;
    af_template_t      template, other;
    const af_piece_t  *piece;

    static const char  text[] = "a{{>nowhere}}", self[] = "{{>part}}";

    (void) state;

    assert_int_equal(af_template_parse(&template, text, strlen(text), &error,
                                       &line), 0);
    piece = af_template_link(&template, part, &other);
    assert_ptr_equal(piece->s, text + 4);
    af_template_free(&template);

    assert_int_equal(af_template_parse(&template, self, strlen(self), &error,
                                       &line), 0);
    assert_null(af_template_link(&template, part, &template));
    assert_false(af_template_nests(&template));
    af_template_free(&template);
}


static const struct {
    const char  *accept;
    const char  *language;
    unsigned     weight;
} languages[] = {
    { "de", "de", 1000 },
    { "de", "en", 0 },
    { "DE", "de", 1000 },
    { "de-AT", "de", 999 },
    { "de", "de-AT", 1000 },
    { "den", "de", 0 },
    { "de", "den", 0 },
    { "en, de;q=0.8", "de", 800 },
    { "en,de ; q=0.875", "de", 875 },
    { "de;q=1", "de", 1000 },
    { "de;q=0", "de", 0 },
    { "de;q=0.000", "de", 0 },
    { "de;q=0.01", "de", 10 },
    { "*", "de", 1000 },
    { "*;q=0.1, fr", "de", 100 },
    { "*, de;q=0.2", "de", 200 },
    { "de;q=0.2, *", "de", 200 },
    { "de-AT;q=0.5, de;q=0.9", "de", 900 },
    { "", "de", 0 },
    { ",,;,q=,;q=", "de", 0 },
    { "de;q=", "de", 1000 },
    { "de;q=0", "de-AT", 0 },
    { " de ", "de", 1000 },
    { "de;x=1", "de", 1000 },
    { "de;q=9", "de", 0 }
};


static void
test_languages(void **state)
{
    int       failed;
    char     *accept;
    size_t    i, len;
    unsigned  weight;

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(languages); i++) {
        len = strlen(languages[i].accept);
        accept = af_exact(languages[i].accept, len);

        weight = af_language_weight(accept, len, languages[i].language,
                                    strlen(languages[i].language));

        af_row(weight == languages[i].weight, "%s for %s: %u",
               languages[i].language, languages[i].accept, weight);
        free(accept);
    }

    assert_int_equal(failed, 0);
}


#define MOZILLA  "Mozilla/5.0 "
#define WEBKIT   "AppleWebKit/537.36 (KHTML, like Gecko) "

static const struct {
    const char  *user_agent;
    const char  *browser;
    const char  *system;
    const char  *kind;
} devices[] = {
    { MOZILLA "(X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
      "Firefox", "Linux", "computer" },
    { MOZILLA "(Windows NT 10.0; Win64; x64) " WEBKIT
      "Chrome/126.0.0.0 Safari/537.36", "Chrome", "Windows", "computer" },
    { MOZILLA "(Windows NT 10.0; Win64; x64) " WEBKIT
      "Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0", "Edge", "Windows",
      "computer" },
    { MOZILLA "(Linux; Android 14; Pixel 8) " WEBKIT
      "Chrome/126.0.0.0 Mobile Safari/537.36", "Chrome", "Android", "phone" },
    { MOZILLA "(iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
      "(KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1", "Safari",
      "iPhone", "phone" },
    { MOZILLA "(Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 "
      "(KHTML, like Gecko) Version/17.5 Safari/605.1.15", "Safari", "macOS",
      "computer" },
    { "curl/8.5.0", "curl", NULL, "program" },
    { "<script>", NULL, NULL, "program" },
    { "", NULL, NULL, "program" }
};


static int
same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}


static void
test_devices(void **state)
{
    int          failed;
    size_t       i;
    af_device_t  device;

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(devices); i++) {
        af_device(devices[i].user_agent, &device);

        af_row(same(device.browser, devices[i].browser)
               && same(device.system, devices[i].system)
               && same(device.kind, devices[i].kind), "%s: %s, %s, %s",
               devices[i].user_agent, device.browser, device.system,
               device.kind);
    }

    assert_int_equal(failed, 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_templates),
        cmocka_unit_test(test_partials),
        cmocka_unit_test(test_languages),
        cmocka_unit_test(test_devices)
    };

    return cmocka_run_group_tests_name("template", tests, NULL, NULL);
}
