/*
 * The verified-token cache: set-associative, the least recently used token of a
 * set is evicted.
 */

#include <stdlib.h>
#include <string.h>
#include <sodium.h>

#include "token/cache.h"


typedef struct {
    af_cache_key_t   key;       /* token: a copy owned by the entry */
    void            *value;
    void           (*release)(void *value);
    uint64_t         hash;
    uint64_t         used;
} af_cache_entry_t;


struct af_cache_s {
    size_t             sets;
    uint64_t           clock;
    unsigned char      secret[crypto_shorthash_KEYBYTES];
    af_cache_entry_t   entries[];
};


static uint64_t af_cache_hash(af_cache_t *cache, const af_cache_key_t *key);
static af_cache_entry_t *af_cache_set(af_cache_t *cache, uint64_t hash);
static int af_cache_match(const af_cache_entry_t *entry,
    const af_cache_key_t *key, uint64_t hash);
static void af_cache_drop(af_cache_entry_t *entry);


af_cache_t *
af_cache_create(size_t sets)
{
    af_cache_t  *cache;

    cache = calloc(1, sizeof(af_cache_t)
                      + sets * AF_CACHE_WAYS * sizeof(af_cache_entry_t));

    if (cache != NULL) {
        cache->sets = sets;
        crypto_shorthash_keygen(cache->secret);
    }

    return cache;
}


void
af_cache_free(af_cache_t *cache)
{
    size_t  i;

    if (cache == NULL) {
        return;
    }

    for (i = 0; i < cache->sets * AF_CACHE_WAYS; i++) {
        af_cache_drop(&cache->entries[i]);
    }

    free(cache);
}


void *
af_cache_get(af_cache_t *cache, const af_cache_key_t *key)
{
    size_t             i;
    uint64_t           hash;
    af_cache_entry_t  *set;

    hash = af_cache_hash(cache, key);
    set = af_cache_set(cache, hash);

    for (i = 0; i < AF_CACHE_WAYS; i++) {
        if (af_cache_match(&set[i], key, hash)) {
            set[i].used = ++cache->clock;
            return set[i].value;
        }
    }

    return NULL;
}


int
af_cache_put(af_cache_t *cache, const af_cache_key_t *key, void *value,
    void (*release)(void *value))
{
    char              *copy;
    size_t             i;
    uint64_t           hash;
    af_cache_entry_t  *set, *entry;

    if (key->len > AF_CACHE_TOKEN_MAX) {
        return -1;
    }

    copy = malloc(key->len);
    if (copy == NULL) {
        return -1;
    }

    memcpy(copy, key->token, key->len);

    /* an empty entry was never used, so it is the oldest */

    hash = af_cache_hash(cache, key);
    set = af_cache_set(cache, hash);
    entry = set;

    for (i = 0; i < AF_CACHE_WAYS; i++) {
        if (af_cache_match(&set[i], key, hash)) {
            entry = &set[i];
            break;
        }

        if (set[i].used < entry->used) {
            entry = &set[i];
        }
    }

    af_cache_drop(entry);

    entry->key = *key;
    entry->key.token = copy;
    entry->value = value;
    entry->release = release;
    entry->hash = hash;
    entry->used = ++cache->clock;

    return 0;
}


static uint64_t
af_cache_hash(af_cache_t *cache, const af_cache_key_t *key)
{
    uint64_t       n;
    unsigned char  hash[crypto_shorthash_BYTES];

    (void) crypto_shorthash(hash, (const unsigned char *) key->token, key->len,
                            cache->secret);

    memcpy(&n, hash, sizeof(n));

    return n;
}


static af_cache_entry_t *
af_cache_set(af_cache_t *cache, uint64_t hash)
{
    return &cache->entries[(hash & (cache->sets - 1)) * AF_CACHE_WAYS];
}


/* compare hashes first: memcmp()'s time must reveal nothing about a token */

static int
af_cache_match(const af_cache_entry_t *entry, const af_cache_key_t *key,
    uint64_t hash)
{
    return entry->value != NULL
           && entry->hash == hash
           && entry->key.scope == key->scope
           && entry->key.len == key->len
           && memcmp(entry->key.token, key->token, key->len) == 0;
}


static void
af_cache_drop(af_cache_entry_t *entry)
{
    if (entry->value == NULL) {
        return;
    }

    entry->release(entry->value);

    sodium_memzero((char *) entry->key.token, entry->key.len);
    free((char *) entry->key.token);

    memset(entry, 0, sizeof(af_cache_entry_t));
}
