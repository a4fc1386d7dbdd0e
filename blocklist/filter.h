/* Makes the filter of src/crypto/blocklist.h. */

#ifndef AF_BLOCKLIST_FILTER_H
#define AF_BLOCKLIST_FILTER_H

#include <stddef.h>
#include <stdint.h>


/* its fingerprints' places must have a number */
#define AF_FILTER_MAX  (3ULL << 30)


/* Sorts keys and removes duplicates.  Returns how many are left. */
size_t af_filter_sort(uint64_t *keys, size_t n);

/*
 * Makes a file's contents from keys without duplicates, 1 to AF_FILTER_MAX;
 * while it does, it uses some 30 octets per key.  Returns it, to be freed, and
 * its size, or NULL if there is no memory.
 */
unsigned char *af_filter_make(const uint64_t *keys, size_t n, size_t *size);


#endif /* AF_BLOCKLIST_FILTER_H */
