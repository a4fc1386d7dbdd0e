/*
 * Checks a body against its schema.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sodium.h>

#include "check/schema.h"
#include "check/input.h"
#include "check/normalize.h"


/* "contacts.12.value": names are fixed, and short */
#define AF_FIELD_PATH_MAX  256

#define AF_MESSAGE_MAX  256


typedef int (*af_check_pt)(const af_field_t *field, json_t *value,
    const char *path, json_t *errors);


typedef struct {
    const char   *mismatch;
    af_check_pt   check;
} af_json_type_t;


static int af_check_fields(const af_schema_t *schema, json_t *body,
    const char *within, int change, json_t *errors);
static int af_check_field(const af_field_t *field, json_t *body,
    const char *path, json_t *errors);
static int af_check_change(const af_field_t *field, json_t *body,
    const char *path, json_t *errors);
static int af_check_value(const af_field_t *field, json_t *value,
    const char *path, json_t *errors);
static int af_check_object(const af_field_t *field, json_t *value,
    const char *path, json_t *errors);
static int af_check_array(const af_field_t *field, json_t *value,
    const char *path, json_t *errors);
static int af_check_string(const af_field_t *field, json_t *value,
    const char *path, json_t *errors);
static int af_check_values(const af_type_t *type, const char *s,
    const char *path, json_t *errors);
static int af_check_integer(const af_field_t *field, json_t *value,
    const char *path, json_t *errors);
static int af_is_a(const json_t *value, json_type type);
static int af_trim(json_t *string);
static int af_normalize_string(json_t *string);
static int af_in_range(const af_type_t *type, json_int_t n);
static int af_range_error(json_t *errors, const char *path, const char *code,
    const af_type_t *type, const char *unit);


static const af_json_type_t  af_json_types[] = {
    [JSON_OBJECT] = { "must be an object", af_check_object },
    [JSON_ARRAY] = { "must be an array", af_check_array },
    [JSON_STRING] = { "must be a string", af_check_string },
    [JSON_INTEGER] = { "must be an integer", af_check_integer },
    [JSON_REAL] = { "must be a number", NULL },
    [JSON_TRUE] = { "must be true or false", NULL }
};


int
af_schema_check(const af_schema_t *schema, json_t *body, json_t *errors)
{
    return (af_check_fields(schema, body, "", 0, errors) == 0)
           ? (int) json_array_size(errors) : -1;
}


int
af_schema_check_change(const af_schema_t *schema, json_t *body, json_t *errors)
{
    return (af_check_fields(schema, body, "", 1, errors) == 0)
           ? (int) json_array_size(errors) : -1;
}


int
af_schema_convert(const af_schema_t *schema, json_t *input)
{
    json_t            *value;
    const char        *text;
    const af_field_t  *field;

    for (field = schema->fields; field->name != NULL; field++) {
        text = json_string_value(json_object_get(input, field->name));

        if (text == NULL || field->type->json == JSON_STRING) {
            continue;
        }

        /* numbers and booleans are written as in JSON */
        value = json_loads(text, JSON_DECODE_ANY, NULL);

        if (value == NULL || !af_is_a(value, field->type->json)) {
            json_decref(value);
            continue;
        }

        if (json_object_set_new(input, field->name, value) != 0) {
            return -1;
        }
    }

    return 0;
}


int
af_schema_error(json_t *errors, const char *field, const char *code,
    const char *message)
{
    return json_array_append_new(errors,
                                 json_pack("{s:s, s:s, s:s}", "field", field,
                                           "code", code, "message", message));
}


int
af_schema_one_of(json_t *body, json_t *errors, const char *const *names)
{
    size_t       len;
    char         message[AF_MESSAGE_MAX];
    const char  *given, *const *name;

    given = NULL;
    len = snprintf(message, sizeof(message), "is required");

    for (name = names; *name; name++) {

        if (name != names && len < sizeof(message)) {
            len += snprintf(message + len, sizeof(message) - len,
                            ", or else %s", *name);
        }

        if (json_object_get(body, *name) == NULL) {
            continue;
        }

        if (given) {
            (void) snprintf(message, sizeof(message),
                            "cannot be given together with %s", given);
            return af_schema_error(errors, *name, "ambiguous", message);
        }

        given = *name;
    }

    return given ? 0 : af_schema_error(errors, names[0], "required", message);
}


static int
af_check_fields(const af_schema_t *schema, json_t *body, const char *within,
    int change, json_t *errors)
{
    int                rc;
    char               path[AF_FIELD_PATH_MAX];
    const af_field_t  *field;

    for (field = schema->fields; field->name != NULL; field++) {
        snprintf(path, sizeof(path), "%s%s%s", within,
                 (*within != '\0') ? "." : "", field->name);

        rc = change ? af_check_change(field, body, path, errors)
                    : af_check_field(field, body, path, errors);
        if (rc != 0) {
            return -1;
        }
    }

    return (schema->rule != NULL) ? schema->rule(body, errors) : 0;
}


static int
af_check_field(const af_field_t *field, json_t *body, const char *path,
    json_t *errors)
{
    json_t  *value;

    value = json_object_get(body, field->name);

    if (json_is_null(value)) {
        json_object_del(body, field->name);
        value = NULL;
    }

    if (value == NULL) {
        return (field->flags & AF_REQUIRED)
               ? af_schema_error(errors, path, "required", "is required") : 0;
    }

    return af_check_value(field, value, path, errors);
}


