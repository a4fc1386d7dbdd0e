/*
 * FNV-1a, a hash for tables whose keys nobody has an interest to make collide.
 * Pure C: no nginx types.
 */

#ifndef AF_CHECK_FNV_H
#define AF_CHECK_FNV_H

#include <stddef.h>
#include <stdint.h>


/* the hash of nothing */
#define AF_FNV  2166136261u


/* Returns the hash of what `hash` is of, and then of the text. */
uint32_t af_fnv(uint32_t hash, const char *text, size_t len);


#endif /* AF_CHECK_FNV_H */
