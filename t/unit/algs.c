/*
 * The algorithms: the RFCs' examples, round trips, and forged signatures.
 */

#include <stdio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "unit.h"
#include "vectors.h"
#include "token/base64url.h"
#include "token/keyring.h"


#define BITS    2048
#define OCTETS  (BITS / 8)

#define DATA    "a.b"
#define DATA_LEN  3


/* an algorithm, how to make a key for it, and the length of its signatures */

static const struct {
    const char  *alg;
    const char  *type;
    const char  *group;
    size_t       size;
} algs[] = {
    { "RS256", "RSA", NULL, OCTETS },
    { "RS384", "RSA", NULL, OCTETS },
    { "RS512", "RSA", NULL, OCTETS },
    { "PS256", "RSA", NULL, OCTETS },
    { "PS384", "RSA", NULL, OCTETS },
    { "PS512", "RSA", NULL, OCTETS },
    { "ES256", "EC", "P-256", 64 },
    { "ES384", "EC", "P-384", 96 },
    { "ES512", "EC", "P-521", 132 },
    { "EdDSA", "ED25519", NULL, 64 }
};


/* the curves, and signatures that can't be valid */

static const struct {
    const char  *alg;
    size_t       half;
    int          nid;
} curves[] = {
    { "ES256", 32, NID_X9_62_prime256v1 },
    { "ES384", 48, NID_secp384r1 },
    { "ES512", 66, NID_secp521r1 }
};


/*
 * PKCS#1 v1.5 (RFC 8017, section 9.2), in hexadecimal: FF* fills the block, HH
 * is the digest.  Bleichenbacher's forgery of 2006 has something after the
 * digest, or hidden in the parameters, with the minimal number of FFs.
 */

#define SHA256  "3031300d060960864801650304020105000420"

static const struct {
    const char  *name;
    const char  *shape;
    int          right;
} blocks[] = {
    { "as it should be", "0001FF*00" SHA256 "HH", 1 },
    { "garbage behind it", "0001ffffffffffffffff00" SHA256 "HH" "00*", 0 },
    { "garbage behind it, all FF", "0001ffffffffffffffff00" SHA256 "HHFF*",
      0 },
    { "one octet behind it", "0001FF*00" SHA256 "HH00", 0 },
    { "garbage in the parameters",
      "0001ffffffffffffffff003081" "ef" "3081cb0609608648016503040201"
      "0581bd00*0420HH", 0 },
    { "no NULL", "0001FF*00302f300b06096086480165030402010420HH", 0 },
    { "SHA-1's OID", "0001FF*003021300906052b0e03021a05000420HH", 0 },
    { "SHA-384's OID", "0001FF*003031300d0609608648016503040202" "05000420HH",
      0 },
    { "MD5's OID", "0001FF*003020300c06082a864886f70d020505000420HH", 0 },
    { "no DigestInfo", "0001FF*00HH", 0 },
    { "a long length", "0001FF*00308131300d060960864801650304020105000420HH",
      0 },
    { "another tag", "0001FF*003031300d060960864801650304020105000520HH", 0 },
    { "block type 2", "0002FF*00" SHA256 "HH", 0 },
    { "block type 0", "0000FF*00" SHA256 "HH", 0 },
    { "no leading zero", "0101FF*00" SHA256 "HH", 0 },
    { "a zero in the padding", "0001ffff00FF*00" SHA256 "HH", 0 },
    { "another octet in the padding", "0001fffeFF*00" SHA256 "HH", 0 },
    { "no separator", "0001FF*" SHA256 "HH", 0 },
    { "padding too short", "000100" SHA256 "HH00*", 0 }
};


static EVP_PKEY  *rsa;


static EVP_PKEY *
generate(const char *type, const char *group)
{
    EVP_PKEY  *pkey;

    if (strcmp(type, "RSA") == 0) {
        pkey = rsa;
        EVP_PKEY_up_ref(pkey);

    } else if (group != NULL) {
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, type, group);

    } else {
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, type);
    }

    assert_non_null(pkey);

    return pkey;
}


