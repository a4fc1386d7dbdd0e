/*
 * Request bodies: JSON, forms, text.
 */

#include "unit.h"
#include "check/input.h"


#define ARRAYS_15   "[[[[[[[[[[[[[[[" "]]]]]]]]]]]]]]]"
#define ARRAYS_16   "[" ARRAYS_15 "]"
#define OBJECTS_15  "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":"       \
                    "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{"      \
                    "}}}}}}}}}}}}}}}"

/* the octets of a literal, including zeros */
#define lit(s)  s, sizeof(s) - 1


static const struct {
    const char  *name;
    const char  *text;
    size_t       len;
} json_right[] = {
    { "empty object", lit("{}") },
    { "white space", lit(" \t\r\n{ \"a\" : 1 }\n ") },
    { "each type", lit("{\"a\":[1,-2.5e3,\"\",true,false,null,{}]}") },
    { "empty name", lit("{\"\":1}") },
    { "UTF-8", lit("{\"\xc3\xa9\":\"\xf0\x9f\x98\x80\"}") },
    { "escapes", lit("{\"a\":\"\\ud83d\\ude00\\n\\u0001\"}") },
    { "DEL", lit("{\"a\":\"\x7f\"}") },
    { "16 deep, arrays", lit("{\"a\":" ARRAYS_15 "}") },
    { "16 deep, objects", lit("{\"a\":" OBJECTS_15 "}") },
    { "one name in two objects", lit("{\"a\":{\"b\":1},\"b\":1}") }
};


static const struct {
    const char  *name;
    const char  *text;
    size_t       len;
    const char  *why;
} json_wrong[] = {
    { "nothing", lit(""), "the JSON is incomplete" },
    { "white space", lit(" \n"), "the JSON is incomplete" },
    { "not closed", lit("{\"a\":1"), "the JSON is incomplete" },
    { "not closed string", lit("{\"a\":\"b"), "the JSON is incomplete" },
    { "array", lit("[]"), "the JSON is not an object" },
    { "array of objects", lit("[{}]"), "the JSON is not an object" },
    { "string", lit("\"a\""), "the text is not JSON" },
    { "number", lit("1"), "the text is not JSON" },
    { "null", lit("null"), "the text is not JSON" },
    { "true", lit("true"), "the text is not JSON" },
    { "text", lit("a=b"), "the text is not JSON" },
    { "a comma", lit("{\"a\":1,}"), "the text is not JSON" },
    { "no quotes", lit("{a:1}"), "the text is not JSON" },
    { "single quotes", lit("{'a':1}"), "the text is not JSON" },
    { "a comment", lit("{/**/}"), "the text is not JSON" },
    { "NaN", lit("{\"a\":NaN}"), "the text is not JSON" },
    { "leading zero", lit("{\"a\":01}"), "the text is not JSON" },
    { "newline in a string", lit("{\"a\":\"\n\"}"), "the text is not JSON" },
    { "tab in a string", lit("{\"a\":\"\t\"}"), "the text is not JSON" },
    { "unknown escape", lit("{\"a\":\"\\x41\"}"), "the text is not JSON" },
    { "half a surrogate", lit("{\"a\":\"\\ud83d\"}"),
      "the text is not JSON" },
    { "surrogates swapped", lit("{\"a\":\"\\ude00\\ud83d\"}"),
      "the text is not JSON" },
    { "BOM", lit("\xef\xbb\xbf{}"), "the text is not JSON" },
    { "UTF-16", lit("{\0}\0"), "the JSON is incomplete" },
    { "something behind", lit("{}x"), "there is text after the JSON" },
    { "two objects", lit("{}{}"), "there is text after the JSON" },
    { "a zero behind", lit("{}\0"), "there is text after the JSON" },
    { "a zero in it", lit("{\"a\":\"\0\"}"), "the text is not JSON" },
    { "\\u0000", lit("{\"a\":\"\\u0000\"}"), "\\u0000 is not allowed" },
    { "\\u0000 in a name", lit("{\"a\\u0000\":1}"),
      "\\u0000 is not allowed" },
    { "a name twice", lit("{\"a\":1,\"a\":1}"),
      "a name occurs more than once" },
    { "a name twice, by an escape", lit("{\"a\":1,\"\\u0061\":1}"),
      "a name occurs more than once" },
    { "a name twice, deep", lit("{\"b\":[{\"a\":1,\"a\":1}]}"),
      "a name occurs more than once" },
    { "not UTF-8", lit("{\"a\":\"\xff\"}"), "the text is not valid UTF-8" },
    { "cut UTF-8", lit("{\"a\":\"\xc3\"}"), "the text is not valid UTF-8" },
    { "overlong", lit("{\"a\":\"\xc0\x80\"}"),
      "the text is not valid UTF-8" },
    { "a surrogate in UTF-8", lit("{\"a\":\"\xed\xa0\x80\"}"),
      "the text is not valid UTF-8" },
    { "beyond Unicode", lit("{\"a\":\"\xf4\x90\x80\x80\"}"),
      "the text is not valid UTF-8" },
    { "1e400", lit("{\"a\":1e400}"), "a number is too large" },
    { "65 bits", lit("{\"a\":99999999999999999999}"),
      "a number is too large" },
    { "17 deep, arrays", lit("{\"a\":" ARRAYS_16 "}"),
      "the JSON is nested too deeply" },
    { "17 deep, objects", lit("{\"b\":{\"a\":" OBJECTS_15 "}}"),
      "the JSON is nested too deeply" },
    { "17 deep, the second", lit("{\"a\":[1," ARRAYS_15 "]}"),
      "the JSON is nested too deeply" }
};


