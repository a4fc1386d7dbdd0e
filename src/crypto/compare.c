/* The algorithms of stored hashes, each by a library. */

#include <crypt.h>
#include <errno.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/scheme.h"


/* what bcrypt uses of a password */
#define AF_BCRYPT_OCTETS    72

/* "$2b$12$", a salt of 22 characters, and a digest of 31 */
#define AF_BCRYPT_DIGEST    (7 + 22)
#define AF_BCRYPT_SIZE      (AF_BCRYPT_DIGEST + 31)

#define AF_FIREBASE_KEY     32


static int af_crypt(const char *phrase, const char *setting,
    char out[AF_BCRYPT_SIZE]);
static int af_scrypt(const af_hash_t *hash, const char *password, size_t len,
    unsigned char *out, size_t size);
static int af_firebase_encrypt(const unsigned char key[AF_FIREBASE_KEY],
    const af_hash_part_t *text, unsigned char *out);
static af_hash_result_t af_compared(const af_hash_t *hash, int failed,
    unsigned char out[AF_HASH_DIGEST_MAX]);


af_hash_result_t
af_compare_argon2(const af_hash_t *hash, const char *password, size_t len)
{
    errno = 0;

    if (crypto_pwhash_str_verify(hash->crypt, password, len) == 0) {
        return AF_HASH_MATCH;
    }

    return (errno == EINVAL) ? AF_HASH_MISMATCH : AF_HASH_ERROR;
}


/*
 * Only the first 72 octets count, as for those who made the hash.  bcrypt would
 * also ignore what follows a zero, which no client can send.
 */

af_hash_result_t
af_compare_bcrypt(const af_hash_t *hash, const char *password, size_t len)
{
    int   rc, differ;
    char  phrase[AF_BCRYPT_OCTETS + 1], out[AF_BCRYPT_SIZE];

    if (memchr(password, '\0', len) != NULL) {
        return AF_HASH_MISMATCH;
    }

    if (len > AF_BCRYPT_OCTETS) {
        len = AF_BCRYPT_OCTETS;
    }

    memcpy(phrase, password, len);
    phrase[len] = '\0';

    rc = af_crypt(phrase, hash->crypt, out);

    /* not the salt: its last character may have bits that crypt(3) clears */

    differ = rc == 0
             && sodium_memcmp(out + AF_BCRYPT_DIGEST,
                              hash->crypt + AF_BCRYPT_DIGEST,
                              AF_BCRYPT_SIZE - AF_BCRYPT_DIGEST);

    sodium_memzero(phrase, sizeof(phrase));
    sodium_memzero(out, sizeof(out));

    if (rc != 0) {
        return AF_HASH_ERROR;
    }

    return differ ? AF_HASH_MISMATCH : AF_HASH_MATCH;
}


static int
af_crypt(const char *phrase, const char *setting, char out[AF_BCRYPT_SIZE])
{
    int                 rc;
    const char         *made;
    struct crypt_data  *data;

    data = calloc(1, sizeof(struct crypt_data));
    if (data == NULL) {
        return -1;
    }

    made = crypt_rn(phrase, setting, data, sizeof(struct crypt_data));
    rc = (made != NULL && strlen(made) == AF_BCRYPT_SIZE) ? 0 : -1;

    if (rc == 0) {
        memcpy(out, made, AF_BCRYPT_SIZE);
    }

    sodium_memzero(data, sizeof(struct crypt_data));
    free(data);

    return rc;
}


/* Django's: it has no limit of 72 octets */

af_hash_result_t
af_compare_bcrypt_sha256(const af_hash_t *hash, const char *password,
    size_t len)
{
    char              hex[2 * crypto_hash_sha256_BYTES + 1];
    unsigned char     digest[crypto_hash_sha256_BYTES];
    af_hash_result_t  result;

    crypto_hash_sha256(digest, (const unsigned char *) password, len);
    sodium_bin2hex(hex, sizeof(hex), digest, sizeof(digest));

    result = af_compare_bcrypt(hash, hex, sizeof(hex) - 1);

    sodium_memzero(digest, sizeof(digest));
    sodium_memzero(hex, sizeof(hex));

    return result;
}


af_hash_result_t
af_compare_pbkdf2(const af_hash_t *hash, const char *password, size_t len)
{
    int            rc;
    unsigned char  out[AF_HASH_DIGEST_MAX];

    rc = PKCS5_PBKDF2_HMAC(password, (int) len, hash->salt.octets,
                           (int) hash->salt.len, (int) hash->n,
                           EVP_get_digestbyname(hash->scheme->md),
                           (int) hash->digest.len, out);

    return af_compared(hash, rc != 1, out);
}


af_hash_result_t
af_compare_scrypt(const af_hash_t *hash, const char *password, size_t len)
{
    int            rc;
    unsigned char  out[AF_HASH_DIGEST_MAX];

    rc = af_scrypt(hash, password, len, out, hash->digest.len);

    return af_compared(hash, rc, out);
}


/* Firebase's: the project's key, encrypted with what scrypt derives */

af_hash_result_t
af_compare_firebase(const af_hash_t *hash, const char *password, size_t len)
{
    int            rc;
    unsigned char  key[AF_FIREBASE_KEY], out[AF_HASH_DIGEST_MAX];

    rc = af_scrypt(hash, password, len, key, sizeof(key));

    if (rc == 0) {
        rc = af_firebase_encrypt(key, &hash->key, out);
    }

    sodium_memzero(key, sizeof(key));

    return af_compared(hash, rc, out);
}


static int
af_scrypt(const af_hash_t *hash, const char *password, size_t len,
    unsigned char *out, size_t size)
{
    unsigned char  salt[2 * AF_HASH_SALT_MAX];

    memcpy(salt, hash->salt.octets, hash->salt.len);
    memcpy(salt + hash->salt.len, hash->separator.octets, hash->separator.len);

    return crypto_pwhash_scryptsalsa208sha256_ll(
               (const unsigned char *) password, len, salt,
               hash->salt.len + hash->separator.len, hash->n, hash->r, hash->p,
               out, size);
}


static int
af_firebase_encrypt(const unsigned char key[AF_FIREBASE_KEY],
    const af_hash_part_t *text, unsigned char *out)
{
    int                         n, rc;
    EVP_CIPHER_CTX             *ctx;

    static const unsigned char  counter[16];

    ctx = EVP_CIPHER_CTX_new();

    rc = (ctx != NULL
          && EVP_EncryptInit_ex(ctx, EVP_aes_256_ctr(), NULL, key, counter)
          && EVP_EncryptUpdate(ctx, out, &n, text->octets, (int) text->len))
         ? 0 : -1;

    EVP_CIPHER_CTX_free(ctx);

    return rc;
}


static af_hash_result_t
af_compared(const af_hash_t *hash, int failed,
    unsigned char out[AF_HASH_DIGEST_MAX])
{
    int  differ;

    if (failed) {
        return AF_HASH_ERROR;
    }

    differ = sodium_memcmp(out, hash->digest.octets, hash->digest.len);
    sodium_memzero(out, AF_HASH_DIGEST_MAX);

    return differ ? AF_HASH_MISMATCH : AF_HASH_MATCH;
}
