/*
 * JSON Web Tokens in the JWS compact serialization (RFC 7515, RFC 7519).
 * Pure C: no nginx types; the time is an argument.
 */

#ifndef AF_TOKEN_JWT_H
#define AF_TOKEN_JWT_H

#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "token/keys.h"


/* a longer token is malformed, whatever it says */
#define AF_JWT_MAX  8192


typedef enum {
    AF_JWT_OK = 0,
    AF_JWT_MALFORMED,
    AF_JWT_KEY,                /* no key has signed it, and it names none of
                                  them: it may be another's */
    AF_JWT_SIGNATURE,          /* the key that it names has not signed it */
    AF_JWT_ISSUER,
    AF_JWT_AUDIENCE,
    AF_JWT_EXPIRED,            /* not now: exp, nbf or iat */
    AF_JWT_ERROR               /* no memory */
} af_jwt_status_t;


/* What a token must say.  Times are in seconds since the epoch. */
typedef struct {
    af_key_t          **keys;       /* ends with NULL */
    const char         *issuer;     /* of keys without one; NULL: not
                                       demanded */
    const char *const  *audience;   /* any of them; NULL: not demanded */
    int64_t             now;
    int64_t             leeway;
} af_jwt_rules_t;


/*
 * Verifies a token.  The algorithm is the one of the key that `kid` names
 * (without a `kid`: of each key in turn, a few at most), never the token's own
 * choice; the header's `alg` must agree with it.  Nothing in a header brings
 * or fetches a key; a header with `crit` is malformed, as we know no
 * extension.
 *
 * The issuer that is demanded is that of the key, if it has one; a key may be
 * there more than once, each time of another issuer.  `exp` is demanded; `iat`
 * may not be in the future; leeway is given to `exp`, `nbf` and `iat` alike.
 * Of several faults the first of the enum is told.
 *
 * On AF_JWT_OK *claims is the payload and *header (which may be NULL) the JOSE
 * header, new references, and *key one of the rules' keys, which has signed
 * it; otherwise they are NULL.
 */
af_jwt_status_t af_jwt_verify(const af_jwt_rules_t *rules, const char *token,
    size_t len, json_t **claims, json_t **header, const af_key_t **key);

/* Returns 1 if the times of a verified token's claims are right now. */
int af_jwt_timely(const af_jwt_rules_t *rules, const json_t *claims);

/*
 * Makes a token of `claims` signed with `key`.  Returns a string to be freed
 * with free(), its length in *len, or NULL if there is no memory, the key does
 * not sign, or the token would be longer than AF_JWT_MAX.
 */
char *af_jwt_sign(af_key_t *key, const json_t *claims, size_t *len);


#endif /* AF_TOKEN_JWT_H */
