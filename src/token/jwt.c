/*
 * JSON Web Tokens.  No claim is examined before the signature is verified.
 */

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "token/base64url.h"
#include "token/jwt.h"


/* allowed types of claims */
#define AF_CLAIM_MISSING  (1 << AF_VALUE_NONE)
#define AF_CLAIM_STRING   (1 << AF_VALUE_STRING)
#define AF_CLAIM_NUMBER   (1 << AF_VALUE_INTEGER | 1 << AF_VALUE_REAL)
#define AF_CLAIM_STRINGS  (1 << AF_VALUE_STRINGS)


typedef struct {
    const char  *start;
    size_t       len;
} af_jwt_part_t;


typedef struct {
    af_jwt_part_t  header;
    af_jwt_part_t  payload;
    af_jwt_part_t  signature;
    af_jwt_part_t  input;        /* what is signed (RFC 7515, section 5.1) */
} af_jwt_parts_t;


/* what a token's header says about the key that signed it */

typedef struct {
    af_claim_t  alg;
    af_claim_t  kid;
    unsigned    unknown;         /* no key has this kid */
} af_jwt_key_hint_t;


typedef struct {
    char         name[sizeof(uint64_t)];   /* and zeros */
    size_t       len;
    unsigned     types;
} af_claim_rule_t;


static int af_jwt_split(af_jwt_parts_t *parts, const char *token, size_t len);
static af_jwt_status_t af_jwt_object(const af_jwt_part_t *part, char **text,
    af_claims_t *object);
static int af_jwt_header_valid(const af_claims_t *header);
static int af_jwt_type_valid(const af_claim_t *type);
static af_jwt_status_t af_jwt_find_key(af_key_t **keys,
    const af_claims_t *header, const af_jwt_parts_t *parts,
    af_key_t ***signer);
static int af_jwt_kid_is_known(af_key_t **key, const af_claim_t *kid);
static int af_jwt_is_candidate(const af_jwt_key_hint_t *hint,
    const af_key_t *key);
static af_jwt_status_t af_jwt_check_claims(const af_jwt_rules_t *rules,
    af_key_t **signer, const af_jwt_parts_t *parts, af_jwt_t *jwt);
static af_jwt_status_t af_jwt_check(const af_jwt_rules_t *rules,
    const af_key_t *key, af_jwt_t *jwt);
static void af_jwt_read_times(af_jwt_t *jwt);
static int af_jwt_claims_valid(const af_claims_t *claims);
static int af_jwt_issuer(const af_jwt_rules_t *rules, const af_key_t *key,
    const af_claims_t *claims);
static int af_jwt_audience(const af_jwt_rules_t *rules,
    const af_claims_t *claims);
static int af_jwt_audience_one(const af_jwt_rules_t *rules,
    const af_claim_t *aud);
static int af_jwt_append_json(char *out, size_t *len, const json_t *object);
static int af_jwt_append(char *out, size_t *len, const void *src, size_t n);


#define af_claim_rule(name, types)  { name, sizeof(name) - 1, types }


/* RFC 7519, section 4.1 */
static const af_claim_rule_t  af_jwt_claims[] = {
    af_claim_rule("iss", AF_CLAIM_MISSING|AF_CLAIM_STRING),
    af_claim_rule("sub", AF_CLAIM_MISSING|AF_CLAIM_STRING),
    af_claim_rule("aud", AF_CLAIM_MISSING|AF_CLAIM_STRING|AF_CLAIM_STRINGS),
    af_claim_rule("exp", AF_CLAIM_NUMBER),
    af_claim_rule("nbf", AF_CLAIM_MISSING|AF_CLAIM_NUMBER),
    af_claim_rule("iat", AF_CLAIM_MISSING|AF_CLAIM_NUMBER),
    af_claim_rule("jti", AF_CLAIM_MISSING|AF_CLAIM_STRING),
    { "", 0, 0 }
};


/* RFC 9068, section 2.1, and RFC 7519, section 5.1 */
static const char *const  af_jwt_types[] = {
    "JWT",
    "at+jwt",
    NULL
};


