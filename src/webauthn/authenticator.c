#include <string.h>
#include <sodium.h>

#include "webauthn/authenticator.h"


#define AF_AUTHENTICATOR_PRESENT     0x01
#define AF_AUTHENTICATOR_VERIFIED    0x04
#define AF_AUTHENTICATOR_ELIGIBLE    0x08
#define AF_AUTHENTICATOR_BACKED_UP   0x10
#define AF_AUTHENTICATOR_ATTESTED    0x40
#define AF_AUTHENTICATOR_EXTENSIONS  0x80

/* the hash of the RP id, flags, counter */
#define AF_AUTHENTICATOR_FLAGS    crypto_hash_sha256_BYTES
#define AF_AUTHENTICATOR_COUNTER  (AF_AUTHENTICATOR_FLAGS + 1)
#define AF_AUTHENTICATOR_HEAD     (AF_AUTHENTICATOR_COUNTER + 4)


static int af_authenticator_credential(af_octets_t *in,
    af_webauthn_result_t *result);
static int af_authenticator_extensions(af_octets_t *in);
static int af_authenticator_take(af_octets_t *in, size_t n, af_octets_t *part);
static af_webauthn_status_t af_authenticator_check(
    const af_webauthn_rules_t *rules, const unsigned char *hash,
    const af_webauthn_result_t *result);


af_webauthn_status_t
af_authenticator_read(const af_webauthn_rules_t *rules, const af_octets_t *data,
    unsigned attested, af_webauthn_result_t *result)
{
    unsigned              flags;
    af_octets_t           in, head;
    const unsigned char  *counter;

    in = *data;

    if (!af_authenticator_take(&in, AF_AUTHENTICATOR_HEAD, &head)) {
        return AF_WEBAUTHN_MALFORMED;
    }

    flags = head.data[AF_AUTHENTICATOR_FLAGS];
    counter = &head.data[AF_AUTHENTICATOR_COUNTER];

    result->present = (flags & AF_AUTHENTICATOR_PRESENT) != 0;
    result->verified = (flags & AF_AUTHENTICATOR_VERIFIED) != 0;
    result->backup_eligible = (flags & AF_AUTHENTICATOR_ELIGIBLE) != 0;
    result->backed_up = (flags & AF_AUTHENTICATOR_BACKED_UP) != 0;
    result->counter = (uint32_t) counter[0] << 24 | counter[1] << 16
                      | counter[2] << 8 | counter[3];

    if (attested != ((flags & AF_AUTHENTICATOR_ATTESTED) != 0)
        || (attested && !af_authenticator_credential(&in, result))
        || ((flags & AF_AUTHENTICATOR_EXTENSIONS)
            && !af_authenticator_extensions(&in))
        || in.len != 0
        || (result->backed_up && !result->backup_eligible))
    {
        return AF_WEBAUTHN_MALFORMED;
    }

    return af_authenticator_check(rules, head.data, result);
}


static int
af_authenticator_credential(af_octets_t *in, af_webauthn_result_t *result)
{
    size_t       len;
    af_octets_t  size;

    if (!af_authenticator_take(in, AF_WEBAUTHN_AAGUID_SIZE, &result->aaguid)
        || !af_authenticator_take(in, 2, &size))
    {
        return 0;
    }

    len = size.data[0] << 8 | size.data[1];

    return len != 0
           && len <= AF_WEBAUTHN_ID_MAX
           && af_authenticator_take(in, len, &result->id)
           && af_cbor_skip(in, &result->public_key)
           && result->public_key.len <= AF_WEBAUTHN_KEY_MAX;
}


/* we ask for none, but an authenticator may add some: they mean nothing */

static int
af_authenticator_extensions(af_octets_t *in)
{
    af_octets_t     map;
    af_cbor_item_t  item;

    if (!af_cbor_skip(in, &map)) {
        return 0;
    }

    return af_cbor_expect(&map, AF_CBOR_MAP, &item);
}


static int
af_authenticator_take(af_octets_t *in, size_t n, af_octets_t *part)
{
    if (n > in->len) {
        return 0;
    }

    part->data = in->data;
    part->len = n;

    in->data += n;
    in->len -= n;

    return 1;
}


static af_webauthn_status_t
af_authenticator_check(const af_webauthn_rules_t *rules,
    const unsigned char *hash, const af_webauthn_result_t *result)
{
    unsigned char  expected[crypto_hash_sha256_BYTES];

    (void) crypto_hash_sha256(expected, (const unsigned char *) rules->rp_id,
                              strlen(rules->rp_id));

    if (memcmp(hash, expected, sizeof(expected)) != 0) {
        return AF_WEBAUTHN_RP_ID;
    }

    if (!result->present) {
        return AF_WEBAUTHN_ABSENT;
    }

    if (rules->verification && !result->verified) {
        return AF_WEBAUTHN_UNVERIFIED;
    }

    return AF_WEBAUTHN_OK;
}
