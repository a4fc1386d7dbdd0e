#include <string.h>

#include "token/verified.h"


#define af_verified_claim(said, claims, name, claim)                          \
    af_verified_read_claim(said, claims, name, sizeof(name) - 1, claim)


static void af_verified_read_claim(const af_said_t *said,
    const af_claims_t *claims, const char *name, size_t len,
    af_claim_t *claim);
static unsigned af_verified_is_first_party(af_verified_t *verified,
    const af_claims_t *claims);
static void af_verified_read_proof(af_verified_t *verified,
    const af_claims_t *claims);
static int af_verified_uuid(const af_claim_t *claim,
    unsigned char octets[AF_UUID_OCTETS]);
static unsigned af_verified_uuid_is_plain(const af_claim_t *claim,
    const unsigned char octets[AF_UUID_OCTETS]);


void
af_verified_read(af_verified_t *verified, const af_jwt_t *jwt)
{
    af_claim_t          iat, roles, superuser;
    const af_claims_t  *claims;

    claims = &jwt->claims;

    af_claims_get(claims, "iat", &iat);
    af_said_read(&verified->said, claims);
    af_verified_claim(&verified->said, claims, "roles", &roles);
    af_verified_claim(&verified->said, claims, "is_superuser", &superuser);

    verified->times = jwt->times;
    verified->iat = iat.integer;
    verified->checked = AF_UNCHECKED;
    verified->external = (af_key_issuer(jwt->key) != NULL);
    verified->first_party = !verified->external
                            && af_verified_is_first_party(verified, claims);
    verified->superuser = verified->first_party
                          && superuser.type == AF_VALUE_TRUE;
    verified->roles = (roles.type == AF_VALUE_STRINGS
                       || roles.type == AF_VALUE_ARRAY);
}


/* what was kept needn't be looked for again */

static void
af_verified_read_claim(const af_said_t *said, const af_claims_t *claims,
    const char *name, size_t len, af_claim_t *claim)
{
    if (!af_said_find(said, name, len, claim)) {
        af_claims_find(claims, name, len, af_members_key(name, len), claim);
    }
}


/* other issuers' claims of these names don't matter */

static unsigned
af_verified_is_first_party(af_verified_t *verified, const af_claims_t *claims)
{
    af_claim_t  epoch, sub, sid;

    af_verified_read_proof(verified, claims);
    af_claims_get(claims, "epoch", &epoch);
    af_claims_get(claims, "sub", &sub);
    af_claims_get(claims, "sid", &sid);

    verified->epoch = epoch.integer;

    if (epoch.type != AF_VALUE_INTEGER
        || af_verified_uuid(&sub, verified->user_id) != 0
        || af_verified_uuid(&sid, verified->session_id) != 0)
    {
        return 0;
    }

    verified->plain_ids = af_verified_uuid_is_plain(&sub, verified->user_id)
                          && af_verified_uuid_is_plain(&sid,
                                                       verified->session_id);

    return 1;
}


/* how, and when, the owner was authenticated: tokens of before don't say */

static void
af_verified_read_proof(af_verified_t *verified, const af_claims_t *claims)
{
    af_claim_t  auth_time, mfa_time, aal;

    af_claims_get(claims, "auth_time", &auth_time);
    af_claims_get(claims, "mfa_time", &mfa_time);
    af_claims_get(claims, "aal", &aal);

    verified->auth_time = (auth_time.integer > 0) ? auth_time.integer : 0;
    verified->mfa_time = (mfa_time.integer > 0) ? mfa_time.integer : 0;
    verified->aal = (aal.integer >= 0 && aal.integer <= AF_AAL_MAX)
                    ? aal.integer : 0;
}


static int
af_verified_uuid(const af_claim_t *claim, unsigned char octets[AF_UUID_OCTETS])
{
    return (claim->type == AF_VALUE_STRING)
           ? af_uuid_read(claim->text, claim->len, octets) : -1;
}


/* it may be in upper case */

static unsigned
af_verified_uuid_is_plain(const af_claim_t *claim,
    const unsigned char octets[AF_UUID_OCTETS])
{
    char  text[AF_UUID_SIZE];

    af_uuid_write(octets, text);

    return memcmp(claim->text, text, AF_UUID_SIZE - 1) == 0;
}
