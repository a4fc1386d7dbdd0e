/*
 * What was revoked: a table in memory that processes share, of sessions that
 * ended, and of accounts and roles whose older tokens are not good any more.
 * Pure C: no nginx types.
 *
 * Judging takes no lock and waits for nobody; what it costs does not grow with
 * the number of entries, as long as there is room.  Writers take the table's
 * lock; one that is killed in the middle of a write leaves the table whole.
 * Nothing allocates.
 *
 * No revocation is forgotten before its time: where the table is full, the
 * entry that would go first makes room, and the table's watermark is raised
 * to when that one was revoked.  All tokens issued until then count as
 * revoked: they have to be refreshed.
 *
 * Wall-clock times are seconds since 1970; until 2106, the table has 32 bits.
 */

#ifndef AF_SHM_REVOCATIONS_H
#define AF_SHM_REVOCATIONS_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>


#define AF_REVOCATIONS_ID_SIZE  16

/* epoch of what has no good token any more, such as a session that ended */
#define AF_REVOCATIONS_ALL  UINT32_MAX


typedef struct af_revocations_s  af_revocations_t;


typedef struct {
    unsigned char  id[AF_REVOCATIONS_ID_SIZE];  /* a session, account or role */
    uint64_t       epoch;                   /* least one that is good; from
                                               AF_REVOCATIONS_ALL on: none */
    time_t         at;                      /* no token that this revokes was
                                               issued later: add the skew */
    time_t         until;                   /* needed no longer after this */
} af_revocation_t;


/*
 * What a token is bound to: its session and its account, both with the epoch
 * of the account's that it names, and its roles, with when it was issued.
 */
typedef struct {
    unsigned char  id[AF_REVOCATIONS_ID_SIZE];
    uint64_t       epoch;
} af_subject_t;


typedef struct {
    size_t         slots;
    size_t         used;           /* live, or expired and not yet swept */
    uint64_t       evictions;
    uint64_t       recoveries;     /* writers that were killed at it */
    time_t         watermark;      /* 0: none */
    time_t         created;
} af_revocations_stat_t;


/* How much memory this many slots take, and how many fit in (at least 1,
   or 0: too little).  Two thirds of the slots are a good load. */
size_t af_revocations_size(size_t slots);
size_t af_revocations_slots(size_t size);

/*
 * Formats the memory, which is aligned to 64 octets.  Returns the table, which
 * is at the same address, or NULL if the memory is too small, or if the system
 * can't share a lock.
 */
af_revocations_t *af_revocations_init(void *memory, size_t size, time_t now);

/*
 * Finds the table again that af_revocations_init() made in the same memory.
 * NULL if there is none, or one of another layout or size.
 */
af_revocations_t *af_revocations_attach(void *memory, size_t size);

/*
 * Revokes.  What is there already for the id is only ever raised: epoch, at
 * and until become the greater of both.  When it has returned, every process
 * judges so.  Returns 0, or -1 if it was not written, since the table's lock is
 * broken: its memory was overwritten, so the table has to be made anew.
 */
int af_revocations_add(af_revocations_t *table, const af_revocation_t *entry,
    time_t now);

/* Tells whether a token is revoked that has these n bonds, issued at iat. */
int af_revocations_check(const af_revocations_t *table,
    const af_subject_t *subjects, size_t n, time_t iat);

/*
 * A number that changes, after them, with additions that may change a verdict.
 * Ask for it before judging: that verdict is good while it is the same.
 */
uint64_t af_revocations_generation(const af_revocations_t *table);

/*
 * Makes room, and chains short, of up to n slots whose entries are expired,
 * going on where it ended.  Holds the lock meanwhile: about 10 ns a slot, so
 * call it often, with some thousand slots.  Returns how many it freed.
 */
size_t af_revocations_sweep(af_revocations_t *table, time_t now, size_t n);

/*
 * When the feed was last known to be complete, by whatever clock the callers
 * agree on; 0: never yet.  Set after what was fed was added.
 */
void af_revocations_set_fed_at(af_revocations_t *table, uint64_t fed_at);
uint64_t af_revocations_fed_at(const af_revocations_t *table);

/* Takes no lock: the figures may be of different moments. */
void af_revocations_stat(const af_revocations_t *table,
    af_revocations_stat_t *stat);


#endif /* AF_SHM_REVOCATIONS_H */
