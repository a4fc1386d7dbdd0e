#include <string.h>
#include <sodium.h>

#include "token/base64url.h"
#include "token/refresh.h"


static void af_refresh_encode(unsigned char octets[AF_DERIVED_KEY_SIZE],
    char token[AF_REFRESH_SIZE]);


int
af_refresh_key(const unsigned char *secret, size_t len, af_derived_key_t key)
{
    return af_derive(secret, len, "autoflow refresh token", key,
                     AF_DERIVED_KEY_SIZE);
}


void
af_refresh_random(char token[AF_REFRESH_SIZE])
{
    unsigned char  octets[AF_DERIVED_KEY_SIZE];

    randombytes_buf(octets, sizeof(octets));
    af_refresh_encode(octets, token);
}


void
af_refresh_successor(const af_derived_key_t key, const char *token,
    char successor[AF_REFRESH_SIZE])
{
    unsigned char  octets[crypto_auth_hmacsha256_BYTES];

    (void) crypto_auth_hmacsha256(octets, (const unsigned char *) token,
                                  strlen(token), key);
    af_refresh_encode(octets, successor);
}


static void
af_refresh_encode(unsigned char octets[AF_DERIVED_KEY_SIZE],
    char token[AF_REFRESH_SIZE])
{
    (void) sodium_bin2base64(token, AF_REFRESH_SIZE, octets,
                             AF_DERIVED_KEY_SIZE, AF_BASE64URL);
    sodium_memzero(octets, AF_DERIVED_KEY_SIZE);
}


void
af_refresh_hash(const char *token, char hash[AF_REFRESH_HASH_SIZE])
{
    unsigned char  octets[crypto_hash_sha256_BYTES];

    (void) crypto_hash_sha256(octets, (const unsigned char *) token,
                              strlen(token));
    (void) sodium_bin2hex(hash, AF_REFRESH_HASH_SIZE, octets, sizeof(octets));
}