static af_key_t *
key_of(EVP_PKEY *pkey, int private, const char *alg, af_keyring_t **ring)
{
    int                  rc;
    BIO                 *bio;
    char                *pem;
    long                 len;
    af_keyring_error_t   error;
    af_key_options_t     options = { .alg = alg };

    bio = BIO_new(BIO_s_mem());

    if (private) {
        rc = PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL,
                                           NULL);
    } else {
        rc = PEM_write_bio_PUBKEY(bio, pkey);
    }

    assert_int_equal(rc, 1);

    len = BIO_get_mem_data(bio, &pem);

    *ring = af_keyring_create();
    assert_non_null(*ring);

    error.reason = "";
    rc = af_keyring_add(*ring, pem, len, &options, NULL, NULL, &error);
    assert_string_equal(error.reason, "");
    assert_int_equal(rc, 0);

    BIO_free(bio);

    return (*ring)->keys[0];
}


static size_t
decode(unsigned char *dst, size_t size, const char *text)
{
    size_t  n;

    assert_true(af_base64url_decode(dst, size, &n, text, strlen(text)));

    return n;
}


static void
test_the_examples_of_the_rfcs(void **state)
{
    int                   failed, rc;
    size_t                i, n, len;
    af_key_t             *key;
    af_keyring_t         *ring;
    unsigned char         sig[AF_SIGNATURE_MAX], made[AF_SIGNATURE_MAX];
    af_keyring_error_t    error;
    const unsigned char  *input;
    af_key_options_t      options = { .use = AF_USE_SIGN };

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(vectors); i++) {
        options.alg = vectors[i].alg;
        input = (const unsigned char *) vectors[i].input;
        len = strlen(vectors[i].input);

        ring = af_keyring_create();
        error.reason = "";
        rc = af_keyring_add(ring, vectors[i].key, strlen(vectors[i].key),
                            &options, NULL, NULL, &error);

        af_row(rc == 0, "%s: %s", vectors[i].name, error.reason);

        if (rc != 0) {
            af_keyring_free(ring);
            continue;
        }

        key = af_keyring_signer(ring);
        n = decode(sig, sizeof(sig), vectors[i].sig);

        af_row(af_key_verify(key, sig, n, input, len), "%s",
               vectors[i].name);
        af_row(!af_key_verify(key, sig, n, input, len - 1), "%s",
               vectors[i].name);

        af_row(af_key_sign(key, made, input, len) == n, "%s",
               vectors[i].name);
        af_row(af_key_verify(key, made, n, input, len), "%s",
               vectors[i].name);
        af_row((memcmp(made, sig, n) == 0) == vectors[i].once, "%s",
               vectors[i].name);

        af_keyring_free(ring);
    }

    assert_int_equal(failed, 0);
}


static void
test_what_a_key_signs_its_public_key_verifies(void **state)
{
    size_t          i, n, bit;
    af_key_t       *key, *public;
    EVP_PKEY       *pkey;
    af_keyring_t   *ring, *public_ring;
    unsigned char   sig[AF_SIGNATURE_MAX + 1], data[] = DATA;

    (void) state;

    for (i = 0; i < af_nelts(algs); i++) {
        pkey = generate(algs[i].type, algs[i].group);
        key = key_of(pkey, 1, algs[i].alg, &ring);
        public = key_of(pkey, 0, algs[i].alg, &public_ring);

        assert_string_equal(af_key_kid(key), af_key_kid(public));
        assert_true(af_key_signs(key) && af_key_is_secret(key));
        assert_false(af_key_signs(public) || af_key_is_secret(public));
        assert_true(json_equal((json_t *) af_key_jwk(key),
                               (json_t *) af_key_jwk(public)));

        assert_int_equal(af_key_sign(public, sig, data, DATA_LEN), 0);

        /* twice, since the contexts are reused */

        memset(sig, 0, sizeof(sig));
        assert_int_equal(af_key_sign(key, sig, data, DATA_LEN),
                         algs[i].size);
        assert_int_equal(af_key_sign(key, sig, data, DATA_LEN),
                         algs[i].size);

        for (n = 0; n < 2; n++) {
            assert_true(af_key_verify(key, sig, algs[i].size, data,
                                      DATA_LEN));
            assert_false(af_key_verify(public, sig, algs[i].size, data, 2));
            assert_true(af_key_verify(public, sig, algs[i].size, data,
                                      DATA_LEN));
        }

        for (n = 0; n <= algs[i].size + 1; n++) {
            assert_int_equal(af_key_verify(public, sig, n, data, DATA_LEN),
                             n == algs[i].size);
        }

        for (bit = 0; bit < 8 * algs[i].size; bit += 7) {
            sig[bit / 8] ^= 1 << (bit % 8);
            assert_false(af_key_verify(public, sig, algs[i].size, data,
                                       DATA_LEN));
            sig[bit / 8] ^= 1 << (bit % 8);
        }

        assert_true(af_key_verify(public, sig, algs[i].size, data,
                                  DATA_LEN));

        /* nothing is left in OpenSSL's error queue for nginx */

        assert_int_equal(ERR_peek_error(), 0);

        af_keyring_free(ring);
        af_keyring_free(public_ring);
        EVP_PKEY_free(pkey);
    }
}


