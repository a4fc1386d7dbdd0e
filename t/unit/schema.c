/*
 * The field rules, and schemas made of them.
 */

#include <stdio.h>

#include "unit.h"
#include "check/input.h"
#include "check/schema.h"


#define MAX  16384

#define EMAIL       &af_type_email
#define PASSWORD    &af_type_password
#define CREDENTIAL  &af_type_credential
#define USERNAME    &af_type_username
#define NAME        &af_type_name
#define TEXT        &af_type_text
#define UUID        &af_type_uuid
#define TIME        &af_type_time
#define DATE        &af_type_date
#define URL         &af_type_url


static int inner_rule(json_t *body, json_t *errors);
static int failing_rule(json_t *body, json_t *errors);


static const af_type_t  from_one = {
    .name = "page", .json = JSON_INTEGER, .min = 1
};

static const af_type_t  one_to_hundred = {
    .name = "size", .json = JSON_INTEGER, .min = 1, .max = 100
};

static const af_type_t  up_to_five = {
    .name = "stars", .json = JSON_INTEGER, .max = 5
};

static const af_type_t  up_to_three = {
    .name = "names", .json = JSON_ARRAY, .max = 3, .element = USERNAME
};


static const char *const  names[] = { "name", "size", NULL };

static const af_type_t  by_field = {
    .name = "order", .json = JSON_STRING, .values = names, .order = 1
};

static const af_type_t  a_field = {
    .name = "field", .json = JSON_STRING, .values = names
};


/* a value in JSON, and the error's code; NULL: valid */

