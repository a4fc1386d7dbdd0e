/*
 * Unicode's normalization forms (UAX #15), by libunistring.  Pure C: no nginx
 * types.
 */

#ifndef AF_CHECK_NORMALIZE_H
#define AF_CHECK_NORMALIZE_H

#include <stddef.h>


typedef enum {
    AF_NFC = 0,                /* é as one code point */
    AF_NFD,                    /* é as e and an accent */
    AF_AS_TYPED,
    AF_LOWER_CASE              /* in no particular language, NFC */
} af_normal_form_t;


/*
 * Returns a normalized text, zero-terminated, to be freed with free(), and its
 * length in octets, up to three times the original's; or NULL if there is no
 * memory. The text must be valid UTF-8, as is anything from JSON or a form.
 */
char *af_normalize(af_normal_form_t form, const char *text, size_t len,
    size_t *normal_len);


#endif /* AF_CHECK_NORMALIZE_H */
