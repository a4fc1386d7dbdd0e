/*
 * WebAuthn: the vectors of its specification, and what must not be accepted.
 */

#include <openssl/err.h>
#include <sodium.h>

#include "unit.h"
#include "webauthn/cose.h"
#include "webauthn_vectors.h"


#define HEX_MAX     8192
#define CREDENTIAL  0          /* the vector that is edited: "none" and ES256 */
#define SELF        1          /* and those of "packed" attestations */
#define CERTIFIED   5


/* what a test expects, and the challenge that was given */

typedef struct {
    af_webauthn_rules_t  rules;
    af_origin_t          origin;
    unsigned char        challenge[256];
    size_t               len;
} expected_t;


static af_octets_t
octets_of(const char *hex)
{
    size_t          n;
    af_octets_t     octets;
    unsigned char  *data;

    n = (hex != NULL) ? strlen(hex) / 2 : 0;
    data = malloc(n ? n : 1);
    assert_non_null(data);

    if (n != 0) {
        assert_int_equal(sodium_hex2bin(data, n, hex, 2 * n, NULL,
                                        &octets.len, NULL), 0);
    }

    octets.data = data;
    octets.len = n;

    return octets;
}


static int
is_ours(void *data, const unsigned char *octets, size_t len)
{
    expected_t *expected = data;

    return len == expected->len
           && memcmp(octets, expected->challenge, len) == 0;
}


static void
expect(expected_t *expected, const char *challenge)
{
    static const char  origin[] = "https://example.org";

    memset(expected, 0, sizeof(expected_t));

    assert_null(af_origin_parse(origin, strlen(origin), &expected->origin));

    expected->rules.rp_id = "example.org";
    expected->rules.origins = &expected->origin;
    expected->rules.norigins = 1;
    expected->rules.challenge = is_ours;
    expected->rules.data = expected;

    (void) sodium_hex2bin(expected->challenge, sizeof(expected->challenge),
                          challenge, strlen(challenge), NULL, &expected->len,
                          NULL);
}


static void
release(af_webauthn_response_t *response)
{
    free((void *) response->client_data.data);
    free((void *) response->attestation.data);
    free((void *) response->authenticator.data);
    free((void *) response->signature.data);
}


static af_webauthn_response_t
registration_of(const af_vector_t *vector)
{
    return (af_webauthn_response_t) {
        .client_data = octets_of(vector->client_data),
        .attestation = octets_of(vector->attestation)
    };
}


static af_webauthn_response_t
assertion_of(const af_vector_t *vector)
{
    return (af_webauthn_response_t) {
        .client_data = octets_of(vector->client_data_of_use),
        .authenticator = octets_of(vector->authenticator),
        .signature = octets_of(vector->signature)
    };
}


static af_webauthn_status_t
use(const af_vector_t *vector, const af_octets_t *key)
{
    expected_t              expected;
    af_webauthn_result_t    result;
    af_webauthn_status_t    status;
    af_webauthn_response_t  response;

    expect(&expected, vector->challenge_of_use);
    response = assertion_of(vector);
    status = af_webauthn_assert(&expected.rules, &response, key, &result);
    release(&response);

    return status;
}


static void
test_vectors_of_the_specification(void **state)
{
    int                     failed = 0;
    size_t                  i;
    expected_t              expected;
    const af_vector_t      *vector;
    af_webauthn_result_t    result;
    af_webauthn_status_t    status;
    af_webauthn_response_t  response;

    (void) state;

    for (i = 0; i < af_nelts(af_vectors); i++) {
        vector = &af_vectors[i];

        expect(&expected, vector->challenge);
        response = registration_of(vector);
        status = af_webauthn_register(&expected.rules, &response, &result);

        af_row(status == vector->registered, "%s: %s", vector->name,
               af_webauthn_reason(status));

        if (vector->challenge_of_use != NULL) {

            /* its key is known before a frame would be refused */

            if (result.public_key.data == NULL) {
                result.public_key = octets_of("a0");
                status = use(vector, &result.public_key);
                free((void *) result.public_key.data);

            } else {
                status = use(vector, &result.public_key);
            }

            af_row(status == vector->asserted, "use of %s: %s", vector->name,
                   af_webauthn_reason(status));
        }

        release(&response);
    }

    assert_int_equal(failed, 0);
    assert_int_equal(ERR_peek_error(), 0);
}


