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


/* octets: a longer token is refused, whatever it says */
#define AF_JWT_MAX  8192

/* signatures that are tried for one token */
#define AF_JWT_TRIES  8


typedef enum {
    AF_JWT_OK = 0,
    AF_JWT_TOO_LONG,
    AF_JWT_MALFORMED,
    AF_JWT_UNKNOWN_KEY,        /* there is no key of the name that it gives,
                                  or of its algorithm */
    AF_JWT_NO_KID,             /* it names no key, and none has signed it */
    AF_JWT_SIGNATURE,          /* the key that it names has not signed it */
    AF_JWT_ISSUER,
    AF_JWT_AUDIENCE,
    AF_JWT_NOT_YET_VALID,      /* not yet: nbf, or iat */
    AF_JWT_EXPIRED,            /* not any more: exp */
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
 * Verifies a token.  The algorithm is always that of a key, never the token's
 * own choice; the header's `alg` must agree with it.  Tried are, AF_JWT_TRIES
 * at most, the keys that `kid` names; without a `kid`, all; where no key has
 * that name, those that nobody has named.  Nothing in a header brings or
 * fetches a key; a header with `crit` is malformed, as we know no extension.
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

/*
 * Checks the times of a verified token's claims again: AF_JWT_OK,
 * AF_JWT_NOT_YET_VALID or AF_JWT_EXPIRED.
 */
af_jwt_status_t af_jwt_times(const af_jwt_rules_t *rules,
    const json_t *claims);

/*
 * Writes the `kid` that a token gives, which nothing has verified, as far as
 * there is room, for people to read: what is no printable ASCII becomes '?'.
 * Empty if there is none.
 */
void af_jwt_kid(const char *token, size_t len, char *kid, size_t size);

/*
 * Makes a token of `claims` signed with `key`.  Returns a string to be freed
 * with free(), its length in *len, or NULL if there is no memory, the key does
 * not sign, or the token would be longer than AF_JWT_MAX.
 */
char *af_jwt_sign(af_key_t *key, const json_t *claims, size_t *len);


#endif /* AF_TOKEN_JWT_H */
