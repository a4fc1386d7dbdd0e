/*
 * Shared by the fuzz targets.  A target aborts if something does not hold;
 * libFuzzer then keeps the input.
 */

#ifndef AF_FUZZ_H
#define AF_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>


#define af_nelts(table)  (sizeof(table) / sizeof((table)[0]))

#define af_must(condition)                                                   \
    do {                                                                     \
        if (!(condition)) {                                                  \
            fprintf(stderr, "%s:%d: not %s\n", __FILE__, __LINE__,           \
                    #condition);                                             \
            abort();                                                         \
        }                                                                    \
    } while (0)


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


/* deterministic for the same input */

static __attribute__((constructor)) void
af_fuzz_init(void)
{
    json_object_seed(1);
}


/* a copy with nothing after it, so that ASan detects overreads */

static inline char *
af_exact(const void *src, size_t len)
{
    char  *copy;

    copy = malloc(len);
    af_must(copy != NULL || len == 0);

    if (len != 0) {
        memcpy(copy, src, len);
    }

    return copy;
}


/* jansson has its own UTF-8 decoder; it allows zeros */

static inline int
af_is_utf8(const char *s, size_t len)
{
    int      valid;
    json_t  *string;

    string = json_stringn(s, len);
    valid = string != NULL;
    json_decref(string);

    return valid;
}


/* in valid UTF-8: C0, DEL, C1 */

static inline int
af_has_controls(const char *s, size_t len)
{
    size_t                i;
    const unsigned char  *p;

    p = (const unsigned char *) s;

    for (i = 0; i < len; i++) {
        if (p[i] < 0x20 || p[i] == 0x7f
            || (p[i] == 0xc2 && i + 1 < len && p[i + 1] < 0xa0))
        {
            return 1;
        }
    }

    return 0;
}


/* characters of valid UTF-8 */

static inline size_t
af_characters(const char *s, size_t len)
{
    size_t  i, n;

    for (i = 0, n = 0; i < len; i++) {
        n += (s[i] & 0xc0) != 0x80;
    }

    return n;
}


/*
 * base64url without padding (RFC 4648, section 5), slow and strict.  Returns
 * the length in `dst`, or -1.
 */

static inline long
af_unbase64(unsigned char *dst, const char *s, size_t len)
{
    size_t             i;
    unsigned           bits, nbits;
    const char        *digit;
    unsigned char     *p;

    static const char  digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz0123456789-_";

    p = dst;
    bits = 0;
    nbits = 0;

    for (i = 0; i < len; i++) {
        digit = memchr(digits, s[i], sizeof(digits) - 1);
        if (digit == NULL) {
            return -1;
        }

        bits = bits << 6 | (unsigned) (digit - digits);
        nbits += 6;

        if (nbits >= 8) {
            nbits -= 8;
            *p++ = (unsigned char) (bits >> nbits);
            bits &= (1u << nbits) - 1;
        }
    }

    return (nbits < 6 && bits == 0) ? p - dst : -1;
}


#endif /* AF_FUZZ_H */
