/*
 * The feed of revocations: one connection per node listens for what any node
 * revokes, and writes it to the shared memory of this node's workers.  It does
 * nothing else, since PostgreSQL delivers no notifications to a busy
 * connection.
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
 * Allocates the feed of a zone; connects to nothing.  The feed is stale when it
 * was last complete `staleness` milliseconds ago.
 */
af_feed_t *af_feed_create(ngx_pool_t *pool, const af_db_conf_t *conf,
    af_zone_t *zone, ngx_msec_t staleness);

/* Starts to listen, in one process of a node.  For init_process. */
void af_feed_start(af_feed_t *feed, ngx_thread_pool_t *threads,
    ngx_log_t *log);

/*
 * Waits for the zone's first feed, but no longer than a second for any of it:
 * in every process, after the feed was started in one and before connections
 * are accepted.  For init_process.
 */
void af_feed_wait(const af_zone_t *zone);

/* For exit_process. */
void af_feed_stop(af_feed_t *feed);


#endif /* AF_DB_FEED_H */