/* the six algorithms of RSA are distinct */

static void
test_one_key_has_one_algorithm(void **state)
{
    size_t          i, k, n;
    af_key_t       *a, *b;
    af_keyring_t   *ring_a, *ring_b;
    unsigned char   sig[AF_SIGNATURE_MAX];

    (void) state;

    for (i = 0; i < 6; i++) {
        a = key_of(rsa, 1, algs[i].alg, &ring_a);
        n = af_key_sign(a, sig, (unsigned char *) DATA, DATA_LEN);

        for (k = 0; k < 6; k++) {
            b = key_of(rsa, 0, algs[k].alg, &ring_b);
            assert_int_equal(af_key_verify(b, sig, n, (unsigned char *) DATA,
                                           DATA_LEN), i == k);
            af_keyring_free(ring_b);
        }

        af_keyring_free(ring_a);
    }
}


/* r and s of any value, by number: 0, n, n + the correct one, all ones */

static void
test_r_and_s_are_from_1_to_n_minus_1(void **state)
{
    int             carry;
    size_t          i, half, at;
    BIGNUM         *order, *value;
    EC_GROUP       *group;
    af_key_t       *key;
    EVP_PKEY       *pkey;
    af_keyring_t   *ring;
    unsigned char   right[132], sig[132], data[] = DATA;

    (void) state;

    for (i = 0; i < af_nelts(curves); i++) {
        half = curves[i].half;
        pkey = generate("EC", OBJ_nid2sn(curves[i].nid));
        key = key_of(pkey, 1, curves[i].alg, &ring);

        group = EC_GROUP_new_by_curve_name(curves[i].nid);
        order = BN_dup(EC_GROUP_get0_order(group));
        value = BN_new();

        assert_int_equal(af_key_sign(key, right, data, DATA_LEN), 2 * half);

        for (at = 0; at <= half; at += half) {

            memcpy(sig, right, 2 * half);
            memset(sig + at, 0, half);
            assert_false(af_key_verify(key, sig, 2 * half, data, DATA_LEN));

            memset(sig + at, 0xff, half);
            assert_false(af_key_verify(key, sig, 2 * half, data, DATA_LEN));

            BN_bn2binpad(order, sig + at, half);
            assert_false(af_key_verify(key, sig, 2 * half, data, DATA_LEN));

            /* equal modulo n, if there is room for it */

            BN_bin2bn(right + at, half, value);
            BN_add(value, value, order);
            carry = BN_bn2binpad(value, sig + at, half) == -1;
            assert_true(carry
                        || !af_key_verify(key, sig, 2 * half, data,
                                          DATA_LEN));
        }

        memset(sig, 0, 2 * half);
        assert_false(af_key_verify(key, sig, 2 * half, data, DATA_LEN));

        /* n - s is the other valid s: JWS allows it */

        memcpy(sig, right, 2 * half);
        BN_bin2bn(right + half, half, value);
        BN_sub(value, order, value);
        BN_bn2binpad(value, sig + half, half);
        assert_true(af_key_verify(key, sig, 2 * half, data, DATA_LEN));

        /* s before r */

        memcpy(sig, right + half, half);
        memcpy(sig + half, right, half);
        assert_false(af_key_verify(key, sig, 2 * half, data, DATA_LEN));

        BN_free(value);
        BN_free(order);
        EC_GROUP_free(group);
        af_keyring_free(ring);
        EVP_PKEY_free(pkey);
    }
}