static const struct {
    const af_type_t  *type;
    const char       *value;
    const char       *code;
} values[] = {
    { &by_field, "\"size\"", NULL },
    { &by_field, "\"-size\"", NULL },
    { &by_field, "\"--size\"", "format" },
    { &by_field, "\"-\"", "format" },
    { &by_field, "\"\"", "format" },
    { &by_field, "\"+size\"", "format" },
    { &by_field, "\"Size\"", "format" },
    { &a_field, "\"size\"", NULL },
    { &a_field, "\"-size\"", "format" },

    { EMAIL, "\"a@b.co\"", NULL },
    { EMAIL, "\"first.last+tag@sub.example.com\"", NULL },
    { EMAIL, "\"!#$%&'*+/=?^_`{|}~-@example.com\"", NULL },
    { EMAIL, "\"1@2.co\"", NULL },
    { EMAIL, "\"A@B.CO\"", NULL },
    { EMAIL, "\"a@b-c.xn--p1ai\"", NULL },
    { EMAIL, "\"a@ex\xc3\xa4mple.com\"", NULL },
    { EMAIL, "\"a@\xd0\xbf\xd0\xbe\xd1\x87\xd1\x82\xd0\xb0.\xd1\x80\xd1\x84\"",
      NULL },
    { EMAIL, "\" a@b.co\\t\\r\\n\"", NULL },
    { EMAIL, "\"\"", "format" },
    { EMAIL, "\"  \"", "format" },
    { EMAIL, "\"a\"", "format" },
    { EMAIL, "\"a@\"", "format" },
    { EMAIL, "\"@\"", "format" },
    { EMAIL, "\"@b.co\"", "format" },
    { EMAIL, "\"a@b\"", "format" },
    { EMAIL, "\"a@@b.co\"", "format" },
    { EMAIL, "\"a@b@c.co\"", "format" },
    { EMAIL, "\"a@b.co@\"", "format" },
    { EMAIL, "\"a@.b.co\"", "format" },
    { EMAIL, "\"a@b..co\"", "format" },
    { EMAIL, "\"a@b.co.\"", "format" },
    { EMAIL, "\"a@.\"", "format" },
    { EMAIL, "\".a@b.co\"", "format" },
    { EMAIL, "\"a.@b.co\"", "format" },
    { EMAIL, "\"a..b@c.co\"", "format" },
    { EMAIL, "\".@b.co\"", "format" },
    { EMAIL, "\"a b@c.co\"", "format" },
    { EMAIL, "\"a@b c.co\"", "format" },
    { EMAIL, "\"a@ b.co\"", "format" },
    { EMAIL, "\"\\\"a\\\"@b.co\"", "format" },
    { EMAIL, "\"a\\\\@b.co\"", "format" },
    { EMAIL, "\"a(x)@b.co\"", "format" },
    { EMAIL, "\"a@[127.0.0.1]\"", "format" },
    { EMAIL, "\"a@-b.co\"", "format" },
    { EMAIL, "\"a@b-.co\"", "format" },
    { EMAIL, "\"a@b.-co\"", "format" },
    { EMAIL, "\"a@b_c.co\"", "format" },
    { EMAIL, "\"a@b!.co\"", "format" },
    { EMAIL, "\"A <a@b.co>\"", "format" },
    { EMAIL, "\"<a@b.co>\"", "format" },
    { EMAIL, "\"a@b.co, c@d.co\"", "format" },
    { EMAIL, "\"a@b.co;c@d.co\"", "format" },
    { EMAIL, "\"mailto:a@b.co\"", "format" },
    { EMAIL, "\"a@b.co\\u0001\"", "format" },
    { EMAIL, "\"a\\n@b.co\"", "format" },
    { EMAIL, "\"a@b.co\\r\\nBcc: c@d.co\"", "format" },
    { EMAIL, "\"a@b.co\\u007f\"", "format" },
    { EMAIL, "\"a@b.c\\u0085o\"", "format" },
    { EMAIL, "\"a@b.c\\u00a0o\"", "format" },
    { EMAIL, "\"j\xc3\xb6rg@example.com\"", "format" },
    { EMAIL, "1", "type" },
    { EMAIL, "[\"a@b.co\"]", "type" },

    { USERNAME, "\"ada\"", NULL },
    { USERNAME, "\"0-._\"", NULL },
    { USERNAME, "\"A.B\"", NULL },
    { USERNAME, "\"ab\"", "length" },
    { USERNAME, "\"\"", "length" },
    { USERNAME, "\".abc\"", "format" },
    { USERNAME, "\"-abc\"", "format" },
    { USERNAME, "\"_abc\"", "format" },
    { USERNAME, "\"a b\"", "format" },
    { USERNAME, "\" abc\"", "format" },
    { USERNAME, "\"abc\\n\"", "format" },
    { USERNAME, "\"a@b\"", "format" },
    { USERNAME, "\"a/b\"", "format" },
    { USERNAME, "\"j\xc3\xb6rg\"", "format" },
    { USERNAME, "{}", "type" },

    { PASSWORD, "\"12345678\"", NULL },
    { PASSWORD, "\"        \"", NULL },
    { PASSWORD, "\"\\u0001\\n\\t\\u007f\\u0085abc\"", NULL },
    { PASSWORD, "\"1234567\"", "length" },
    { PASSWORD, "12345678", "type" },

    { CREDENTIAL, "\"x\"", NULL },
    { CREDENTIAL, "\"\\n\"", NULL },
    { CREDENTIAL, "\"\"", "length" },
    { CREDENTIAL, "true", "type" },

    { NAME, "\"x\"", NULL },
    { NAME, "\"Jos\xc3\xa9 O'Neill-\xe5\xb0\x8f, Jr.\"", NULL },
    { NAME, "\" \\u00a0x\\u3000\"", NULL },
    { NAME, "\" \"", "format" },
    { NAME, "\"\\u00a0\"", "format" },
    { NAME, "\" \\u2003\\u3000\\u2028 \"", "format" },
    { NAME, "\"\"", "length" },
    { NAME, "\"a\\nb\"", "format" },
    { NAME, "\"a\\tb\"", "format" },
    { NAME, "\"a\\u0001b\"", "format" },
    { NAME, "\"a\\u007fb\"", "format" },
    { NAME, "\"a\\u0080b\"", "format" },
    { NAME, "\"a\\u009fb\"", "format" },

    { TEXT, "\"\"", NULL },
    { TEXT, "\"a\\n\\tb\"", NULL },
    { TEXT, "\"a\\rb\"", "format" },
    { TEXT, "\"\\u001b[0m\"", "format" },
    { TEXT, "\"\\u007f\"", "format" },
    { TEXT, "\"\\u0085\"", "format" },

    { UUID, "\"0192f1a0-7c3e-7def-8abc-0123456789ab\"", NULL },
    { UUID, "\"0192F1A0-7C3E-7DEF-8ABC-0123456789AB\"", NULL },
    { UUID, "\"00000000-0000-0000-0000-000000000000\"", NULL },
    { UUID, "\"\"", "format" },
    { UUID, "\"0192f1a07c3e7def8abc0123456789ab\"", "format" },
    { UUID, "\"0192f1a0-7c3e-7def-8abc-0123456789a\"", "format" },
    { UUID, "\"0192f1a0-7c3e-7def-8abc-0123456789abc\"", "format" },
    { UUID, "\"0192f1a0-7c3e-7def-8abc-0123456789ag\"", "format" },
    { UUID, "\"0192f1a-07c3e-7def-8abc-0123456789ab\"", "format" },
    { UUID, "\"0192f1a0-7c3e-7def-8abc--123456789ab\"", "format" },
    { UUID, "\"{192f1a0-7c3e-7def-8abc-0123456789a}\"", "format" },
    { UUID, "\" 192f1a0-7c3e-7def-8abc-0123456789ab\"", "format" },
    { UUID, "\"0192f1a0_7c3e_7def_8abc_0123456789ab\"", "format" },

    { TIME, "\"2025-12-31T23:59:59Z\"", NULL },
    { TIME, "\"2025-12-31T23:59:59.123456Z\"", NULL },
    { TIME, "\"2025-12-31T23:59:59.1+05:30\"", NULL },
    { TIME, "\"2025-12-31T23:59:59-15:59\"", NULL },
    { TIME, "\"2016-12-31T23:59:60Z\"", NULL },
    { TIME, "\"2024-02-29T00:00:00Z\"", NULL },
    { TIME, "\"2000-02-29T00:00:00Z\"", NULL },
    { TIME, "\"0001-01-01T00:00:00Z\"", NULL },
    { TIME, "\"\"", "format" },
    { TIME, "\"now\"", "format" },
    { TIME, "\"infinity\"", "format" },
    { TIME, "\"2025-12-31\"", "format" },
    { TIME, "\"2025-12-31T23:59:59\"", "format" },
    { TIME, "\"2025-12-31 23:59:59Z\"", "format" },
    { TIME, "\"2025-12-31t23:59:59z\"", "format" },
    { TIME, "\"2025-12-31T23:59Z\"", "format" },
    { TIME, "\"2025-12-31T23:59:59.Z\"", "format" },
    { TIME, "\"2025-12-31T23:59:59,5Z\"", "format" },
    { TIME, "\"2025-12-31T23:59:59ZZ\"", "format" },
    { TIME, "\"2025-12-31T23:59:59+0530\"", "format" },
    { TIME, "\"2025-12-31T23:59:59+05\"", "format" },
    { TIME, "\"2025-12-31T23:59:59+05:60\"", "format" },
    { TIME, "\"2025-12-31T23:59:59+16:00\"", "format" },
    { TIME, "\"2025-12-31T23:59:59+05:30x\"", "format" },
    { TIME, "\"2025-12-31T23:59:59*05:30\"", "format" },
    { TIME, "\"2025-12-31T24:00:00Z\"", "format" },
    { TIME, "\"2025-12-31T23:60:00Z\"", "format" },
    { TIME, "\"2025-12-31T23:59:61Z\"", "format" },
    { TIME, "\"2025-13-01T00:00:00Z\"", "format" },
    { TIME, "\"2025-00-01T00:00:00Z\"", "format" },
    { TIME, "\"2025-01-00T00:00:00Z\"", "format" },
    { TIME, "\"2025-01-32T00:00:00Z\"", "format" },
    { TIME, "\"2025-04-31T00:00:00Z\"", "format" },
    { TIME, "\"2025-02-29T00:00:00Z\"", "format" },
    { TIME, "\"1900-02-29T00:00:00Z\"", "format" },
    { TIME, "\"0000-01-01T00:00:00Z\"", "format" },
    { TIME, "\"02025-01-01T00:00:00Z\"", "format" },
    { TIME, "\" 2025-01-01T00:00:00Z\"", "format" },
    { TIME, "\"2025-+1-01T00:00:00Z\"", "format" },
    { TIME, "1735689599", "type" },

    { DATE, "\"2025-12-31\"", NULL },
    { DATE, "\"2025-02-29\"", "format" },
    { DATE, "\"2025-12-31T23:59:59Z\"", "format" },

    { URL, "\"https://example.com/?a=b#c\"", NULL },
    { URL, "\"HTTP://x\"", NULL },
    { URL, "\"https://\"", "format" },
    { URL, "\"ftp://example.com/\"", "format" },
    { URL, "\"javascript:alert(1)\"", "format" },
    { URL, "\"https://\xc3\xa4.example/\xe5\xb0\x8f\"", NULL },
    { URL, "\"https://a b\"", "format" },
    { URL, "\"https://a\\u00a0b\"", "format" },
    { URL, "\"https://a\\u3000\"", "format" },
    { URL, "\"https://\\u2028a\"", "format" },
    { URL, "\"https://a\\n\"", "format" },

    { &af_type_string, "\"\"", NULL },
    { &af_type_string, "\"\\u0001\"", NULL },
    { &af_type_string, "1", "type" },
    { &af_type_integer, "-9223372036854775808", NULL },
    { &af_type_integer, "0", NULL },
    { &af_type_integer, "1.0", "type" },
    { &af_type_integer, "\"1\"", "type" },
    { &af_type_integer, "true", "type" },
    { &from_one, "1", NULL },
    { &from_one, "9223372036854775807", NULL },
    { &from_one, "0", "range" },
    { &from_one, "-1", "range" },
    { &one_to_hundred, "100", NULL },
    { &one_to_hundred, "101", "range" },
    { &one_to_hundred, "0", "range" },
    { &up_to_five, "0", NULL },
    { &up_to_five, "5", NULL },
    { &up_to_five, "6", "range" },
    { &up_to_five, "-1", "range" },
    { &af_type_number, "1", NULL },
    { &af_type_number, "-1.5e3", NULL },
    { &af_type_number, "\"1\"", "type" },
    { &af_type_boolean, "true", NULL },
    { &af_type_boolean, "false", NULL },
    { &af_type_boolean, "0", "type" },
    { &af_type_boolean, "\"true\"", "type" },
    { &af_type_array, "[]", NULL },
    { &af_type_array, "[1,\"a\"]", NULL },
    { &af_type_array, "{}", "type" },
    { &af_type_object, "{}", NULL },
    { &af_type_object, "{\"a\":1}", NULL },
    { &af_type_object, "[]", "type" }
};


