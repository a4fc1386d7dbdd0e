#include <stdlib.h>
#include <string.h>
#include <sodium.h>

#include "check/buffer.h"


#define AF_BUFFER_MIN  1024


static int af_buffer_grow(af_buffer_t *buffer, size_t need);


void
af_buffer_add(af_buffer_t *buffer, const char *data, size_t len)
{
    if (buffer->failed) {
        return;
    }

    if (len >= buffer->size - buffer->len
        && af_buffer_grow(buffer, buffer->len + len + 1) != 0)
    {
        buffer->failed = 1;
        return;
    }

    if (len != 0) {
        memcpy(buffer->data + buffer->len, data, len);
        buffer->len += len;
    }

    buffer->data[buffer->len] = '\0';
}


void
af_buffer_puts(af_buffer_t *buffer, const char *s)
{
    af_buffer_add(buffer, s, strlen(s));
}


/* not realloc(), which would leave a copy behind */

static int
af_buffer_grow(af_buffer_t *buffer, size_t need)
{
    char    *data;
    size_t   size;

    size = buffer->size ? buffer->size : AF_BUFFER_MIN;

    while (size < need) {
        size *= 2;
    }

    data = malloc(size);
    if (data == NULL) {
        return -1;
    }

    if (buffer->data != NULL) {
        memcpy(data, buffer->data, buffer->len);
        sodium_memzero(buffer->data, buffer->size);
        free(buffer->data);
    }

    buffer->data = data;
    buffer->size = size;

    return 0;
}


void
af_buffer_free(af_buffer_t *buffer)
{
    if (buffer->data != NULL) {
        sodium_memzero(buffer->data, buffer->size);
        free(buffer->data);
    }

    memset(buffer, 0, sizeof(af_buffer_t));
}
