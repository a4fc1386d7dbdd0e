/*
 * A cache of verified tokens, so that each signature is verified once.  Pure C:
 * no nginx types.
 *
 * A cache belongs to one thread.  Its memory is bounded: AF_CACHE_WAYS tokens
 * per set, none longer than AF_CACHE_TOKEN_MAX.  A token's set depends on a
 * random key, so that nobody can choose tokens that evict another's; and a
 * token is found only by all its octets.
 */

#ifndef AF_TOKEN_CACHE_H
#define AF_TOKEN_CACHE_H

#include <stddef.h>
#include <stdint.h>


#define AF_CACHE_WAYS  4

/* longer tokens are verified each time */
#define AF_CACHE_TOKEN_MAX  4096


typedef struct af_cache_s  af_cache_t;


typedef struct {
    const void  *scope;        /* what the verification depended on */
    const char  *token;
    size_t       len;
} af_cache_key_t;


/*
 * Returns a cache of `sets` sets, a power of two, or NULL if there is no
 * memory.
 */
af_cache_t *af_cache_create(size_t sets);

void af_cache_free(af_cache_t *cache);

/*
 * Returns the key's value, which the cache owns, valid until the next
 * af_cache_put(); or NULL.
 */
void *af_cache_get(af_cache_t *cache, const af_cache_key_t *key);

/*
 * Adds a value in place of the least recently used one.  `release` is called
 * when it is evicted.  Returns 0, or -1 if it was not added (no memory, too
 * long), and then `release` won't be called.
 */
int af_cache_put(af_cache_t *cache, const af_cache_key_t *key, void *value,
    void (*release)(void *value));


#endif /* AF_TOKEN_CACHE_H */