static void
test_what_is_known_of_a_credential(void **state)
{
    expected_t              expected;
    af_webauthn_result_t    result;
    af_webauthn_response_t  response;

    (void) state;

    expect(&expected, af_vectors[CREDENTIAL].challenge);
    response = registration_of(&af_vectors[CREDENTIAL]);

    assert_int_equal(af_webauthn_register(&expected.rules, &response, &result),
                     AF_WEBAUTHN_OK);

    assert_true(result.present && result.backup_eligible && result.backed_up);
    assert_false(result.verified);
    assert_int_equal(result.counter, 0);
    assert_int_equal(result.alg, -7);
    assert_string_equal(result.format, "none");
    assert_int_equal(result.id.len, 32);
    assert_int_equal(result.id.data[0], 0xf9);
    assert_int_equal(result.aaguid.len, AF_WEBAUTHN_AAGUID_SIZE);
    assert_int_equal(result.aaguid.data[0], 0x84);
    assert_int_equal(result.public_key.len, 77);

    expected.rules.verification = 1;
    assert_int_equal(af_webauthn_register(&expected.rules, &response, &result),
                     AF_WEBAUTHN_UNVERIFIED);

    expected.rules.verification = 0;
    expected.rules.rp_id = "example.com";
    assert_int_equal(af_webauthn_register(&expected.rules, &response, &result),
                     AF_WEBAUTHN_RP_ID);

    expected.rules.norigins = 0;
    assert_int_equal(af_webauthn_register(&expected.rules, &response, &result),
                     AF_WEBAUTHN_ORIGIN);

    expected.challenge[31] ^= 1;
    assert_int_equal(af_webauthn_register(&expected.rules, &response, &result),
                     AF_WEBAUTHN_CHALLENGE);

    release(&response);
}


/* a text with the first occurrence of a part replaced */

static const char *
edited(const char *text, const char *from, const char *to)
{
    const char   *p;
    static char   copy[HEX_MAX];

    p = strstr(text, from);
    assert_non_null(p);

    snprintf(copy, sizeof(copy), "%.*s%s%s", (int) (p - text), text, to,
             p + strlen(from));

    return copy;
}


#define CURVE  "2001215820"    /* P-256, and x */
#define X  "afefa16f97ca9b2d23eb86ccb64098d2" \
    "0db90856062eb249c33a9b672f26df61"
#define Y  "930a56b87a2fca66334b03458abf8797" \
    "17c12cc68ed73290af2e2664796b9220"
#define ZERO  "00000000000000000000000000000000" \
    "00000000000000000000000000000000"

#define MALFORMED  AF_WEBAUTHN_MALFORMED

