#include "db/feed.h"
#include "queries.h"


/* milliseconds between heartbeats: a quarter of the staleness, in bounds */
#define AF_FEED_INTERVAL_MIN  1000
#define AF_FEED_INTERVAL_MAX  5000

/*
 * milliseconds that a worker waits for the first feed, as long as nothing of it
 * comes; and between checks
 */
#define AF_FEED_WAIT       1000
#define AF_FEED_WAIT_STEP  5

/* slots of the zone swept by each heartbeat */
#define AF_FEED_SWEEP  16384


struct af_feed_s {
    af_db_conf_t      conf;
    af_db_profile_t   profile;
    af_db_t          *db;
    af_zone_t        *zone;
    ngx_log_t        *log;

    ngx_event_t       timer;
    ngx_msec_t        interval;
    ngx_msec_t        sent_at;     /* the last heartbeat */
    unsigned          received:1;  /* a heartbeat, from any node */
    unsigned          warned:1;

    af_db_op_t        op;
    af_db_call_t      call;
    PGresult         *result;
};


static void af_feed_line(void *data, const char *line);
static void af_feed_ready(void *data, ngx_msec_t sent_at);
static void af_feed_heartbeat(ngx_event_t *ev);
static void af_feed_heartbeat_done(af_db_op_t *op);


static const af_statement_t *const  af_feed_statements[] = {
    &af_sql_feed_heartbeat,
    NULL
};


af_feed_t *
af_feed_create(ngx_pool_t *pool, const af_db_conf_t *conf, af_zone_t *zone,
    ngx_msec_t staleness)
{
    af_feed_t  *feed;

    feed = ngx_pcalloc(pool, sizeof(af_feed_t));
    if (feed == NULL) {
        return NULL;
    }

    feed->conf = *conf;
    feed->conf.pool = 1;
    feed->conf.inflight = 1;
    feed->conf.queue = 1;

    if (conf->notify.len) {
        feed->conf.conninfo = conf->notify;
        feed->conf.unnamed = 0;
    }

    feed->profile.name = "autoflow feed";
    feed->profile.lane = AF_DB_LANE_FEED;
    feed->profile.leaves = 1;
    feed->profile.statements = af_feed_statements;
    feed->profile.channel = "autoflow_revocations";
    feed->profile.backlog = &af_sql_feed_revocations;
    feed->profile.line = af_feed_line;
    feed->profile.ready = af_feed_ready;
    feed->profile.data = feed;

    feed->zone = zone;

    feed->interval = ngx_min(staleness / 4, AF_FEED_INTERVAL_MAX);
    feed->interval = ngx_max(feed->interval, AF_FEED_INTERVAL_MIN);

    feed->timer.handler = af_feed_heartbeat;
    feed->timer.data = feed;
    feed->timer.cancelable = 1;

    feed->call.statement = &af_sql_feed_heartbeat;

    feed->op.calls = &feed->call;
    feed->op.ncalls = 1;
    feed->op.results = &feed->result;
    feed->op.handler = af_feed_heartbeat_done;
    feed->op.data = feed;

    feed->db = af_db_create(pool, &feed->conf, &feed->profile);

    return feed->db ? feed : NULL;
}


void
af_feed_start(af_feed_t *feed, ngx_thread_pool_t *threads, ngx_log_t *log)
{
    feed->log = log;
    feed->timer.log = log;

    af_db_start(feed->db, threads, log);

    ngx_add_timer(&feed->timer, feed->interval);
}


void
af_feed_wait(const af_zone_t *zone)
{
    uint64_t    generation, before;
    ngx_msec_t  waited;

    before = 0;

    for (waited = 0; waited < AF_FEED_WAIT; waited += AF_FEED_WAIT_STEP) {

        if (ngx_terminate || ngx_quit
            || af_revocations_fed_at(zone->revocations))
        {
            return;
        }

        generation = af_revocations_generation(zone->revocations);

        if (generation != before) {
            before = generation;
            waited = 0;
        }

        ngx_msleep(AF_FEED_WAIT_STEP);
    }
}


void
af_feed_stop(af_feed_t *feed)
{
    if (feed->timer.timer_set) {
        ngx_del_timer(&feed->timer);
    }

    af_db_cancel(&feed->op);
    af_db_clear(&feed->op);
    af_db_stop(feed->db);
}


/*
 * Rows arrive in a thread, which may touch nothing but the zone; heartbeats are
 * never among them.
 */

static void
af_feed_line(void *data, const char *line)
{
    af_feed_t *feed = data;

    if (ngx_strcmp(line, "beat") == 0) {
        feed->received = 1;
        return;
    }

    (void) af_zone_revoke(feed->zone, line, time(NULL));
}


/* in the thread, too */

static void
af_feed_ready(void *data, ngx_msec_t sent_at)
{
    af_feed_t *feed = data;

    af_revocations_set_fed_at(feed->zone->revocations, sent_at);
}


/*
 * The connection notices a heartbeat that isn't answered.  An exiting worker's
 * successor feeds the zone that they share.
 */

static void
af_feed_heartbeat(ngx_event_t *ev)
{
    af_feed_t *feed = ev->data;

    if (ngx_exiting) {
        return;
    }

    ngx_add_timer(ev, feed->interval);

    (void) af_zone_sweep(feed->zone, ngx_time(), AF_FEED_SWEEP);

    if (feed->op.state != AF_DB_IDLE) {
        return;
    }

    feed->sent_at = ngx_current_msec;
    feed->received = 0;

    af_db_clear(&feed->op);

    (void) af_db_submit(feed->db, &feed->op);
}


static void
af_feed_heartbeat_done(af_db_op_t *op)
{
    af_feed_t *feed = op->data;

    if (op->status == AF_DB_UNAVAILABLE) {
        return;
    }

    if (feed->received) {
        feed->warned = 0;
        af_revocations_set_fed_at(feed->zone->revocations, feed->sent_at);

    } else if (!feed->warned) {

        /* a pooler doesn't pass them on */

        feed->warned = 1;
        ngx_log_error(NGX_LOG_ERR, feed->log, 0,
                      "autoflow feed: no notifications arrive: \"notify=\" of "
                      "\"autoflow_database\" must connect to PostgreSQL "
                      "itself");
    }
}
