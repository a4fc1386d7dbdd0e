/*
 * Field rules.  The input is a JSON body, or a form if it does not begin with a
 * brace, checked against a schema with fields of all types: what is accepted is
 * within its rule's limits, and errors are well-formed.
 */

#include <regex.h>
#include <time.h>

#include "fuzz.h"
#include "check/input.h"
#include "check/schema.h"


#define PATH  256

#define TIME  "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}"       \
              "(\\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$"

#define UUID  "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"


typedef int (*right_pt)(const char *s);


static json_t *parse(const char *text, size_t len);
static json_t *told(json_t *errors);
static void fields_right(const af_schema_t *schema, json_t *body,
    const char *within, json_t *codes);
static void field_right(const af_field_t *field, json_t *body,
    const char *path, json_t *codes);
static void value_right(const af_field_t *field, json_t *value,
    const char *path, json_t *codes);
static void elements_right(const af_field_t *array, json_t *values,
    const char *path, json_t *codes);
static void value_wrong(const af_type_t *type, json_t *value,
    const char *code);
static int has_type(const af_type_t *type, const json_t *value);
static json_int_t size_of(const af_type_t *type, json_t *value);
static int in_range(const af_type_t *type, json_int_t n);
static void string_right(const af_type_t *type, json_t *value);
static const char *code_of(json_t *codes, const char *path);
static int right_email(const char *s);
static int right_username(const char *s);
static int right_uuid(const char *s);
static int right_time(const char *s);
static int right_role(const char *s);
static int right_name(const char *s);
static int right_text(const char *s);


static const af_type_t  type_page = {
    .name = "page", .json = JSON_INTEGER, .min = 1
};

static const af_type_t  type_size = {
    .name = "size", .json = JSON_INTEGER, .min = 1, .max = 100
};

static const af_type_t  type_stars = {
    .name = "stars", .json = JSON_INTEGER, .max = 5
};

static const af_type_t  type_roles = {
    .name = "roles", .json = JSON_ARRAY, .max = 3, .element = &af_type_role
};

static const af_schema_t  inner;

static const af_field_t  inner_fields[] = {
    { "id", &af_type_uuid, AF_REQUIRED, NULL },
    { "name", &af_type_name, 0, NULL },
    { "in", &af_type_object, 0, &inner },
    { "list", &af_type_array, 0, &inner },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  inner = { "Inner", inner_fields, NULL };

static const af_field_t  fields[] = {
    { "email", &af_type_email, AF_REQUIRED, NULL },
    { "password", &af_type_password, 0, NULL },
    { "credential", &af_type_credential, 0, NULL },
    { "username", &af_type_username, 0, NULL },
    { "name", &af_type_name, 0, NULL },
    { "text", &af_type_text, 0, NULL },
    { "uuid", &af_type_uuid, 0, NULL },
    { "time", &af_type_time, AF_NULLABLE, NULL },
    { "string", &af_type_string, 0, NULL },
    { "integer", &af_type_integer, 0, NULL },
    { "page", &type_page, 0, NULL },
    { "size", &type_size, 0, NULL },
    { "stars", &type_stars, 0, NULL },
    { "number", &af_type_number, 0, NULL },
    { "boolean", &af_type_boolean, 0, NULL },
    { "array", &af_type_array, 0, NULL },
    { "list", &af_type_array, 0, &inner },
    { "role", &af_type_role, 0, NULL },
    { "roles", &type_roles, 0, NULL },
    { "object", &af_type_object, 0, NULL },
    { "in", &af_type_object, 0, &inner },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  schema = { "Outer", fields, NULL };


/* `exact`: the rule accepts everything valid */

static const struct {
    const af_type_t  *type;
    right_pt          right;
    unsigned          exact;
} rules[] = {
    { &af_type_email, right_email, 0 },
    { &af_type_username, right_username, 1 },
    { &af_type_role, right_role, 1 },
    { &af_type_name, right_name, 0 },
    { &af_type_text, right_text, 1 },
    { &af_type_uuid, right_uuid, 1 },
    { &af_type_time, right_time, 1 }
};

static regex_t  username_regex, role_regex, uuid_regex, time_regex;


int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void) argc;
    (void) argv;

    af_must(regcomp(&username_regex, af_type_username.pattern,
                    REG_EXTENDED|REG_NOSUB) == 0);
    af_must(regcomp(&role_regex, af_type_role.pattern, REG_EXTENDED|REG_NOSUB)
            == 0);
    af_must(regcomp(&uuid_regex, UUID, REG_EXTENDED|REG_NOSUB) == 0);
    af_must(regcomp(&time_regex, TIME, REG_EXTENDED|REG_NOSUB) == 0);

    return 0;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t  *body, *errors, *codes, *copy, *again;

    body = parse((const char *) data, size);
    if (body == NULL) {
        return 0;
    }

    errors = json_array();
    again = json_array();
    af_must(errors != NULL && again != NULL);

    af_must(af_schema_check(&schema, body, errors)
            == (int) json_array_size(errors));

    codes = told(errors);
    fields_right(&schema, body, "", codes);

    /* checking again gives the same result, and changes nothing more */

    copy = json_deep_copy(body);

    af_must(af_schema_check(&schema, body, again)
            == (int) json_array_size(errors));
    af_must(json_equal(errors, again));
    af_must(json_equal(body, copy));

    json_decref(body);
    json_decref(errors);
    json_decref(codes);
    json_decref(copy);
    json_decref(again);

    return 0;
}


