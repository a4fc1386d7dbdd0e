/*
 * The table of revocations: open addressing, linear probing in a window.
 *
 * A slot's version is its state:
 *
 *   0      never used, or swept: a chain ends here
 *   odd    being written, or its writer was killed: free for another entry
 *   even   published
 *
 * A published slot keeps its id, and its other fields only increase, until it
 * has expired or the watermark covers it.  So a reader finds the entry,
 * whatever is written meanwhile.  No two publications have the same version
 * (for 2^31 of them): a reader that finds a slot's version unchanged has read
 * one entry, not parts of two.
 */

#include <string.h>
#include <sodium.h>

#include "shm/block.h"
#include "shm/revocations.h"


#define AF_REVOCATIONS_MAGIC    0x61667276
#define AF_REVOCATIONS_LAYOUT   1

/* the maximal distance of an entry from its home slot */
#define AF_REVOCATIONS_WINDOW   512

/* the look-ups whose memory is prefetched together */
#define AF_REVOCATIONS_BATCH    8


typedef struct {
    _Atomic uint64_t   id[2];
    _Atomic uint32_t   epoch;
    _Atomic uint32_t   at;
    _Atomic uint32_t   until;
    _Atomic uint32_t   version;
} af_slot_t;


typedef struct {
    uint64_t           id[2];
    uint32_t           epoch;
    uint32_t           at;
    uint32_t           until;
} af_slot_value_t;


/*
 * first what never changes, then what is read for each token, then what writers
 * use, on cache lines of their own; of that `used` is also read
 */

struct af_revocations_s {
    _Alignas(AF_BLOCK_ALIGN)
    af_block_t         block;
    uint64_t           seed;
    time_t             created;
    uint32_t           slots;
    uint32_t           window;

    _Alignas(AF_BLOCK_ALIGN)
    _Atomic uint64_t   generation;
    _Atomic uint64_t   fed_at;
    _Atomic uint32_t   watermark;

    _Alignas(AF_BLOCK_ALIGN)
    _Atomic uint64_t   evictions;
    _Atomic uint64_t   recoveries;
    _Atomic uint32_t   used;
    uint32_t           sequence;   /* the last published version */
    uint32_t           cursor;     /* the next slot to sweep */

    _Alignas(AF_BLOCK_ALIGN)
    af_slot_t          slot[];
};

_Static_assert(sizeof(af_slot_t) == 32, "two slots are a cache line");


static int af_revocations_lock(af_revocations_t *table);
static void af_revocations_recover(af_revocations_t *table);
static void af_revocations_changed(af_revocations_t *table);
static uint32_t af_revocations_min_epoch(const af_revocations_t *table,
    const uint64_t id[2], uint32_t home);
static af_slot_t *af_revocations_find_slot(af_revocations_t *table,
    const uint64_t id[2], uint32_t now);
static void af_revocations_evict(af_revocations_t *table, af_slot_t *slot,
    uint32_t now);
static void af_revocations_publish(af_revocations_t *table, af_slot_t *slot,
    const af_slot_value_t *value);
static size_t af_revocations_clear(af_revocations_t *table, af_slot_t *slot);
static uint32_t af_revocations_home(const af_revocations_t *table,
    const uint64_t id[2]);
static uint32_t af_revocations_next(const af_revocations_t *table, uint32_t i);
static uint32_t af_revocations_previous(const af_revocations_t *table,
    uint32_t i);
static uint32_t af_revocations_distance(const af_revocations_t *table,
    uint32_t i);
static int af_slot_raise(af_slot_t *slot, const af_slot_value_t *value);
static int af_slot_same(const af_slot_t *slot, const uint64_t id[2]);
static int af_slot_published(const af_slot_t *slot);
static int af_slot_holds(const af_slot_t *slot, const uint64_t id[2]);
static int af_slot_live(const af_slot_t *slot, uint32_t now);
static int af_atomic_raise(_Atomic uint32_t *n, uint32_t to);
static uint64_t af_revocations_mix(uint64_t n);


size_t
af_revocations_size(size_t slots)
{
    return sizeof(af_revocations_t) + slots * sizeof(af_slot_t);
}


size_t
af_revocations_slots(size_t size)
{
    size_t  n;

    if (size < sizeof(af_revocations_t)) {
        return 0;
    }

    n = (size - sizeof(af_revocations_t)) / sizeof(af_slot_t);

    return n < INT32_MAX ? n : INT32_MAX;
}


