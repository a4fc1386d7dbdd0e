/*
 * Counters of attempts, in memory that processes share: at most so many of a
 * key in a window of time.  Pure C: no nginx types.
 *
 * A window begins with the key's first attempt.  What is kept is bounded:
 * where there is no room, the counter whose window ends first makes some.
 * Which ones share room depends on a random key, so that nobody can choose
 * keys that displace another's.  Every call takes the table's lock, for less
 * than a microsecond; a process killed meanwhile leaves the table whole.  If
 * the lock is broken (its memory was overwritten), all attempts are refused.
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
    uint32_t       limit;          /* 0: none passes */
    uint32_t       window;         /* seconds */
} af_rate_t;


typedef struct {
    size_t         counters;       /* how many there is room for */
    uint64_t       refused;
    uint64_t       evictions;      /* before their window's end */
    uint64_t       recoveries;     /* processes that were killed at it */
} af_limits_stat_t;


/* How much memory this many counters take, and how many fit in (a multiple of
   AF_LIMITS_WAYS; 0: too little). */
size_t af_limits_size(size_t counters);
size_t af_limits_counters(size_t size);

/*
 * Formats the memory, which is aligned to 64 octets.  Returns the table, which
 * is at the same address, or NULL if the memory is too small, or if the system
 * can't share a lock.
 */
af_limits_t *af_limits_init(void *memory, size_t size);

/*
 * Finds the table again that af_limits_init() made in the same memory.  NULL
 * if there is none, or one of another layout or size.
 */
af_limits_t *af_limits_attach(void *memory, size_t size);

/*
 * Counts an attempt, which is in flight until one of the calls below says what
 * became of it.  Returns 0 if it is within the limit, or else, without counting
 * it, in how many seconds the next one may count: 1 where all depends on those
 * in flight, or else the rest of the window, which is 1 or more, too.  *first
 * is 1 for the first that was refused in this window whatever becomes of those,
 * or else 0.  A key is of any length, and has to name what is limited, too.
 */
unsigned af_limits_take(af_limits_t *table, const af_rate_t *rate,
    const void *key, size_t len, time_t now, int *first);

/* Tells what af_limits_take() would return, and counts nothing. */
unsigned af_limits_peek(af_limits_t *table, const af_rate_t *rate,
    const void *key, size_t len, time_t now);

/*
 * What became of an attempt that was counted: it failed, and counts; or it does
 * not count after all.  If its window has ended, the key's next one is taken
 * for it.  One of which nobody tells counts, and is in flight, until its window
 * ends.
 */
void af_limits_failed(af_limits_t *table, const void *key, size_t len,
    time_t now);
void af_limits_release(af_limits_t *table, const void *key, size_t len,
    time_t now);

/* Whatever failed is forgotten; what is in flight still counts. */
void af_limits_clear(af_limits_t *table, const void *key, size_t len,
    time_t now);

/* All is forgotten: the next attempt begins a window. */
void af_limits_forget(af_limits_t *table, const void *key, size_t len,
    time_t now);

/* Takes no lock: the figures may be of different moments. */
void af_limits_stat(const af_limits_t *table, af_limits_stat_t *stat);


#endif /* AF_SHM_LIMITS_H */
