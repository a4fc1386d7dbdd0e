/*
 * Counters of attempts, in memory shared by processes: at most so many per key
 * and time window.  Pure C: no nginx types.
 *
 * A window begins with the key's first attempt.  The memory is bounded: when
 * there is no room, the counter whose window ends first is evicted.  Which
 * counters share room depends on a random key, so that nobody can choose keys
 * that evict another's.  Every call takes the table's lock, for less than a
 * microsecond; a process killed meanwhile leaves the table consistent.  If the
 * lock is broken (its memory was overwritten), all attempts are refused.
 * Nothing allocates.
 */

#ifndef AF_SHM_LIMITS_H
#define AF_SHM_LIMITS_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>


#define AF_LIMITS_WAYS  8


typedef struct af_limits_s  af_limits_t;


typedef struct {
    uint32_t       limit;          /* 0: refuses all */
    uint32_t       window;         /* seconds */
} af_rate_t;


typedef struct {
    size_t         counters;       /* the capacity */
    uint64_t       refused;
    uint64_t       evictions;      /* before their windows ended */
    uint64_t       recoveries;     /* killed processes that held the lock */
} af_limits_stat_t;


/*
 * The size of so many counters, and how many fit in a size: a multiple of
 * AF_LIMITS_WAYS, 0 if it is too small.
 */
size_t af_limits_size(size_t counters);
size_t af_limits_counters(size_t size);

/*
 * Formats the memory, which is aligned to 64 octets.  Returns the table, at the
 * same address, or NULL if the memory is too small or locks can't be shared.
 */
af_limits_t *af_limits_init(void *memory, size_t size);

/*
 * Finds the table that af_limits_init() made in this memory.  NULL if there is
 * none, or one of another layout or size.
 */
af_limits_t *af_limits_attach(void *memory, size_t size);

/*
 * Counts an attempt, which is in flight until one of the functions below is
 * called.  Returns 0 if it is within the limit; otherwise, without counting it,
 * the seconds until the next one may pass: 1 if that depends on those in
 * flight, or else the rest of the window, at least 1.  *first is 1 for the
 * first refusal in this window that doesn't depend on those in flight,
 * otherwise 0.  Keys are of any length, and include what is limited.
 */
unsigned af_limits_take(af_limits_t *table, const af_rate_t *rate,
    const void *key, size_t len, time_t now, int *first);

/* Returns what af_limits_take() would, but counts nothing. */
unsigned af_limits_peek(af_limits_t *table, const af_rate_t *rate,
    const void *key, size_t len, time_t now);

/*
 * So many attempts have failed, as far as others know, in a window that ends in
 * so many seconds: those that were counted here are among them.
 */
void af_limits_raise(af_limits_t *table, const af_rate_t *rate,
    const void *key, size_t len, uint32_t failed, uint32_t seconds, time_t now);

/*
 * The attempts of a key are used up until so many seconds from now, at least:
 * the limit is one.
 */
void af_limits_mark(af_limits_t *table, const void *key, size_t len,
    uint32_t seconds, time_t now);

/*
 * An attempt in flight has failed, and remains counted; or it is released, and
 * not counted.  If its window has ended, it stands for another one of the key's
 * next window.  If neither is called, it is counted, and in flight, until the
 * window ends.
 */
void af_limits_failed(af_limits_t *table, const void *key, size_t len,
    time_t now);
void af_limits_release(af_limits_t *table, const void *key, size_t len,
    time_t now);

/* Forgets the failed attempts; those in flight still count. */
void af_limits_clear(af_limits_t *table, const void *key, size_t len,
    time_t now);

/* Forgets all attempts: the next one begins a new window. */
void af_limits_forget(af_limits_t *table, const void *key, size_t len,
    time_t now);

/* Takes no lock: the values may be of different moments. */
void af_limits_stat(const af_limits_t *table, af_limits_stat_t *stat);


#endif /* AF_SHM_LIMITS_H */
