/*
 * Untrusted text.  The first octet of the input is the room for the sanitized
 * rest.
 */

#include "fuzz.h"
#include "check/input.h"


static void counted(const char *s, size_t len);
static size_t cleaned(char *dst, size_t size, const char *s, size_t len);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char        *whole, *cut, *again;
    size_t       n, room, whole_len;
    const char  *s;

    if (size == 0) {
        return 0;
    }

    room = data[0];
    s = (const char *) data + 1;
    size--;

    whole = malloc(size);
    again = malloc(size);
    cut = malloc(room);
    af_must(size == 0 || (whole != NULL && again != NULL));
    af_must(room == 0 || cut != NULL);

    counted(s, size);

    whole_len = cleaned(whole, size, s, size);

    /* nothing is lost that had to be kept */

    if (af_is_utf8(s, size) && !af_has_controls(s, size)) {
        af_must(whole_len == size && memcmp(whole, s, size) == 0);
    }

    n = cleaned(again, size, whole, whole_len);
    af_must(n == whole_len && memcmp(whole, again, n) == 0);

    /* only the character that doesn't fit is cut off */

    n = cleaned(cut, room, s, size);
    af_must(n <= whole_len && memcmp(whole, cut, n) == 0);
    af_must(n == whole_len || room - n < 4);

    free(whole);
    free(again);
    free(cut);

    return 0;
}


static size_t
cleaned(char *dst, size_t size, const char *s, size_t len)
{
    size_t  n;

    n = af_text_clean(dst, size, s, len);

    af_must(n <= size);
    af_must(af_is_utf8(dst, n));
    af_must(!af_has_controls(dst, n));

    return n;
}


static void
counted(const char *s, size_t len)
{
    long         n;
    int32_t      c;
    const char  *p, *end, *from;

    n = af_text_length(s, len);

    if (af_is_utf8(s, len)) {
        af_must(n == (long) af_characters(s, len));

    } else {
        af_must(n == -1);
    }

    p = s;
    end = s + len;

    while (p < end) {
        from = p;
        c = af_text_next(&p, end);

        if (c == -1) {
            af_must(p == from);
            p++;
            continue;
        }

        af_must(c >= 0 && c <= 0x10ffff && p > from && p <= end);
        af_must(af_is_utf8(from, p - from));
        af_must(af_characters(from, p - from) == 1);
        af_must(af_text_is_control(c) == af_has_controls(from, p - from));
    }
}