static const struct {
    const char            *name;
    size_t                 vector;
    const char            *from;
    const char            *to;
    af_webauthn_status_t   status;
} edits[] = {
    { "a member less", CREDENTIAL, "a363666d74646e6f6e65",
      "a263666d74646e6f6e65", MALFORMED },
    { "a member more", CREDENTIAL, "a363666d74646e6f6e65",
      "a4617800" "63666d74646e6f6e65", MALFORMED },
    { "a member twice", CREDENTIAL, "6761747453746d74a0",
      "63666d74646e6f6e65", MALFORMED },
    { "an unknown member", CREDENTIAL, "6761747453746d74", "6761747453746d75",
      MALFORMED },
    { "something behind", CREDENTIAL, Y, Y "00", MALFORMED },
    { "an array", CREDENTIAL, "a363666d74", "8663666d74", MALFORMED },
    { "an indefinite map", CREDENTIAL, "a363666d74", "bf63666d74", MALFORMED },
    { "a tag", CREDENTIAL, "a363666d74", "c0a363666d74", MALFORMED },
    { "a huge map", CREDENTIAL, "a363666d74", "bbffffffffffffffff63666d74",
      MALFORMED },
    { "a huge text", CREDENTIAL, "63666d74646e6f6e65",
      "63666d747bffffffffffffffff", MALFORMED },
    { "huge data", CREDENTIAL, "58a4bfab", "5bffffffffffffffffbfab",
      MALFORMED },
    { "data longer than there are", CREDENTIAL, "58a4bfab", "58a5bfab",
      MALFORMED },
    { "data shorter than there are", CREDENTIAL, "58a4bfab", "58a3bfab",
      MALFORMED },
    { "no data", CREDENTIAL, "58a4bfab", "40bfab", MALFORMED },
    { "data as a text", CREDENTIAL, "58a4bfab", "78a4bfab", MALFORMED },

    { "another RP", CREDENTIAL, "bfabc374", "bfabc375", AF_WEBAUTHN_RP_ID },
    { "nobody there", CREDENTIAL, "59000000008446", "58000000008446",
      AF_WEBAUTHN_ABSENT },
    { "a backup of what can't be", CREDENTIAL, "59000000008446",
      "51000000008446", MALFORMED },
    { "no credential", CREDENTIAL, "59000000008446", "19000000008446",
      MALFORMED },
    { "extensions that aren't there", CREDENTIAL, "59000000008446",
      "d9000000008446", MALFORMED },
    { "an id without octets", CREDENTIAL, "0020f91f", "0000f91f", MALFORMED },
    { "an id that is too long", CREDENTIAL, "0020f91f", "0400f91f",
      MALFORMED },
    { "an id beyond the end", CREDENTIAL, "0020f91f", "03fff91f", MALFORMED },

    { "a key that is no map", CREDENTIAL, "a5010203262001", "8a010203262001",
      AF_WEBAUTHN_ALGORITHM },
    { "a key with a member twice", CREDENTIAL, "a5010203262001",
      "a5010203260102", AF_WEBAUTHN_ALGORITHM },
    { "a key with a member of each label", CREDENTIAL, "a5010203262001",
      "a5010223262001", AF_WEBAUTHN_ALGORITHM },
    { "a key of EdDSA", CREDENTIAL, "a501020326", "a501020327",
      AF_WEBAUTHN_KEY },
    { "a key of type OKP", CREDENTIAL, "a501020326", "a501010326",
      AF_WEBAUTHN_KEY },
    { "a key of no type", CREDENTIAL, "a501020326", "a501f60326",
      AF_WEBAUTHN_KEY },
    { "an algorithm that is none", CREDENTIAL, "a501020326", "a501020300",
      AF_WEBAUTHN_ALGORITHM },
    { "another curve", CREDENTIAL, CURVE, "2002215820", AF_WEBAUTHN_KEY },
    { "a point off the curve", CREDENTIAL, X, ZERO, AF_WEBAUTHN_KEY },
    { "y as a sign", CREDENTIAL, "225820" Y, "22f5", MALFORMED },

    { "a statement that isn't empty", CREDENTIAL, "6761747453746d74a0",
      "6761747453746d74a1616101", MALFORMED },
    { "a statement that is no map", CREDENTIAL, "6761747453746d74a0",
      "6761747453746d7400", MALFORMED },
    { "packed without a statement", CREDENTIAL, "646e6f6e65",
      "667061636b6564", MALFORMED },
    { "a deep statement", CREDENTIAL, "6761747453746d74a0",
      "6761747453746d74818181818100", MALFORMED },

    { "its own signature, of other data", SELF, "5d00000000", "5d00000001",
      AF_WEBAUTHN_SIGNATURE },
    { "its own signature, of another algorithm", SELF, "63616c6726",
      "63616c6727", AF_WEBAUTHN_ALGORITHM },
    { "its own signature, of no algorithm", SELF, "63616c6726", "63616c6700",
      AF_WEBAUTHN_ALGORITHM },
    { "its algorithm twice", SELF, "a263616c6726", "a363616c672663616c6726",
      MALFORMED },
    { "no algorithm", SELF, "a263616c6726", "a1", MALFORMED },
    { "no certificates", SELF, "a263616c6726", "a36378356380" "63616c6726",
      MALFORMED },
    { "certificates that are rubbish", SELF, "a263616c6726",
      "a3637835638143deadbe" "63616c6726", MALFORMED },
    { "certificates that are numbers", SELF, "a263616c6726",
      "a363783563810163616c6726", MALFORMED },

    { "certified, of other data", CERTIFIED, "4d00000000876c",
      "4d00000001876c", AF_WEBAUTHN_SIGNATURE },
    { "certified, with another algorithm", CERTIFIED, "63616c6726",
      "63616c6727", AF_WEBAUTHN_KEY },
    { "certified by a damaged point", CERTIFIED, "034200" "04a91b",
      "034200" "04a91c", AF_WEBAUTHN_KEY },
    { "certified with extensions that are rubbish", CERTIFIED,
      "0603551d130101ff04023000",
      "0603551d130101ff040230ff", MALFORMED },
    { "certified by version 1", CERTIFIED, "a00302010202", "a00302010002",
      MALFORMED }
};


