/*
 * Refresh tokens.  One is base64url of these octets, 114 characters:
 *
 *     version    1   0xae, by which the text begins with "r"
 *     key        4   the id of the secret's tag key
 *     user      16   the account's id
 *     session   16   the session's id
 *     number     8   of the token in its session, from 1; big endian
 *     tag        8   the first of HMAC-SHA256(tag key, all before it)
 *     MAC       32   HMAC-SHA256(MAC key, all before it, the session's random)
 *
 * Both keys are made of a secret.  The tag needs no more than that: it tells
 * what we have made from junk.  The random is 32 octets of the session's row
 * that never change and go to no client: who has only the database, or only
 * the secret, makes no token.  All tokens of a session of one number are the
 * same one, whichever secret they are made with.
 *
 * Before these there were tokens without the key's id, of version 0xaf and 108
 * characters; and before those some of 43, the first of a session at random
 * and each one's successor derived from it.  Both are good until they expire.
 *
 * Pure C: no nginx types.
 */

#ifndef AF_TOKEN_REFRESH_H
#define AF_TOKEN_REFRESH_H

#include <stddef.h>
#include <stdint.h>

#include "check/uuid.h"
#include "crypto/purposes.h"


/* of a token's text, with a terminating zero; and of the former form's */
#define AF_REFRESH_SIZE         115
#define AF_REFRESH_LEGACY_SIZE  44

#define AF_REFRESH_OCTETS  85

/* octets of a session's random */
#define AF_REFRESH_RANDOM  32

/* the greatest number; of 64 bits with a sign, as the database has them */
#define AF_REFRESH_NUMBER_MAX  (INT64_MAX - 1)

/* SHA-256 in hexadecimal, with a terminating zero */
#define AF_REFRESH_HASH_SIZE  65


typedef enum {
    AF_REFRESH_NONE = 0,       /* no refresh token */
    AF_REFRESH_LEGACY,
    AF_REFRESH_NUMBERED
} af_refresh_form_t;


typedef struct {
    char           user_id[AF_UUID_SIZE];
    char           session_id[AF_UUID_SIZE];
    uint64_t       number;
    size_t         secret;                     /* whose keys made it */
    size_t         size;                       /* of the octets */
    unsigned char  octets[AF_REFRESH_OCTETS];
} af_refresh_t;


/* What a text looks like, which costs next to nothing and proves nothing. */
af_refresh_form_t af_refresh_form(const char *text, size_t len);

/*
 * Reads a token whose tag is good: one of ours, unless it is a forgery by who
 * has the secret.  Whether it counts, af_refresh_check() and the session's row
 * tell.  Returns 0, or -1: junk.
 */
int af_refresh_parse(const af_purpose_keys_t *keys, const char *text,
    size_t len, af_refresh_t *token);

/* Whether a token that was read is one of the session that has this random. */
int af_refresh_check(const af_purpose_keys_t *keys, const af_refresh_t *token,
    const unsigned char random[AF_REFRESH_RANDOM]);

/*
 * Makes a token; the ids are UUIDs.  Returns 0, or -1 if one of them is not,
 * or if the number is not from 1 to AF_REFRESH_NUMBER_MAX.
 */
int af_refresh_make(const af_purpose_keys_t *keys, const char *user_id,
    const char *session_id, uint64_t number,
    const unsigned char random[AF_REFRESH_RANDOM],
    char text[AF_REFRESH_SIZE]);


/*
 * Of the former form: the successor by a secret, HMAC with SHA-256 of the
 * token's text.
 */
void af_refresh_successor(const af_purpose_keys_t *keys, size_t secret,
    const char *token, char successor[AF_REFRESH_LEGACY_SIZE]);

/* what is stored of a token of the former form: SHA-256 of its text */
void af_refresh_hash(const char *token, char hash[AF_REFRESH_HASH_SIZE]);


#endif /* AF_TOKEN_REFRESH_H */