af_revocations_t *
af_revocations_init(void *memory, size_t size, time_t now)
{
    size_t             slots;
    af_revocations_t  *table = memory;

    slots = af_revocations_slots(size);

    if (slots == 0 || af_block_format(memory, size) != 0) {
        return NULL;
    }

    /* nobody may choose sessions that crowd one window */

    randombytes_buf(&table->seed, sizeof(table->seed));

    table->created = now;
    table->slots = slots;
    table->window = slots < AF_REVOCATIONS_WINDOW ? slots
                                                  : AF_REVOCATIONS_WINDOW;
    atomic_init(&table->generation, 1);

    af_block_publish(&table->block, AF_REVOCATIONS_MAGIC,
                     AF_REVOCATIONS_LAYOUT);

    return table;
}


af_revocations_t *
af_revocations_attach(void *memory, size_t size)
{
    return af_block_is_valid(memory, size, AF_REVOCATIONS_MAGIC,
                             AF_REVOCATIONS_LAYOUT)
           ? memory : NULL;
}


int
af_revocations_add(af_revocations_t *table, const af_revocation_t *entry,
    time_t now)
{
    int               changed;
    af_slot_t        *slot;
    af_slot_value_t   value;

    memcpy(value.id, entry->id, sizeof(value.id));
    value.epoch = entry->epoch < AF_REVOCATIONS_ALL ? entry->epoch
                                                    : AF_REVOCATIONS_ALL;
    value.at = af_block_seconds(entry->at);
    value.until = af_block_seconds(entry->until);

    if (af_revocations_lock(table) != 0) {
        return -1;
    }

    slot = af_revocations_find_slot(table, value.id, af_block_seconds(now));

    if (af_slot_holds(slot, value.id)) {
        changed = af_slot_raise(slot, &value);

    } else {
        af_revocations_evict(table, slot, af_block_seconds(now));
        af_revocations_publish(table, slot, &value);
        changed = 1;
    }

    if (changed) {
        af_revocations_changed(table);
    }

    af_block_unlock(&table->block);

    return 0;
}


int
af_revocations_check(const af_revocations_t *table,
    const af_subject_t *subjects, size_t n, time_t iat)
{
    size_t    i, k;
    uint32_t  home[AF_REVOCATIONS_BATCH], watermark;
    uint64_t  id[AF_REVOCATIONS_BATCH][2], epoch;

    /* often there is none; the watermark may still be of one */

    if (atomic_load_explicit(&table->used, memory_order_relaxed) == 0) {
        n = 0;
    }

    for (i = 0; i < n; i += k) {

        for (k = 0; k < AF_REVOCATIONS_BATCH && i + k < n; k++) {
            memcpy(id[k], subjects[i + k].id, sizeof(id[k]));
            home[k] = af_revocations_home(table, id[k]);
            __builtin_prefetch(&table->slot[home[k]]);
        }

        for (k = 0; k < AF_REVOCATIONS_BATCH && i + k < n; k++) {

            /* no epoch is valid against AF_REVOCATIONS_ALL */

            epoch = subjects[i + k].epoch;

            if (epoch >= AF_REVOCATIONS_ALL) {
                epoch = AF_REVOCATIONS_ALL - 1;
            }

            if (af_revocations_min_epoch(table, id[k], home[k]) > epoch) {
                return 1;
            }
        }
    }

    /*
     * whoever missed an entry that was evicted sees the watermark, which was
     * raised before
     */

    atomic_thread_fence(memory_order_acquire);
    watermark = atomic_load_explicit(&table->watermark, memory_order_relaxed);

    return watermark != 0 && iat <= (time_t) watermark;
}


uint64_t
af_revocations_generation(const af_revocations_t *table)
{
    return atomic_load_explicit(&table->generation, memory_order_acquire);
}


