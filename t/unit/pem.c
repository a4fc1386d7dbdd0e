/*
 * PEM as OpenSSL writes it, and invalid PEM.
 */

#include <stdio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/encoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <sodium.h>

#include "unit.h"
#include "token/keyring.h"


/* the longest text */
#define SIZE  16384


enum { RSA_2048, RSA_1024, P256, P384, P521, SECP256K1, ED25519, ED448, KEYS };


static const struct {
    const char  *type;
    const char  *group;
} kinds[] = {
    [RSA_2048] = { "RSA", NULL },
    [RSA_1024] = { "RSA", NULL },
    [P256] = { "EC", "prime256v1" },
    [P384] = { "EC", "secp384r1" },
    [P521] = { "EC", "secp521r1" },
    [SECP256K1] = { "EC", "secp256k1" },
    [ED25519] = { "ED25519", NULL },
    [ED448] = { "ED448", NULL }
};


/* a key and its format: OpenSSL's name of the structure */

static const struct {
    int          key;
    const char  *structure;
    int          private;
    const char  *alg;
    const char  *error;
} forms[] = {
    { RSA_2048, "PrivateKeyInfo", 1, "RS256", NULL },
    { RSA_2048, "type-specific", 1, "RS256", NULL },
    { RSA_2048, "SubjectPublicKeyInfo", 0, "RS256", NULL },
    { RSA_2048, "type-specific", 0, "RS256", NULL },
    { RSA_2048, "certificate", 0, "RS256", NULL },
    { P256, "PrivateKeyInfo", 1, "ES256", NULL },
    { P256, "type-specific", 1, "ES256", NULL },
    { P256, "SubjectPublicKeyInfo", 0, "ES256", NULL },
    { P256, "certificate", 0, "ES256", NULL },
    { P256, "parameters and key", 1, "ES256", NULL },
    { P384, "PrivateKeyInfo", 1, "ES384", NULL },
    { P384, "SubjectPublicKeyInfo", 0, "ES384", NULL },
    { P521, "PrivateKeyInfo", 1, "ES512", NULL },
    { P521, "SubjectPublicKeyInfo", 0, "ES512", NULL },
    { ED25519, "PrivateKeyInfo", 1, "EdDSA", NULL },
    { ED25519, "SubjectPublicKeyInfo", 0, "EdDSA", NULL },
    { ED25519, "certificate", 0, "EdDSA", NULL },

    { RSA_1024, "PrivateKeyInfo", 1, NULL,
      "the modulus is shorter than 2048 bits" },
    { RSA_1024, "SubjectPublicKeyInfo", 0, NULL,
      "the modulus is shorter than 2048 bits" },
    { SECP256K1, "PrivateKeyInfo", 1, NULL,
      "keys of this kind are not supported" },
    { ED448, "PrivateKeyInfo", 1, NULL,
      "keys of this kind are not supported" },
    { ED448, "SubjectPublicKeyInfo", 0, NULL,
      "keys of this kind are not supported" },
    { P256, "explicit parameters", 1, NULL,
      "the curve is given by parameters, not by its name" },
    { P256, "parameters", 0, NULL, "there is no key in the PEM" },
    { P256, "encrypted", 1, NULL, "the private key is encrypted" },
    { P256, "an octet more", 0, NULL, "the PEM holds no valid key" },
    { RSA_2048, "encrypted", 1, NULL, "the private key is encrypted" },
    { RSA_2048, "encrypted, the old way", 1, NULL,
      "the private key is encrypted" }
};


/* changes to the PEM of P256's private key, once, for %s */