static void
test_registrations_that_are_refused(void **state)
{
    int                     failed = 0;
    size_t                  i;
    expected_t              expected;
    const char             *from;
    af_webauthn_result_t    result;
    af_webauthn_status_t    status;
    af_webauthn_response_t  response;

    (void) state;

    for (i = 0; i < af_nelts(edits); i++) {
        from = af_vectors[edits[i].vector].attestation;
        expect(&expected, af_vectors[edits[i].vector].challenge);

        response = registration_of(&af_vectors[edits[i].vector]);
        free((void *) response.attestation.data);
        response.attestation = octets_of(edited(from, edits[i].from,
                                                edits[i].to));

        status = af_webauthn_register(&expected.rules, &response, &result);
        af_row(status == edits[i].status, "%s: %s", edits[i].name,
               af_webauthn_reason(status));

        release(&response);
    }

    assert_int_equal(failed, 0);
    assert_int_equal(ERR_peek_error(), 0);
}


#define CHALLENGE  "\"challenge\":\"" \
    "AMMPt4UxxGTStncdq417YDwBFi8vpIa-pw8oOuVW4TA\""
#define ORIGIN     "\"origin\":\"https://example.org\""
#define TYPE       "\"type\":\"webauthn.create\""

static const struct {
    const char            *name;
    const char            *text;
    af_webauthn_status_t   status;
} clients[] = {
    { "as it must be", "{" TYPE "," CHALLENGE "," ORIGIN "}",
      AF_WEBAUTHN_OK },
    { "with a port that is the default", "{" TYPE "," CHALLENGE
      ",\"origin\":\"https://example.org:443\"}", AF_WEBAUTHN_OK },
    { "nothing", "", MALFORMED },
    { "an array", "[" TYPE "]", MALFORMED },
    { "truncated", "{" TYPE "," CHALLENGE "," ORIGIN, MALFORMED },
    { "something behind", "{" TYPE "," CHALLENGE "," ORIGIN "} x", MALFORMED },
    { "a member twice", "{" TYPE "," TYPE "," CHALLENGE "," ORIGIN "}",
      MALFORMED },
    { "no type", "{" CHALLENGE "," ORIGIN "}", MALFORMED },
    { "a use", "{\"type\":\"webauthn.get\"," CHALLENGE "," ORIGIN "}",
      AF_WEBAUTHN_TYPE },
    { "a payment", "{\"type\":\"payment.get\"," CHALLENGE "," ORIGIN "}",
      AF_WEBAUTHN_TYPE },
    { "no challenge", "{" TYPE "," ORIGIN "}", AF_WEBAUTHN_CHALLENGE },
    { "a number as challenge", "{" TYPE ",\"challenge\":1," ORIGIN "}",
      AF_WEBAUTHN_CHALLENGE },
    { "an empty challenge", "{" TYPE ",\"challenge\":\"\"," ORIGIN "}",
      AF_WEBAUTHN_CHALLENGE },
    { "another challenge", "{" TYPE ",\"challenge\":\"AMMP\"," ORIGIN "}",
      AF_WEBAUTHN_CHALLENGE },
    { "no origin", "{" TYPE "," CHALLENGE "}", AF_WEBAUTHN_ORIGIN },
    { "http", "{" TYPE "," CHALLENGE ",\"origin\":\"http://example.org\"}",
      AF_WEBAUTHN_ORIGIN },
    { "another port", "{" TYPE "," CHALLENGE
      ",\"origin\":\"https://example.org:444\"}", AF_WEBAUTHN_ORIGIN },
    { "a name below", "{" TYPE "," CHALLENGE
      ",\"origin\":\"https://a.example.org\"}", AF_WEBAUTHN_ORIGIN },
    { "a name that begins so", "{" TYPE "," CHALLENGE
      ",\"origin\":\"https://example.org.evil.example\"}",
      AF_WEBAUTHN_ORIGIN },
    { "a pattern", "{" TYPE "," CHALLENGE ",\"origin\":\"https://*.org\"}",
      AF_WEBAUTHN_ORIGIN },
    { "null", "{" TYPE "," CHALLENGE ",\"origin\":\"null\"}",
      AF_WEBAUTHN_ORIGIN },
    { "in a frame", "{" TYPE "," CHALLENGE "," ORIGIN ",\"crossOrigin\":true}",
      AF_WEBAUTHN_CROSS_ORIGIN },
    { "in a frame, as a text", "{" TYPE "," CHALLENGE "," ORIGIN
      ",\"crossOrigin\":\"true\"}", MALFORMED },
    { "in a frame of a site", "{" TYPE "," CHALLENGE "," ORIGIN
      ",\"topOrigin\":\"https://example.org\"}", AF_WEBAUTHN_CROSS_ORIGIN }
};