size_t
af_revocations_sweep(af_revocations_t *table, time_t now, size_t n)
{
    size_t      k, freed;
    uint32_t    i, needed, distance, seconds;
    af_slot_t  *slot;

    if (af_revocations_lock(table) != 0) {
        return 0;
    }

    n = n < table->slots ? n : table->slots;
    seconds = af_block_seconds(now);
    freed = 0;

    /*
     * Backward, since what requires a slot lies behind it: `needed` of the next
     * slots are between a live entry and its home.  Those before the cursor are
     * examined for that alone.
     */

    needed = 0;
    i = (table->cursor + table->window) % table->slots;

    for (k = table->window - 1 + n; k > 0; k--) {
        i = af_revocations_previous(table, i);
        slot = &table->slot[i];

        if (k <= n && needed == 0 && !af_slot_live(slot, seconds)) {
            freed += af_revocations_clear(table, slot);
        }

        needed -= needed != 0;
        distance = af_slot_live(slot, seconds) ? af_revocations_distance(table,
                                                                         i)
                                               : 0;
        needed = needed > distance ? needed : distance;
    }

    table->cursor = af_revocations_previous(table, i);

    af_block_unlock(&table->block);

    return freed;
}


void
af_revocations_set_fed_at(af_revocations_t *table, uint64_t fed_at)
{
    atomic_store_explicit(&table->fed_at, fed_at, memory_order_release);
}


uint64_t
af_revocations_fed_at(const af_revocations_t *table)
{
    return atomic_load_explicit(&table->fed_at, memory_order_acquire);
}


void
af_revocations_stat(const af_revocations_t *table, af_revocations_stat_t *stat)
{
    stat->slots = table->slots;
    stat->created = table->created;
    stat->used = atomic_load(&table->used);
    stat->watermark = atomic_load(&table->watermark);
    stat->evictions = atomic_load(&table->evictions);
    stat->recoveries = atomic_load(&table->recoveries);
}


static int
af_revocations_lock(af_revocations_t *table)
{
    switch (af_block_lock(&table->block)) {

    case AF_BLOCK_LOCKED:
        return 0;

    case AF_BLOCK_RECOVERED:
        af_revocations_recover(table);
        return 0;

    default:
        return -1;
    }
}


/*
 * A killed writer may have published without announcing it, counted what it
 * didn't publish, or cleared what still counts: `used` is never less than what
 * is published.
 */

static void
af_revocations_recover(af_revocations_t *table)
{
    uint32_t  i, used;

    used = 0;

    for (i = 0; i < table->slots; i++) {
        used += atomic_load_explicit(&table->slot[i].version,
                                     memory_order_relaxed) != 0;
    }

    atomic_store(&table->used, used);
    atomic_fetch_add(&table->recoveries, 1);

    af_revocations_changed(table);
}


static void
af_revocations_changed(af_revocations_t *table)
{
    atomic_fetch_add_explicit(&table->generation, 1, memory_order_release);
}


/* Returns the minimal valid epoch for the id, 0: any.  Takes no lock. */

static uint32_t
af_revocations_min_epoch(const af_revocations_t *table, const uint64_t id[2],
    uint32_t home)
{
    uint32_t          i, k, epoch, version;
    const af_slot_t  *slot;

    i = home;
    k = 0;

    while (k < table->window) {
        slot = &table->slot[i];
        version = atomic_load_explicit(&slot->version, memory_order_acquire);

        if (version == 0) {
            break;
        }

        if (version % 2 == 0 && af_slot_same(slot, id)) {
            epoch = atomic_load_explicit(&slot->epoch, memory_order_relaxed);

            atomic_thread_fence(memory_order_acquire);

            if (atomic_load_explicit(&slot->version, memory_order_relaxed)
                == version)
            {
                return epoch;
            }

            continue;
        }

        i = af_revocations_next(table, i);
        k++;
    }

    return 0;
}


/*
 * The slot for an id: the one it has, or else the first that is free or
 * expired, or else the one that expires first.
 */

static af_slot_t *
af_revocations_find_slot(af_revocations_t *table, const uint64_t id[2],
    uint32_t now)
{
    uint32_t    i, k;
    af_slot_t  *slot, *room, *soonest;

    room = NULL;
    soonest = NULL;
    i = af_revocations_home(table, id);

    for (k = 0; k < table->window; k++) {
        slot = &table->slot[i];

        if (atomic_load_explicit(&slot->version, memory_order_relaxed) == 0) {
            return room ? room : slot;
        }

        if (af_slot_holds(slot, id)) {
            return slot;
        }

        if (!af_slot_live(slot, now)) {
            room = room ? room : slot;

        } else if (soonest == NULL || slot->until < soonest->until) {
            soonest = slot;
        }

        i = af_revocations_next(table, i);
    }

    return room ? room : soonest;
}