/* `n` times `unit` between `before` and `after` */

static const struct {
    const af_type_t  *type;
    const char       *before;
    const char       *unit;
    size_t            n;
    const char       *after;
    const char       *code;
} sizes[] = {
    { PASSWORD, "", "x", 128, "", NULL },
    { PASSWORD, "", "x", 129, "", "length" },
    { PASSWORD, "", "\xf0\x9f\x98\x80", 8, "", NULL },
    { PASSWORD, "", "\xf0\x9f\x98\x80", 7, "", "length" },
    { PASSWORD, "", "\xf0\x9f\x98\x80", 128, "", NULL },
    { PASSWORD, "", "\xf0\x9f\x98\x80", 129, "", "length" },
    { CREDENTIAL, "", "x", 1024, "", NULL },
    { CREDENTIAL, "", "x", 1025, "", "length" },
    { CREDENTIAL, "", "\xc3\xa9", 512, "", NULL },
    { CREDENTIAL, "", "\xc3\xa9", 513, "", "length" },
    { USERNAME, "", "x", 100, "", NULL },
    { USERNAME, "", "x", 101, "", "length" },
    { NAME, "", "\xc3\xa9", 255, "", NULL },
    { NAME, "", "\xc3\xa9", 256, "", "length" },
    { TEXT, "", "\xc3\xa9", 5000, "", NULL },
    { TEXT, "", "x", 10000, "", NULL },
    { TEXT, "", "x", 10001, "", "length" },
    { EMAIL, "", "x", 64, "@example.com", NULL },
    { EMAIL, "", "x", 65, "@example.com", "format" },
    { EMAIL, "a@", "x", 63, ".com", NULL },
    { EMAIL, "a@", "x", 64, ".com", "format" },
    { EMAIL, "a@", "\xc3\xa9", 31, ".com", NULL },
    { EMAIL, "a@", "\xc3\xa9", 32, ".com", "format" },
    { EMAIL, "a@", "x.", 126, "", "format" },
    { EMAIL, "a@", "x.", 125, "co", NULL },
    { EMAIL, "aa@", "x.", 125, "c", NULL },
    { EMAIL, "a@", "x.", 125, "com", "length" },
    { EMAIL, "a@b.co", " ", 300, "", NULL },
    { EMAIL, "a@b.co", " ", 300, "x", "length" },
    { UUID, "", "0", 5000, "", "format" },
    { TIME, "2025-12-31T23:59:59.", "0", 5000, "Z", NULL }
};


