/*
 * Tokens that were verified lately, so that a signature costs its price once.
 * Pure C: no nginx types.
 *
 * A cache belongs to one thread.  What it holds is bounded: AF_CACHE_WAYS
 * tokens for each of its sets, none longer than AF_CACHE_TOKEN_MAX.  Which set
 * a token belongs to depends on a random key, so that nobody can choose tokens
 * that displace another's; and a token is only ever found by all its octets.
 */

#ifndef AF_TOKEN_CACHE_H
#define AF_TOKEN_CACHE_H

#include <stddef.h>
#include <stdint.h>


#define AF_CACHE_WAYS  4

/* a longer token is verified each time */
#define AF_CACHE_TOKEN_MAX  4096


typedef struct af_cache_s  af_cache_t;


typedef struct {
    const void  *scope;        /* what decided; good for that alone */
    const char  *token;
    size_t       len;
} af_cache_key_t;


/* Returns a cache of `sets` sets, a power of two, or NULL without memory. */
af_cache_t *af_cache_create(size_t sets);

void af_cache_free(af_cache_t *cache);

/*
 * Returns what was put in for the key, which stays the cache's and lives
 * until the next af_cache_put().  NULL if there is nothing.
 */
void *af_cache_get(af_cache_t *cache, const af_cache_key_t *key);

/*
 * Puts a value in, in place of the one that was not asked for the longest.
 * `release` is called for it when it goes.  Returns 0, or -1 if it is not
 * kept (no memory, too long): `release` is not called then.
 */
int af_cache_put(af_cache_t *cache, const af_cache_key_t *key, void *value,
    void (*release)(void *value));


#endif /* AF_TOKEN_CACHE_H */
