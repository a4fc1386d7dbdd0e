#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "check/wipe.h"


/*
 * Not a size in front of each block: memory that a library had allocated before
 * it got these functions has none.
 */

void
af_wipe_free(void *p)
{
    if (p != NULL) {
        explicit_bzero(p, malloc_usable_size(p));
        free(p);
    }
}


/* never in place, and not by realloc(), which would leave a copy behind */

void *
af_wipe_realloc(void *p, size_t size)
{
    void    *copy;
    size_t   old;

    copy = malloc(size);

    if (copy != NULL && p != NULL) {
        old = malloc_usable_size(p);
        memcpy(copy, p, old < size ? old : size);
        af_wipe_free(p);
    }

    return copy;
}
