#include <string.h>

#include "token/recent.h"


/* of its end, which is a part of the signature, and hardly ever another's */
#define AF_RECENT_END  (sizeof(uint64_t) + 1)


typedef uint64_t  af_pair_t
    __attribute__((vector_size(AF_RECENT_MIN)));


af_recent_t *
af_recent_slot(af_recent_t slots[AF_RECENT_SLOTS], const char *token,
    size_t len)
{
    uint64_t  end;

    if (len < AF_RECENT_MIN || len > AF_RECENT_MAX) {
        return NULL;
    }

    /* the last character may only have two bits: the eight before it */

    memcpy(&end, token + len - AF_RECENT_END, sizeof(end));

    end *= UINT64_C(0x9e3779b97f4a7c15);

    return &slots[(end >> 32) % AF_RECENT_SLOTS];
}


/*
 * How long this takes must not say how much of another's token someone has
 * guessed: there is no branch but by the length.
 */

int
af_recent_is(const af_recent_t *slot, const char *token, size_t len)
{
    size_t     i;
    af_pair_t  a, b, differ;

    if (slot->len != len) {
        return 0;
    }

    memset(&differ, 0, sizeof(differ));

    for (i = 0; i < len - sizeof(a); i += sizeof(a)) {
        memcpy(&a, slot->token + i, sizeof(a));
        memcpy(&b, token + i, sizeof(b));
        differ |= a ^ b;
    }

    /* the last ones: some may have been compared */

    memcpy(&a, slot->token + len - sizeof(a), sizeof(a));
    memcpy(&b, token + len - sizeof(b), sizeof(b));
    differ |= a ^ b;

    return (differ[0] | differ[1]) == 0;
}


void
af_recent_put(af_recent_t *slot, const char *token, size_t len,
    const uint64_t digest[2])
{
    slot->len = len;
    memcpy(slot->token, token, len);
    memcpy(slot->digest, digest, sizeof(slot->digest));
}