static const struct {
    const char        *name;
    const char        *shape;
    const char        *find;
    const char        *instead;
    af_key_options_t   options;
    const char        *error;
} changes[] = {
    { "as it is", "%s", NULL, NULL, { .alg = NULL }, NULL },
    { "text before", "EC key\n%s", NULL, NULL, { .alg = NULL }, NULL },
    { "text behind", "%sthe end\n", NULL, NULL, { .alg = NULL }, NULL },
    { "twice", "%s%s", NULL, NULL, { .alg = NULL },
      "there is more than one key in the PEM" },
    { "another label", "%s", "PRIVATE", "PUBLIC", { .alg = NULL },
      "the PEM holds no valid key" },
    { "an unknown label", "%s", "PRIVATE KEY", "SECRET KEY",
      { .alg = NULL }, "PEM of this kind is not supported" },
    { "OpenSSH's label", "%s", "PRIVATE KEY", "OPENSSH PRIVATE KEY",
      { .alg = NULL }, "PEM of this kind is not supported" },
    { "not base64", "%s", "KEY-----\nM", "KEY-----\n!", { .alg = NULL },
      "the PEM is malformed" },
    { "not DER", "%s", "KEY-----\nM", "KEY-----\nA", { .alg = NULL },
      "the PEM holds no valid key" },
    { "no end", "%s", "-----END", "", { .alg = NULL },
      "the PEM is malformed" },
    { "an end of something else", "%s", "-----END PRIVATE",
      "-----END PUBLIC", { .alg = NULL }, "the PEM is malformed" },
    { "only a beginning", "-----BEGIN PRIVATE KEY-----\n", NULL, NULL,
      { .alg = NULL }, "the PEM is malformed" },
    { "only part of one", "-----BEGIN ", NULL, NULL, { .alg = NULL },
      "there is no key in the PEM" },
    { "its algorithm", "%s", NULL, NULL, { .alg = "ES256" }, NULL },
    { "another curve's", "%s", NULL, NULL, { .alg = "ES384" },
      "the algorithm is not for this kind of key" },
    { "RSA's", "%s", NULL, NULL, { .alg = "RS256" },
      "the algorithm is not for this kind of key" },
    { "HMAC's", "%s", NULL, NULL, { .alg = "HS256" },
      "the algorithm is not for this kind of key" },
    { "none", "%s", NULL, NULL, { .alg = "none" },
      "the algorithm is not supported" }
};


static EVP_PKEY  *keys[KEYS];


static int
encode(BIO *bio, EVP_PKEY *pkey, const char *structure, int private,
    const char *cipher)
{
    int                rc;
    OSSL_ENCODER_CTX  *ctx;

    ctx = OSSL_ENCODER_CTX_new_for_pkey(pkey, private ? EVP_PKEY_KEYPAIR
                                                      : EVP_PKEY_PUBLIC_KEY,
                                        "PEM", structure, NULL);

    if (cipher != NULL) {
        OSSL_ENCODER_CTX_set_cipher(ctx, cipher, NULL);
        OSSL_ENCODER_CTX_set_passphrase(ctx, (unsigned char *) "x", 1);
    }

    rc = OSSL_ENCODER_to_bio(ctx, bio);

    OSSL_ENCODER_CTX_free(ctx);

    return rc;
}


static int
write_certificate(BIO *bio, EVP_PKEY *pkey)
{
    int   rc;
    X509 *cert;

    cert = X509_new();

    X509_gmtime_adj(X509_getm_notBefore(cert), -20);
    X509_gmtime_adj(X509_getm_notAfter(cert), -10);
    X509_set_pubkey(cert, pkey);

    rc = X509_sign(cert, pkey, EVP_PKEY_is_a(pkey, "ED25519") ? NULL
                                                              : EVP_sha256())
         > 0
         && PEM_write_bio_X509(bio, cert);

    X509_free(cert);

    return rc;
}


static int
write_explicit(BIO *bio, EVP_PKEY *pkey)
{
    int        rc;
    EVP_PKEY  *copy;

    copy = EVP_PKEY_dup(pkey);

    rc = EVP_PKEY_set_utf8_string_param(copy, OSSL_PKEY_PARAM_EC_ENCODING,
                                        OSSL_PKEY_EC_ENCODING_EXPLICIT)
         && encode(bio, copy, "PrivateKeyInfo", 1, NULL);

    EVP_PKEY_free(copy);

    return rc;
}


static int
write_octet_more(BIO *bio, EVP_PKEY *pkey)
{
    int             len;
    unsigned char   der[SIZE], *p;

    p = der;
    len = i2d_PUBKEY(pkey, &p);
    *p = 0;

    return PEM_write_bio(bio, PEM_STRING_PUBLIC, "", der, len + 1) > 0;
}


