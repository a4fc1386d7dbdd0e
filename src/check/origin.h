/*
 * Origins (RFC 6454), from browsers and in the configuration.  Pure C: no nginx
 * types.
 */

#ifndef AF_CHECK_ORIGIN_H
#define AF_CHECK_ORIGIN_H

#include <stddef.h>


typedef struct {
    const char  *scheme;
    size_t       scheme_len;
    const char  *host;         /* of a wildcard, from the first dot on */
    size_t       host_len;
    unsigned     port;         /* the scheme's default if none is given, or 0 */
    unsigned     wildcard:1;   /* any single label precedes the host */
    unsigned     any_port:1;   /* of a loopback host, for development */
} af_origin_t;


/*
 * Parses an origin, or a pattern: its first label may be an asterisk, and so
 * may be the port of localhost, a name below it, or a loopback address.  The
 * result points into the text.  Returns NULL, or what is wrong.
 */
const char *af_origin_parse(const char *text, size_t len, af_origin_t *origin);

/*
 * Likewise parses the value of a Host header, a host with an optional port,
 * that was reached by a scheme.
 */
const char *af_origin_parse_host(const char *scheme, const char *text,
    size_t len, af_origin_t *origin);

/*
 * Whether an origin matches a pattern, or equals it.  Never if the origin is a
 * pattern itself.
 */
int af_origin_matches(const af_origin_t *pattern, const af_origin_t *origin);


#endif /* AF_CHECK_ORIGIN_H */
