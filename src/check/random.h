/*
 * Random names, of requests and traces.  Pure C: no nginx types.
 */

#ifndef AF_CHECK_RANDOM_H
#define AF_CHECK_RANDOM_H

#include <stddef.h>


/* the longest name */
#define AF_RANDOM_HEX_MAX  64


/*
 * Writes `len` hex digits in lower case, an even number, which are not all
 * zeros; the text is not terminated.
 *
 * The randomness is fetched in advance, for many names: they are not secrets,
 * threads must not share it, and a process must not have used it before it
 * forks.
 */
void af_random_hex(char *hex, size_t len);


#endif /* AF_CHECK_RANDOM_H */
