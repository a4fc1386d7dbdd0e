#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "token/challenge.h"


/* parts of fixed lengths, filled up with spaces, and the time */
#define AF_CHALLENGE_FORMAT  "%c%-36s%-36s%-32s%" PRId64
#define AF_CHALLENGE_HEAD                                                     \
    (1 + 2 * (AF_UUID_SIZE - 1) + (AF_HANDLE_SIZE - 1))


static const char *af_challenge_part(const char *text, char *part,
    size_t size);


void
af_challenge_handle(af_challenge_t *challenge)
{
    unsigned char  octets[AF_HANDLE_OCTETS];

    randombytes_buf(octets, sizeof(octets));
    (void) sodium_bin2hex(challenge->handle, AF_HANDLE_SIZE, octets,
                          sizeof(octets));
}


void
af_challenge_make(const af_purpose_keys_t *keys,
    const af_challenge_t *challenge, char sealed[AF_SEALED_SIZE])
{
    char  text[AF_SEAL_TEXT_SIZE];

    (void) snprintf(text, sizeof(text), AF_CHALLENGE_FORMAT,
                    challenge->purpose, challenge->user_id,
                    challenge->session_id, challenge->handle,
                    challenge->expires);

    (void) af_seal(keys, AF_PURPOSE_CHALLENGE, text, sealed);
}


int
af_challenge_open(const af_purpose_keys_t *keys, const char *sealed,
    size_t len, int64_t now, af_challenge_t *challenge)
{
    char         text[AF_SEAL_TEXT_SIZE];
    const char  *p;

    if (af_unseal(keys, AF_PURPOSE_CHALLENGE, sealed, len, text) == -1
        || strlen(text) <= AF_CHALLENGE_HEAD)
    {
        return -1;
    }

    p = text;
    challenge->purpose = *p++;

    p = af_challenge_part(p, challenge->user_id, AF_UUID_SIZE);
    p = af_challenge_part(p, challenge->session_id, AF_UUID_SIZE);
    p = af_challenge_part(p, challenge->handle, AF_HANDLE_SIZE);

    challenge->expires = strtoimax(p, NULL, 10);

    return (challenge->expires > now) ? 0 : -1;
}


static const char *
af_challenge_part(const char *text, char *part, size_t size)
{
    memcpy(part, text, size - 1);
    part[size - 1] = '\0';
    part[strcspn(part, " ")] = '\0';

    return text + size - 1;
}
