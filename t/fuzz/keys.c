/*
 * Keys as in the configuration: PEM, JWK, JWK Sets, secrets.  The input's first
 * two octets select the options: the algorithm, as an index of algs[] (none
 * beyond its end), and by their bits a kid, an issuer, a use, and whether it is
 * published by another issuer; the rest is the text.
 *
 * Whatever is accepted must be a key with a kid that can be used and published.
 */

#include <openssl/err.h>
#include <sodium.h>

#include "fuzz.h"
#include "token/keyring.h"


#define KID        0x01
#define ISSUER     0x02
#define SIGN       0x04
#define VERIFY     0x08
#define PUBLISHED  0x10


static void skipped(void *data, const af_keyring_error_t *error);
static void is_a_key(af_key_t *key, const af_key_options_t *options);
static void is_public(const json_t *jwk);
static void signs(af_key_t *key);
static void can_be_published(const af_keyring_t *ring);


static const char *const  algs[] = {
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384",
    "PS512", "ES256", "ES384", "ES512", "EdDSA"
};


int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void) argc;
    (void) argv;

    af_must(sodium_init() != -1);

    return 0;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int                  rc;
    char                *text;
    size_t               i, last;
    af_keyring_t        *ring;
    af_key_options_t     options;
    af_keyring_error_t   error;

    if (size < 2) {
        return 0;
    }

    i = (data[0] >= 'a') ? data[0] - 'a' : data[0];

    options.alg = (i < af_nelts(algs)) ? algs[i] : NULL;
    options.kid = (data[1] & KID) ? "given" : NULL;
    options.issuer = (data[1] & ISSUER) ? "https://example.com" : NULL;
    options.use = (data[1] & SIGN) ? AF_USE_SIGN
                  : (data[1] & VERIFY) ? AF_USE_VERIFY : AF_USE_DEFAULT;

    ring = af_keyring_create();
    af_must(ring != NULL);

    error.reason = NULL;
    last = 0;
    text = af_exact(data + 2, size - 2);

    rc = ((data[1] & PUBLISHED) ? af_keyring_add_published : af_keyring_add)
             (ring, text, size - 2, &options, skipped, &last, &error);

    free(text);

    af_must(ERR_peek_error() == 0);

    if (rc == 0) {
        af_must(ring->nkeys > 0);

        for (i = 0; i < ring->nkeys; i++) {
            is_a_key(ring->keys[i], &options);
            af_must(!(data[1] & PUBLISHED)
                    || !af_key_is_secret(ring->keys[i]));
        }

        can_be_published(ring);

    } else {
        af_must(error.reason != NULL);
    }

    af_must(ring->keys[ring->nkeys] == NULL);

    af_keyring_free(ring);

    return 0;
}


static void
skipped(void *data, const af_keyring_error_t *error)
{
    size_t *last = data;

    af_must(error->reason != NULL && error->index > *last);

    *last = error->index;
}


static void
is_a_key(af_key_t *key, const af_key_options_t *options)
{
    size_t       i;
    const char  *p;

    for (i = 0; i < af_nelts(algs); i++) {
        if (strcmp(af_key_alg(key), algs[i]) == 0) {
            break;
        }
    }

    af_must(i < af_nelts(algs));
    af_must(options->alg == NULL || strcmp(options->alg, algs[i]) == 0);

    for (p = af_key_kid(key); *p != '\0'; p++) {
        af_must(*p >= ' ' && *p <= '~');
    }

    af_must(p != af_key_kid(key) && p - af_key_kid(key) <= AF_KID_MAX);
    af_must(options->kid == NULL
            || strcmp(options->kid, af_key_kid(key)) == 0);

    af_must((options->issuer == NULL) == (af_key_issuer(key) == NULL));
    af_must(options->use != AF_USE_SIGN || af_key_signs(key));

    if (af_key_signs(key)) {
        af_must(af_key_is_secret(key) && options->issuer == NULL
                && options->use != AF_USE_VERIFY);
        signs(key);
    }

    /* a secret's algorithms come first, and nothing of it is public */

    af_must((i < 3) == (af_key_jwk(key) == NULL));

    if (af_key_jwk(key) != NULL) {
        is_public(af_key_jwk(key));
    }
}


static void
is_public(const json_t *jwk)
{
    json_t      *value;
    const char  *name;

    json_object_foreach((json_t *) jwk, name, value) {
        af_must(json_is_string(value));
        af_must(strcmp(name, "alg") == 0 || strcmp(name, "crv") == 0
                || strcmp(name, "e") == 0 || strcmp(name, "kid") == 0
                || strcmp(name, "kty") == 0 || strcmp(name, "n") == 0
                || strcmp(name, "use") == 0 || strcmp(name, "x") == 0
                || strcmp(name, "y") == 0);
    }
}


static void
signs(af_key_t *key)
{
    size_t         n;
    unsigned char  sig[AF_SIGNATURE_MAX], data[] = "a.b";

    n = af_key_sign(key, sig, data, 3);

    af_must(n != 0 && n <= AF_SIGNATURE_MAX);
    af_must(af_key_verify(key, sig, n, data, 3));
    af_must(!af_key_verify(key, sig, n, data, 2));
    af_must(!af_key_verify(key, sig, n - 1, data, 3));

    sig[n / 2] ^= 1;
    af_must(!af_key_verify(key, sig, n, data, 3));
}


/*
 * What is published is read as the same keys; but OpenSSL looks for factors of
 * a modulus at random, and may find only now that it is invalid.
 */

static void
can_be_published(const af_keyring_t *ring)
{
    char                *text;
    size_t               i, n, last;
    af_keyring_t        *again;
    af_key_options_t     options = { .issuer = "us" };
    af_keyring_error_t   error;

    again = af_keyring_create();
    text = af_keyring_jwks(ring);

    af_must(again != NULL && text != NULL);

    last = 0;

    if (af_keyring_add(again, text, strlen(text), &options, skipped, &last,
                       &error)
        != 0
        && strcmp(error.reason, "the public key is not valid") == 0)
    {
        free(text);
        af_keyring_free(again);
        return;
    }

    for (i = 0, n = 0; i < ring->nkeys; i++) {
        if (af_key_jwk(ring->keys[i]) == NULL
            || af_key_issuer(ring->keys[i]) != NULL)
        {
            continue;
        }

        af_must(n < again->nkeys);
        af_must(json_equal((json_t *) af_key_jwk(ring->keys[i]),
                           (json_t *) af_key_jwk(again->keys[n])));
        af_must(!af_key_is_secret(again->keys[n]));
        n++;
    }

    af_must(n == again->nkeys && last == 0);

    free(text);
    af_keyring_free(again);
}
