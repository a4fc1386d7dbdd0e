/*
 * JSON Web Tokens in the JWS compact serialization (RFC 7515, RFC 7519).
 * Pure C: no nginx types; the time is an argument.
 */

#ifndef AF_TOKEN_JWT_H
#define AF_TOKEN_JWT_H

#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "token/claims.h"
#include "token/keys.h"


/* octets: longer tokens are rejected unseen */
#define AF_JWT_MAX  8192

/* the maximum number of signatures verified for one token */
#define AF_JWT_TRIES  8


typedef enum {
    AF_JWT_OK = 0,
    AF_JWT_TOO_LONG,
    AF_JWT_MALFORMED,
    AF_JWT_UNKNOWN_KEY,        /* no key has its kid, or its algorithm */
    AF_JWT_NO_KID,             /* it has no kid, and no key verifies it */
    AF_JWT_SIGNATURE,          /* the keys with its kid don't verify it */
    AF_JWT_ISSUER,
    AF_JWT_AUDIENCE,
    AF_JWT_NOT_YET_VALID,      /* nbf, or iat */
    AF_JWT_EXPIRED,            /* exp */
    AF_JWT_ERROR               /* no memory */
} af_jwt_status_t;


/* What a token must satisfy.  Times are in seconds since the epoch. */
typedef struct {
    af_key_t          **keys;       /* ends with NULL */
    const char         *issuer;     /* for keys without one; NULL: any */
    const char *const  *audience;   /* any of them; NULL: not required */
    int64_t             now;
    int64_t             leeway;
} af_jwt_rules_t;


/* When a token is valid, in seconds since the epoch, perhaps with fractions. */

typedef struct {
    double            exp;
    double            from;         /* the later one of nbf and iat */
} af_jwt_times_t;


/* the objects of a token */

typedef enum {
    AF_JWT_HEADER,
    AF_JWT_PAYLOAD
} af_jwt_half_t;


/* a token, decoded */

typedef struct {
    af_claims_t       header;       /* JOSE's */
    af_claims_t       claims;
    af_jwt_times_t    times;
    const af_key_t   *key;          /* that verified the signature, or NULL */
} af_jwt_t;


/*
 * Verifies a token.  The algorithm is always the key's, never the token's
 * choice; `alg` in the header must be the same.  At most AF_JWT_TRIES keys are
 * tried: those with its `kid`; without a `kid`, all; if no key has it, those
 * without a configured kid.  No key is taken or fetched from a header; a header
 * with `crit` is malformed, as no extensions are supported.
 *
 * The required issuer is the key's own, if it has one; the same key may be
 * there several times, with different issuers.  `exp` is required; `iat` may
 * not be in the future; leeway applies to `exp`, `nbf` and `iat`.  The first
 * error, in the enum's order, is returned.
 *
 * `text` has room for `len` octets, and remains as long as *jwt, which has to
 * be closed after AF_JWT_OK; otherwise it is empty.
 */
af_jwt_status_t af_jwt_verify(const af_jwt_rules_t *rules, const char *token,
    size_t len, char *text, af_jwt_t *jwt);

/*
 * Likewise, but only decodes one half of a token that was verified before.
 * Returns AF_JWT_OK, AF_JWT_MALFORMED or AF_JWT_ERROR.
 */
af_jwt_status_t af_jwt_read(const char *token, size_t len, af_jwt_half_t half,
    char *text, af_claims_t *object);

/* Makes it empty, without claims. */
void af_jwt_init(af_jwt_t *jwt);

void af_jwt_close(af_jwt_t *jwt);

/* of a verified token: AF_JWT_OK, AF_JWT_NOT_YET_VALID or AF_JWT_EXPIRED */
af_jwt_status_t af_jwt_check_times(const af_jwt_rules_t *rules,
    const af_jwt_times_t *times);

/*
 * Copies a token's unverified `kid`, as far as there is room, for people to
 * read: anything but printable ASCII becomes '?'.  Empty if there is none.
 */
void af_jwt_kid(const char *token, size_t len, char *kid, size_t size);

/*
 * Makes a token of `claims`, signed with `key`.  Returns a string to be freed
 * with free(), its length in *len, or NULL if there is no memory, the key can't
 * sign, or the token would be longer than AF_JWT_MAX.
 */
char *af_jwt_sign(af_key_t *key, const json_t *claims, size_t *len);


#endif /* AF_TOKEN_JWT_H */
