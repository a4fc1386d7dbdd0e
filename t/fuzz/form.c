/*
 * Forms: what is accepted is what the escapes encode, pair by pair.
 */

#include "fuzz.h"
#include "check/input.h"


static void accepted(json_t *form, const char *text, size_t len);
static size_t unescape(char *dst, const char *src, size_t len);
static void goes_round(json_t *form);
static char *escape(char *dst, const char *src, size_t len);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t      *form;
    const char  *why;

    why = NULL;

    form = af_form_parse((const char *) data, size, &why);

    if (form != NULL) {
        af_must(why == NULL);
        af_must(json_is_object(form));
        accepted(form, (const char *) data, size);
        goes_round(form);

    } else {
        af_must(why != NULL && strcmp(why, "out of memory") != 0);
    }

    json_decref(form);

    return 0;
}


static void
accepted(json_t *form, const char *text, size_t len)
{
    char        *name, *value;
    json_t      *member;
    size_t       pairs, name_len, value_len;
    const char  *p, *end, *next, *equals;

    name = malloc(len + 1);
    value = malloc(len + 1);
    af_must(name != NULL && value != NULL);

    end = text + len;
    pairs = 0;

    for (p = text; p < end; p = next + 1) {

        next = memchr(p, '&', end - p);
        if (next == NULL) {
            next = end;
        }

        equals = memchr(p, '=', next - p);

        if (equals != NULL) {
            name_len = unescape(name, p, equals - p);
            value_len = unescape(value, equals + 1, next - equals - 1);

        } else {
            name_len = unescape(name, p, next - p);
            value_len = 0;
        }

        af_must(name_len != 0);
        af_must(memchr(name, '\0', name_len) == NULL);
        af_must(memchr(value, '\0', value_len) == NULL);

        name[name_len] = '\0';
        member = json_object_get(form, name);

        af_must(json_is_string(member));
        af_must(af_is_utf8(name, name_len));
        af_must(json_string_length(member) == value_len);
        af_must(memcmp(json_string_value(member), value, value_len) == 0);

        pairs++;
    }

    /* so no name is duplicate */
    af_must(json_object_size(form) == pairs);

    free(name);
    free(value);
}


static size_t
unescape(char *dst, const char *src, size_t len)
{
    char    *p, *end, digits[3];
    size_t   i;

    p = dst;

    for (i = 0; i < len; i++) {

        if (src[i] != '%') {
            *p++ = (src[i] == '+') ? ' ' : src[i];
            continue;
        }

        af_must(len - i > 2);

        digits[0] = src[++i];
        digits[1] = src[++i];
        digits[2] = '\0';

        /* strtol() would also take a sign, white space and 0x */
        af_must(digits[0] > ' ' && digits[0] != '+' && digits[0] != '-'
                && digits[1] != 'x' && digits[1] != 'X');

        *p++ = (char) strtol(digits, &end, 16);
        af_must(end == digits + 2);
    }

    return p - dst;
}


static void
goes_round(json_t *form)
{
    char        *text, *p;
    size_t       size;
    json_t      *value, *again;
    const char  *name, *why;

    size = 1;

    json_object_foreach(form, name, value) {
        size += 3 * (strlen(name) + json_string_length(value)) + 2;
    }

    text = malloc(size);
    af_must(text != NULL);

    p = text;

    json_object_foreach(form, name, value) {
        p = escape(p, name, strlen(name));
        *p++ = '=';
        p = escape(p, json_string_value(value), json_string_length(value));
        *p++ = '&';
    }

    again = af_form_parse(text, p - text, &why);
    af_must(again != NULL);
    af_must(json_equal(form, again));

    json_decref(again);
    free(text);
}


static char *
escape(char *dst, const char *src, size_t len)
{
    size_t             i;
    unsigned char      c;

    static const char  digits[] = "0123456789abcdef";

    for (i = 0; i < len; i++) {
        c = src[i];

        *dst++ = '%';
        *dst++ = digits[c >> 4];
        *dst++ = digits[c & 0x0f];
    }

    return dst;
}
