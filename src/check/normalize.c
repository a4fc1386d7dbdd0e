#include <stdlib.h>
#include <uninorm.h>

#include "check/normalize.h"


char *
af_normalize(af_normal_form_t form, const char *text, size_t len,
    size_t *normal_len)
{
    char  *normal, *ended;

    normal = (char *) u8_normalize(form == AF_NFC ? UNINORM_NFC : UNINORM_NFD,
                                   (const uint8_t *) text, len, NULL,
                                   normal_len);
    if (normal == NULL) {
        return NULL;
    }

    ended = realloc(normal, *normal_len + 1);

    if (ended == NULL) {
        free(normal);
        return NULL;
    }

    ended[*normal_len] = '\0';

    return ended;
}
