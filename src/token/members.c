/*
 * A scanner of JSON objects (RFC 8259).  All functions return 1, or 0 for what
 * it doesn't understand, whether it is valid or not.
 */

#include <endian.h>
#include <string.h>

#include "check/input.h"
#include "token/members.h"


/* digits that surely fit into 64 bits */
#define AF_MEMBERS_DIGITS  18


typedef struct {
    const char  *p;
    const char  *end;
} af_scan_t;


typedef struct {
    const char  *start;
    size_t       len;
} af_scan_text_t;


static int af_scan_member(af_scan_t *scan, af_members_t *members);
static uint64_t af_scan_key(const af_scan_t *scan, const af_scan_text_t *name);
static int af_scan_member_value(af_scan_t *scan, const char *text,
    af_member_t *member);
static int af_scan_strings(af_scan_t *scan);
static int af_scan_value(af_scan_t *scan, unsigned depth,
    af_value_type_t *type);
static int af_scan_array(af_scan_t *scan, unsigned depth);
static int af_scan_object(af_scan_t *scan, unsigned depth);
static int af_scan_is_new(const af_scan_text_t *names, unsigned n,
    const af_scan_text_t *name);
static int af_scan_string(af_scan_t *scan, af_scan_text_t *string);
static const char *af_scan_usual(const char *p, const char *end);
static int af_scan_integer(af_scan_t *scan);
static int af_scan_word(af_scan_t *scan, const char *word, size_t len);
static int af_scan_comma(af_scan_t *scan, char closing, int *closed);
static int af_scan_sign(af_scan_t *scan, char c);
static char af_scan_next(af_scan_t *scan);
static uint64_t af_members_bit(uint64_t key);


int
af_members_read(af_members_t *members, const char *text, size_t len)
{
    int        closed;
    af_scan_t  scan;

    members->text = text;
    members->seen = 0;
    members->n = 0;

    scan.p = text;
    scan.end = text + len;

    if (len > UINT16_MAX || !af_scan_sign(&scan, '{')) {
        return 0;
    }

    closed = af_scan_sign(&scan, '}');

    while (!closed) {
        if (!af_scan_member(&scan, members)
            || !af_scan_comma(&scan, '}', &closed))
        {
            return 0;
        }
    }

    (void) af_scan_next(&scan);

    return scan.p == scan.end;
}


static int
af_scan_member(af_scan_t *scan, af_members_t *members)
{
    uint64_t         key;
    const char      *text;
    af_member_t     *member;
    af_scan_text_t   name;

    text = members->text;

    if (members->n == AF_MEMBERS_MAX
        || !af_scan_sign(scan, '"')
        || !af_scan_string(scan, &name)
        || !af_scan_sign(scan, ':'))
    {
        return 0;
    }

    key = af_scan_key(scan, &name);

    if (af_members_find(members, name.start, name.len, key) != NULL) {
        return 0;
    }

    member = &members->members[members->n++];
    member->key = key;
    member->name = name.start - text;
    member->name_len = name.len;

    members->seen |= af_members_bit(key);

    return af_scan_member_value(scan, text, member);
}


/* of a name in the text, in which there usually is more behind it */

static uint64_t
af_scan_key(const af_scan_t *scan, const af_scan_text_t *name)
{
    uint64_t  key;

    if ((size_t) (scan->end - name->start) < sizeof(key)) {
        return af_members_key(name->start, name->len);
    }

    memcpy(&key, name->start, sizeof(key));
    key = le64toh(key);

    return (name->len < sizeof(key))
           ? key & ((UINT64_C(1) << 8 * name->len) - 1) : key;
}


