#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "token/mfa.h"


#define AF_MFA_ID_LEN  (AF_UUID_SIZE - 1)


static void af_mfa_password(const char *hash, char text[AF_MFA_PASSWORD_SIZE]);


int
af_mfa_token_make(const af_purpose_keys_t *keys, af_purpose_t purpose,
    const char *user_id, const char *hash, int64_t now,
    char token[AF_SEALED_SIZE])
{
    char           text[AF_SEAL_TEXT_SIZE], password[AF_MFA_PASSWORD_SIZE];
    unsigned char  octets[AF_UUID_OCTETS];

    if (af_uuid_read(user_id, strlen(user_id), octets) != 0) {
        return -1;
    }

    af_mfa_password(hash, password);

    (void) snprintf(text, sizeof(text), "%s%s%" PRId64, user_id, password,
                    now + AF_MFA_TTL);

    return af_seal(keys, purpose, text, token);
}


int
af_mfa_token_open(const af_purpose_keys_t *keys, af_purpose_t purpose,
    const char *token, size_t len, int64_t now, af_mfa_token_t *mfa)
{
    char   text[AF_SEAL_TEXT_SIZE];
    char  *end;

    if (af_unseal(keys, purpose, token, len, text) == -1
        || strlen(text) <= AF_MFA_ID_LEN + AF_MFA_PASSWORD_SIZE - 1)
    {
        return -1;
    }

    end = text;

    memcpy(mfa->user_id, end, AF_MFA_ID_LEN);
    mfa->user_id[AF_MFA_ID_LEN] = '\0';
    end += AF_MFA_ID_LEN;

    memcpy(mfa->password, end, AF_MFA_PASSWORD_SIZE - 1);
    mfa->password[AF_MFA_PASSWORD_SIZE - 1] = '\0';
    end += AF_MFA_PASSWORD_SIZE - 1;

    return strtoimax(end, NULL, 10) > now ? 0 : 1;
}


int
af_mfa_token_matches(const af_mfa_token_t *mfa, const char *hash)
{
    char  password[AF_MFA_PASSWORD_SIZE];

    af_mfa_password(hash, password);

    return sodium_memcmp(mfa->password, password, sizeof(password)) == 0;
}


static void
af_mfa_password(const char *hash, char text[AF_MFA_PASSWORD_SIZE])
{
    unsigned char  digest[crypto_generichash_BYTES_MIN];

    hash = hash ? hash : "";

    (void) crypto_generichash(digest, sizeof(digest),
                              (const unsigned char *) hash, strlen(hash),
                              NULL, 0);
    (void) sodium_bin2hex(text, AF_MFA_PASSWORD_SIZE, digest, sizeof(digest));
}


int
af_mfa_seal(const af_purpose_keys_t *keys, const char *user_id,
    const char *seed, char sealed[AF_SEALED_SIZE])
{
    int   n, rc;
    char  text[AF_SEAL_TEXT_SIZE];

    n = snprintf(text, sizeof(text), "%s%s", user_id, seed);

    rc = (n < (int) sizeof(text)) ? af_seal(keys, AF_PURPOSE_FACTOR, text,
                                            sealed)
                                  : -1;
    sodium_memzero(text, sizeof(text));

    return rc;
}


ptrdiff_t
af_mfa_unseal(const af_purpose_keys_t *keys, const char *user_id,
    const char *sealed, size_t len, char seed[AF_SEAL_TEXT_SIZE])
{
    char       text[AF_SEAL_TEXT_SIZE];
    size_t     id_len;
    ptrdiff_t  key;

    id_len = strlen(user_id);
    key = af_unseal(keys, AF_PURPOSE_FACTOR, sealed, len, text);

    if (key != -1 && strncmp(text, user_id, id_len) != 0) {
        key = -1;
    }

    if (key != -1) {
        memcpy(seed, text + id_len, strlen(text + id_len) + 1);
    }

    sodium_memzero(text, sizeof(text));

    return key;
}
