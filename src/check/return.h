/*
 * Where a sign-in may lead back to: a value that anybody may have put into a
 * link, and that a browser will be redirected to.  Pure C: no nginx types.
 */

#ifndef AF_CHECK_RETURN_H
#define AF_CHECK_RETURN_H

#include <stddef.h>

#include "check/origin.h"


/* octets of a value, not escaped */
#define AF_RETURN_MAX  2048


typedef enum {
    AF_RETURN_REFUSED = 0,
    AF_RETURN_LOCAL,           /* a path, with or without a query */
    AF_RETURN_ABSOLUTE         /* whether its origin is trusted is left open */
} af_return_t;


/*
 * Judges a value.  A local one leads to the host that redirects to it, whatever
 * browser reads it; of an absolute one, *origin is where it leads to, and
 * points into the text.
 */
af_return_t af_return_check(const char *text, size_t len, af_origin_t *origin);


#endif /* AF_CHECK_RETURN_H */
