/*
 * Counters of attempts: a set-associative table, in whose sets the counter
 * whose window ends first is evicted.
 */

#include <string.h>
#include <sodium.h>

#include "shm/block.h"
#include "shm/limits.h"


#define AF_LIMITS_MAGIC    0x61666c6d
#define AF_LIMITS_LAYOUT   2


typedef struct {
    uint64_t           hash[2];
    _Atomic uint32_t   ends;       /* written last; free when past */
    uint32_t           count;
    uint32_t           logged;     /* 1: the first refusal was logged */
    uint32_t           in_flight;  /* of `count`, without outcome yet */
} af_limits_counter_t;


/* what is done to an existing counter */
typedef void (*af_limits_settle_pt)(af_limits_counter_t *counter);


struct af_limits_s {
    _Alignas(AF_BLOCK_ALIGN)
    af_block_t         block;
    _Atomic uint64_t   refused;
    _Atomic uint64_t   evictions;
    _Atomic uint64_t   recoveries;
    uint32_t           sets;
    unsigned char      secret[crypto_shorthash_siphashx24_KEYBYTES];

    _Alignas(AF_BLOCK_ALIGN)
    af_limits_counter_t  counter[];
};


static int af_limits_lock(af_limits_t *table, const void *key, size_t len,
    uint64_t hash[2]);
static af_limits_counter_t *af_limits_set(af_limits_t *table,
    const uint64_t hash[2]);
static af_limits_counter_t *af_limits_find(af_limits_t *table,
    const uint64_t hash[2], uint32_t now);
static af_limits_counter_t *af_limits_insert(af_limits_t *table,
    const uint64_t hash[2], const af_rate_t *rate, uint32_t now);
static unsigned af_limits_count(af_limits_t *table,
    af_limits_counter_t *counter,
    const af_rate_t *rate, uint32_t now, int *first);
static unsigned af_limits_retry_after(const af_rate_t *rate,
    const af_limits_counter_t *counter, uint32_t now);
static void af_limits_settle(af_limits_t *table, const void *key, size_t len,
    time_t now, af_limits_settle_pt settle);
static void af_limits_counter_failed(af_limits_counter_t *counter);
static void af_limits_counter_released(af_limits_counter_t *counter);
static void af_limits_counter_cleared(af_limits_counter_t *counter);
static void af_limits_counter_forgotten(af_limits_counter_t *counter);
static uint32_t af_limits_ends(const af_rate_t *rate, uint32_t now);
static unsigned af_limits_window_left(const af_rate_t *rate,
    const af_limits_counter_t *counter, uint32_t now);


size_t
af_limits_size(size_t counters)
{
    size_t  sets;

    sets = (counters + AF_LIMITS_WAYS - 1) / AF_LIMITS_WAYS;

    return sizeof(af_limits_t)
           + sets * AF_LIMITS_WAYS * sizeof(af_limits_counter_t);
}


size_t
af_limits_counters(size_t size)
{
    size_t  sets;

    if (size < sizeof(af_limits_t)) {
        return 0;
    }

    sets = (size - sizeof(af_limits_t))
           / (AF_LIMITS_WAYS * sizeof(af_limits_counter_t));

    return (sets < UINT32_MAX ? sets : UINT32_MAX) * AF_LIMITS_WAYS;
}


af_limits_t *
af_limits_init(void *memory, size_t size)
{
    size_t        counters;
    af_limits_t  *table = memory;

    counters = af_limits_counters(size);

    if (counters == 0 || af_block_format(memory, size) != 0) {
        return NULL;
    }

    table->sets = counters / AF_LIMITS_WAYS;
    randombytes_buf(table->secret, sizeof(table->secret));

    af_block_publish(&table->block, AF_LIMITS_MAGIC, AF_LIMITS_LAYOUT);

    return table;
}


af_limits_t *
af_limits_attach(void *memory, size_t size)
{
    return af_block_is_valid(memory, size, AF_LIMITS_MAGIC, AF_LIMITS_LAYOUT)
           ? memory : NULL;
}


unsigned
af_limits_take(af_limits_t *table, const af_rate_t *rate, const void *key,
    size_t len, time_t now, int *first)
{
    unsigned              wait;
    uint32_t              seconds;
    uint64_t              hash[2];
    af_limits_counter_t  *counter;

    *first = 0;

    seconds = af_block_seconds(now);

    if (af_limits_lock(table, key, len, hash) != 0) {
        return af_limits_window_left(rate, NULL, seconds);
    }

    counter = af_limits_find(table, hash, seconds);

    if (counter == NULL) {
        counter = af_limits_insert(table, hash, rate, seconds);
    }

    wait = af_limits_count(table, counter, rate, seconds, first);

    af_block_unlock(&table->block);

    return wait;
}


