/*
 * Revocations: a table in memory shared by processes, of sessions that have
 * ended, and of accounts and roles whose older tokens are invalid.  Pure C: no
 * nginx types.
 *
 * Checks take no lock and never wait; their cost doesn't grow with the number
 * of entries, as long as there is room.  Writers take the table's lock; one
 * that is killed during a write leaves the table consistent.  Nothing
 * allocates.
 *
 * No revocation is forgotten early: when the table is full, the entry that
 * expires first is evicted, and the table's watermark is raised to the time
 * when it was revoked.  All tokens issued until then count as revoked, and have
 * to be refreshed.
 *
 * Wall-clock times are seconds since 1970, until 2106: the table has 32 bits.
 */

#ifndef AF_SHM_REVOCATIONS_H
#define AF_SHM_REVOCATIONS_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>


#define AF_REVOCATIONS_ID_SIZE  16

/* the epoch that no token reaches, of a session that ended, for example */
#define AF_REVOCATIONS_ALL  UINT32_MAX


typedef struct af_revocations_s  af_revocations_t;


typedef struct {
    unsigned char  id[AF_REVOCATIONS_ID_SIZE];  /* a session, account or role */
    uint64_t       epoch;                   /* the minimal valid one; from
                                               AF_REVOCATIONS_ALL on: none */
    time_t         at;                      /* no such token was issued later,
                                               even with clock skew */
    time_t         until;                   /* not needed after this */
} af_revocation_t;


/*
 * What a token's validity depends on: its session and its account, both with
 * the account's epoch in the token, and its roles, with the time of issue.
 */
typedef struct {
    unsigned char  id[AF_REVOCATIONS_ID_SIZE];
    uint64_t       epoch;
} af_subject_t;


typedef struct {
    size_t         slots;
    size_t         used;           /* live, or expired but not swept */
    uint64_t       evictions;
    uint64_t       recoveries;     /* killed writers */
    time_t         watermark;      /* 0: none */
    time_t         created;
} af_revocations_stat_t;


/*
 * The size of so many slots, and how many fit in a size: at least 1, 0 if it is
 * too small.  Up to two thirds of the slots should be used.
 */
size_t af_revocations_size(size_t slots);
size_t af_revocations_slots(size_t size);

/*
 * Formats the memory, which is aligned to 64 octets.  Returns the table, at the
 * same address, or NULL if the memory is too small or locks can't be shared.
 */
af_revocations_t *af_revocations_init(void *memory, size_t size, time_t now);

/*
 * Finds the table that af_revocations_init() made in this memory.  NULL if
 * there is none, or one of another layout or size.
 */
af_revocations_t *af_revocations_attach(void *memory, size_t size);

/*
 * Adds a revocation.  An existing entry for the id only increases: epoch, at
 * and until become the maximum of both.  It takes effect in every process
 * before this returns.  Returns 0, or -1 if it was not written, as the table's
 * lock is broken: its memory was overwritten, and has to be formatted again.
 */
int af_revocations_add(af_revocations_t *table, const af_revocation_t *entry,
    time_t now);

/* Whether a token with these subjects, issued at iat, is revoked. */
int af_revocations_check(const af_revocations_t *table,
    const af_subject_t *subjects, size_t n, time_t iat);

/*
 * A number that increases after each addition that may change a verdict.  Read
 * it before checking: the verdict is valid as long as the number is the same.
 */
uint64_t af_revocations_generation(const af_revocations_t *table);

/*
 * Frees slots whose entries have expired, and shortens chains, among the next n
 * slots.  Holds the lock for about 10 ns per slot: call it often, for some
 * thousand slots.  Returns how many it freed.
 */
size_t af_revocations_sweep(af_revocations_t *table, time_t now, size_t n);

/*
 * When the feed was last known to be complete, by any clock that the callers
 * agree on; 0: never.  Set it after what was fed has been added.
 */
void af_revocations_set_fed_at(af_revocations_t *table, uint64_t fed_at);
uint64_t af_revocations_fed_at(const af_revocations_t *table);

/* Takes no lock: the values may be of different moments. */
void af_revocations_stat(const af_revocations_t *table,
    af_revocations_stat_t *stat);


#endif /* AF_SHM_REVOCATIONS_H */