static void
test_der_is_not_a_signature(void **state)
{
    int             n;
    size_t          i, half, len;
    af_key_t       *key;
    EVP_PKEY       *pkey;
    ECDSA_SIG      *pair;
    af_keyring_t   *ring;
    unsigned char   sig[132], der[160], *p, data[] = DATA;

    (void) state;

    for (i = 0; i < af_nelts(curves); i++) {
        half = curves[i].half;
        pkey = generate("EC", OBJ_nid2sn(curves[i].nid));
        key = key_of(pkey, 1, curves[i].alg, &ring);

        assert_int_equal(af_key_sign(key, sig, data, DATA_LEN), 2 * half);

        pair = ECDSA_SIG_new();
        ECDSA_SIG_set0(pair, BN_bin2bn(sig, half, NULL),
                       BN_bin2bn(sig + half, half, NULL));

        memset(der, 0, sizeof(der));
        p = der;
        n = i2d_ECDSA_SIG(pair, &p);
        assert_true(n > 0);

        for (len = 0; len <= (size_t) n + 1; len++) {
            assert_false(af_key_verify(key, der, len, data, DATA_LEN));
        }

        ECDSA_SIG_free(pair);
        af_keyring_free(ring);
        EVP_PKEY_free(pkey);
    }
}


/* the raw operation with the private key, which can sign anything */

static void
sign_block(unsigned char *sig, const unsigned char *block)
{
    size_t         n;
    EVP_PKEY_CTX  *ctx;

    ctx = EVP_PKEY_CTX_new(rsa, NULL);
    n = OCTETS;

    assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING), 1);
    assert_int_equal(EVP_PKEY_sign(ctx, sig, &n, block, OCTETS), 1);
    assert_int_equal(n, OCTETS);

    EVP_PKEY_CTX_free(ctx);
}


static size_t
unhex(unsigned char *dst, const char *hex, size_t len)
{
    size_t  n;

    assert_int_equal(sodium_hex2bin(dst, OCTETS, hex, len, NULL, &n, NULL),
                     0);

    return n;
}


/* one octet followed by '*' is repeated until the block is full */

static void
make_block(unsigned char *block, const char *shape, const unsigned char *hash)
{
    char         hex[65], text[512], head[512];
    size_t       n, rest;
    const char  *star, *digest;

    sodium_bin2hex(hex, sizeof(hex), hash, 32);

    digest = strstr(shape, "HH");
    assert_non_null(digest);
    snprintf(text, sizeof(text), "%.*s%s%s", (int) (digest - shape), shape,
             hex, digest + 2);

    star = strchr(text, '*');

    if (star == NULL) {
        assert_int_equal(unhex(block, text, strlen(text)), OCTETS);
        return;
    }

    snprintf(head, sizeof(head), "%.*s", (int) (star - text - 2), text);
    n = unhex(block, head, strlen(head));
    rest = strlen(star + 1) / 2;

    while (n + rest < OCTETS) {
        (void) unhex(&block[n++], star - 2, 2);
    }

    (void) unhex(&block[n], star + 1, 2 * rest);
}


static void
test_only_one_padding_is_valid(void **state)
{
    int             failed;
    size_t          i;
    af_key_t       *key;
    af_keyring_t   *ring;
    unsigned char   hash[32], block[OCTETS], sig[OCTETS], data[] = DATA;

    (void) state;

    failed = 0;
    key = key_of(rsa, 0, "RS256", &ring);

    (void) crypto_hash_sha256(hash, data, DATA_LEN);

    for (i = 0; i < af_nelts(blocks); i++) {
        make_block(block, blocks[i].shape, hash);

        /* what is larger than the modulus can't be signed */

        if (block[0] != 0) {
            block[0] = 0x01;
        }

        sign_block(sig, block);

        af_row(af_key_verify(key, sig, sizeof(sig), data, DATA_LEN)
               == blocks[i].right, "%s", blocks[i].name);
    }

    /* a signature that is 0, 1, or greater than the modulus */

    memset(sig, 0, sizeof(sig));
    assert_false(af_key_verify(key, sig, sizeof(sig), data, DATA_LEN));
    sig[sizeof(sig) - 1] = 1;
    assert_false(af_key_verify(key, sig, sizeof(sig), data, DATA_LEN));
    memset(sig, 0xff, sizeof(sig));
    assert_false(af_key_verify(key, sig, sizeof(sig), data, DATA_LEN));

    af_keyring_free(ring);

    assert_int_equal(failed, 0);
}