af_jwt_status_t
af_jwt_verify(const af_jwt_rules_t *rules, const char *token, size_t len,
    char *text, af_jwt_t *jwt)
{
    af_key_t         **signer;
    af_jwt_parts_t     parts;
    af_jwt_status_t    status;

    af_jwt_init(jwt);
    signer = NULL;

    if (len > AF_JWT_MAX) {
        return AF_JWT_TOO_LONG;
    }

    if (!af_jwt_split(&parts, token, len)) {
        return AF_JWT_MALFORMED;
    }

    status = af_jwt_object(&parts.header, &text, &jwt->header);

    if (status == AF_JWT_OK) {
        status = af_jwt_header_valid(&jwt->header)
                 ? af_jwt_find_key(rules->keys, &jwt->header, &parts, &signer)
                 : AF_JWT_MALFORMED;
    }

    if (status == AF_JWT_OK) {
        status = af_jwt_object(&parts.payload, &text, &jwt->claims);
    }

    if (status == AF_JWT_OK) {
        status = af_jwt_check_claims(rules, signer, &parts, jwt);
    }

    if (status != AF_JWT_OK) {
        af_jwt_close(jwt);
    }

    return status;
}


/* the same key may be in the ring under another issuer */

static af_jwt_status_t
af_jwt_check_claims(const af_jwt_rules_t *rules, af_key_t **signer,
    const af_jwt_parts_t *parts, af_jwt_t *jwt)
{
    af_jwt_status_t  status;

    status = af_jwt_check(rules, *signer, jwt);

    while (status == AF_JWT_ISSUER
           && af_jwt_find_key(signer + 1, &jwt->header, parts, &signer)
              == AF_JWT_OK)
    {
        status = af_jwt_check(rules, *signer, jwt);
    }

    jwt->key = *signer;

    return status;
}


af_jwt_status_t
af_jwt_read(const char *token, size_t len, af_jwt_half_t half, char *text,
    af_claims_t *object)
{
    af_jwt_parts_t  parts;

    if (len > AF_JWT_MAX || !af_jwt_split(&parts, token, len)) {
        return AF_JWT_MALFORMED;
    }

    return af_jwt_object((half == AF_JWT_HEADER) ? &parts.header
                                                 : &parts.payload,
                         &text, object);
}


void
af_jwt_init(af_jwt_t *jwt)
{
    af_claims_init(&jwt->header);
    af_claims_init(&jwt->claims);
    jwt->key = NULL;
}


void
af_jwt_close(af_jwt_t *jwt)
{
    af_claims_free(&jwt->header);
    af_claims_free(&jwt->claims);
    jwt->key = NULL;
}


char *
af_jwt_sign(af_key_t *key, const json_t *claims, size_t *len)
{
    char           *out;
    json_t         *header;
    size_t          n;
    unsigned char   sig[AF_SIGNATURE_MAX];

    *len = 0;

    header = json_pack("{s:s, s:s, s:s}", "alg", af_key_alg(key),
                       "typ", "JWT", "kid", af_key_kid(key));
    out = malloc(AF_JWT_MAX + 1);

    if (header == NULL || out == NULL) {
        goto failed;
    }

    if (af_jwt_append_json(out, len, header) != 0) {
        goto failed;
    }

    out[(*len)++] = '.';

    if (af_jwt_append_json(out, len, claims) != 0) {
        goto failed;
    }

    n = af_key_sign(key, sig, (unsigned char *) out, *len);
    if (n == 0) {
        goto failed;
    }

    out[(*len)++] = '.';

    if (af_jwt_append(out, len, sig, n) != 0) {
        goto failed;
    }

    json_decref(header);

    return out;

failed:

    json_decref(header);
    free(out);

    return NULL;
}


static int
af_jwt_split(af_jwt_parts_t *parts, const char *token, size_t len)
{
    const char  *dot[2], *end;

    end = token + len;

    dot[0] = memchr(token, '.', len);
    if (dot[0] == NULL) {
        return 0;
    }

    dot[1] = memchr(dot[0] + 1, '.', end - dot[0] - 1);
    if (dot[1] == NULL) {
        return 0;
    }

    parts->header.start = token;
    parts->header.len = dot[0] - token;

    parts->payload.start = dot[0] + 1;
    parts->payload.len = dot[1] - parts->payload.start;

    /* a third dot would not be base64url */
    parts->signature.start = dot[1] + 1;
    parts->signature.len = end - parts->signature.start;

    parts->input.start = token;
    parts->input.len = dot[1] - token;

    return parts->header.len != 0 && parts->payload.len != 0
           && parts->signature.len != 0;
}


/* decodes to *text, and advances it */

static af_jwt_status_t
af_jwt_object(const af_jwt_part_t *part, char **text, af_claims_t *object)
{
    char    *start;
    size_t   n;

    start = *text;

    if (!af_base64url_decode((unsigned char *) start, part->len, &n,
                             part->start, part->len))
    {
        return AF_JWT_MALFORMED;
    }

    *text += n;

    switch (af_claims_read(object, start, n)) {

    case 0:
        return AF_JWT_OK;

    case -1:
        return AF_JWT_MALFORMED;

    default:
        return AF_JWT_ERROR;
    }
}


