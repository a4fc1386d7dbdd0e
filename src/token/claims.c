#include <string.h>

#include "check/json.h"
#include "token/claims.h"


static int af_claims_parse(af_claims_t *claims);
static void af_claim_set_member(const af_members_t *members,
    const af_member_t *member, af_claim_t *claim);
static int64_t af_claim_integer(const char *text, size_t len);
static void af_claim_set_json(const json_t *json, af_claim_t *claim);
static af_value_type_t af_claim_type(const json_t *json);


int
af_claims_read(af_claims_t *claims, const char *text, size_t len)
{
    int  rc;

    claims->text = text;
    claims->len = len;
    claims->tree = NULL;
    claims->plain = af_members_read(&claims->members, text, len);

    rc = claims->plain ? 0 : af_claims_parse(claims);

    if (rc != 0) {
        af_claims_free(claims);
    }

    return rc;
}


static int
af_claims_parse(af_claims_t *claims)
{
    json_t        *json;
    json_error_t   error;

    json = af_json_load(claims->text, claims->len, JSON_REJECT_DUPLICATES,
                        &error);

    if (json == NULL) {
        return (json_error_code(&error) == json_error_out_of_memory) ? -2 : -1;
    }

    if (!json_is_object(json)) {
        json_decref(json);
        return -1;
    }

    claims->tree = json;

    return 0;
}


void
af_claims_init(af_claims_t *claims)
{
    claims->text = NULL;
    claims->len = 0;
    claims->tree = NULL;
    claims->plain = 0;
}


void
af_claims_free(af_claims_t *claims)
{
    json_decref(claims->tree);
    af_claims_init(claims);
}


const json_t *
af_claims_tree(af_claims_t *claims)
{
    if (claims->tree == NULL) {
        (void) af_claims_parse(claims);
    }

    return claims->tree;
}


void
af_claims_find(const af_claims_t *claims, const char *name, size_t len,
    uint64_t key, af_claim_t *claim)
{
    memset(claim, 0, sizeof(af_claim_t));

    if (claims->plain) {
        af_claim_set_member(&claims->members,
                            af_members_find(&claims->members, name, len, key),
                            claim);

    } else {
        af_claim_set_json(json_object_getn(claims->tree, name, len), claim);
    }
}


static void
af_claim_set_member(const af_members_t *members, const af_member_t *member,
    af_claim_t *claim)
{
    if (member == NULL) {
        return;
    }

    claim->type = member->type;
    claim->text = members->text + member->value;
    claim->len = member->value_len;

    if (claim->type == AF_VALUE_INTEGER) {
        claim->integer = af_claim_integer(claim->text, claim->len);
        claim->number = (double) claim->integer;
    }
}


/* at most 18 digits, and perhaps a minus */

static int64_t
af_claim_integer(const char *text, size_t len)
{
    size_t   i;
    int64_t  n;

    n = 0;

    for (i = (text[0] == '-'); i < len; i++) {
        n = 10 * n + (text[i] - '0');
    }

    return (text[0] == '-') ? -n : n;
}


static void
af_claim_set_json(const json_t *json, af_claim_t *claim)
{
    claim->json = json;
    claim->type = af_claim_type(json);
    claim->text = json_string_value(json);
    claim->len = json_string_length(json);
    claim->integer = json_integer_value(json);
    claim->number = json_number_value(json);
}


static af_value_type_t
af_claim_type(const json_t *json)
{
    size_t  i;

    if (json == NULL) {
        return AF_VALUE_NONE;
    }

    switch (json_typeof(json)) {

    case JSON_STRING:
        return AF_VALUE_STRING;

    case JSON_INTEGER:
        return AF_VALUE_INTEGER;

    case JSON_REAL:
        return AF_VALUE_REAL;

    case JSON_TRUE:
        return AF_VALUE_TRUE;

    case JSON_FALSE:
        return AF_VALUE_FALSE;

    case JSON_NULL:
        return AF_VALUE_NULL;

    case JSON_OBJECT:
        return AF_VALUE_OBJECT;

    default:
        for (i = 0; i < json_array_size(json); i++) {
            if (!json_is_string(json_array_get(json, i))) {
                return AF_VALUE_ARRAY;
            }
        }

        return AF_VALUE_STRINGS;
    }
}


int
af_claim_next(af_claim_t *array, af_claim_t *element)
{
    const char    *rest;
    const json_t  *json;

    if (array->type != AF_VALUE_STRINGS && array->type != AF_VALUE_ARRAY) {
        return 0;
    }

    memset(element, 0, sizeof(af_claim_t));

    if (array->json) {
        json = json_array_get(array->json, array->index++);
        af_claim_set_json(json, element);

        return json != NULL;
    }

    rest = array->text;

    if (!af_members_string(&rest, array->text + array->len, &element->text,
                           &element->len))
    {
        return 0;
    }

    element->type = AF_VALUE_STRING;
    array->len -= rest - array->text;
    array->text = rest;

    return 1;
}


int
af_claim_equals(const af_claim_t *claim, const char *string)
{
    return claim->type == AF_VALUE_STRING
           && claim->len == strlen(string)
           && memcmp(claim->text, string, claim->len) == 0;
}
