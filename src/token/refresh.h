/*
 * Refresh tokens.  One is base64url of these octets, 114 characters:
 *
 *     version    1   0xae, so that the text begins with "r"
 *     key        4   the id of the secret's tag key
 *     user      16   the account's id
 *     session   16   the session's id
 *     number     8   of the token in its session, from 1; big endian
 *     tag        8   the first of HMAC-SHA256(tag key, all before it)
 *     MAC       32   HMAC-SHA256(MAC key, all before it, the session's random)
 *
 * Both keys are derived from a secret.  The tag needs no more than that: it
 * tells our tokens from junk.  The random is 32 octets of the session's row
 * that never change and that no client gets: nobody can make a token with only
 * the database, or only the secret.  All tokens of a session with the same
 * number count as one, whichever secret they were made with.
 *
 * Earlier tokens lack the key's id (version 0xaf, 108 characters).  Legacy ones
 * have 43 characters: the first of a session is random, and each successor is
 * derived from it.  Both are accepted until they expire.
 *
 * Pure C: no nginx types.
 */

#ifndef AF_TOKEN_REFRESH_H
#define AF_TOKEN_REFRESH_H

#include <stddef.h>
#include <stdint.h>

#include "check/uuid.h"
#include "crypto/purposes.h"


/* of a token's text, with the terminating zero; and of a legacy one's */
#define AF_REFRESH_SIZE         115
#define AF_REFRESH_LEGACY_SIZE  44

#define AF_REFRESH_OCTETS  85

/* octets of a session's random */
#define AF_REFRESH_RANDOM  32

/* the largest number; signed 64 bits, as in the database */
#define AF_REFRESH_NUMBER_MAX  (INT64_MAX - 1)

/* SHA-256 in hexadecimal, with the terminating zero */
#define AF_REFRESH_HASH_SIZE  65


typedef enum {
    AF_REFRESH_NONE = 0,       /* not a refresh token */
    AF_REFRESH_LEGACY,
    AF_REFRESH_NUMBERED
} af_refresh_form_t;


typedef struct {
    char           user_id[AF_UUID_SIZE];
    char           session_id[AF_UUID_SIZE];
    uint64_t       number;
    size_t         secret;                     /* index of its secret */
    size_t         size;                       /* of `octets` */
    unsigned char  octets[AF_REFRESH_OCTETS];
} af_refresh_t;


/* The form of a text: cheap to tell, and no proof. */
af_refresh_form_t af_refresh_form(const char *text, size_t len);

/*
 * Parses a token and verifies its tag, which proves that it was made with a
 * secret.  Whether it is valid, af_refresh_check() and the session's row tell.
 * Returns 0, or -1 for junk.
 */
int af_refresh_parse(const af_purpose_keys_t *keys, const char *text,
    size_t len, af_refresh_t *token);

/* Whether a parsed token belongs to the session with this random. */
int af_refresh_check(const af_purpose_keys_t *keys, const af_refresh_t *token,
    const unsigned char random[AF_REFRESH_RANDOM]);

/*
 * Makes a token; the ids are UUIDs.  Returns 0, or -1 if one of them is
 * malformed, or the number is not from 1 to AF_REFRESH_NUMBER_MAX.
 */
int af_refresh_make(const af_purpose_keys_t *keys, const char *user_id,
    const char *session_id, uint64_t number,
    const unsigned char random[AF_REFRESH_RANDOM],
    char text[AF_REFRESH_SIZE]);


/*
 * The successor of a legacy token: HMAC-SHA256 of its text with a secret's key.
 */
void af_refresh_successor(const af_purpose_keys_t *keys, size_t secret,
    const char *token, char successor[AF_REFRESH_LEGACY_SIZE]);

/* what is stored of a legacy token: SHA-256 of its text */
void af_refresh_hash(const char *token, char hash[AF_REFRESH_HASH_SIZE]);


#endif /* AF_TOKEN_REFRESH_H */