static const af_field_t  inner_fields[] = {
    { "city", NAME, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  inner = { "Inner", inner_fields, inner_rule };

static const af_field_t  outer_fields[] = {
    { "email", EMAIL, AF_REQUIRED, NULL },
    { "password", PASSWORD, AF_REQUIRED, NULL },
    { "username", USERNAME, 0, NULL },
    { "page", &one_to_hundred, 0, NULL },
    { "home", &af_type_object, 0, &inner },
    { "places", &af_type_array, 0, &inner },
    { "names", &up_to_three, 0, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  outer = { "Outer", outer_fields, NULL };

static const af_schema_t  failing = { "Failing", outer_fields, failing_rule };


/* what a body becomes (NULL: it stays), and "field code" of each error */

static const struct {
    const char  *body;
    const char  *becomes;
    const char  *errors;
} bodies[] = {
    { "{'email':'a@b.co','password':'12345678'}", NULL, "" },
    { "{'password':'12345678','x':[{}],'email':'a@b.co'}", NULL, "" },
    { "{'email':' a@b.co ','password':' 2345678 '}",
      "{'email':'a@b.co','password':' 2345678 '}", "" },
    { "{'email':'a@b.co','password':'12345678','username':null}",
      "{'email':'a@b.co','password':'12345678'}", "" },

    { "{}", NULL, "email required, password required" },
    { "{'email':null,'password':null}", "{}",
      "email required, password required" },
    { "{'email':'','password':''}", NULL, "email format, password length" },
    { "{'page':0,'username':1,'password':[],'email':{}}", NULL,
      "email type, password type, username type, page range" },
    { "{'Email':'a@b.co','password':'12345678'}", NULL, "email required" },

    { "{'email':'a@b.co','password':'12345678','home':{}}", NULL,
      "home.city required, rule called" },
    { "{'email':'a@b.co','password':'12345678','home':{'city':'x'}}", NULL,
      "rule called" },
    { "{'email':'a@b.co','password':'12345678','home':[]}", NULL,
      "home type" },
    { "{'email':'a@b.co','password':'12345678','places':[]}", NULL, "" },
    { "{'email':'a@b.co','password':'12345678','places':[{'city':1}]}", NULL,
      "places.0.city type, rule called" },
    { "{'email':'a@b.co','password':'12345678','places':[null,{},1]}", NULL,
      "places.0 type, places.1.city required, rule called, places.2 type" },
    { "{'email':'a@b.co','password':'12345678','names':['abc','abc']}", NULL,
      "" },
    { "{'email':'a@b.co','password':'12345678','names':['abc','?bc',1,'x']}",
      NULL, "names length" },
    { "{'email':'a@b.co','password':'12345678','names':['?bc',1,'x']}", NULL,
      "names.0 format, names.1 type, names.2 length" }
};


static int
inner_rule(json_t *body, json_t *errors)
{
    (void) body;

    return af_schema_error(errors, "rule", "called", "has been called");
}


static int
failing_rule(json_t *body, json_t *errors)
{
    (void) body;
    (void) errors;

    return -1;
}


/* the code of a single value's error, or "" */

static const char *
code_of(const af_type_t *type, const char *value)
{
    int                 n;
    json_t             *body, *errors, *error;
    const char         *code, *field, *message;
    const af_field_t    fields[] = {
        { "field", type, AF_REQUIRED, NULL },
        { NULL, NULL, 0, NULL }
    };
    const af_schema_t   schema = { "One", fields, NULL };

    static char         copy[32];

    errors = json_array();
    body = json_pack("{s:o}", "field", json_loads(value, JSON_DECODE_ANY,
                                                  NULL));
    assert_non_null(body);

    n = af_schema_check(&schema, body, errors);
    assert_in_range(n, 0, 1);

    copy[0] = '\0';

    if (n == 1) {
        error = json_array_get(errors, 0);
        field = json_string_value(json_object_get(error, "field"));
        code = json_string_value(json_object_get(error, "code"));
        message = json_string_value(json_object_get(error, "message"));

        assert_string_equal(field, "field");
        assert_int_equal(json_object_size(error), 3);
        assert_memory_equal(message, "must ", 5);

        memcpy(copy, code, strlen(code) + 1);
    }

    json_decref(body);
    json_decref(errors);

    return copy;
}


static void
test_values(void **state)
{
    int          failed;
    size_t       i;
    const char  *code;

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(values); i++) {
        code = code_of(values[i].type, values[i].value);
        af_row(strcmp(code, values[i].code ? values[i].code : "") == 0,
               "%s %s: %s", values[i].type->name, values[i].value, code);
    }

    assert_int_equal(failed, 0);
}


static void
test_sizes(void **state)
{
    int          failed;
    char        *p, *value;
    size_t       i, n;
    const char  *code;

    (void) state;

    failed = 0;
    value = malloc(MAX);
    assert_non_null(value);

    for (i = 0; i < af_nelts(sizes); i++) {
        p = value + sprintf(value, "\"%s", sizes[i].before);

        for (n = 0; n < sizes[i].n; n++) {
            p += sprintf(p, "%s", sizes[i].unit);
        }

        sprintf(p, "%s\"", sizes[i].after);

        code = code_of(sizes[i].type, value);
        af_row(strcmp(code, sizes[i].code ? sizes[i].code : "") == 0,
               "%s, %zu times %s: %s", sizes[i].type->name, sizes[i].n,
               sizes[i].unit, code);
    }

    free(value);

    assert_int_equal(failed, 0);
}


/* single quotes are easier to read here */

static json_t *
quoted(const char *s)
{
    char    *copy, *p;
    json_t  *json;

    copy = strdup(s);
    assert_non_null(copy);

    for (p = copy; *p != '\0'; p++) {
        if (*p == '\'') {
            *p = '"';
        }
    }

    json = json_loads(copy, 0, NULL);
    assert_non_null(json);

    free(copy);

    return json;
}


static void
test_every_invalid_field_is_listed_in_order(void **state)
{
    int      failed, n;
    char     list[512], *p;
    size_t   i, k;
    json_t  *body, *becomes, *errors, *error;

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(bodies); i++) {
        body = quoted(bodies[i].body);
        becomes = quoted(bodies[i].becomes ? bodies[i].becomes
                                           : bodies[i].body);
        errors = json_array();

        n = af_schema_check(&outer, body, errors);

        p = list;
        *p = '\0';

        json_array_foreach(errors, k, error) {
            p += sprintf(p, "%s%s %s", k ? ", " : "",
                         json_string_value(json_object_get(error, "field")),
                         json_string_value(json_object_get(error, "code")));
        }

        af_row(n == (int) json_array_size(errors), "%s", bodies[i].body);
        af_row(strcmp(list, bodies[i].errors) == 0, "%s: %s",
               bodies[i].body, list);
        af_row(json_equal(body, becomes), "%s", bodies[i].body);

        json_decref(errors);
        json_decref(becomes);
        json_decref(body);
    }

    assert_int_equal(failed, 0);
}


static const af_field_t  changed_fields[] = {
    { "name", NAME, AF_REQUIRED, NULL },
    { "size", &one_to_hundred, AF_NULLABLE, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  changed = { "Changed", changed_fields, NULL };


static void
test_null_clears_only_what_may_be_null(void **state)
{
    int      failed;
    size_t   i;
    json_t  *body, *errors;

    static const struct {
        const char  *body;
        int          errors;
    } rows[] = {
        { "{}", 0 },
        { "{'size':null}", 0 },
        { "{'name':null}", 1 },
        { "{'name':null,'size':0}", 2 }
    };

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(rows); i++) {
        body = quoted(rows[i].body);
        errors = json_array();

        af_row(af_schema_check_change(&changed, body, errors)
               == rows[i].errors, "%s", rows[i].body);

        json_decref(errors);
        json_decref(body);
    }

    assert_int_equal(failed, 0);
}


/* a query has nothing but strings */

static void
test_text_becomes_what_its_field_is(void **state)
{
    json_t  *input, *becomes;

    (void) state;

    input = quoted("{'name':'1','size':'20','x':'3'}");
    becomes = quoted("{'name':'1','size':20,'x':'3'}");
    assert_int_equal(af_schema_convert(&changed, input), 0);
    assert_true(json_equal(input, becomes));
    json_decref(becomes);
    json_decref(input);

    input = quoted("{'size':'[1, 2]'}");
    becomes = json_deep_copy(input);
    assert_int_equal(af_schema_convert(&changed, input), 0);
    assert_true(json_equal(input, becomes));
    json_decref(becomes);
    json_decref(input);
}


static void
test_messages(void **state)
{
    size_t   i;
    json_t  *body, *errors;

    static const char *const  messages[] = {
        "must be an e-mail address",
        "must be 8 to 128 characters long",
        "must be a string",
        "must be 1 to 100"
    };

    (void) state;

    body = quoted("{'email':'a','password':'a','username':1,'page':0}");
    errors = json_array();

    assert_int_equal(af_schema_check(&outer, body, errors), 4);

    for (i = 0; i < af_nelts(messages); i++) {
        assert_string_equal(json_string_value(json_object_get(
                                json_array_get(errors, i), "message")),
                            messages[i]);
    }

    json_decref(errors);
    json_decref(body);
}


static void
test_a_failing_rule_means_no_memory(void **state)
{
    json_t  *body, *errors;

    (void) state;

    body = json_object();
    errors = json_array();

    assert_int_equal(af_schema_check(&failing, body, errors), -1);

    json_decref(errors);
    json_decref(body);
}


static void
test_ids_need_no_terminating_zero(void **state)
{
    char    *copy;
    size_t   len;

    static const char  id[] = "0192f1a0-7c3e-7def-8abc-0123456789ab";

    (void) state;

    for (len = 0; len < sizeof(id); len++) {
        copy = af_exact(id, len);
        assert_int_equal(af_is_uuid(copy, len), len == sizeof(id) - 1);
        free(copy);
    }
}


static int  allocations_left;


static void *
failing_malloc(size_t size)
{
    return (allocations_left-- > 0) ? malloc(size) : NULL;
}


static void
test_out_of_memory(void **state)
{
    int      i, n, checked;
    json_t  *body, *errors;

    (void) state;

    checked = 0;

    for (i = 0; i < 100; i++) {
        body = quoted("{'email':' a@b.co ','username':'','home':{}}");
        errors = json_array();

        json_set_alloc_funcs(failing_malloc, free);
        allocations_left = i;
        n = af_schema_check(&outer, body, errors);
        json_set_alloc_funcs(malloc, free);

        assert_true(n == -1 || n == 4);
        checked += n != -1;

        json_decref(errors);
        json_decref(body);
    }

    assert_true(checked > 0 && checked < 100);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_every_invalid_field_is_listed_in_order),
        cmocka_unit_test(test_null_clears_only_what_may_be_null),
        cmocka_unit_test(test_text_becomes_what_its_field_is),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_a_failing_rule_means_no_memory),
        cmocka_unit_test(test_ids_need_no_terminating_zero),
        cmocka_unit_test(test_out_of_memory)
    };

    return cmocka_run_group_tests_name("schema", tests, NULL, NULL);
}