static void
af_revocations_evict(af_revocations_t *table, af_slot_t *slot,
    uint32_t now)
{
    if (slot->version == 0) {
        /* before it is published: a reader of 0 looks for nothing */
        atomic_fetch_add(&table->used, 1);

    } else if (af_slot_live(slot, now)) {
        (void) af_atomic_raise(&table->watermark, slot->at);
        atomic_fetch_add(&table->evictions, 1);
    }
}


static void
af_revocations_publish(af_revocations_t *table, af_slot_t *slot,
    const af_slot_value_t *value)
{
    /* 0 is not a version */

    table->sequence += 2;
    table->sequence += table->sequence == 0 ? 2 : 0;

    /* the watermark precedes the version, and the version the fields */

    atomic_store_explicit(&slot->version, table->sequence - 1,
                          memory_order_release);
    atomic_thread_fence(memory_order_release);

    atomic_store_explicit(&slot->id[0], value->id[0], memory_order_relaxed);
    atomic_store_explicit(&slot->id[1], value->id[1], memory_order_relaxed);
    atomic_store_explicit(&slot->epoch, value->epoch, memory_order_relaxed);
    atomic_store_explicit(&slot->at, value->at, memory_order_relaxed);
    atomic_store_explicit(&slot->until, value->until, memory_order_relaxed);

    atomic_store_explicit(&slot->version, table->sequence,
                          memory_order_release);
}


static size_t
af_revocations_clear(af_revocations_t *table, af_slot_t *slot)
{
    if (slot->version == 0) {
        return 0;
    }

    atomic_store_explicit(&slot->version, 0, memory_order_release);
    atomic_fetch_sub(&table->used, 1);

    return 1;
}


static uint32_t
af_revocations_home(const af_revocations_t *table, const uint64_t id[2])
{
    uint64_t  hash;

    hash = af_revocations_mix(af_revocations_mix(id[0] ^ table->seed) ^ id[1]);

    return (hash >> 32) * table->slots >> 32;
}


static uint32_t
af_revocations_next(const af_revocations_t *table, uint32_t i)
{
    return ++i < table->slots ? i : 0;
}


static uint32_t
af_revocations_previous(const af_revocations_t *table, uint32_t i)
{
    return (i != 0 ? i : table->slots) - 1;
}


/* how far the entry in this slot is from its home */

static uint32_t
af_revocations_distance(const af_revocations_t *table, uint32_t i)
{
    uint32_t  home;
    uint64_t  id[2];

    id[0] = table->slot[i].id[0];
    id[1] = table->slot[i].id[1];
    home = af_revocations_home(table, id);

    return i >= home ? i - home : i + table->slots - home;
}


/*
 * Returns 1 if it may change a verdict.  The entry is valid after each single
 * store, and `until` increases first: no epoch is forgotten early.
 */

static int
af_slot_raise(af_slot_t *slot, const af_slot_value_t *value)
{
    (void) af_atomic_raise(&slot->until, value->until);
    (void) af_atomic_raise(&slot->at, value->at);

    return af_atomic_raise(&slot->epoch, value->epoch);
}


static int
af_slot_same(const af_slot_t *slot, const uint64_t id[2])
{
    return atomic_load_explicit(&slot->id[0], memory_order_relaxed) == id[0]
           && atomic_load_explicit(&slot->id[1], memory_order_relaxed)
              == id[1];
}


static int
af_slot_published(const af_slot_t *slot)
{
    uint32_t  version;

    version = atomic_load_explicit(&slot->version, memory_order_relaxed);

    return version != 0 && version % 2 == 0;
}


static int
af_slot_holds(const af_slot_t *slot, const uint64_t id[2])
{
    return af_slot_published(slot) && af_slot_same(slot, id);
}


static int
af_slot_live(const af_slot_t *slot, uint32_t now)
{
    return af_slot_published(slot)
           && atomic_load_explicit(&slot->until, memory_order_relaxed) >= now;
}


static int
af_atomic_raise(_Atomic uint32_t *n, uint32_t to)
{
    if (to <= atomic_load_explicit(n, memory_order_relaxed)) {
        return 0;
    }

    atomic_store_explicit(n, to, memory_order_release);

    return 1;
}


/* the finalizer of splitmix64: each bit of n affects all bits of the result */

static uint64_t
af_revocations_mix(uint64_t n)
{
    n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9;
    n = (n ^ (n >> 27)) * 0x94d049bb133111eb;

    return n ^ (n >> 31);
}