static int
af_scan_member_value(af_scan_t *scan, const char *text, af_member_t *member)
{
    const char       *start;
    af_scan_text_t    string;
    af_value_type_t   type;

    if (af_scan_sign(scan, '"')) {

        if (!af_scan_string(scan, &string)) {
            return 0;
        }

        member->type = AF_VALUE_STRING;
        member->value = string.start - text;
        member->value_len = string.len;

        return 1;
    }

    start = scan->p;

    if (af_scan_sign(scan, '[')) {
        type = AF_VALUE_STRINGS;

        if (!af_scan_strings(scan)) {
            return 0;
        }

    } else if (!af_scan_value(scan, 1, &type)) {
        return 0;
    }

    member->type = type;
    member->value = start - text;
    member->value_len = scan->p - start;

    return 1;
}


static int
af_scan_strings(af_scan_t *scan)
{
    int             closed;
    af_scan_text_t  string;

    closed = af_scan_sign(scan, ']');

    while (!closed) {
        if (!af_scan_sign(scan, '"')
            || !af_scan_string(scan, &string)
            || !af_scan_comma(scan, ']', &closed))
        {
            return 0;
        }
    }

    return 1;
}


static int
af_scan_value(af_scan_t *scan, unsigned depth, af_value_type_t *type)
{
    af_scan_text_t  string;

    switch (af_scan_next(scan)) {

    case '"':
        *type = AF_VALUE_STRING;
        scan->p++;
        return af_scan_string(scan, &string);

    case '{':
        *type = AF_VALUE_OBJECT;
        scan->p++;
        return af_scan_object(scan, depth);

    case '[':
        *type = AF_VALUE_ARRAY;
        scan->p++;
        return af_scan_array(scan, depth);

    case 't':
        *type = AF_VALUE_TRUE;
        return af_scan_word(scan, "true", 4);

    case 'f':
        *type = AF_VALUE_FALSE;
        return af_scan_word(scan, "false", 5);

    case 'n':
        *type = AF_VALUE_NULL;
        return af_scan_word(scan, "null", 4);

    default:
        *type = AF_VALUE_INTEGER;
        return af_scan_integer(scan);
    }
}


static int
af_scan_array(af_scan_t *scan, unsigned depth)
{
    int              closed;
    af_value_type_t  type;

    if (depth > AF_MEMBERS_DEPTH) {
        return 0;
    }

    closed = af_scan_sign(scan, ']');

    while (!closed) {
        if (!af_scan_value(scan, depth + 1, &type)
            || !af_scan_comma(scan, ']', &closed))
        {
            return 0;
        }
    }

    return 1;
}


static int
af_scan_object(af_scan_t *scan, unsigned depth)
{
    int              closed;
    unsigned         n;
    af_scan_text_t   names[AF_MEMBERS_MAX], *name;
    af_value_type_t  type;

    if (depth > AF_MEMBERS_DEPTH) {
        return 0;
    }

    closed = af_scan_sign(scan, '}');

    for (n = 0; !closed; n++) {

        if (n == AF_MEMBERS_MAX) {
            return 0;
        }

        name = &names[n];

        if (!af_scan_sign(scan, '"')
            || !af_scan_string(scan, name)
            || !af_scan_is_new(names, n, name)
            || !af_scan_sign(scan, ':')
            || !af_scan_value(scan, depth + 1, &type)
            || !af_scan_comma(scan, '}', &closed))
        {
            return 0;
        }
    }

    return 1;
}


static int
af_scan_is_new(const af_scan_text_t *names, unsigned n,
    const af_scan_text_t *name)
{
    unsigned  i;

    for (i = 0; i < n; i++) {
        if (names[i].len == name->len
            && memcmp(names[i].start, name->start, name->len) == 0)
        {
            return 0;
        }
    }

    return 1;
}


/* from behind the first quote to behind the second one */

static int
af_scan_string(af_scan_t *scan, af_scan_text_t *string)
{
    const char     *p;
    unsigned char   c, all;

    all = 0;

    for (p = af_scan_usual(scan->p, scan->end); p < scan->end; p++) {
        c = *p;

        if (c == '"') {
            string->start = scan->p;
            string->len = p - scan->p;
            scan->p = p + 1;

            return all < 0x80
                   || af_text_length(string->start, string->len) != -1;
        }

        if (c < 0x20 || c == '\\') {
            return 0;
        }

        all |= c;
    }

    return 0;
}


