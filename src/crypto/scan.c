/* Scanning stored hashes: strictly, since what was cut off must not match. */

#include <sodium.h>
#include <string.h>

#include "crypto/scheme.h"


/* of base64, without padding */
#define AF_SCAN_BASE64_MAX       86
#define AF_SCAN_DIGEST_MIN       22
#define AF_SCAN_SALT_MIN         2
#define AF_SCAN_ARGON2_SALT_MIN  11

#define AF_SCAN_HEX_MIN          (2 * 16)
#define AF_SCAN_HEX_MAX          (2 * AF_HASH_DIGEST_MAX)

#define AF_SCAN_DIGITS_MAX       20

#define AF_SCAN_BCRYPT_CHARS     (22 + 31)
#define AF_SCAN_COST_MIN         4
#define AF_SCAN_COST_MAX         31

#define AF_DIGITS      "0123456789"
#define AF_HEX_DIGITS  AF_DIGITS "ABCDEFabcdef"
#define AF_ALPHABET    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define AF_CRYPT64     "./" AF_DIGITS AF_ALPHABET
#define AF_BASE64      AF_ALPHABET AF_DIGITS "+/"

/* passlib has '.' for '+'; base64url has '-' and '_' */
#define AF_BASE64_ANY  AF_BASE64 ".-_"


/* each returns what follows, or NULL, and writes to a member of af_hash_t */

typedef struct {
    char           name;
    const char  *(*scan)(void *member, const char *s);
    size_t         offset;
} af_conversion_t;


static const af_conversion_t *af_conversion(char name);
static const char *af_scan_number(void *member, const char *s);
static const char *af_scan_logarithm(void *member, const char *s);
static const char *af_scan_cost(void *member, const char *s);
static const char *af_scan_bcrypt(void *member, const char *s);
static const char *af_scan_argon2_salt(void *member, const char *s);
static const char *af_scan_argon2_digest(void *member, const char *s);
static const char *af_scan_text(void *member, const char *s);
static const char *af_scan_salt(void *member, const char *s);
static const char *af_scan_digest(void *member, const char *s);
static const char *af_scan_hex(void *member, const char *s);
static const char *af_scan_base64(af_hash_part_t *part, const char *s,
    const char *alphabet, size_t least, size_t padding);
static int af_base64_decode(af_hash_part_t *part, const char *s, size_t len);


#define af_conversion_row(name, scan, member)                                \
    { name, scan, offsetof(af_hash_t, member) }

static const af_conversion_t  af_conversions[] = {
    af_conversion_row('n', af_scan_number, n),
    af_conversion_row('r', af_scan_number, r),
    af_conversion_row('p', af_scan_number, p),
    af_conversion_row('m', af_scan_number, memory),
    af_conversion_row('i', af_scan_number, ignored),
    af_conversion_row('l', af_scan_logarithm, n),
    af_conversion_row('c', af_scan_cost, n),
    af_conversion_row('b', af_scan_bcrypt, ignored),
    af_conversion_row('a', af_scan_argon2_salt, salt),
    af_conversion_row('g', af_scan_argon2_digest, digest),
    af_conversion_row('t', af_scan_text, salt),
    af_conversion_row('s', af_scan_salt, salt),
    af_conversion_row('e', af_scan_salt, separator),
    af_conversion_row('k', af_scan_digest, key),
    af_conversion_row('d', af_scan_digest, digest),
    af_conversion_row('x', af_scan_hex, digest),
    { '\0', NULL, 0 }
};


int
af_hash_scan(af_hash_t *hash, const char *form, const char *string)
{
    const af_conversion_t  *conversion;

    while (*form != '\0') {

        if (*form != '%') {
            if (*form++ != *string++) {
                return -1;
            }

            continue;
        }

        conversion = af_conversion(form[1]);
        string = conversion->scan((char *) hash + conversion->offset, string);

        if (string == NULL) {
            return -1;
        }

        form += 2;
    }

    return *string == '\0' ? 0 : -1;
}


static const af_conversion_t *
af_conversion(char name)
{
    const af_conversion_t  *conversion;

    for (conversion = af_conversions; conversion->name != name; conversion++) {
        /* void */
    }

    return conversion;
}


