/*
 * Request bodies and other text from outside.
 */

#include <stdlib.h>
#include <string.h>
#include <sodium.h>

#include "check/input.h"
#include "check/json.h"


typedef struct {
    enum json_error_code  code;
    const char           *error;
} af_json_reason_t;


typedef struct {
    unsigned char  mask;
    unsigned char  lead;
    int32_t        min;
} af_utf8_form_t;


static const char *af_json_reason(const json_error_t *err);
static int af_json_is_shallow(json_t *value, unsigned depth);
static const char *af_form_pairs(json_t *form, char *buf, const char *text,
    size_t len);
static const char *af_form_pair(json_t *form, char *buf, const char *text,
    size_t len);
static long af_form_decode(char *dst, const char *src, size_t len);
static int af_form_hex(char c);


const char  af_no_memory[] = "out of memory";


static const af_json_reason_t  af_json_reasons[] = {
    { json_error_premature_end_of_input, "the JSON is incomplete" },
    { json_error_end_of_input_expected, "there is text after the JSON" },
    { json_error_invalid_utf8, "the text is not valid UTF-8" },
    { json_error_null_character, "\\u0000 is not allowed" },
    { json_error_null_byte_in_key, "\\u0000 is not allowed" },
    { json_error_duplicate_key, "a name occurs more than once" },
    { json_error_numeric_overflow, "a number is too large" },
    { json_error_stack_overflow, "the JSON is nested too deeply" },
    { json_error_out_of_memory, af_no_memory },
    { json_error_invalid_syntax, "the text is not JSON" }
};


/* by the number of octets after the first (RFC 3629, section 3) */
static const af_utf8_form_t  af_utf8_forms[] = {
    { 0x80, 0x00, 0x00 },
    { 0xe0, 0xc0, 0x80 },
    { 0xf0, 0xe0, 0x800 },
    { 0xf8, 0xf0, 0x10000 },
    { 0x00, 0x00, 0 }
};


json_t *
af_json_parse(const char *text, size_t len, const char **error)
{
    json_t        *json;
    json_error_t   err;

    json = af_json_load(text, len, JSON_REJECT_DUPLICATES, &err);

    if (json == NULL) {
        *error = af_json_reason(&err);

        /* jansson quotes the text */
        sodium_memzero(&err, sizeof(err));
        return NULL;
    }

    if (!json_is_object(json)) {
        *error = "the JSON is not an object";
        goto failed;
    }

    if (!af_json_is_shallow(json, 1)) {
        *error = "the JSON is nested too deeply";
        goto failed;
    }

    return json;

failed:

    json_decref(json);

    return NULL;
}


json_t *
af_form_parse(const char *text, size_t len, const char **error)
{
    char        *buf;
    json_t      *form;
    const char  *reason;

    /* decoding doesn't lengthen; zeros replace `=` or end a name */

    buf = malloc(len + 1);
    form = json_object();

    if (buf == NULL || form == NULL) {
        reason = af_no_memory;

    } else {
        reason = af_form_pairs(form, buf, text, len);
        sodium_memzero(buf, len + 1);
    }

    free(buf);

    if (reason != NULL) {
        *error = reason;
        json_decref(form);
        return NULL;
    }

    return form;
}


size_t
af_text_clean(char *dst, size_t size, const char *src, size_t len)
{
    char        *p, *last;
    size_t       n;
    int32_t      c;
    const char  *s, *end, *from;

    p = dst;
    last = dst + size;
    s = src;
    end = src + len;

    while (s < end) {
        from = s;
        c = af_text_next(&s, end);

        if (c == -1) {
            s++;
        }

        if (c == -1 || af_text_is_control(c)) {
            from = "?";
            n = 1;

        } else {
            n = s - from;
        }

        if (n > (size_t) (last - p)) {
            break;
        }

        memcpy(p, from, n);
        p += n;
    }

    return p - dst;
}


int32_t
af_text_next(const char **s, const char *end)
{
    size_t                 i, n;
    int32_t                c;
    unsigned char          first;
    const char            *p;
    const af_utf8_form_t  *form;

    p = *s;

    if (p == end) {
        return -1;
    }

    first = *p++;

    form = af_utf8_forms;
    while ((first & form->mask) != form->lead) {
        form++;
    }

    n = form - af_utf8_forms;

    if (form->mask == 0 || (size_t) (end - p) < n) {
        return -1;
    }

    c = first & ~form->mask;

    for (i = 0; i < n; i++, p++) {
        if ((*p & 0xc0) != 0x80) {
            return -1;
        }

        c = c << 6 | (*p & 0x3f);
    }

    if (c < form->min || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
        return -1;
    }

    *s = p;

    return c;
}


