/*
 * A cache of what was judged of verified tokens, so that each signature is
 * verified once.  Pure C: no nginx types.
 *
 * A cache belongs to one thread.  It has all its memory from the start: sets of
 * AF_CACHE_WAYS entries, none of which has a token, but a digest; and, beside
 * that, the last few good tokens in full, for which none has to be made.  A
 * digest is SipHash-2-4 of 128 bits with a random key which never leaves the
 * process: without the key, nobody can find a token that has the digest of
 * another one, or one that evicts another's, except by chance.
 */

#ifndef AF_TOKEN_CACHE_H
#define AF_TOKEN_CACHE_H

#include "token/recent.h"


#define AF_CACHE_WAYS  4


typedef struct af_cache_s  af_cache_t;


/* of a token, which must remain */

typedef struct {
    const void   *scope;       /* what the verification depended on */
    uint64_t      digest[2];
    const char   *token;
    size_t        len;
    af_recent_t  *recent;      /* its place, if it isn't there; or NULL */
} af_cache_key_t;


/*
 * Returns a cache of at most `size` octets, whose entries have values of
 * `value_size` octets; or NULL if that is too small for any, or if there is no
 * memory.
 */
af_cache_t *af_cache_create(size_t size, size_t value_size);

void af_cache_free(af_cache_t *cache);

void af_cache_key(af_cache_t *cache, const void *scope, const char *token,
    size_t len, af_cache_key_t *key);

/*
 * Returns the key's value, valid until the next af_cache_put(), or NULL.  The
 * caller may change it.
 */
void *af_cache_get(af_cache_t *cache, const af_cache_key_t *key);

/*
 * Stores a copy of a value in place of the key's former one, or of the least
 * recently used one of its set.  Returns 1 if that was an empty entry, or 0.
 */
int af_cache_put(af_cache_t *cache, const af_cache_key_t *key,
    const void *value);


#endif /* AF_TOKEN_CACHE_H */
