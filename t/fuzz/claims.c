/*
 * Claims: the scanner understands nothing that jansson rejects, and both read
 * the same from the rest.
 */

#include "fuzz.h"
#include "check/json.h"
#include "token/said.h"


static void understood(const char *text, size_t len, const json_t *tree);
static void is_the_same(const af_claims_t *claims, const char *name,
    const json_t *json);
static void is_the_same_array(af_claim_t array, const json_t *json);
static void is_text(const af_claim_t *claim, const json_t *json);
static void is_kept(const af_said_t *said, const af_claims_t *claims,
    const char *name);
static af_value_type_t type_of(const json_t *json);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int            rc;
    char          *text;
    json_t        *tree;
    af_claims_t    claims;
    json_error_t   error;

    text = af_exact(data, size);
    tree = af_json_load(text, size, JSON_REJECT_DUPLICATES, &error);

    memset(&claims, 1, sizeof(claims));
    rc = af_claims_read(&claims, text, size);

    af_must(rc == (json_is_object(tree) ? 0 : -1));
    af_must((claims.text != NULL) == (rc == 0));

    if (rc == 0) {
        if (claims.plain) {
            understood(text, size, tree);
            af_must(claims.members.n == json_object_size(tree));
        }

        af_must(json_equal((json_t *) af_claims_tree(&claims), tree));
        af_claims_free(&claims);
    }

    json_decref(tree);
    free(text);

    return 0;
}


/* each member, and one that there isn't */

static void
understood(const char *text, size_t len, const json_t *tree)
{
    json_t       *value;
    af_said_t     said;
    const char   *name;
    af_claim_t    claim;
    af_claims_t   claims;

    af_must(af_claims_read(&claims, text, len) == 0);
    af_must(claims.plain && claims.tree == NULL);

    memset(&said, 1, sizeof(said));
    af_said_read(&said, &claims);

    is_kept(&said, &claims, "email");
    is_kept(&said, &claims, "email_verified");
    is_kept(&said, &claims, "roles");
    is_kept(&said, &claims, "is_superuser");

    json_object_foreach((json_t *) tree, name, value) {
        is_the_same(&claims, name, value);
    }

    if (json_object_get(tree, "none") == NULL) {
        af_claims_get(&claims, "none", &claim);
        af_must(claim.type == AF_VALUE_NONE);
    }

    af_must(claims.tree == NULL);
    af_claims_free(&claims);
}


static void
is_the_same(const af_claims_t *claims, const char *name, const json_t *json)
{
    af_claim_t    claim, other;
    af_claims_t   slow;

    af_claims_find(claims, name, strlen(name),
                   af_members_key(name, strlen(name)), &claim);
    af_must(claim.type == type_of(json));

    /* a tree's claims are like those without one */

    memset(&slow, 0, sizeof(slow));
    slow.tree = json_pack("{sO}", name, json);
    af_claims_find(&slow, name, strlen(name), 0, &other);

    af_must(claim.type == other.type);
    af_must(claim.integer == other.integer);
    af_must(claim.number == other.number);

    switch (claim.type) {

    case AF_VALUE_STRING:
        is_text(&claim, json);
        is_text(&other, json);
        break;

    case AF_VALUE_INTEGER:
        af_must(claim.integer == json_integer_value(json));
        break;

    case AF_VALUE_STRINGS:
        is_the_same_array(claim, json);
        is_the_same_array(other, json);
        break;

    default:
        break;
    }

    af_claims_free(&slow);
}


static void
is_the_same_array(af_claim_t array, const json_t *json)
{
    size_t      i;
    af_claim_t  string;

    for (i = 0; af_claim_next(&array, &string); i++) {
        is_text(&string, json_array_get(json, i));
    }

    af_must(i == json_array_size(json));
}


static void
is_text(const af_claim_t *claim, const json_t *json)
{
    af_must(claim->type == AF_VALUE_STRING);
    af_must(claim->len == json_string_length(json));
    af_must(memcmp(claim->text, json_string_value(json), claim->len) == 0);
    af_must(af_claim_equals(claim, json_string_value(json)));
}


/* plain claims have no others */

static af_value_type_t
type_of(const json_t *json)
{
    switch (json_typeof(json)) {

    case JSON_STRING:
        return AF_VALUE_STRING;

    case JSON_INTEGER:
        return AF_VALUE_INTEGER;

    case JSON_TRUE:
        return AF_VALUE_TRUE;

    case JSON_FALSE:
        return AF_VALUE_FALSE;

    case JSON_NULL:
        return AF_VALUE_NULL;

    case JSON_ARRAY:
        return AF_VALUE_STRINGS;

    case JSON_OBJECT:
        return AF_VALUE_OBJECT;

    default:
        af_must(0);
        return AF_VALUE_NONE;
    }
}


/* what is remembered of a claim, if anything, is what it is */

static void
is_kept(const af_said_t *said, const af_claims_t *claims, const char *name)
{
    size_t      len = strlen(name);
    af_claim_t  claim, kept;

    af_claims_find(claims, name, len, af_members_key(name, len), &claim);

    if (!af_said_find(said, name, len, &kept)) {
        af_must(claim.type != AF_VALUE_NONE && claim.type != AF_VALUE_NULL);
        return;
    }

    af_must(kept.type == claim.type);

    if (kept.type != AF_VALUE_NONE && kept.type != AF_VALUE_NULL) {
        af_must(kept.len == claim.len);
        af_must(memcmp(kept.text, claim.text, kept.len) == 0);
    }
}