int
af_text_is_control(int32_t c)
{
    return (c >= 0 && c < 0x20) || (c >= 0x7f && c < 0xa0);
}


long
af_text_length(const char *s, size_t len)
{
    long         n;
    const char  *end;

    end = s + len;

    for (n = 0; s < end; n++) {
        if (af_text_next(&s, end) == -1) {
            return -1;
        }
    }

    return n;
}


static const char *
af_json_reason(const json_error_t *err)
{
    const af_json_reason_t  *row;

    for (row = af_json_reasons; row->code != json_error_invalid_syntax; row++) {
        if (row->code == json_error_code(err)) {
            break;
        }
    }

    return row->error;
}


static int
af_json_is_shallow(json_t *value, unsigned depth)
{
    void    *i;
    size_t   n;

    if (!json_is_object(value) && !json_is_array(value)) {
        return 1;
    }

    if (depth > AF_JSON_DEPTH) {
        return 0;
    }

    for (n = 0; n < json_array_size(value); n++) {
        if (!af_json_is_shallow(json_array_get(value, n), depth + 1)) {
            return 0;
        }
    }

    for (i = json_object_iter(value);
         i != NULL;
         i = json_object_iter_next(value, i))
    {
        if (!af_json_is_shallow(json_object_iter_value(i), depth + 1)) {
            return 0;
        }
    }

    return 1;
}


static const char *
af_form_pairs(json_t *form, char *buf, const char *text, size_t len)
{
    size_t       n;
    const char  *p, *end, *amp, *reason;

    end = text + len;

    for (p = text; p < end; p += n + 1) {
        amp = memchr(p, '&', end - p);
        n = ((amp != NULL) ? amp : end) - p;

        reason = af_form_pair(form, buf, p, n);
        if (reason != NULL) {
            return reason;
        }
    }

    return NULL;
}


static const char *
af_form_pair(json_t *form, char *buf, const char *text, size_t len)
{
    char        *name, *value;
    long         name_len, value_len;
    size_t       n;
    const char  *equals;

    equals = memchr(text, '=', len);
    n = (equals != NULL) ? (size_t) (equals - text) : len;

    name = buf;
    name_len = af_form_decode(name, text, n);

    if (name_len == -1) {
        return "an escape is malformed";
    }

    value = name + name_len + 1;
    value_len = (equals != NULL)
                ? af_form_decode(value, equals + 1, len - n - 1) : 0;

    if (value_len == -1) {
        return "an escape is malformed";
    }

    if (name_len == 0) {
        return "a name is empty";
    }

    if (memchr(name, '\0', name_len) != NULL
        || memchr(value, '\0', value_len) != NULL)
    {
        return "%00 is not allowed";
    }

    if (af_text_length(name, name_len) == -1
        || af_text_length(value, value_len) == -1)
    {
        return "the text is not valid UTF-8";
    }

    name[name_len] = '\0';

    if (json_object_get(form, name) != NULL) {
        return "a name occurs more than once";
    }

    if (json_object_set_new(form, name, json_stringn(value, value_len)) != 0) {
        return af_no_memory;
    }

    return NULL;
}


/* Returns the length of `dst`, which has room for `len`, or -1. */

static long
af_form_decode(char *dst, const char *src, size_t len)
{
    int          high, low;
    char        *p;
    const char  *end;

    p = dst;
    end = src + len;

    for ( /* void */ ; src < end; src++) {

        if (*src != '%') {
            *p++ = (*src == '+') ? ' ' : *src;
            continue;
        }

        if (end - src < 3) {
            return -1;
        }

        high = af_form_hex(*++src);
        low = af_form_hex(*++src);

        if (high == -1 || low == -1) {
            return -1;
        }

        *p++ = (char) (high << 4 | low);
    }

    return p - dst;
}


static int
af_form_hex(char c)
{
    int                i;
    const char        *p;

    static const char  digits[] = "0123456789abcdefABCDEF";

    p = memchr(digits, c, sizeof(digits) - 1);

    if (p == NULL) {
        return -1;
    }

    i = (int) (p - digits);

    return (i < 16) ? i : i - 6;
}
