/*
 * Origins (RFC 6454), as browsers send them and as configurations list them.
 * Pure C: no nginx types.
 */

#ifndef AF_CHECK_ORIGIN_H
#define AF_CHECK_ORIGIN_H

#include <stddef.h>


typedef struct {
    const char  *scheme;
    size_t       scheme_len;
    const char  *host;         /* of a wildcard, from the first dot on */
    size_t       host_len;
    unsigned     port;         /* the scheme's own if none is given, or 0 */
    unsigned     wildcard:1;   /* any one label stands before the host */
    unsigned     any_port:1;   /* of this machine: those of development */
} af_origin_t;


/*
 * Reads an origin, or a pattern: its first label may be an asterisk, and the
 * port of localhost, of a name below that, or of a loopback address.  It
 * points into the text.  Returns NULL, or what is wrong.
 */
const char *af_origin_parse(const char *text, size_t len, af_origin_t *origin);

/*
 * Likewise the origin of a host, perhaps with a port, that is reached by a
 * scheme: what is in the header Host.
 */
const char *af_origin_parse_host(const char *scheme, const char *text,
    size_t len, af_origin_t *origin);

/*
 * Whether an origin is the one that a pattern says, or one of those.  Never if
 * it is a pattern itself.
 */
int af_origin_matches(const af_origin_t *pattern, const af_origin_t *origin);


#endif /* AF_CHECK_ORIGIN_H */
