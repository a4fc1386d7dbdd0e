/*
 * The shared memory of a node's workers, in fixed parts: what was revoked, the
 * counters of attempts, so that these can never displace that, and what is
 * counted of the node.  Pure C: no nginx types.
 */

#ifndef AF_SHM_ZONE_H
#define AF_SHM_ZONE_H

#include "shm/counters.h"
#include "shm/limits.h"
#include "shm/revocations.h"


/* the least it takes, in octets */
#define AF_ZONE_MIN  (64 * 1024)


typedef struct af_zone_s {
    af_revocations_t  *revocations;
    af_limits_t       *limits;
    af_counters_t     *counters;
    size_t             counters_size;
} af_zone_t;


/*
 * Formats memory, whose `size` octets, at least AF_ZONE_MIN, are aligned to 64.
 * Returns 0, or -1 if that can't be.
 */
int af_zone_init(af_zone_t *zone, void *memory, size_t size, time_t now);

/*
 * Goes on with the memory of a former configuration, and with what was counted,
 * unless that was by another table.  Returns 0 or -1.
 */
int af_zone_take_over(af_zone_t *zone, const af_zone_t *previous);

/* Makes what revocations of a role go by, of its name. */
void af_zone_role_id(const char *name, size_t len,
    unsigned char id[AF_REVOCATIONS_ID_SIZE]);

typedef enum {
    AF_FEED_FRESH = 0,
    AF_FEED_STALE,
    AF_FEED_NEVER              /* there never was one */
} af_feed_state_t;

/*
 * Whether a zone is fed, by whatever process: its feed was complete so many
 * milliseconds ago at most, by the clock of af_revocations_set_fed_at().  The
 * clock may start over, as nginx's does on machines of 32 bits.
 */
af_feed_state_t af_zone_feed_state(const af_zone_t *zone, uintptr_t now,
    uintptr_t staleness);

/*
 * Revokes what a line of the database says: "subject epoch at until", where
 * the subject is a UUID, the epoch "-" for a session, and the times are in
 * seconds since 1970.  Returns 0, or -1 if it says no such thing, or the zone
 * is broken.
 */
int af_zone_revoke(af_zone_t *zone, const char *line, time_t now);


#endif /* AF_SHM_ZONE_H */