/* a PEM text, zero-terminated */

static char *
pem_of(EVP_PKEY *pkey, const char *structure, int private)
{
    int    rc;
    BIO   *bio;
    char  *text, *data;
    long   len;

    bio = BIO_new(BIO_s_mem());

    if (strcmp(structure, "certificate") == 0) {
        rc = write_certificate(bio, pkey);

    } else if (strcmp(structure, "explicit parameters") == 0) {
        rc = write_explicit(bio, pkey);

    } else if (strcmp(structure, "an octet more") == 0) {
        rc = write_octet_more(bio, pkey);

    } else if (strcmp(structure, "parameters") == 0) {
        rc = PEM_write_bio_Parameters(bio, pkey);

    } else if (strcmp(structure, "parameters and key") == 0) {
        rc = PEM_write_bio_Parameters(bio, pkey)
             && encode(bio, pkey, "type-specific", 1, NULL);

    } else if (strcmp(structure, "encrypted") == 0) {
        rc = encode(bio, pkey, "EncryptedPrivateKeyInfo", 1, "AES-256-CBC");

    } else if (strcmp(structure, "encrypted, the old way") == 0) {
        rc = PEM_write_bio_PrivateKey_traditional(bio, pkey,
                                                  EVP_aes_128_cbc(),
                                                  (unsigned char *) "x", 1,
                                                  NULL, NULL);

    } else {
        rc = encode(bio, pkey, structure, private, NULL);
    }

    assert_int_equal(rc, 1);

    len = BIO_get_mem_data(bio, &data);
    text = strndup(data, len);
    assert_non_null(text);

    BIO_free(bio);

    return text;
}


static int
add(af_keyring_t *ring, const char *text, const af_key_options_t *options,
    af_keyring_error_t *error)
{
    int    rc;
    char  *copy;

    error->reason = NULL;

    copy = af_exact(text, strlen(text));
    rc = af_keyring_add(ring, copy, strlen(text), options, NULL, NULL,
                        error);
    free(copy);

    assert_int_equal(ERR_peek_error(), 0);

    return rc;
}


static void
test_forms_of_keys(void **state)
{
    int                   failed, rc;
    char                 *text;
    size_t                i;
    af_keyring_t         *ring;
    af_keyring_error_t    error;
    af_key_options_t      options = { .alg = NULL };

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(forms); i++) {
        ring = af_keyring_create();
        text = pem_of(keys[forms[i].key], forms[i].structure,
                      forms[i].private);

        rc = add(ring, text, &options, &error);

        af_row((rc == 0) == (forms[i].error == NULL), "%zu, %s: %s", i,
               forms[i].structure, error.reason);

        if (rc != 0) {
            af_row(strcmp(error.reason, forms[i].error) == 0, "%zu, %s: %s",
                   i, forms[i].structure, error.reason);

        } else {
            af_row(strcmp(af_key_alg(ring->keys[0]), forms[i].alg) == 0,
                   "%zu, %s", i, forms[i].structure);
            af_row(af_key_signs(ring->keys[0]) == forms[i].private,
                   "%zu, %s", i, forms[i].structure);
            af_row(strlen(af_key_kid(ring->keys[0])) == 43, "%zu, %s", i,
                   forms[i].structure);
        }

        free(text);
        af_keyring_free(ring);
    }

    assert_int_equal(failed, 0);
}


