/*
 * The cache of verified tokens: set-associative, the least recently used entry
 * of a set is replaced.
 */

#include <stdlib.h>
#include <string.h>
#include <sodium.h>

#include "token/cache.h"


typedef struct {
    const void      *scope;
    uint64_t         digest[2];
    uint64_t         used;     /* 0: empty */
    unsigned char    value[];
} af_cache_entry_t;


struct af_cache_s {
    size_t           sets;
    size_t           value_size;
    size_t           entry_size;
    uint64_t         clock;
    unsigned char    secret[crypto_shorthash_siphashx24_KEYBYTES];
    unsigned char   *entries;
    af_recent_t     *recent;
};


static af_cache_entry_t *af_cache_set(const af_cache_t *cache,
    const af_cache_key_t *key);
static af_cache_entry_t *af_cache_next(const af_cache_t *cache,
    af_cache_entry_t *entry);
static int af_cache_match(const af_cache_entry_t *entry,
    const af_cache_key_t *key);
static void af_cache_recall(const af_cache_key_t *key);


_Static_assert(sizeof(((af_cache_key_t *) 0)->digest)
               == crypto_shorthash_siphashx24_BYTES, "size");


af_cache_t *
af_cache_create(size_t size, size_t value_size)
{
    size_t       entry_size, sets;
    af_cache_t  *cache;

    entry_size = sizeof(af_cache_entry_t) + (value_size + 7) / 8 * 8;
    sets = size / (AF_CACHE_WAYS * entry_size);

    if (sets == 0) {
        return NULL;
    }

    cache = calloc(1, sizeof(af_cache_t));
    if (cache == NULL) {
        return NULL;
    }

    /* the system gives memory to what is used of it */

    cache->entries = calloc(sets * AF_CACHE_WAYS, entry_size);
    cache->recent = calloc(AF_RECENT_SLOTS, sizeof(af_recent_t));

    if (cache->entries == NULL || cache->recent == NULL) {
        af_cache_free(cache);
        return NULL;
    }

    cache->sets = sets;
    cache->value_size = value_size;
    cache->entry_size = entry_size;
    randombytes_buf(cache->secret, sizeof(cache->secret));

    return cache;
}


void
af_cache_free(af_cache_t *cache)
{
    if (cache != NULL) {
        sodium_memzero(cache->secret, sizeof(cache->secret));
        free(cache->entries);
        free(cache->recent);
        free(cache);
    }
}


void
af_cache_key(af_cache_t *cache, const void *scope, const char *token,
    size_t len, af_cache_key_t *key)
{
    af_recent_t  *slot;

    slot = af_recent_slot(cache->recent, token, len);

    key->scope = scope;
    key->token = token;
    key->len = len;
    key->recent = NULL;

    if (slot && af_recent_is(slot, token, len)) {
        memcpy(key->digest, slot->digest, sizeof(key->digest));
        return;
    }

    key->recent = slot;

    (void) crypto_shorthash_siphashx24((unsigned char *) key->digest,
                                       (const unsigned char *) token, len,
                                       cache->secret);
}


void *
af_cache_get(af_cache_t *cache, const af_cache_key_t *key)
{
    size_t             i;
    af_cache_entry_t  *entry;

    entry = af_cache_set(cache, key);

    for (i = 0; i < AF_CACHE_WAYS; i++) {

        if (af_cache_match(entry, key)) {
            entry->used = ++cache->clock;
            af_cache_recall(key);
            return entry->value;
        }

        entry = af_cache_next(cache, entry);
    }

    return NULL;
}


int
af_cache_put(af_cache_t *cache, const af_cache_key_t *key, const void *value)
{
    int                empty;
    size_t             i;
    af_cache_entry_t  *entry, *oldest;

    entry = af_cache_set(cache, key);
    oldest = entry;

    for (i = 0; i < AF_CACHE_WAYS; i++) {

        if (af_cache_match(entry, key)) {
            oldest = entry;
            break;
        }

        if (entry->used < oldest->used) {
            oldest = entry;
        }

        entry = af_cache_next(cache, entry);
    }

    empty = (oldest->used == 0);

    oldest->scope = key->scope;
    memcpy(oldest->digest, key->digest, sizeof(oldest->digest));
    oldest->used = ++cache->clock;
    memcpy(oldest->value, value, cache->value_size);

    af_cache_recall(key);

    return empty;
}


static af_cache_entry_t *
af_cache_set(const af_cache_t *cache, const af_cache_key_t *key)
{
    return (af_cache_entry_t *)
           (cache->entries + (key->digest[0] % cache->sets) * AF_CACHE_WAYS
                             * cache->entry_size);
}


static af_cache_entry_t *
af_cache_next(const af_cache_t *cache, af_cache_entry_t *entry)
{
    return (af_cache_entry_t *)
           ((unsigned char *) entry + cache->entry_size);
}


static int
af_cache_match(const af_cache_entry_t *entry, const af_cache_key_t *key)
{
    return entry->used != 0
           && entry->digest[0] == key->digest[0]
           && entry->digest[1] == key->digest[1]
           && entry->scope == key->scope;
}


/* only of good tokens: bad ones displace none */

static void
af_cache_recall(const af_cache_key_t *key)
{
    if (key->recent) {
        af_recent_put(key->recent, key->token, key->len, key->digest);
    }
}