static const char *
af_scan_number(void *member, const char *s)
{
    size_t     i, len;
    uint64_t   value;
    uint32_t  *number = member;

    len = strspn(s, AF_DIGITS);

    if (len == 0 || len > AF_SCAN_DIGITS_MAX || s[0] == '0') {
        return NULL;
    }

    value = 0;

    for (i = 0; i < len && value <= UINT32_MAX; i++) {
        value = value * 10 + (unsigned) (s[i] - '0');
    }

    *number = (value < UINT32_MAX) ? (uint32_t) value : UINT32_MAX;

    return s + len;
}


static const char *
af_scan_logarithm(void *member, const char *s)
{
    uint32_t *number = member;

    s = af_scan_number(number, s);
    if (s == NULL) {
        return NULL;
    }

    *number = (*number < 32) ? (uint32_t) 1 << *number : UINT32_MAX;

    return s;
}


static const char *
af_scan_cost(void *member, const char *s)
{
    unsigned   cost;
    uint32_t  *number = member;

    if (strspn(s, AF_DIGITS) != 2) {
        return NULL;
    }

    cost = (unsigned) (s[0] - '0') * 10 + (unsigned) (s[1] - '0');

    if (cost < AF_SCAN_COST_MIN || cost > AF_SCAN_COST_MAX) {
        return NULL;
    }

    *number = (uint32_t) 1 << cost;

    return s + 2;
}


static const char *
af_scan_bcrypt(void *member, const char *s)
{
    (void) member;

    return strspn(s, AF_CRYPT64) == AF_SCAN_BCRYPT_CHARS
           ? s + AF_SCAN_BCRYPT_CHARS : NULL;
}


/* printable ASCII: what Werkzeug and Django choose from is narrower */

static const char *
af_scan_text(void *member, const char *s)
{
    size_t           len;
    af_hash_part_t  *part = member;

    for (len = 0; s[len] > ' ' && s[len] <= '~' && s[len] != '$'; len++) {
        if (len == AF_HASH_SALT_MAX) {
            return NULL;
        }
    }

    memcpy(part->octets, s, len);
    part->len = len;

    return len ? s + len : NULL;
}


static const char *
af_scan_salt(void *member, const char *s)
{
    return af_scan_base64(member, s, AF_BASE64_ANY, AF_SCAN_SALT_MIN, 2);
}


static const char *
af_scan_digest(void *member, const char *s)
{
    return af_scan_base64(member, s, AF_BASE64_ANY, AF_SCAN_DIGEST_MIN, 2);
}


static const char *
af_scan_argon2_salt(void *member, const char *s)
{
    return af_scan_base64(member, s, AF_BASE64, AF_SCAN_ARGON2_SALT_MIN, 0);
}


static const char *
af_scan_argon2_digest(void *member, const char *s)
{
    return af_scan_base64(member, s, AF_BASE64, AF_SCAN_DIGEST_MIN, 0);
}


static const char *
af_scan_hex(void *member, const char *s)
{
    size_t           len;
    af_hash_part_t  *part = member;

    len = strspn(s, AF_HEX_DIGITS);

    if (len < AF_SCAN_HEX_MIN || len > AF_SCAN_HEX_MAX
        || sodium_hex2bin(part->octets, sizeof(part->octets), s, len, NULL,
                          &part->len, NULL)
           != 0)
    {
        return NULL;
    }

    return s + len;
}


static const char *
af_scan_base64(af_hash_part_t *part, const char *s, const char *alphabet,
    size_t least, size_t padding)
{
    size_t  len, end;

    len = strspn(s, alphabet);
    end = len + strspn(s + len, "=");

    if (len < least || end > len + padding
        || af_base64_decode(part, s, len) != 0)
    {
        return NULL;
    }

    return s + end;
}


static int
af_base64_decode(af_hash_part_t *part, const char *s, size_t len)
{
    char    text[AF_SCAN_BASE64_MAX];
    size_t  i;

    if (len > AF_SCAN_BASE64_MAX) {
        return -1;
    }

    for (i = 0; i < len; i++) {
        switch (s[i]) {

        case '.':
        case '-':
            text[i] = '+';
            break;

        case '_':
            text[i] = '/';
            break;

        default:
            text[i] = s[i];
        }
    }

    return sodium_base642bin(part->octets, sizeof(part->octets), text, len,
                             NULL, &part->len, NULL,
                             sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
}