/* Parameters with a key or its location (jwk, jku, x5c, x5u) are never read. */

static int
af_jwt_header_valid(const af_claims_t *header)
{
    af_claim_t  alg, kid, type, crit, b64;

    af_claims_get(header, "alg", &alg);
    af_claims_get(header, "kid", &kid);
    af_claims_get(header, "typ", &type);
    af_claims_get(header, "crit", &crit);
    af_claims_get(header, "b64", &b64);

    /*
     * RFC 7515, section 4.1.11: parameters in crit must be understood, and we
     * understand none; RFC 7797, section 6: b64 is not for JWTs.
     */

    return alg.type == AF_VALUE_STRING
           && (kid.type == AF_VALUE_NONE || kid.type == AF_VALUE_STRING)
           && (type.type == AF_VALUE_NONE || af_jwt_type_valid(&type))
           && crit.type == AF_VALUE_NONE
           && b64.type == AF_VALUE_NONE;
}


static int
af_jwt_type_valid(const af_claim_t *type)
{
    size_t              len;
    const char         *name;
    const char *const  *known;

    static const char   prefix[] = "application/";

    if (type->type != AF_VALUE_STRING) {
        return 0;
    }

    name = type->text;
    len = type->len;

    /* RFC 7515, section 4.1.9 */

    if (len >= sizeof(prefix) - 1
        && strncasecmp(name, prefix, sizeof(prefix) - 1) == 0)
    {
        name += sizeof(prefix) - 1;
        len -= sizeof(prefix) - 1;
    }

    for (known = af_jwt_types; *known != NULL; known++) {
        if (len == strlen(*known) && strncasecmp(name, *known, len) == 0) {
            return 1;
        }
    }

    return 0;
}


static af_jwt_status_t
af_jwt_find_key(af_key_t **keys, const af_claims_t *header,
    const af_jwt_parts_t *parts, af_key_t ***signer)
{
    int                    named;
    size_t                 n, tried;
    af_key_t             **key;
    unsigned char          sig[AF_JWT_MAX];
    af_jwt_key_hint_t      hint;
    const unsigned char   *input;

    if (!af_base64url_decode(sig, sizeof(sig), &n, parts->signature.start,
                             parts->signature.len))
    {
        return AF_JWT_MALFORMED;
    }

    af_claims_get(header, "alg", &hint.alg);
    af_claims_get(header, "kid", &hint.kid);

    named = (hint.kid.type != AF_VALUE_NONE);
    hint.unknown = (named && !af_jwt_kid_is_known(keys, &hint.kid));

    input = (const unsigned char *) parts->input.start;
    tried = 0;

    for (key = keys; *key != NULL && tried < AF_JWT_TRIES; key++) {

        if (!af_jwt_is_candidate(&hint, *key)) {
            continue;
        }

        if (af_key_verify(*key, sig, n, input, parts->input.len)) {
            *signer = key;
            return AF_JWT_OK;
        }

        tried++;
    }

    if (hint.unknown || (!named && tried == 0)) {
        return AF_JWT_UNKNOWN_KEY;
    }

    return named ? AF_JWT_SIGNATURE : AF_JWT_NO_KID;
}


static int
af_jwt_kid_is_known(af_key_t **key, const af_claim_t *kid)
{
    for ( /* void */ ; *key != NULL; key++) {
        if (af_claim_equals(kid, af_key_kid(*key))) {
            return 1;
        }
    }

    return 0;
}


/* a key without a configured kid may have one at its issuer */

static int
af_jwt_is_candidate(const af_jwt_key_hint_t *hint, const af_key_t *key)
{
    if (!af_claim_equals(&hint->alg, af_key_alg(key))) {
        return 0;
    }

    if (hint->unknown) {
        return !af_key_has_explicit_kid(key);
    }

    return hint->kid.type == AF_VALUE_NONE
           || af_claim_equals(&hint->kid, af_key_kid(key));
}


static af_jwt_status_t
af_jwt_check(const af_jwt_rules_t *rules, const af_key_t *key, af_jwt_t *jwt)
{
    if (!af_jwt_claims_valid(&jwt->claims)) {
        return AF_JWT_MALFORMED;
    }

    if (!af_jwt_issuer(rules, key, &jwt->claims)) {
        return AF_JWT_ISSUER;
    }

    if (!af_jwt_audience(rules, &jwt->claims)) {
        return AF_JWT_AUDIENCE;
    }

    af_jwt_read_times(jwt);

    return af_jwt_check_times(rules, &jwt->times);
}


