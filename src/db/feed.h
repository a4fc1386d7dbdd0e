/*
 * The feed of revocations: one connection of a node that listens to what all
 * nodes revoke, and writes it into the shared memory of this node's workers.
 * It does nothing else, since PostgreSQL tells nothing to a connection that is
 * busy.
 *
 * af_zone_feed_state() goes by the moment up to which the feed is complete:
 * when the connection that read the backlog was begun, or when the last
 * heartbeat that came back was sent.  A heartbeat is a notification itself, so
 * it arrives after whatever was committed before it.
 */

#ifndef AF_DB_FEED_H
#define AF_DB_FEED_H

#include "db/pool.h"
#include "shm/zone.h"


typedef struct af_feed_s  af_feed_t;


/*
 * Allocates the feed of a zone; connects nothing.  `staleness` milliseconds
 * after it was complete the last time it is not to be relied on.
 */
af_feed_t *af_feed_create(ngx_pool_t *pool, const af_db_conf_t *conf,
    af_zone_t *zone, ngx_msec_t staleness);

/* Begins to listen, for one process of a node.  For init_process. */
void af_feed_start(af_feed_t *feed, ngx_thread_pool_t *threads,
    ngx_log_t *log);

/*
 * Waits, not for long, until a zone was fed at all: for every process, after
 * the one has begun, and before it takes connections.  For init_process.
 */
void af_feed_wait(const af_zone_t *zone);

/* For exit_process. */
void af_feed_stop(af_feed_t *feed);


#endif /* AF_DB_FEED_H */
