/*
 * A text that grows.  Pure C: no nginx types.
 */

#ifndef AF_MAIL_BUFFER_H
#define AF_MAIL_BUFFER_H

#include <stddef.h>


/* all zero to begin with; af_buffer_free() wipes and frees what it has */

typedef struct {
    char      *data;           /* ends with a zero once there is something */
    size_t     len;
    size_t     size;
    unsigned   failed:1;       /* there was no memory: what is added is lost */
} af_buffer_t;


void af_buffer_add(af_buffer_t *buffer, const char *data, size_t len);
void af_buffer_puts(af_buffer_t *buffer, const char *s);
void af_buffer_free(af_buffer_t *buffer);


#endif /* AF_MAIL_BUFFER_H */
