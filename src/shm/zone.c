/*
 * The parts of the shared memory, and revocations as the database sends them.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <sodium.h>

#include "check/fnv.h"
#include "check/uuid.h"
#include "shm/zone.h"


_Static_assert(AF_UUID_OCTETS == AF_REVOCATIONS_ID_SIZE, "size");


/* the alignment of the parts */
#define AF_ZONE_ALIGN  64

/* roles whose ids are remembered, and the octets of the longest one */
#define AF_ZONE_ROLES     64
#define AF_ZONE_ROLE_MAX  47


/* the name and then its id; a zero length: none */

typedef struct {
    unsigned char  len;
    char           name[AF_ZONE_ROLE_MAX];
    unsigned char  id[AF_REVOCATIONS_ID_SIZE];
} af_zone_role_t;


static size_t af_zone_align(size_t size);
static af_zone_role_t *af_zone_role(const char *name, size_t len);
static void af_zone_hash_role(const char *name, size_t len,
    unsigned char id[AF_REVOCATIONS_ID_SIZE]);
static time_t af_zone_time(const af_zone_t *zone, time_t now);
static time_t af_zone_monotonic(void);


/* of this process: an id takes longer to compute than to look up */
static af_zone_role_t  af_zone_roles[AF_ZONE_ROLES];


/*
 * Three quarters for revocations: attempts live minutes, not half an hour.
 * Counters take a sixteenth, or as much as they need.
 */

int
af_zone_init(af_zone_t *zone, void *memory, size_t size, time_t now)
{
    char    *p = memory;
    size_t   revocations, counters;

    revocations = af_zone_align(size / 4 * 3);
    counters = af_zone_align(size / 16);

    if (counters < af_counters_size_min()) {
        counters = af_counters_size_min();

    } else if (counters > af_counters_size_max()) {
        counters = af_counters_size_max();
    }

    zone->epoch = now - af_zone_monotonic();

    zone->revocations = af_revocations_init(p, revocations, now);
    p += revocations;

    zone->counters_size = counters;
    zone->counters = af_counters_open(p, counters);
    p += counters;

    zone->limits = af_limits_init(p, size - revocations - counters);

    return (zone->revocations && zone->counters && zone->limits) ? 0 : -1;
}


int
af_zone_take_over(af_zone_t *zone, const af_zone_t *previous)
{
    *zone = *previous;
    zone->counters = af_counters_open(previous->counters,
                                      previous->counters_size);

    return zone->counters ? 0 : -1;
}


static size_t
af_zone_align(size_t size)
{
    return size / AF_ZONE_ALIGN * AF_ZONE_ALIGN;
}


void
af_zone_role_id(const char *name, size_t len,
    unsigned char id[AF_REVOCATIONS_ID_SIZE])
{
    af_zone_role_t  *role;

    if (len == 0 || len > AF_ZONE_ROLE_MAX) {
        af_zone_hash_role(name, len, id);
        return;
    }

    role = af_zone_role(name, len);

    if (role->len != len || memcmp(role->name, name, len) != 0) {
        af_zone_hash_role(name, len, role->id);
        memcpy(role->name, name, len);
        role->len = len;
    }

    memcpy(id, role->id, AF_REVOCATIONS_ID_SIZE);
}


/* the place where a role is remembered, or another one */

static af_zone_role_t *
af_zone_role(const char *name, size_t len)
{
    uint32_t  hash;

    hash = af_fnv(AF_FNV, name, len);

    return &af_zone_roles[(hash ^ hash >> 16) % AF_ZONE_ROLES];
}


/* as autoflow.role_subject() in the schema */

static void
af_zone_hash_role(const char *name, size_t len,
    unsigned char id[AF_REVOCATIONS_ID_SIZE])
{
    unsigned char             digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_state  state;

    static const unsigned char  prefix[] = "autoflow role ";

    (void) crypto_hash_sha256_init(&state);
    (void) crypto_hash_sha256_update(&state, prefix, sizeof(prefix) - 1);
    (void) crypto_hash_sha256_update(&state, (unsigned char *) name, len);
    (void) crypto_hash_sha256_final(&state, digest);

    memcpy(id, digest, AF_REVOCATIONS_ID_SIZE);
}


int
af_zone_revoke(af_zone_t *zone, const char *line, time_t now)
{
    int               n;
    char              subject[AF_UUID_SIZE];
    uint64_t          epoch;
    int64_t           at, until;
    af_revocation_t   entry;

    /* an epoch or a dash */

    n = sscanf(line, "%36s %" SCNu64 " %" SCNd64 " %" SCNd64, subject, &epoch,
               &at, &until);

    if (n == 1) {
        epoch = AF_REVOCATIONS_ALL;
        n = 1 + sscanf(line, "%36s - %" SCNd64 " %" SCNd64, subject, &at,
                       &until);
    }

    if (n != 4 || af_uuid_read(subject, strlen(subject), entry.id) != 0) {
        return -1;
    }

    entry.epoch = epoch;
    entry.at = at;
    entry.until = until;

    return af_revocations_add(zone->revocations, &entry,
                              af_zone_time(zone, now));
}


size_t
af_zone_sweep(af_zone_t *zone, time_t now, size_t n)
{
    return af_revocations_sweep(zone->revocations, af_zone_time(zone, now), n);
}


static time_t
af_zone_time(const af_zone_t *zone, time_t now)
{
    time_t  passed;

    passed = zone->epoch + af_zone_monotonic();

    return (passed < now) ? passed : now;
}


static time_t
af_zone_monotonic(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return ts.tv_sec;
}


af_feed_state_t
af_zone_feed_state(const af_zone_t *zone, uintptr_t now, uintptr_t staleness)
{
    uint64_t  fed_at;

    fed_at = af_revocations_fed_at(zone->revocations);

    if (fed_at == 0) {
        return AF_FEED_NEVER;
    }

    /* another process's clock may be a little ahead */

    return ((intptr_t) (now - (uintptr_t) fed_at) <= (intptr_t) staleness)
           ? AF_FEED_FRESH : AF_FEED_STALE;
}