/*
 * Skips octets, eight at a time, up to one that is not ASCII, or is a quote, a
 * backslash or a control character.  An octet may borrow only from those behind
 * it, so that the first such one is found exactly.
 */

static const char *
af_scan_usual(const char *p, const char *end)
{
    uint64_t               octets, unusual;

    static const uint64_t  ones = 0x0101010101010101;

    while (end - p >= 8) {
        memcpy(&octets, p, sizeof(octets));
        octets = le64toh(octets);

        unusual = (octets | (octets - ones * 0x20)
                   | ((octets ^ ones * '"') - ones)
                   | ((octets ^ ones * '\\') - ones))
                  & ones * 0x80;

        if (unusual != 0) {
            return p + __builtin_ctzll(unusual) / 8;
        }

        p += 8;
    }

    return p;
}


/* what follows must be a sign: neither a fraction nor an exponent */

static int
af_scan_integer(af_scan_t *scan)
{
    const char  *digits;

    if (scan->p < scan->end && *scan->p == '-') {
        scan->p++;

        /* whether -0 is an integer depends on the parser */

        if (scan->p < scan->end && *scan->p == '0') {
            return 0;
        }
    }

    digits = scan->p;

    while (scan->p < scan->end && *scan->p >= '0' && *scan->p <= '9') {
        scan->p++;
    }

    return scan->p != digits
           && scan->p - digits <= AF_MEMBERS_DIGITS
           && (*digits != '0' || scan->p - digits == 1);
}


static int
af_scan_word(af_scan_t *scan, const char *word, size_t len)
{
    if ((size_t) (scan->end - scan->p) < len
        || memcmp(scan->p, word, len) != 0)
    {
        return 0;
    }

    scan->p += len;

    return 1;
}


/* after a value */

static int
af_scan_comma(af_scan_t *scan, char closing, int *closed)
{
    if (af_scan_sign(scan, ',')) {
        return 1;
    }

    *closed = af_scan_sign(scan, closing);

    return *closed;
}


/* skips white space, then the character, if it is there */

static int
af_scan_sign(af_scan_t *scan, char c)
{
    if (af_scan_next(scan) != c) {
        return 0;
    }

    scan->p++;

    return 1;
}


/* the character after any white space, a zero at the end */

static char
af_scan_next(af_scan_t *scan)
{
    for ( /* void */ ; scan->p < scan->end; scan->p++) {
        switch (*scan->p) {

        case ' ':
        case '\t':
        case '\r':
        case '\n':
            break;

        default:
            return *scan->p;
        }
    }

    return '\0';
}


const af_member_t *
af_members_find(const af_members_t *members, const char *name, size_t len,
    uint64_t key)
{
    const af_member_t  *member, *end;

    if (!(members->seen & af_members_bit(key))) {
        return NULL;
    }

    end = members->members + members->n;

    /* a name has no zeros: a key is that of one name, if it has them */

    for (member = members->members; member < end; member++) {
        if (member->key == key
            && member->name_len == len
            && (len <= sizeof(key)
                || memcmp(members->text + member->name, name, len) == 0))
        {
            return member;
        }
    }

    return NULL;
}


static uint64_t
af_members_bit(uint64_t key)
{
    return UINT64_C(1) << (key * UINT64_C(0x9e3779b97f4a7c15) >> 58);
}


int
af_members_string(const char **p, const char *end, const char **string,
    size_t *len)
{
    const char  *quote;

    quote = memchr(*p, '"', end - *p);
    if (quote == NULL) {
        return 0;
    }

    *string = quote + 1;
    quote = memchr(*string, '"', end - *string);
    *len = quote - *string;
    *p = quote + 1;

    return 1;
}