/* pairs: as JSON */

static const struct {
    const char  *name;
    const char  *text;
    size_t       len;
    const char  *json;
} form_right[] = {
    { "nothing", lit(""), "{}" },
    { "one", lit("a=b"), "{\"a\":\"b\"}" },
    { "two", lit("username=ada&password=x"),
      "{\"username\":\"ada\",\"password\":\"x\"}" },
    { "empty value", lit("a="), "{\"a\":\"\"}" },
    { "no value", lit("a"), "{\"a\":\"\"}" },
    { "no value, then more", lit("a&b=1"), "{\"a\":\"\",\"b\":\"1\"}" },
    { "a second =", lit("a=b=c"), "{\"a\":\"b=c\"}" },
    { "plus", lit("a+b=c+d"), "{\"a b\":\"c d\"}" },
    { "escapes", lit("%61=%2B%26%3d%25"), "{\"a\":\"+&=%\"}" },
    { "both cases", lit("a=%c3%A9"), "{\"a\":\"\xc3\xa9\"}" },
    { "UTF-8 as it is", lit("a=\xc3\xa9"), "{\"a\":\"\xc3\xa9\"}" },
    { "escaped once", lit("a=%2541"), "{\"a\":\"%41\"}" },
    { "newline", lit("a=%0D%0A"), "{\"a\":\"\\r\\n\"}" },
    { "semicolon", lit("a=b;c=d"), "{\"a\":\"b;c=d\"}" },
    { "brackets", lit("a[]=b"), "{\"a[]\":\"b\"}" },
    { "a & behind", lit("a=b&"), "{\"a\":\"b\"}" },
};


static const struct {
    const char  *name;
    const char  *text;
    size_t       len;
    const char  *why;
} form_wrong[] = {
    { "% at the end", lit("a=%"), "an escape is malformed" },
    { "half an escape", lit("a=%4"), "an escape is malformed" },
    { "half an escape, then more", lit("a=%4&b=1"), "an escape is malformed" },
    { "not hexadecimal", lit("a=%4g"), "an escape is malformed" },
    { "not hexadecimal, first", lit("a=%g4"), "an escape is malformed" },
    { "not hexadecimal, by case", lit("a=%\x11\x11"),
      "an escape is malformed" },
    { "a sign", lit("a=%+4"), "an escape is malformed" },
    { "in a name", lit("%=1"), "an escape is malformed" },
    { "%u", lit("a=%u0041"), "an escape is malformed" },
    { "%00", lit("a=b%00c"), "%00 is not allowed" },
    { "%00 in a name", lit("a%00=b"), "%00 is not allowed" },
    { "a zero", lit("a=b\0"), "%00 is not allowed" },
    { "not UTF-8", lit("a=%ff"), "the text is not valid UTF-8" },
    { "not UTF-8 in a name", lit("%ff=a"), "the text is not valid UTF-8" },
    { "overlong", lit("a=%c0%80"), "the text is not valid UTF-8" },
    { "a surrogate", lit("a=%ed%a0%80"), "the text is not valid UTF-8" },
    { "one character over a pair", lit("%c3=%a9"),
      "the text is not valid UTF-8" },
    { "no name", lit("=b"), "a name is empty" },
    { "no pair", lit("&"), "a name is empty" },
    { "no pair between", lit("a=b&&c=d"), "a name is empty" },
    { "twice", lit("a=1&b=2&a=1"), "a name occurs more than once" },
    { "twice, by an escape", lit("a=1&%61=1"),
      "a name occurs more than once" }
};