static int
af_jwt_claims_valid(const af_claims_t *claims)
{
    af_claim_t              claim;
    const af_claim_rule_t  *row;

    for (row = af_jwt_claims; row->len != 0; row++) {

        /* with the zeros its key is loaded as a whole */

        af_claims_find(claims, row->name, row->len,
                       af_members_key(row->name, sizeof(row->name)), &claim);

        if (!(1u << claim.type & row->types)) {
            return 0;
        }
    }

    return 1;
}


static int
af_jwt_issuer(const af_jwt_rules_t *rules, const af_key_t *key,
    const af_claims_t *claims)
{
    af_claim_t   iss;
    const char  *issuer;

    issuer = af_key_issuer(key) ? af_key_issuer(key) : rules->issuer;

    if (issuer == NULL) {
        return 1;
    }

    af_claims_get(claims, "iss", &iss);

    return af_claim_equals(&iss, issuer);
}


static int
af_jwt_audience(const af_jwt_rules_t *rules, const af_claims_t *claims)
{
    af_claim_t  aud, one;

    if (rules->audience == NULL) {
        return 1;
    }

    af_claims_get(claims, "aud", &aud);

    if (aud.type == AF_VALUE_STRING) {
        return af_jwt_audience_one(rules, &aud);
    }

    while (af_claim_next(&aud, &one)) {
        if (af_jwt_audience_one(rules, &one)) {
            return 1;
        }
    }

    return 0;
}


static int
af_jwt_audience_one(const af_jwt_rules_t *rules, const af_claim_t *aud)
{
    const char *const  *name;

    for (name = rules->audience; *name != NULL; name++) {
        if (af_claim_equals(aud, *name)) {
            return 1;
        }
    }

    return 0;
}


/*
 * Claims may be integers too large for a time, or have fractions: a double
 * compares them without overflow.
 */

static void
af_jwt_read_times(af_jwt_t *jwt)
{
    af_claim_t       exp, nbf, iat;
    af_jwt_times_t  *times;

    af_claims_get(&jwt->claims, "exp", &exp);
    af_claims_get(&jwt->claims, "nbf", &nbf);
    af_claims_get(&jwt->claims, "iat", &iat);

    times = &jwt->times;
    times->exp = exp.number;
    times->from = (iat.type == AF_VALUE_NONE) ? -INFINITY : iat.number;

    if (nbf.type != AF_VALUE_NONE && nbf.number > times->from) {
        times->from = nbf.number;
    }
}


/*
 * The current time, in whole seconds, stands for any moment until the next
 * second, so that a token issued a fraction of a second ago is not from the
 * future.
 */

af_jwt_status_t
af_jwt_check_times(const af_jwt_rules_t *rules, const af_jwt_times_t *times)
{
    double  next, leeway;

    next = (double) rules->now + 1;
    leeway = (double) rules->leeway;

    if (times->exp < next - leeway) {
        return AF_JWT_EXPIRED;
    }

    return (times->from >= next + leeway) ? AF_JWT_NOT_YET_VALID : AF_JWT_OK;
}


void
af_jwt_kid(const char *token, size_t len, char *kid, size_t size)
{
    char         text[AF_JWT_MAX];
    size_t       i, n;
    af_claim_t   claim;
    af_claims_t  header;

    n = 0;

    if (af_jwt_read(token, len, AF_JWT_HEADER, text, &header) == AF_JWT_OK) {

        af_claims_get(&header, "kid", &claim);

        if (claim.type == AF_VALUE_STRING) {
            n = (claim.len < size) ? claim.len : size - 1;
        }

        for (i = 0; i < n; i++) {
            kid[i] = (claim.text[i] >= ' ' && claim.text[i] <= '~')
                     ? claim.text[i] : '?';
        }

        af_claims_free(&header);
    }

    kid[n] = '\0';
}


static int
af_jwt_append_json(char *out, size_t *len, const json_t *object)
{
    char    text[AF_JWT_MAX];
    size_t  n;

    n = json_dumpb(object, text, sizeof(text), JSON_COMPACT);

    if (n == 0 || n > sizeof(text)) {
        return -1;
    }

    return af_jwt_append(out, len, text, n);
}


/* `out` has room for AF_JWT_MAX and a zero, in whose place a dot may go */

static int
af_jwt_append(char *out, size_t *len, const void *src, size_t n)
{
    size_t  size;

    size = af_base64url_size(n);

    if (size > AF_JWT_MAX + 1 - *len) {
        return -1;
    }

    sodium_bin2base64(out + *len, size, src, n, AF_BASE64URL);

    *len += size - 1;

    return 0;
}