static void
test_malformed_and_contradictory(void **state)
{
    int                   failed, rc;
    char                  text[SIZE], other[SIZE], *pem, *at;
    size_t                i;
    af_keyring_t         *ring;
    af_keyring_error_t    error;

    (void) state;

    failed = 0;
    pem = pem_of(keys[P256], "PrivateKeyInfo", 1);

    for (i = 0; i < af_nelts(changes); i++) {
        ring = af_keyring_create();

        snprintf(text, sizeof(text), changes[i].shape, pem, pem);

        if (changes[i].find != NULL) {
            at = strstr(text, changes[i].find);
            assert_non_null(at);

            snprintf(other, sizeof(other), "%.*s%s%s", (int) (at - text),
                     text, changes[i].instead,
                     at + strlen(changes[i].find));

            /* a label is at both ends */
            at = strstr(other, "-----END PRIVATE KEY");

            if (strstr(changes[i].find, "PRIVATE") != NULL && at != NULL
                && strncmp(changes[i].find, "-----END", 8) != 0)
            {
                at += sizeof("-----END ") - 1;
                snprintf(text, sizeof(text), "%.*s%s%s",
                         (int) (at - other), other, changes[i].instead,
                         at + strlen(changes[i].find));

            } else {
                strcpy(text, other);
            }
        }

        rc = add(ring, text, &changes[i].options, &error);

        af_row((rc == 0) == (changes[i].error == NULL), "%s: %s",
               changes[i].name, error.reason);

        if (rc != 0 && changes[i].error != NULL) {
            af_row(strcmp(error.reason, changes[i].error) == 0, "%s: %s",
                   changes[i].name, error.reason);
        }

        af_keyring_free(ring);
    }

    free(pem);

    assert_int_equal(failed, 0);
}


/* if it were a secret, whoever has the public key could sign */

static void
test_a_public_key_is_not_a_secret(void **state)
{
    char                 *text;
    af_keyring_t         *ring;
    af_keyring_error_t    error;
    af_key_options_t      options = { .alg = "HS256" };

    (void) state;

    ring = af_keyring_create();
    text = pem_of(keys[RSA_2048], "SubjectPublicKeyInfo", 0);

    assert_int_equal(add(ring, text, &options, &error), -1);
    assert_string_equal(error.reason,
                        "the algorithm is not for this kind of key");

    assert_int_equal(af_keyring_add_secret(ring, (unsigned char *) text,
                                           strlen(text), &options, &error),
                     -1);
    assert_string_equal(error.reason, "PEM is not a secret");

    free(text);
    af_keyring_free(ring);
}


static void
test_a_certificate_has_the_kid_of_its_key(void **state)
{
    char                 *text;
    af_keyring_t         *a, *b;
    af_keyring_error_t    error;
    af_key_options_t      options = { .alg = NULL };

    (void) state;

    a = af_keyring_create();
    b = af_keyring_create();

    text = pem_of(keys[P384], "certificate", 0);
    assert_int_equal(add(a, text, &options, &error), 0);
    free(text);

    text = pem_of(keys[P384], "type-specific", 1);
    assert_int_equal(add(b, text, &options, &error), 0);
    assert_string_equal(af_key_kid(a->keys[0]), af_key_kid(b->keys[0]));

    options.kid = "given";
    assert_int_equal(add(a, text, &options, &error), 0);
    assert_string_equal(af_key_kid(a->keys[1]), "given");
    free(text);

    af_keyring_free(a);
    af_keyring_free(b);
}


static int
make_keys(void **state)
{
    int  i;

    (void) state;

    for (i = 0; i < KEYS; i++) {
        if (i == RSA_2048 || i == RSA_1024) {
            keys[i] = EVP_RSA_gen(i == RSA_2048 ? 2048 : 1024);

        } else if (kinds[i].group != NULL) {
            keys[i] = EVP_EC_gen(kinds[i].group);

        } else {
            keys[i] = EVP_PKEY_Q_keygen(NULL, NULL, kinds[i].type);
        }

        if (keys[i] == NULL) {
            return -1;
        }
    }

    return 0;
}


static int
free_keys(void **state)
{
    int  i;

    (void) state;

    for (i = 0; i < KEYS; i++) {
        EVP_PKEY_free(keys[i]);
    }

    return 0;
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_forms_of_keys),
        cmocka_unit_test(test_malformed_and_contradictory),
        cmocka_unit_test(test_a_public_key_is_not_a_secret),
        cmocka_unit_test(test_a_certificate_has_the_kid_of_its_key)
    };

    return sodium_init() == -1
           || cmocka_run_group_tests_name("pem", tests, make_keys,
                                          free_keys);
}
