/*
 * JSON Web Tokens.  No claim is examined before the signature is verified.
 */

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "check/json.h"
#include "token/base64url.h"
#include "token/jwt.h"


/* allowed types of claims */
#define AF_CLAIM_STRING   0x01
#define AF_CLAIM_NUMBER   0x02
#define AF_CLAIM_STRINGS  0x04
#define AF_CLAIM_MISSING  0x08


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
    const char  *alg;
    const char  *kid;            /* NULL: missing */
    unsigned     unknown;        /* no key has this kid */
} af_jwt_key_hint_t;


typedef struct {
    const char  *name;
    unsigned     types;
} af_claim_t;


static int af_jwt_split(af_jwt_parts_t *jwt, const char *token, size_t len);
static af_jwt_status_t af_jwt_object(const af_jwt_part_t *part,
    json_t **object);
static int af_jwt_header_valid(const json_t *header);
static int af_jwt_type_valid(const json_t *type);
static af_jwt_status_t af_jwt_find_key(af_key_t **keys, const json_t *header,
    const af_jwt_parts_t *jwt, af_key_t ***signer);
static int af_jwt_kid_is_known(af_key_t **key, const char *kid);
static int af_jwt_is_candidate(const af_jwt_key_hint_t *hint,
    const af_key_t *key);
static af_jwt_status_t af_jwt_check(const af_jwt_rules_t *rules,
    const af_key_t *key, const json_t *claims);
static int af_jwt_claims_valid(const json_t *claims);
static unsigned af_jwt_claim_type(const json_t *claim);
static int af_jwt_issuer(const af_jwt_rules_t *rules, const af_key_t *key,
    const json_t *claims);
static int af_jwt_audience(const af_jwt_rules_t *rules,
    const json_t *claims);
static int af_jwt_audience_one(const af_jwt_rules_t *rules,
    const json_t *aud);
static int af_jwt_append_json(char *out, size_t *len, const json_t *object);
static int af_jwt_append(char *out, size_t *len, const void *src, size_t n);


/* RFC 7519, section 4.1 */
static const af_claim_t  af_jwt_claims[] = {
    { "iss", AF_CLAIM_MISSING|AF_CLAIM_STRING },
    { "sub", AF_CLAIM_MISSING|AF_CLAIM_STRING },
    { "aud", AF_CLAIM_MISSING|AF_CLAIM_STRING|AF_CLAIM_STRINGS },
    { "exp", AF_CLAIM_NUMBER },
    { "nbf", AF_CLAIM_MISSING|AF_CLAIM_NUMBER },
    { "iat", AF_CLAIM_MISSING|AF_CLAIM_NUMBER },
    { "jti", AF_CLAIM_MISSING|AF_CLAIM_STRING },
    { NULL, 0 }
};


/* RFC 9068, section 2.1, and RFC 7519, section 5.1 */
static const char *const  af_jwt_types[] = {
    "JWT",
    "at+jwt",
    NULL
};


af_jwt_status_t
af_jwt_verify(const af_jwt_rules_t *rules, const char *token, size_t len,
    json_t **claims, json_t **header, const af_key_t **key)
{
    json_t            *jose, *payload;
    af_key_t         **signer;
    af_jwt_parts_t     jwt;
    af_jwt_status_t    status;

    *claims = NULL;
    *key = NULL;

    if (header != NULL) {
        *header = NULL;
    }

    if (len > AF_JWT_MAX) {
        return AF_JWT_TOO_LONG;
    }

    if (!af_jwt_split(&jwt, token, len)) {
        return AF_JWT_MALFORMED;
    }

    status = af_jwt_object(&jwt.header, &jose);
    if (status != AF_JWT_OK) {
        return status;
    }

    if (!af_jwt_header_valid(jose)) {
        status = AF_JWT_MALFORMED;
        goto failed;
    }

    status = af_jwt_find_key(rules->keys, jose, &jwt, &signer);
    if (status != AF_JWT_OK) {
        goto failed;
    }

    status = af_jwt_object(&jwt.payload, &payload);
    if (status != AF_JWT_OK) {
        goto failed;
    }

    status = af_jwt_check(rules, *signer, payload);

    /* the same key may be in the ring under another issuer */

    while (status == AF_JWT_ISSUER
           && af_jwt_find_key(signer + 1, jose, &jwt, &signer) == AF_JWT_OK)
    {
        status = af_jwt_check(rules, *signer, payload);
    }

    if (status != AF_JWT_OK) {
        json_decref(payload);
        goto failed;
    }

    *claims = payload;
    *key = *signer;

    if (header != NULL) {
        *header = json_incref(jose);
    }

failed:

    json_decref(jose);

    return status;
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
af_jwt_split(af_jwt_parts_t *jwt, const char *token, size_t len)
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

    jwt->header.start = token;
    jwt->header.len = dot[0] - token;

    jwt->payload.start = dot[0] + 1;
    jwt->payload.len = dot[1] - jwt->payload.start;

    /* a third dot would not be base64url */
    jwt->signature.start = dot[1] + 1;
    jwt->signature.len = end - jwt->signature.start;

    jwt->input.start = token;
    jwt->input.len = dot[1] - token;

    return jwt->header.len != 0 && jwt->payload.len != 0
           && jwt->signature.len != 0;
}