static const struct {
    const char  *name;
    size_t       size;
    const char  *text;
    size_t       len;
    const char  *clean;
} texts[] = {
    { "nothing", 8, lit(""), "" },
    { "no room", 0, lit("abc"), "" },
    { "as it is", 8, lit("abc"), "abc" },
    { "just room", 3, lit("abc"), "abc" },
    { "cut", 2, lit("abc"), "ab" },
    { "two octets", 8, lit("\xc3\xa9"), "\xc3\xa9" },
    { "cut before two octets", 2, lit("a\xc3\xa9"), "a" },
    { "cut before four octets", 4, lit("a\xf0\x9f\x98\x80"), "a" },
    { "four octets", 5, lit("a\xf0\x9f\x98\x80"), "a\xf0\x9f\x98\x80" },
    { "newline", 8, lit("a\r\nb"), "a??b" },
    { "tab", 8, lit("a\tb"), "a?b" },
    { "zero", 8, lit("a\0b"), "a?b" },
    { "escape sequence", 8, lit("\x1b[0m"), "?[0m" },
    { "DEL", 8, lit("\x7f"), "?" },
    { "C1", 8, lit("a\xc2\x85z"), "a?z" },
    { "behind C1", 8, lit("\xc2\xa0"), "\xc2\xa0" },
    { "not UTF-8", 8, lit("a\xff\xfez"), "a??z" },
    { "cut UTF-8", 8, lit("a\xf0\x9f\x98"), "a???" },
    { "a character in a cut one", 8, lit("\xe2\x82\xc3\xa9"), "??\xc3\xa9" },
    { "overlong", 8, lit("\xc0\x80"), "??" },
    { "Latin 1", 8, lit("caf\xe9"), "caf?" }
};


