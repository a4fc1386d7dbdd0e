/*
 * Accept-Language (RFC 9110, section 12.5.4).  Pure C: no nginx types.
 */

#ifndef AF_CHECK_LANGUAGE_H
#define AF_CHECK_LANGUAGE_H

#include <stddef.h>


/*
 * How much a header's value likes a language ("de", "pt-BR"), from 0 to 1000:
 * that of the longest range that is the language or begins it ("de" covers
 * "de-AT"), or begins with it ("de-AT" likes "de", a little less); of "*" if
 * there is no other.
 */
unsigned af_language_weight(const char *accept, size_t len,
    const char *language, size_t language_len);


#endif /* AF_CHECK_LANGUAGE_H */
