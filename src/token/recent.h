/*
 * The last good tokens, in full, with their digests: a client sends its token
 * with each of its requests, and to compare it takes a tenth of the time of a
 * digest.  Pure C: no nginx types.
 *
 * A token has one place, by its end.  Of two with the same place the last one
 * has it: the other one waits for a digest, 0.2 us.
 */

#ifndef AF_TOKEN_RECENT_H
#define AF_TOKEN_RECENT_H

#include <stddef.h>
#include <stdint.h>


/* of tokens, and of the octets of one; others are not kept */
#define AF_RECENT_SLOTS  128
#define AF_RECENT_MIN    16
#define AF_RECENT_MAX    1006


typedef struct {
    uint64_t  digest[2];
    uint16_t  len;             /* 0: empty */
    char      token[AF_RECENT_MAX];
} af_recent_t;


/* The place of a token; NULL: it has none. */
af_recent_t *af_recent_slot(af_recent_t slots[AF_RECENT_SLOTS],
    const char *token, size_t len);

/* Whether the token is there: all of it is compared, in constant time. */
int af_recent_is(const af_recent_t *slot, const char *token, size_t len);

/* Puts it there, with its digest. */
void af_recent_put(af_recent_t *slot, const char *token, size_t len,
    const uint64_t digest[2]);


#endif /* AF_TOKEN_RECENT_H */