static json_t *
parse(const char *text, size_t len)
{
    const char  *why;

    return (len != 0 && text[0] == '{') ? af_json_parse(text, len, &why)
                                        : af_form_parse(text, len, &why);
}


/* Returns the codes by the fields' names; each field has one error at most. */

static json_t *
told(json_t *errors)
{
    size_t       i, n;
    json_t      *error, *codes;
    const char  *field, *code, *message;

    static const char *const  known[] = {
        "required", "type", "length", "range", "format"
    };

    codes = json_object();
    af_must(codes != NULL);

    json_array_foreach(errors, i, error) {
        af_must(json_unpack_ex(error, NULL, JSON_STRICT, "{s:s, s:s, s:s}",
                               "field", &field, "code", &code,
                               "message", &message)
                == 0);
        af_must(*field != '\0' && *message != '\0');

        for (n = 0; strcmp(code, known[n]) != 0; n++) {
            af_must(n + 1 < af_nelts(known));
        }

        af_must(json_object_get(codes, field) == NULL);
        af_must(json_object_set(codes, field, json_object_get(error, "code"))
                == 0);
    }

    return codes;
}


static void
fields_right(const af_schema_t *schema, json_t *body, const char *within,
    json_t *codes)
{
    int                n;
    char               path[PATH];
    const af_field_t  *field;

    for (field = schema->fields; field->name != NULL; field++) {
        n = snprintf(path, sizeof(path), "%s%s%s", within,
                     (*within != '\0') ? "." : "", field->name);
        af_must(n < PATH);

        field_right(field, body, path, codes);
    }
}


static void
field_right(const af_field_t *field, json_t *body, const char *path,
    json_t *codes)
{
    json_t      *value;
    const char  *code;

    value = json_object_get(body, field->name);
    code = code_of(codes, path);

    af_must(!json_is_null(value));

    if (value == NULL) {
        af_must((field->flags & AF_REQUIRED)
                ? code != NULL && strcmp(code, "required") == 0
                : code == NULL);
        return;
    }

    if (code == NULL) {
        value_right(field, value, path, codes);

    } else {
        value_wrong(field->type, value, code);
    }
}


static void
value_right(const af_field_t *field, json_t *value, const char *path,
    json_t *codes)
{
    af_must(has_type(field->type, value));
    af_must(in_range(field->type, size_of(field->type, value)));

    if (json_is_string(value)) {
        string_right(field->type, value);
    }

    if (json_is_array(value)) {
        elements_right(field, value, path, codes);

    } else if (field->nested != NULL) {
        fields_right(field->nested, value, path, codes);
    }
}


static void
elements_right(const af_field_t *array, json_t *values, const char *path,
    json_t *codes)
{
    int          n;
    char         name[PATH];
    size_t       i;
    json_t      *value;
    af_field_t   element = { "", array->type->element, 0, array->nested };

    if (array->nested != NULL) {
        element.type = &af_type_object;
    }

    json_array_foreach(values, i, value) {
        n = snprintf(name, sizeof(name), "%s.%zu", path, i);
        af_must(n < PATH);

        if (code_of(codes, name) != NULL) {
            value_wrong(element.type, value, code_of(codes, name));

        } else if (element.type != NULL) {
            value_right(&element, value, name, codes);
        }
    }
}


static void
value_wrong(const af_type_t *type, json_t *value, const char *code)
{
    size_t  i;

    if (strcmp(code, "type") == 0) {
        af_must(!has_type(type, value));
        return;
    }

    af_must(has_type(type, value));

    if (strcmp(code, "length") == 0 || strcmp(code, "range") == 0) {
        af_must((*code == 'l') == !json_is_integer(value));
        af_must(!in_range(type, size_of(type, value)));
        return;
    }

    af_must(strcmp(code, "format") == 0);
    af_must(in_range(type, size_of(type, value)));

    for (i = 0; rules[i].type != type; i++) {
        af_must(i + 1 < af_nelts(rules));
    }

    af_must(!rules[i].exact || !rules[i].right(json_string_value(value)));
}