unsigned
af_limits_peek(af_limits_t *table, const af_rate_t *rate, const void *key,
    size_t len, time_t now)
{
    unsigned              wait;
    uint32_t              seconds;
    uint64_t              hash[2];
    af_limits_counter_t  *counter;

    seconds = af_block_seconds(now);

    if (af_limits_lock(table, key, len, hash) != 0) {
        return af_limits_window_left(rate, NULL, seconds);
    }

    counter = af_limits_find(table, hash, seconds);

    wait = (counter ? counter->count : 0) < rate->limit
           ? 0 : af_limits_retry_after(rate, counter, seconds);

    af_block_unlock(&table->block);

    return wait;
}


void
af_limits_raise(af_limits_t *table, const af_rate_t *rate, const void *key,
    size_t len, uint32_t failed, uint32_t seconds, time_t now)
{
    uint32_t              ends;
    uint64_t              hash[2];
    af_limits_counter_t  *counter;

    if (af_limits_lock(table, key, len, hash) != 0) {
        return;
    }

    now = af_block_seconds(now);
    ends = af_limits_ends(rate, now);
    ends = (seconds < ends - now) ? now + seconds : ends;

    counter = af_limits_find(table, hash, now);

    if (counter == NULL) {
        counter = af_limits_insert(table, hash, rate, now);
    }

    if (counter->count - counter->in_flight < failed) {
        counter->count = failed + counter->in_flight;
        counter->ends = ends;
    }

    af_block_unlock(&table->block);
}


void
af_limits_mark(af_limits_t *table, const void *key, size_t len,
    uint32_t seconds, time_t now)
{
    uint32_t              ends;
    uint64_t              hash[2];
    af_limits_counter_t  *counter;

    const af_rate_t  rate = { 1, seconds };

    if (af_limits_lock(table, key, len, hash) != 0) {
        return;
    }

    now = af_block_seconds(now);
    ends = af_limits_ends(&rate, now);
    counter = af_limits_find(table, hash, now);

    if (counter == NULL) {
        counter = af_limits_insert(table, hash, &rate, now);
    }

    counter->count = 1;
    counter->ends = (counter->ends < ends) ? ends : counter->ends;

    af_block_unlock(&table->block);
}


void
af_limits_failed(af_limits_t *table, const void *key, size_t len, time_t now)
{
    af_limits_settle(table, key, len, now, af_limits_counter_failed);
}


void
af_limits_release(af_limits_t *table, const void *key, size_t len,
    time_t now)
{
    af_limits_settle(table, key, len, now, af_limits_counter_released);
}


void
af_limits_clear(af_limits_t *table, const void *key, size_t len, time_t now)
{
    af_limits_settle(table, key, len, now, af_limits_counter_cleared);
}


void
af_limits_forget(af_limits_t *table, const void *key, size_t len, time_t now)
{
    af_limits_settle(table, key, len, now, af_limits_counter_forgotten);
}


void
af_limits_stat(const af_limits_t *table, af_limits_stat_t *stat)
{
    stat->counters = (size_t) table->sets * AF_LIMITS_WAYS;
    stat->refused = atomic_load(&table->refused);
    stat->evictions = atomic_load(&table->evictions);
    stat->recoveries = atomic_load(&table->recoveries);
}


/*
 * Hashes the key, and takes the lock; returns -1 if it can't.  At 128 bits, no
 * two keys have the same hash.
 */

static int
af_limits_lock(af_limits_t *table, const void *key, size_t len,
    uint64_t hash[2])
{
    _Static_assert(crypto_shorthash_siphashx24_BYTES == 2 * sizeof(uint64_t),
                   "the whole hash is kept");

    (void) crypto_shorthash_siphashx24((unsigned char *) hash, key, len,
                                       table->secret);

    switch (af_block_lock(&table->block)) {

    case AF_BLOCK_LOCKED:
        return 0;

    case AF_BLOCK_RECOVERED:
        atomic_fetch_add(&table->recoveries, 1);
        return 0;

    default:
        return -1;
    }
}


static af_limits_counter_t *
af_limits_set(af_limits_t *table, const uint64_t hash[2])
{
    size_t  i;

    i = (hash[0] >> 32) * table->sets >> 32;

    return &table->counter[i * AF_LIMITS_WAYS];
}


