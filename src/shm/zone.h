/*
 * The shared memory of a node's workers, in fixed parts: revocations, the
 * counters of attempts, which can never displace the former, and metrics.  Pure
 * C: no nginx types.
 */

#ifndef AF_SHM_ZONE_H
#define AF_SHM_ZONE_H

#include "shm/counters.h"
#include "shm/limits.h"
#include "shm/revocations.h"


/* the minimal size, in octets */
#define AF_ZONE_MIN  (64 * 1024)


typedef struct af_zone_s {
    af_revocations_t  *revocations;
    af_limits_t       *limits;
    af_counters_t     *counters;
    size_t             counters_size;
    time_t             epoch;      /* the date minus the time since booting,
                                      when the memory was formatted */
} af_zone_t;


/*
 * Formats memory of `size` octets, at least AF_ZONE_MIN, aligned to 64.
 * Returns 0, or -1 on failure.
 */
int af_zone_init(af_zone_t *zone, void *memory, size_t size, time_t now);

/*
 * Takes over the memory of the previous configuration, with its counters unless
 * their table differs.  Returns 0 or -1.
 */
int af_zone_take_over(af_zone_t *zone, const af_zone_t *previous);

/* Makes the id of a role, by its name, as a revocation's subject. */
void af_zone_role_id(const char *name, size_t len,
    unsigned char id[AF_REVOCATIONS_ID_SIZE]);

typedef enum {
    AF_FEED_FRESH = 0,
    AF_FEED_STALE,
    AF_FEED_NEVER              /* never fed */
} af_feed_state_t;

/*
 * The state of a zone's feed, whichever process feeds it: fresh if it was
 * complete within the last `staleness` milliseconds, by the clock of
 * af_revocations_set_fed_at().  The clock may wrap around, as nginx's does on
 * 32-bit systems.
 */
af_feed_state_t af_zone_feed_state(const af_zone_t *zone, uintptr_t now,
    uintptr_t staleness);

/*
 * Adds a revocation from its text, "subject epoch at until": the subject is a
 * UUID, the epoch "-" for a session, and the times are seconds since 1970.
 * Returns 0, or -1 if the text is malformed, or the zone is broken.
 */
int af_zone_revoke(af_zone_t *zone, const char *line, time_t now);

/*
 * af_revocations_sweep().  Here and above `now` counts no further than time has
 * passed since the memory was formatted: when the system's date is set forward
 * and back, nothing is forgotten that tokens may still need.
 */
size_t af_zone_sweep(af_zone_t *zone, time_t now, size_t n);


#endif /* AF_SHM_ZONE_H */