static int
has_type(const af_type_t *type, const json_t *value)
{
    switch (type->json) {

    case JSON_REAL:
        return json_is_number(value);

    case JSON_TRUE:
        return json_is_boolean(value);

    default:
        return json_typeof(value) == type->json;
    }
}


/* what min and max apply to */

static json_int_t
size_of(const af_type_t *type, json_t *value)
{
    size_t  len;

    if (json_is_array(value)) {
        return json_array_size(value);
    }

    if (!json_is_string(value)) {
        return json_integer_value(value);
    }

    len = json_string_length(value);

    return type->octets ? len : af_characters(json_string_value(value), len);
}


static int
in_range(const af_type_t *type, json_int_t n)
{
    return (type->min == 0 && type->max == 0)
           || (n >= type->min && (type->max == 0 || n <= type->max));
}


static void
string_right(const af_type_t *type, json_t *value)
{
    size_t             i, len;
    const char        *s;

    static const char  white[] = " \t\r\n\v\f";

    s = json_string_value(value);
    len = json_string_length(value);

    af_must(strlen(s) == len);
    af_must(af_is_utf8(s, len));

    if (type->trim && len != 0) {
        af_must(strchr(white, s[0]) == NULL);
        af_must(strchr(white, s[len - 1]) == NULL);
    }

    for (i = 0; i < af_nelts(rules); i++) {
        if (rules[i].type == type) {
            af_must(rules[i].right(s));
        }
    }
}


static const char *
code_of(json_t *codes, const char *path)
{
    return json_string_value(json_object_get(codes, path));
}


/* one @, RFC 5321's lengths, and then DNS labels */

static int
right_email(const char *s)
{
    size_t       n;
    const char  *at, *label;

    at = strchr(s, '@');

    if (at == NULL || at == s || at - s > 64 || strchr(at + 1, '@') != NULL
        || strlen(s) > 254 || strstr(s, "..") != NULL || s[0] == '.'
        || at[-1] == '.' || strchr(at, '.') == NULL
        || strpbrk(s, " \"(),:;<>[\\]") != NULL
        || af_has_controls(s, strlen(s)) || strstr(s, "\u00a0") != NULL)
    {
        return 0;
    }

    for (label = s; label < at; label++) {
        if (*label & 0x80) {
            return 0;
        }
    }

    for (label = at + 1; /* void */ ; label += n + 1) {
        n = strcspn(label, ".");

        if (n == 0 || n > 63 || label[0] == '-' || label[n - 1] == '-') {
            return 0;
        }

        if (label[n] == '\0') {
            return 1;
        }
    }
}


static int
right_username(const char *s)
{
    return regexec(&username_regex, s, 0, NULL, 0) == 0;
}


static int
right_role(const char *s)
{
    return regexec(&role_regex, s, 0, NULL, 0) == 0;
}


static int
right_uuid(const char *s)
{
    return regexec(&uuid_regex, s, 0, NULL, 0) == 0;
}


/* a valid date for PostgreSQL */

static int
right_time(const char *s)
{
    int          hours, minutes, seconds;
    time_t       t;
    struct tm    tm, normal;
    const char  *zone;

    if (regexec(&time_regex, s, 0, NULL, 0) != 0) {
        return 0;
    }

    memset(&tm, 0, sizeof(struct tm));

    af_must(sscanf(s, "%4d-%2d-%2dT%2d:%2d:%2d", &tm.tm_year, &tm.tm_mon,
                   &tm.tm_mday, &hours, &minutes, &seconds)
            == 6);

    if (tm.tm_year == 0 || hours > 23 || minutes > 59 || seconds > 60) {
        return 0;
    }

    tm.tm_year -= 1900;
    tm.tm_mon--;

    normal = tm;
    t = timegm(&normal);
    af_must(gmtime_r(&t, &normal) != NULL);

    if (tm.tm_mon != normal.tm_mon || tm.tm_mday != normal.tm_mday) {
        return 0;
    }

    zone = s + strlen(s) - sizeof("+00:00") + 1;

    return s[strlen(s) - 1] == 'Z'
           || (strncmp(zone + 1, "16", 2) < 0 && zone[4] < '6');
}


static int
right_name(const char *s)
{
    return !af_has_controls(s, strlen(s));
}


/* newlines and tabs are ASCII: validate a copy without them */

static int
right_text(const char *s)
{
    int      rc;
    char    *copy, *p;

    copy = strdup(s);
    af_must(copy != NULL);

    for (p = copy; *p != '\0'; p++) {
        if (*p == '\n' || *p == '\t') {
            *p = ' ';
        }
    }

    rc = !af_has_controls(copy, strlen(copy));

    free(copy);

    return rc;
}