static af_jwt_status_t
af_jwt_object(const af_jwt_part_t *part, json_t **object)
{
    size_t         n;
    json_t        *json;
    json_error_t   error;
    unsigned char  text[AF_JWT_MAX];

    if (!af_base64url_decode(text, sizeof(text), &n, part->start, part->len)) {
        return AF_JWT_MALFORMED;
    }

    json = af_json_load((char *) text, n, JSON_REJECT_DUPLICATES, &error);

    if (json == NULL) {
        return (json_error_code(&error) == json_error_out_of_memory)
               ? AF_JWT_ERROR : AF_JWT_MALFORMED;
    }

    if (!json_is_object(json)) {
        json_decref(json);
        return AF_JWT_MALFORMED;
    }

    *object = json;

    return AF_JWT_OK;
}


/* Parameters with a key or its location (jwk, jku, x5c, x5u) are never read. */

static int
af_jwt_header_valid(const json_t *header)
{
    const json_t  *kid, *type;

    kid = json_object_get(header, "kid");
    type = json_object_get(header, "typ");

    /*
     * RFC 7515, section 4.1.11: parameters in crit must be understood, and we
     * understand none; RFC 7797, section 6: b64 is not for JWTs.
     */

    return json_is_string(json_object_get(header, "alg"))
           && (kid == NULL || json_is_string(kid))
           && (type == NULL || af_jwt_type_valid(type))
           && json_object_get(header, "crit") == NULL
           && json_object_get(header, "b64") == NULL;
}


static int
af_jwt_type_valid(const json_t *type)
{
    const char         *name;
    const char *const  *known;

    static const char   prefix[] = "application/";

    name = json_string_value(type);
    if (name == NULL) {
        return 0;
    }

    /* RFC 7515, section 4.1.9 */

    if (strncasecmp(name, prefix, sizeof(prefix) - 1) == 0) {
        name += sizeof(prefix) - 1;
    }

    for (known = af_jwt_types; *known != NULL; known++) {
        if (strcasecmp(name, *known) == 0) {
            return 1;
        }
    }

    return 0;
}


static af_jwt_status_t
af_jwt_find_key(af_key_t **keys, const json_t *header,
    const af_jwt_parts_t *jwt, af_key_t ***signer)
{
    size_t                 n, tried;
    af_key_t             **key;
    unsigned char          sig[AF_JWT_MAX];
    af_jwt_key_hint_t      hint;
    const unsigned char   *input;

    if (!af_base64url_decode(sig, sizeof(sig), &n, jwt->signature.start,
                             jwt->signature.len))
    {
        return AF_JWT_MALFORMED;
    }

    hint.alg = json_string_value(json_object_get(header, "alg"));
    hint.kid = json_string_value(json_object_get(header, "kid"));
    hint.unknown = (hint.kid != NULL && !af_jwt_kid_is_known(keys, hint.kid));

    input = (const unsigned char *) jwt->input.start;
    tried = 0;

    for (key = keys; *key != NULL && tried < AF_JWT_TRIES; key++) {

        if (!af_jwt_is_candidate(&hint, *key)) {
            continue;
        }

        if (af_key_verify(*key, sig, n, input, jwt->input.len)) {
            *signer = key;
            return AF_JWT_OK;
        }

        tried++;
    }

    if (hint.unknown || (hint.kid == NULL && tried == 0)) {
        return AF_JWT_UNKNOWN_KEY;
    }

    return (hint.kid != NULL) ? AF_JWT_SIGNATURE : AF_JWT_NO_KID;
}


static int
af_jwt_kid_is_known(af_key_t **key, const char *kid)
{
    for ( /* void */ ; *key != NULL; key++) {
        if (strcmp(kid, af_key_kid(*key)) == 0) {
            return 1;
        }
    }

    return 0;
}


/* a key without a configured kid may have one at its issuer */