static int
af_check_change(const af_field_t *field, json_t *body, const char *path,
    json_t *errors)
{
    json_t  *value;

    value = json_object_get(body, field->name);

    if (value == NULL || (json_is_null(value) && (field->flags & AF_NULLABLE)))
    {
        return 0;
    }

    return json_is_null(value)
           ? af_schema_error(errors, path, "required", "must not be null")
           : af_check_value(field, value, path, errors);
}


static int
af_check_value(const af_field_t *field, json_t *value, const char *path,
    json_t *errors)
{
    const af_json_type_t  *type;

    type = &af_json_types[field->type->json];

    if (!af_is_a(value, field->type->json)) {
        return af_schema_error(errors, path, "type", type->mismatch);
    }

    return (type->check != NULL) ? type->check(field, value, path, errors) : 0;
}


static int
af_check_object(const af_field_t *field, json_t *value, const char *path,
    json_t *errors)
{
    return (field->nested != NULL)
           ? af_check_fields(field->nested, value, path, 0, errors) : 0;
}


static int
af_check_array(const af_field_t *field, json_t *value, const char *path,
    json_t *errors)
{
    char        name[AF_FIELD_PATH_MAX];
    size_t      i, n;
    af_field_t  element = { "", field->type->element, 0, field->nested };

    n = json_array_size(value);

    if (!af_in_range(field->type, n)) {
        return af_range_error(errors, path, "length", field->type,
                              " elements long");
    }

    if (field->nested != NULL) {
        element.type = &af_type_object;
    }

    for (i = 0; element.type != NULL && i < n; i++) {
        snprintf(name, sizeof(name), "%s.%zu", path, i);

        if (af_check_value(&element, json_array_get(value, i), name, errors)
            != 0)
        {
            return -1;
        }
    }

    return 0;
}


static int
af_check_string(const af_field_t *field, json_t *value, const char *path,
    json_t *errors)
{
    size_t            len;
    json_int_t        n;
    const char       *s, *error;
    const af_type_t  *type;

    type = field->type;

    if ((type->trim && af_trim(value) != 0)
        || (type->normalize && af_normalize_string(value) != 0))
    {
        return -1;
    }

    s = json_string_value(value);
    len = json_string_length(value);

    n = type->octets ? (json_int_t) len : af_text_length(s, len);

    if (!af_in_range(type, n)) {
        return af_range_error(errors, path, "length", type,
                              type->octets ? " octets long"
                                           : " characters long");
    }

    if (type->values != NULL) {
        return af_check_values(type, s, path, errors);
    }

    error = (type->check != NULL) ? type->check(s, len) : NULL;

    return (error != NULL) ? af_schema_error(errors, path, "format", error)
                           : 0;
}


static int
af_check_values(const af_type_t *type, const char *s, const char *path,
    json_t *errors)
{
    size_t              i, len;
    char                message[AF_MESSAGE_MAX];
    const char *const  *values;

    values = type->values;

    if (type->order && *s == '-') {
        s++;
    }

    len = snprintf(message, sizeof(message), "must be%s",
                   type->order ? ", perhaps after \"-\"," : "");

    for (i = 0; values[i] != NULL; i++) {

        if (strcmp(s, values[i]) == 0) {
            return 0;
        }

        if (len < sizeof(message)) {
            len += snprintf(message + len, sizeof(message) - len, "%s%s",
                            (i == 0) ? " " : (values[i + 1] != NULL) ? ", "
                                                                     : " or ",
                            values[i]);
        }
    }

    return af_schema_error(errors, path, "format", message);
}


static int
af_check_integer(const af_field_t *field, json_t *value, const char *path,
    json_t *errors)
{
    if (af_in_range(field->type, json_integer_value(value))) {
        return 0;
    }

    return af_range_error(errors, path, "range", field->type, "");
}


static int
af_is_a(const json_t *value, json_type type)
{
    switch (type) {

    case JSON_TRUE:
        return json_is_boolean(value);

    case JSON_REAL:
        return json_is_number(value);

    default:
        return json_typeof(value) == type;
    }
}


static int
af_trim(json_t *string)
{
    size_t             len;
    const char        *s;

    static const char  white[] = " \t\n\v\f\r";

    s = json_string_value(string);
    s += strspn(s, white);
    len = strlen(s);

    while (len > 0 && strchr(white, s[len - 1]) != NULL) {
        len--;
    }

    if (len == json_string_length(string)) {
        return 0;
    }

    return json_string_setn(string, s, len);
}


static int
af_normalize_string(json_t *string)
{
    int     rc;
    char   *normal;
    size_t  len;

    normal = af_normalize(AF_NFC, json_string_value(string),
                          json_string_length(string), &len);
    if (normal == NULL) {
        return -1;
    }

    rc = json_string_setn(string, normal, len);

    sodium_memzero(normal, len);
    free(normal);

    return rc;
}


static int
af_in_range(const af_type_t *type, json_int_t n)
{
    if (type->min == 0 && type->max == 0) {
        return 1;
    }

    return n >= type->min && (type->max == 0 || n <= type->max);
}


static int
af_range_error(json_t *errors, const char *path, const char *code,
    const af_type_t *type, const char *unit)
{
    char  message[AF_MESSAGE_MAX];

    if (type->max == 0) {
        snprintf(message, sizeof(message), "must be at least %ld%s",
                 type->min, unit);

    } else if (type->min == 0) {
        snprintf(message, sizeof(message), "must be at most %ld%s",
                 type->max, unit);

    } else {
        snprintf(message, sizeof(message), "must be %ld to %ld%s",
                 type->min, type->max, unit);
    }

    return af_schema_error(errors, path, code, message);
}
