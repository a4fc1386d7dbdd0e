/*
 * A growing string.  Pure C: no nginx types.
 */

#ifndef AF_CHECK_BUFFER_H
#define AF_CHECK_BUFFER_H

#include <stddef.h>


/* initially all zero; af_buffer_free() wipes and frees its data */

typedef struct {
    char      *data;           /* zero-terminated, unless nothing was added */
    size_t     len;
    size_t     size;
    unsigned   failed:1;       /* out of memory: what is added is discarded */
} af_buffer_t;


void af_buffer_add(af_buffer_t *buffer, const char *data, size_t len);
void af_buffer_puts(af_buffer_t *buffer, const char *s);
void af_buffer_free(af_buffer_t *buffer);


#endif /* AF_CHECK_BUFFER_H */
