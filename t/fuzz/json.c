/*
 * JSON bodies: what is accepted survives a round trip, and satisfies its
 * contract.
 */

#include "fuzz.h"
#include "check/input.h"


static void accepted(json_t *json, const char *text, size_t len);
static void goes_round(json_t *json, size_t flags);
static void has_no_zeros(json_t *value);
static unsigned depth_of(const char *text, size_t len);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t      *json;
    const char  *why, *text;

    text = (const char *) data;
    why = NULL;

    json = af_json_parse(text, size, &why);

    if (json != NULL) {
        af_must(why == NULL);
        accepted(json, text, size);

    } else {
        af_must(why != NULL && strcmp(why, "out of memory") != 0);
        af_must(strcmp(why, "the JSON is nested too deeply") != 0
                || depth_of(text, size) > AF_JSON_DEPTH);
    }

    json_decref(json);

    return 0;
}


static void
accepted(json_t *json, const char *text, size_t len)
{
    char        *copy;
    size_t       last;
    const char  *why;

    af_must(json_is_object(json));
    af_must(af_is_utf8(text, len));
    af_must(af_text_length(text, len) == (long) af_characters(text, len));
    af_must(depth_of(text, len) <= AF_JSON_DEPTH);

    has_no_zeros(json);
    goes_round(json, JSON_COMPACT);
    goes_round(json, JSON_INDENT(2)|JSON_ENSURE_ASCII);

    /* without its last character, or with another one, it is rejected */

    for (last = len - 1; text[last] != '}'; last--) {
        af_must(last != 0 && strchr(" \t\r\n", text[last]) != NULL);
    }

    af_must(af_json_parse(text, last, &why) == NULL);
    af_must(strcmp(why, "the JSON is incomplete") == 0);

    copy = malloc(len + 1);
    af_must(copy != NULL);

    memcpy(copy, text, len);
    copy[len] = '}';
    af_must(af_json_parse(copy, len + 1, &why) == NULL);

    free(copy);
}


static void
goes_round(json_t *json, size_t flags)
{
    char        *text;
    json_t      *again;
    const char  *why;

    text = json_dumps(json, flags);
    af_must(text != NULL);

    again = af_json_parse(text, strlen(text), &why);
    af_must(again != NULL);
    af_must(json_equal(json, again));

    json_decref(again);
    free(text);
}


static void
has_no_zeros(json_t *value)
{
    size_t       i;
    json_t      *member;
    const char  *name;

    if (json_is_string(value)) {
        af_must(strlen(json_string_value(value))
                == json_string_length(value));
    }

    json_array_foreach(value, i, member) {
        has_no_zeros(member);
    }

    json_object_foreach(value, name, member) {
        af_must(af_is_utf8(name, strlen(name)));
        has_no_zeros(member);
    }
}


/* as deep as the text may nest, valid or not */

static unsigned
depth_of(const char *text, size_t len)
{
    size_t    i;
    unsigned  depth, most, quoted;

    depth = 0;
    most = 0;
    quoted = 0;

    for (i = 0; i < len; i++) {

        switch (text[i]) {

        case '"':
            quoted = !quoted;
            break;

        case '\\':
            i += quoted;
            break;

        case '[':
        case '{':
            depth += !quoted;
            most = (depth > most) ? depth : most;
            break;

        case ']':
        case '}':
            depth -= !quoted && depth != 0;
            break;
        }
    }

    return most;
}