static void
test_client_data(void **state)
{
    int                     failed = 0;
    size_t                  i;
    expected_t              expected;
    af_webauthn_result_t    result;
    af_webauthn_status_t    status;
    af_webauthn_response_t  response;

    (void) state;

    for (i = 0; i < af_nelts(clients); i++) {
        expect(&expected, af_vectors[CREDENTIAL].challenge);

        response = registration_of(&af_vectors[CREDENTIAL]);
        free((void *) response.client_data.data);
        response.client_data.len = strlen(clients[i].text);
        response.client_data.data = (unsigned char *)
            af_exact(clients[i].text, response.client_data.len);

        status = af_webauthn_register(&expected.rules, &response, &result);
        af_row(status == clients[i].status, "%s: %s", clients[i].name,
               af_webauthn_reason(status));

        release(&response);
    }

    assert_int_equal(failed, 0);
}


/* of each part every truncation, and a bit in every octet */

static int
bears_no_change(expected_t *expected, af_webauthn_response_t *response,
    af_octets_t *part, const af_octets_t *key)
{
    int                    accepted;
    size_t                 i, len;
    unsigned char         *octet;
    af_octets_t            whole;
    af_webauthn_result_t   result;

    whole = *part;
    accepted = 0;

    for (len = 0; len < whole.len; len++) {
        part->data = (unsigned char *) af_exact((const char *) whole.data, len);
        part->len = len;

        accepted += af_webauthn_assert(&expected->rules, response, key,
                                       &result) == AF_WEBAUTHN_OK;
        free((void *) part->data);
    }

    *part = whole;

    for (i = 0; i < whole.len; i++) {
        octet = (unsigned char *) &whole.data[i];

        *octet ^= 1 << i % 8;
        accepted += af_webauthn_assert(&expected->rules, response, key,
                                       &result) == AF_WEBAUTHN_OK;
        *octet ^= 1 << i % 8;
    }

    return accepted;
}


