/*
 * One text, however it was typed: Unicode's normalization forms (UAX #15), by
 * libunistring.  Pure C: no nginx types.
 */

#ifndef AF_CHECK_NORMALIZE_H
#define AF_CHECK_NORMALIZE_H

#include <stddef.h>


typedef enum {
    AF_NFC = 0,                /* é is one code point, as most keyboards send */
    AF_NFD,                    /* é is e and an accent, as some systems do */
    AF_AS_TYPED
} af_normal_form_t;


/*
 * Returns a text in a normalization form, with a terminating zero, to be freed
 * with free(), and its length in octets, up to three times that of the text;
 * or NULL if there is no memory.  The text is valid UTF-8, as is whatever
 * came in JSON or a form.
 */
char *af_normalize(af_normal_form_t form, const char *text, size_t len,
    size_t *normal_len);


#endif /* AF_CHECK_NORMALIZE_H */
