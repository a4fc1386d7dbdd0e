/*
 * What is known of a token that was verified: all that is needed to judge it
 * again, in memory of a fixed size.  Caches have copies.  Pure C: no nginx
 * types.
 */

#ifndef AF_TOKEN_VERIFIED_H
#define AF_TOKEN_VERIFIED_H

#include <stdint.h>

#include "check/uuid.h"
#include "token/jwt.h"
#include "token/said.h"


/* the highest authenticator assurance level (NIST SP 800-63B) */
#define AF_AAL_MAX  2

/* not checked yet */
#define AF_UNCHECKED  UINT64_MAX


typedef struct {
    af_jwt_times_t   times;
    int64_t          iat;          /* 0 unless an integer */
    int64_t          epoch;
    int64_t          auth_time;    /* of a first-party token, or 0: unknown */
    int64_t          mfa_time;     /* likewise, of its second factor */
    unsigned char    user_id[AF_UUID_OCTETS];
    unsigned char    session_id[AF_UUID_OCTETS];
    unsigned         external:1;   /* another issuer's */
    unsigned         first_party:1;
    unsigned         superuser:1;
    unsigned         roles:1;      /* it has some */
    unsigned         plain_ids:1;  /* in the token, too: in lower case */
    unsigned         aal:2;        /* of a first-party token, or 0: unknown */
    af_said_t        said;

    /* the caller's, when it was last judged */
    uint64_t         checked;      /* the revocations' generation */
    uint64_t         generation;   /* of the fetched keys */
} af_verified_t;


/*
 * Reads what a token says that has just been verified.  A token is first-party
 * if one of our own keys signed it, and it has the claims that only we set.
 */
void af_verified_read(af_verified_t *verified, const af_jwt_t *jwt);


#endif /* AF_TOKEN_VERIFIED_H */