static int
af_jwt_is_candidate(const af_jwt_key_hint_t *hint, const af_key_t *key)
{
    if (strcmp(hint->alg, af_key_alg(key)) != 0) {
        return 0;
    }

    if (hint->unknown) {
        return !af_key_has_explicit_kid(key);
    }

    return hint->kid == NULL || strcmp(hint->kid, af_key_kid(key)) == 0;
}


static af_jwt_status_t
af_jwt_check(const af_jwt_rules_t *rules, const af_key_t *key,
    const json_t *claims)
{
    if (!af_jwt_claims_valid(claims)) {
        return AF_JWT_MALFORMED;
    }

    if (!af_jwt_issuer(rules, key, claims)) {
        return AF_JWT_ISSUER;
    }

    if (!af_jwt_audience(rules, claims)) {
        return AF_JWT_AUDIENCE;
    }

    return af_jwt_times(rules, claims);
}


static int
af_jwt_claims_valid(const json_t *claims)
{
    const af_claim_t  *row;

    for (row = af_jwt_claims; row->name != NULL; row++) {
        if (!(af_jwt_claim_type(json_object_get(claims, row->name))
              & row->types))
        {
            return 0;
        }
    }

    return 1;
}


static unsigned
af_jwt_claim_type(const json_t *claim)
{
    size_t  i;

    if (claim == NULL) {
        return AF_CLAIM_MISSING;
    }

    if (json_is_string(claim)) {
        return AF_CLAIM_STRING;
    }

    if (json_is_number(claim)) {
        return AF_CLAIM_NUMBER;
    }

    if (!json_is_array(claim)) {
        return 0;
    }

    for (i = 0; i < json_array_size(claim); i++) {
        if (!json_is_string(json_array_get(claim, i))) {
            return 0;
        }
    }

    return AF_CLAIM_STRINGS;
}


static int
af_jwt_issuer(const af_jwt_rules_t *rules, const af_key_t *key,
    const json_t *claims)
{
    const char  *iss, *issuer;

    issuer = af_key_issuer(key) ? af_key_issuer(key) : rules->issuer;

    if (issuer == NULL) {
        return 1;
    }

    iss = json_string_value(json_object_get(claims, "iss"));

    return iss != NULL && strcmp(iss, issuer) == 0;
}


static int
af_jwt_audience(const af_jwt_rules_t *rules, const json_t *claims)
{
    size_t         i;
    const json_t  *aud;

    if (rules->audience == NULL) {
        return 1;
    }

    aud = json_object_get(claims, "aud");

    if (json_is_string(aud)) {
        return af_jwt_audience_one(rules, aud);
    }

    for (i = 0; i < json_array_size(aud); i++) {
        if (af_jwt_audience_one(rules, json_array_get(aud, i))) {
            return 1;
        }
    }

    return 0;
}


static int
af_jwt_audience_one(const af_jwt_rules_t *rules, const json_t *aud)
{
    const char *const  *name;

    for (name = rules->audience; *name != NULL; name++) {
        if (strcmp(json_string_value(aud), *name) == 0) {
            return 1;
        }
    }

    return 0;
}


/*
 * Claims may be integers too large for a time, or have fractions: a double
 * compares them without overflow.  The current time, in whole seconds, stands
 * for any moment until the next second, so that a token issued a fraction of a
 * second ago is not from the future.
 */

af_jwt_status_t
af_jwt_times(const af_jwt_rules_t *rules, const json_t *claims)
{
    double         next, leeway;
    const json_t  *iat, *nbf;

    next = (double) rules->now + 1;
    leeway = (double) rules->leeway;

    iat = json_object_get(claims, "iat");
    nbf = json_object_get(claims, "nbf");

    if (json_number_value(json_object_get(claims, "exp")) < next - leeway) {
        return AF_JWT_EXPIRED;
    }

    return ((nbf != NULL && json_number_value(nbf) >= next + leeway)
            || (iat != NULL && json_number_value(iat) >= next + leeway))
           ? AF_JWT_NOT_YET_VALID : AF_JWT_OK;
}


void
af_jwt_kid(const char *token, size_t len, char *kid, size_t size)
{
    size_t          i;
    json_t         *header;
    const char     *text;
    af_jwt_parts_t  jwt;

    header = NULL;

    if (len <= AF_JWT_MAX && af_jwt_split(&jwt, token, len)) {
        (void) af_jwt_object(&jwt.header, &header);
    }

    text = json_string_value(json_object_get(header, "kid"));

    for (i = 0; text != NULL && text[i] != '\0' && i + 1 < size; i++) {
        kid[i] = (text[i] >= ' ' && text[i] <= '~') ? text[i] : '?';
    }

    kid[i] = '\0';

    json_decref(header);
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
