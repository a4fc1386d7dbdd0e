/*
 * Types and schemas as JSON Schema (2020-12), as far as that can say what they
 * check.
 */

#include "api/document.h"


static json_t *af_document_object(af_document_t *doc,
    const af_schema_t *schema, ngx_uint_t partial);
static ngx_uint_t af_document_differs(const af_schema_t *schema);
static json_t *af_document_type(af_document_t *doc, const af_type_t *type,
    const af_schema_t *nested);
static void af_document_bounds(af_document_t *doc, json_t *object,
    const af_type_t *type, const char *minimum, const char *maximum);
static void af_document_string(af_document_t *doc, json_t *object,
    const af_type_t *type);
static json_t *af_document_values(af_document_t *doc, const af_type_t *type);
static void af_document_nullable(af_document_t *doc, json_t *object);


json_t *
af_document_schema(af_document_t *doc, const af_schema_t *schema,
    ngx_uint_t partial)
{
    char        name[64];
    json_t     *origin;
    json_int_t  address;

    partial = partial && af_document_differs(schema);
    address = (json_int_t) (intptr_t) schema;

    (void) snprintf(name, sizeof(name), "%s%s", schema->name,
                    partial ? "Partial" : "");

    origin = json_object_get(doc->origins, name);

    if (origin == NULL) {
        af_document_set(doc, doc->origins, name, json_integer(address));
        af_document_set(doc, doc->schemas, name,
                        af_document_object(doc, schema, partial));

    } else if (json_integer_value(origin) != address) {
        doc->failed = 1;
    }

    return af_document_ref("schemas", name);
}


static json_t *
af_document_object(af_document_t *doc, const af_schema_t *schema,
    ngx_uint_t partial)
{
    json_t            *object, *properties, *required;
    const af_field_t  *field;

    object = json_pack("{ss}", "type", "object");
    properties = json_object();
    required = json_array();

    for (field = schema->fields; field->name; field++) {
        af_document_set(doc, properties, field->name,
                        af_document_field(doc, field));

        if ((field->flags & AF_REQUIRED) && !partial) {
            af_document_append(doc, required, json_string(field->name));
        }
    }

    af_document_set(doc, object, "properties", properties);

    if (json_array_size(required)) {
        af_document_set(doc, object, "required", required);

    } else {
        json_decref(required);
    }

    return object;
}


static ngx_uint_t
af_document_differs(const af_schema_t *schema)
{
    const af_field_t  *field;

    for (field = schema->fields; field->name; field++) {
        if (field->flags & AF_REQUIRED) {
            return 1;
        }
    }

    return 0;
}


ngx_uint_t
af_document_has(const af_schema_t *schema, const char *name)
{
    const af_field_t  *field;

    for (field = schema->fields; field->name; field++) {
        if (strcmp(field->name, name) == 0) {
            return 1;
        }
    }

    return 0;
}


json_t *
af_document_field(af_document_t *doc, const af_field_t *field)
{
    json_t  *object;

    object = af_document_type(doc, field->type, field->nested);

    if ((field->flags & AF_NULLABLE) == 0) {
        return object;
    }

    if (json_object_get(object, "$ref")) {
        return json_pack("{s[o{ss}]}", "anyOf", object, "type", "null");
    }

    af_document_nullable(doc, object);

    return object;
}


static void
af_document_nullable(af_document_t *doc, json_t *object)
{
    json_t  *values;

    af_document_set(doc, object, "type",
                    json_pack("[Os]", json_object_get(object, "type"), "null"));

    values = json_object_get(object, "enum");

    if (values) {
        af_document_append(doc, values, json_null());
    }
}


static json_t *
af_document_type(af_document_t *doc, const af_type_t *type,
    const af_schema_t *nested)
{
    json_t  *object, *items;

    static const char *const  names[] = {
        [JSON_OBJECT] = "object",
        [JSON_ARRAY] = "array",
        [JSON_STRING] = "string",
        [JSON_INTEGER] = "integer",
        [JSON_REAL] = "number",
        [JSON_TRUE] = "boolean"
    };

    if (type->json == JSON_OBJECT && nested) {
        return af_document_schema(doc, nested, 0);
    }

    object = json_pack("{ss}", "type", names[type->json]);

    switch (type->json) {

    case JSON_ARRAY:
        items = nested ? af_document_schema(doc, nested, 0)
                : type->element ? af_document_type(doc, type->element, NULL)
                                : json_object();

        af_document_set(doc, object, "items", items);
        af_document_bounds(doc, object, type, "minItems", "maxItems");
        break;

    case JSON_STRING:
        af_document_string(doc, object, type);
        break;

    case JSON_INTEGER:
        af_document_bounds(doc, object, type, "minimum", "maximum");
        break;

    default:
        break;
    }

    if (type->preset) {
        af_document_set(doc, object, "default",
                        json_loads(type->preset, JSON_DECODE_ANY, NULL));
    }

    return object;
}


static void
af_document_bounds(af_document_t *doc, json_t *object, const af_type_t *type,
    const char *minimum, const char *maximum)
{
    if (type->min) {
        af_document_set(doc, object, minimum, json_integer(type->min));
    }

    if (type->max) {
        af_document_set(doc, object, maximum, json_integer(type->max));
    }
}


static void
af_document_string(af_document_t *doc, json_t *object, const af_type_t *type)
{
    /* there are at most as many characters as octets */

    af_document_bounds(doc, object, type, "minLength", "maxLength");

    if (type->octets) {
        af_document_set(doc, object, "description",
                        json_sprintf("at most %ld octets of UTF-8", type->max));

        if (type->min) {
            af_document_set(doc, object, "minLength", json_integer(1));
        }
    }

    if (type->format) {
        af_document_set(doc, object, "format", json_string(type->format));
    }

    if (type->pattern) {
        af_document_set(doc, object, "pattern", json_string(type->pattern));
    }

    if (type->values) {
        af_document_set(doc, object, "enum", af_document_values(doc, type));
    }

    if (type->order) {
        af_document_set(doc, object, "default", json_string(type->values[0]));
    }
}


static json_t *
af_document_values(af_document_t *doc, const af_type_t *type)
{
    json_t             *values;
    const char *const  *value;

    values = json_array();

    for (value = type->values; *value; value++) {
        af_document_append(doc, values, json_string(*value));

        if (type->order) {
            af_document_append(doc, values, json_sprintf("-%s", *value));
        }
    }

    return values;
}
