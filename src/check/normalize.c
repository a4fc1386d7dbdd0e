#include <stdlib.h>
#include <string.h>
#include <sodium.h>
#include <unicase.h>
#include <uninorm.h>

#include "check/normalize.h"


/* not realloc(), which may leave a copy of a password behind */

char *
af_normalize(af_normal_form_t form, const char *text, size_t len,
    size_t *normal_len)
{
    char           *copy;
    uint8_t        *normal;
    const uint8_t  *result;

    normal = NULL;
    result = (const uint8_t *) text;
    *normal_len = len;

    if (form == AF_LOWER_CASE) {
        normal = u8_tolower(result, len, NULL, UNINORM_NFC, NULL, normal_len);

    } else if (form != AF_AS_TYPED) {
        normal = u8_normalize(form == AF_NFC ? UNINORM_NFC : UNINORM_NFD,
                              result, len, NULL, normal_len);
    }

    if (form != AF_AS_TYPED) {
        if (normal == NULL) {
            return NULL;
        }

        result = normal;
    }

    copy = malloc(*normal_len + 1);

    if (copy != NULL) {
        memcpy(copy, result, *normal_len);
        copy[*normal_len] = '\0';
    }

    if (normal != NULL) {
        sodium_memzero(normal, *normal_len);
        free(normal);
    }

    return copy;
}
