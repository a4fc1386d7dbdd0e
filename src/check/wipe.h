/*
 * Memory that may hold secrets, of libraries that don't wipe it themselves:
 * their allocations, whatever they are for, are overwritten before they are
 * freed.  Pure C: no nginx types.
 */

#ifndef AF_CHECK_WIPE_H
#define AF_CHECK_WIPE_H

#include <stddef.h>


/* As free() and realloc(), also for memory that was allocated elsewhere. */
void af_wipe_free(void *p);
void *af_wipe_realloc(void *p, size_t size);


#endif /* AF_CHECK_WIPE_H */