/* salts of other lengths, and MGF1 with another digest */

static void
test_pss_has_one_form(void **state)
{
    size_t          i, n;
    af_key_t       *key;
    af_keyring_t   *ring;
    EVP_PKEY_CTX   *ctx;
    unsigned char   hash[32], sig[OCTETS], data[] = DATA;

    static const struct {
        int          salt;
        const char  *mgf1;
        int          right;
    } rows[] = {
        { 32, "SHA256", 1 },
        { 0, "SHA256", 0 },
        { 31, "SHA256", 0 },
        { 33, "SHA256", 0 },
        { RSA_PSS_SALTLEN_MAX, "SHA256", 0 },
        { 32, "SHA1", 0 },
        { 32, "SHA512", 0 }
    };

    (void) state;

    key = key_of(rsa, 0, "PS256", &ring);

    (void) crypto_hash_sha256(hash, data, DATA_LEN);

    for (i = 0; i < af_nelts(rows); i++) {
        ctx = EVP_PKEY_CTX_new(rsa, NULL);
        n = sizeof(sig);

        assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx,
                                                   RSA_PKCS1_PSS_PADDING), 1);
        assert_int_equal(EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, rows[i].mgf1,
                                                           NULL), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, rows[i].salt),
                         1);
        assert_int_equal(EVP_PKEY_sign(ctx, sig, &n, hash, sizeof(hash)), 1);

        assert_int_equal(af_key_verify(key, sig, n, data, DATA_LEN),
                         rows[i].right);

        EVP_PKEY_CTX_free(ctx);
    }

    af_keyring_free(ring);
}


/* the scalar plus the group's order: an alternative encoding */

static void
test_ed25519_signatures_have_one_spelling(void **state)
{
    size_t          i;
    unsigned        carry;
    af_key_t       *key;
    EVP_PKEY       *pkey;
    af_keyring_t   *ring;
    unsigned char   sig[64], data[] = DATA;

    static const unsigned char  order[32] = {
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,
        0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10
    };

    (void) state;

    pkey = generate("ED25519", NULL);
    key = key_of(pkey, 1, NULL, &ring);

    assert_int_equal(af_key_sign(key, sig, data, DATA_LEN), 64);
    assert_true(af_key_verify(key, sig, 64, data, DATA_LEN));

    for (i = 0, carry = 0; i < 32; i++) {
        carry += sig[32 + i] + order[i];
        sig[32 + i] = carry & 0xff;
        carry >>= 8;
    }

    assert_false(af_key_verify(key, sig, 64, data, DATA_LEN));

    memset(sig, 0, sizeof(sig));
    assert_false(af_key_verify(key, sig, 64, data, DATA_LEN));
    sig[0] = 1;
    assert_false(af_key_verify(key, sig, 64, data, DATA_LEN));

    af_keyring_free(ring);
    EVP_PKEY_free(pkey);
}


static int
make_rsa(void **state)
{
    (void) state;

    rsa = EVP_RSA_gen(BITS);

    return rsa == NULL;
}


static int
free_rsa(void **state)
{
    (void) state;

    EVP_PKEY_free(rsa);

    return 0;
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_the_examples_of_the_rfcs),
        cmocka_unit_test(test_what_a_key_signs_its_public_key_verifies),
        cmocka_unit_test(test_one_key_has_one_algorithm),
        cmocka_unit_test(test_r_and_s_are_from_1_to_n_minus_1),
        cmocka_unit_test(test_der_is_not_a_signature),
        cmocka_unit_test(test_only_one_padding_is_valid),
        cmocka_unit_test(test_pss_has_one_form),
        cmocka_unit_test(test_ed25519_signatures_have_one_spelling)
    };

    return sodium_init() == -1
           || cmocka_run_group_tests_name("algs", tests, make_rsa, free_rsa);
}