static const struct {
    const char  *name;
    const char  *text;
    size_t       len;
    long         n;
} lengths[] = {
    { "nothing", lit(""), 0 },
    { "ASCII", lit("abc"), 3 },
    { "a zero", lit("a\0c"), 3 },
    { "two octets", lit("\xc3\xa9\xc3\xa9"), 2 },
    { "one to four octets", lit("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), 4 },
    { "the first of two", lit("\xc2\x80"), 1 },
    { "the last of two", lit("\xdf\xbf"), 1 },
    { "the first of three", lit("\xe0\xa0\x80"), 1 },
    { "before the surrogates", lit("\xed\x9f\xbf"), 1 },
    { "behind the surrogates", lit("\xee\x80\x80"), 1 },
    { "the last of three", lit("\xef\xbf\xbf"), 1 },
    { "the first of four", lit("\xf0\x90\x80\x80"), 1 },
    { "the last", lit("\xf4\x8f\xbf\xbf"), 1 },

    { "only a continuation", lit("\x80"), -1 },
    { "overlong, two", lit("\xc1\xbf"), -1 },
    { "overlong, three", lit("\xe0\x9f\xbf"), -1 },
    { "overlong, four", lit("\xf0\x8f\xbf\xbf"), -1 },
    { "the first surrogate", lit("\xed\xa0\x80"), -1 },
    { "the last surrogate", lit("\xed\xbf\xbf"), -1 },
    { "beyond the last", lit("\xf4\x90\x80\x80"), -1 },
    { "five octets", lit("\xf8\x88\x80\x80\x80"), -1 },
    { "0xfe", lit("\xfe"), -1 },
    { "0xff", lit("\xff"), -1 },
    { "cut, two", lit("a\xc3"), -1 },
    { "cut, three", lit("\xe2\x82"), -1 },
    { "cut, four", lit("\xf0\x9f\x98"), -1 },
    { "ASCII in two", lit("\xc3" "a"), -1 },
    { "ASCII in four", lit("\xf0\x9f\x98" "a"), -1 },
    { "a lead in three", lit("\xe2\xc3\xa9"), -1 }
};


typedef json_t *(*parse_pt)(const char *text, size_t len, const char **why);


static json_t *
parse(parse_pt function, const char *text, size_t len, const char **why)
{
    char    *copy;
    json_t  *json;

    *why = "";

    copy = af_exact(text, len);
    json = function(copy, len, why);
    free(copy);

    return json;
}


static void
test_json(void **state)
{
    int          failed;
    size_t       i;
    json_t      *json;
    const char  *why;

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(json_right); i++) {
        json = parse(af_json_parse, json_right[i].text, json_right[i].len,
                     &why);
        af_row(json_is_object(json), "%s: %s", json_right[i].name, why);
        json_decref(json);
    }

    for (i = 0; i < af_nelts(json_wrong); i++) {
        json = parse(af_json_parse, json_wrong[i].text, json_wrong[i].len,
                     &why);
        af_row(json == NULL, "%s", json_wrong[i].name);
        af_row(strcmp(why, json_wrong[i].why) == 0, "%s: %s",
               json_wrong[i].name, why);
        json_decref(json);
    }

    assert_int_equal(failed, 0);
}


static void
test_very_deep_json(void **state)
{
    char        *text;
    size_t       i;
    const char  *why;

    static const char *const  openings[] = { "[", "{\"a\":" };

    (void) state;

    text = malloc(65536 + 8);
    assert_non_null(text);

    for (i = 0; i < af_nelts(openings); i++) {
        for (text[0] = '\0'; strlen(text) < 65536; /* void */ ) {
            memcpy(text + strlen(text), openings[i], strlen(openings[i]) + 1);
        }

        assert_null(parse(af_json_parse, text, strlen(text), &why));
        assert_string_equal(why, "the JSON is nested too deeply");
    }

    free(text);
}


static void
test_forms(void **state)
{
    int          failed;
    size_t       i;
    json_t      *form, *json;
    const char  *why;

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(form_right); i++) {
        json = json_loads(form_right[i].json, 0, NULL);
        assert_non_null(json);

        form = parse(af_form_parse, form_right[i].text, form_right[i].len,
                     &why);
        af_row(json_equal(form, json), "%s: %s", form_right[i].name, why);

        json_decref(form);
        json_decref(json);
    }

    for (i = 0; i < af_nelts(form_wrong); i++) {
        form = parse(af_form_parse, form_wrong[i].text, form_wrong[i].len,
                     &why);
        af_row(form == NULL, "%s", form_wrong[i].name);
        af_row(strcmp(why, form_wrong[i].why) == 0, "%s: %s",
               form_wrong[i].name, why);
        json_decref(form);
    }

    assert_int_equal(failed, 0);
}


static void
test_text_is_cleaned(void **state)
{
    int      failed;
    char    *copy, *dst;
    size_t   i, n;

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(texts); i++) {
        copy = af_exact(texts[i].text, texts[i].len);
        dst = af_exact("????????", texts[i].size);

        n = af_text_clean(dst, texts[i].size, copy, texts[i].len);

        af_row(n == strlen(texts[i].clean)
               && memcmp(dst, texts[i].clean, n) == 0,
               "%s: %.*s", texts[i].name, (int) n, dst);
        af_row(af_text_length(dst, n) != -1, "%s", texts[i].name);

        free(dst);
        free(copy);
    }

    assert_int_equal(failed, 0);
}


static void
test_text_is_measured_in_code_points(void **state)
{
    int      failed;
    long     n;
    char    *copy;
    size_t   i;

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(lengths); i++) {
        copy = af_exact(lengths[i].text, lengths[i].len);
        n = af_text_length(copy, lengths[i].len);
        af_row(n == lengths[i].n, "%s: %ld", lengths[i].name, n);
        free(copy);
    }

    assert_int_equal(failed, 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_very_deep_json),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_text_is_cleaned),
        cmocka_unit_test(test_text_is_measured_in_code_points)
    };

    return cmocka_run_group_tests_name("input", tests, NULL, NULL);
}