static af_limits_counter_t *
af_limits_find(af_limits_t *table, const uint64_t hash[2], uint32_t now)
{
    size_t                i;
    af_limits_counter_t  *set;

    set = af_limits_set(table, hash);

    for (i = 0; i < AF_LIMITS_WAYS; i++) {
        if (set[i].ends > now
            && set[i].hash[0] == hash[0]
            && set[i].hash[1] == hash[1])
        {
            return &set[i];
        }
    }

    return NULL;
}


static af_limits_counter_t *
af_limits_insert(af_limits_t *table, const uint64_t hash[2],
    const af_rate_t *rate, uint32_t now)
{
    size_t                i;
    af_limits_counter_t  *set, *counter;

    set = af_limits_set(table, hash);
    counter = set;

    for (i = 1; i < AF_LIMITS_WAYS; i++) {
        if (set[i].ends < counter->ends) {
            counter = &set[i];
        }
    }

    if (counter->ends > now) {
        atomic_fetch_add(&table->evictions, 1);
    }

    /* free until it is complete: we may be killed */

    atomic_store_explicit(&counter->ends, 0, memory_order_release);
    atomic_thread_fence(memory_order_release);

    counter->hash[0] = hash[0];
    counter->hash[1] = hash[1];
    counter->count = 0;
    counter->logged = 0;
    counter->in_flight = 0;

    atomic_store_explicit(&counter->ends, af_limits_ends(rate, now),
                          memory_order_release);

    return counter;
}


static unsigned
af_limits_count(af_limits_t *table, af_limits_counter_t *counter,
    const af_rate_t *rate, uint32_t now, int *first)
{
    /* the clock was set back, or the window was longer when it began */

    if (counter->ends > af_limits_ends(rate, now)) {
        counter->ends = af_limits_ends(rate, now);
    }

    if (counter->count < rate->limit) {
        counter->count++;
        counter->in_flight++;
        return 0;
    }

    atomic_fetch_add(&table->refused, 1);

    /* what may pass in a moment is not locked out */

    if (counter->count - counter->in_flight >= rate->limit) {
        *first = !counter->logged;
        counter->logged = 1;
    }

    return af_limits_retry_after(rate, counter, now);
}


/* in how many seconds an attempt may pass, when there is no room now */

static unsigned
af_limits_retry_after(const af_rate_t *rate, const af_limits_counter_t *counter,
    uint32_t now)
{
    return (counter != NULL
            && counter->count - counter->in_flight < rate->limit)
           ? 1 : af_limits_window_left(rate, counter, now);
}


static void
af_limits_settle(af_limits_t *table, const void *key, size_t len, time_t now,
    af_limits_settle_pt settle)
{
    uint64_t              hash[2];
    af_limits_counter_t  *counter;

    if (af_limits_lock(table, key, len, hash) != 0) {
        return;
    }

    counter = af_limits_find(table, hash, af_block_seconds(now));

    if (counter != NULL) {
        settle(counter);
    }

    af_block_unlock(&table->block);
}


/* We may be killed after any store: in_flight never exceeds count. */

static void
af_limits_counter_failed(af_limits_counter_t *counter)
{
    if (counter->in_flight > 0) {
        counter->in_flight--;
    }
}


static void
af_limits_counter_released(af_limits_counter_t *counter)
{
    af_limits_counter_failed(counter);

    if (counter->count > counter->in_flight) {
        counter->count--;
    }
}


static void
af_limits_counter_cleared(af_limits_counter_t *counter)
{
    counter->count = counter->in_flight;
    counter->logged = 0;

    /* the next one begins a new window */

    if (counter->in_flight == 0) {
        counter->ends = 0;
    }
}


static void
af_limits_counter_forgotten(af_limits_counter_t *counter)
{
    counter->ends = 0;
}


static uint32_t
af_limits_ends(const af_rate_t *rate, uint32_t now)
{
    return now < UINT32_MAX - rate->window ? now + rate->window : UINT32_MAX;
}


/* seconds until the window ends; without a counter, its full length */

static unsigned
af_limits_window_left(const af_rate_t *rate, const af_limits_counter_t *counter,
    uint32_t now)
{
    unsigned  wait;

    wait = rate->window;

    if (counter != NULL && counter->ends - now < wait) {
        wait = counter->ends - now;
    }

    return wait ? wait : 1;
}
