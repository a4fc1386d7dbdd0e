/*
 * What a token says that is often asked for: the claims of a few names, if they
 * are short, in memory of a fixed size.  Pure C: no nginx types.
 */

#ifndef AF_TOKEN_SAID_H
#define AF_TOKEN_SAID_H

#include "token/claims.h"


#define AF_SAID_CLAIMS  4

/* octets of all their texts */
#define AF_SAID_MAX     52


typedef struct {
    uint8_t  types[AF_SAID_CLAIMS];     /* af_value_type_t, or unknown */
    uint8_t  lens[AF_SAID_CLAIMS];
    char     text[AF_SAID_MAX];
} af_said_t;


void af_said_read(af_said_t *said, const af_claims_t *claims);

/*
 * Returns 1 and the claim, whose type is AF_VALUE_NONE if the token has none;
 * or 0 if only the token can say.  Its text is in `said`.
 */
int af_said_find(const af_said_t *said, const char *name, size_t len,
    af_claim_t *claim);


#endif /* AF_TOKEN_SAID_H */