static void
test_uses_bear_no_change(void **state)
{
    expected_t              expected;
    af_octets_t             key;
    af_webauthn_result_t    result;
    af_webauthn_response_t  made, used;

    (void) state;

    expect(&expected, af_vectors[CREDENTIAL].challenge);
    made = registration_of(&af_vectors[CREDENTIAL]);
    assert_int_equal(af_webauthn_register(&expected.rules, &made, &result),
                     AF_WEBAUTHN_OK);
    key = result.public_key;

    expect(&expected, af_vectors[CREDENTIAL].challenge_of_use);
    used = assertion_of(&af_vectors[CREDENTIAL]);
    assert_int_equal(af_webauthn_assert(&expected.rules, &used, &key, &result),
                     AF_WEBAUTHN_OK);

    assert_int_equal(bears_no_change(&expected, &used, &used.client_data,
                                     &key), 0);
    assert_int_equal(bears_no_change(&expected, &used, &used.authenticator,
                                     &key), 0);
    assert_int_equal(bears_no_change(&expected, &used, &used.signature, &key),
                     0);

    release(&made);
    release(&used);
}


/* of one credential with another's key, or as something else */

static void
test_uses_that_are_refused(void **state)
{
    expected_t              expected;
    af_octets_t             key;
    af_webauthn_result_t    result;
    af_webauthn_response_t  other, used;

    (void) state;

    expect(&expected, af_vectors[SELF].challenge);
    other = registration_of(&af_vectors[SELF]);
    assert_int_equal(af_webauthn_register(&expected.rules, &other, &result),
                     AF_WEBAUTHN_OK);
    key = result.public_key;

    expect(&expected, af_vectors[CREDENTIAL].challenge_of_use);
    used = assertion_of(&af_vectors[CREDENTIAL]);

    assert_int_equal(af_webauthn_assert(&expected.rules, &used, &key, &result),
                     AF_WEBAUTHN_SIGNATURE);

    key.len--;
    assert_int_equal(af_webauthn_assert(&expected.rules, &used, &key, &result),
                     AF_WEBAUTHN_KEY);

    /* again, for another challenge */

    expected.challenge[0] ^= 1;
    assert_int_equal(af_webauthn_assert(&expected.rules, &used, &key, &result),
                     AF_WEBAUTHN_CHALLENGE);

    /* one that has been made is not one that is used */

    expect(&expected, af_vectors[SELF].challenge);
    assert_int_equal(af_webauthn_assert(&expected.rules, &other, &key,
                                        &result), AF_WEBAUTHN_TYPE);

    release(&other);
    release(&used);
}


static const struct {
    const char  *hex;
    int          read;
} items[] = {
    { "00", 1 },
    { "3bffffffffffffffff", 0 },
    { "1bffffffffffffffff", 0 },
    { "1b7fffffffffffffff", 1 },
    { "3b7fffffffffffffff", 1 },
    { "f4", 1 },
    { "f6", 1 },
    { "f97e00", 1 },
    { "fb3ff0000000000000", 1 },
    { "f7", 0 },
    { "ff", 0 },
    { "5f4101ff", 0 },
    { "7f6161ff", 0 },
    { "9fff", 0 },
    { "c100", 0 },
    { "8100", 1 },
    { "8200", 0 },
    { "a1", 0 },
    { "a10000", 1 },
    { "9b8000000000000000" "0000", 0 },
    { "bb8000000000000000" "0000", 0 },
    { "8181818100", 1 },
    { "818181818100", 0 },
    { "8181818180", 1 },
    { "58", 0 },
    { "5801", 0 },
    { "580100", 1 }
};


static void
test_cbor(void **state)
{
    int          failed = 0;
    size_t       i;
    af_octets_t  in, whole, octets;

    (void) state;

    for (i = 0; i < af_nelts(items); i++) {
        octets = octets_of(items[i].hex);
        in = octets;

        af_row((af_cbor_skip(&in, &whole) && in.len == 0) == items[i].read,
               "%s", items[i].hex);
        free((void *) octets.data);
    }

    assert_int_equal(failed, 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_vectors_of_the_specification),
        cmocka_unit_test(test_what_is_known_of_a_credential),
        cmocka_unit_test(test_registrations_that_are_refused),
        cmocka_unit_test(test_client_data),
        cmocka_unit_test(test_uses_bear_no_change),
        cmocka_unit_test(test_uses_that_are_refused),
        cmocka_unit_test(test_cbor)
    };

    if (sodium_init() == -1) {
        return 1;
    }

    return cmocka_run_group_tests(tests, NULL, NULL);
}
