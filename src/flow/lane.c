#include "flow/lane.h"
#include "check/uuid.h"


/* seconds by which a slot outlasts its operation's timeout */
#define AF_LANE_MARGIN  2


static ngx_uint_t af_lane_is_wide(const af_db_op_t *op);
static ngx_uint_t af_lane_writes(const af_db_op_t *op);
static ngx_uint_t af_lane_know(af_lane_t *lane, const af_identity_t *identity);
static ngx_uint_t af_lane_may_be_stale(const af_lane_t *lane,
    const af_db_op_t *op);
static ngx_int_t af_lane_take(af_lane_t *lane);
static void af_lane_mark(const ngx_http_autoflow_main_conf_t *conf,
    af_lane_key_t *key);


ngx_int_t
af_lane_enter(af_lane_t *lane, const ngx_http_autoflow_main_conf_t *conf,
    const af_db_op_t *op, const af_identity_t *identity)
{
    lane->conf = conf;
    lane->replica = NULL;
    lane->writes = 0;

    if (!af_lane_is_wide(op)) {
        lane->db = conf->db;

        lane->writes = conf->replica && af_lane_writes(op)
                       && af_lane_know(lane, identity);
        return NGX_OK;
    }

    lane->db = conf->wide;
    lane->known = af_lane_know(lane, identity);

    if (conf->replica && af_lane_may_be_stale(lane, op)) {
        lane->replica = conf->replica;
    }

    return lane->known ? af_lane_take(lane) : NGX_OK;
}


static ngx_uint_t
af_lane_is_wide(const af_db_op_t *op)
{
    ngx_uint_t  i;

    for (i = 0; i < op->ncalls; i++) {
        if (op->calls[i].statement->wide) {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
af_lane_writes(const af_db_op_t *op)
{
    ngx_uint_t  i;

    for (i = 0; i < op->ncalls; i++) {
        if (!op->calls[i].statement->read) {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
af_lane_know(af_lane_t *lane, const af_identity_t *identity)
{
    return identity && identity->first_party
           && af_uuid_read((char *) identity->user_id.data,
                           identity->user_id.len, lane->key.account)
              == 0;
}


/* by anybody, if nobody knows who it is */

static ngx_uint_t
af_lane_may_be_stale(const af_lane_t *lane, const af_db_op_t *op)
{
    af_rate_t      rate;
    af_lane_key_t  key;

    if (op->ncalls != 1 || !op->calls[0].statement->stale) {
        return 0;
    }

    if (!lane->known) {
        return 1;
    }

    key = lane->key;
    key.kind = 'c';
    key.number = 0;

    rate.limit = 1;
    rate.window = 1;

    if (af_limits_peek(lane->conf->zone->limits, &rate, &key, sizeof(key),
                       ngx_time())
        == 0)
    {
        return 1;
    }

    af_count(AF_METRIC_REPLICA, AF_REPLICA_CHANGED);

    return 0;
}


/*
 * Each slot is a counter that allows one: what a killed worker has left expires
 * with its window.
 */

static ngx_int_t
af_lane_take(af_lane_t *lane)
{
    int        first;
    af_rate_t  rate;

    lane->key.kind = 'w';

    rate.limit = 1;
    rate.window = (lane->conf->database->timeout + af_lane_patience(lane))
                  / 1000 + AF_LANE_MARGIN;

    for (lane->key.number = 0;
         lane->key.number < AF_LANE_SLOTS;
         lane->key.number++)
    {
        if (af_limits_take(lane->conf->zone->limits, &rate, &lane->key,
                           sizeof(lane->key), ngx_time(), &first)
            == 0)
        {
            lane->taken = 1;
            return NGX_OK;
        }
    }

    return NGX_BUSY;
}


ngx_int_t
af_lane_submit(af_lane_t *lane, af_db_op_t *op)
{
    if (lane->replica
        && af_replica_submit(lane->replica, &lane->rop, op) == NGX_OK)
    {
        return NGX_OK;
    }

    return af_db_submit(lane->db, op);
}


ngx_msec_t
af_lane_patience(const af_lane_t *lane)
{
    return lane->replica ? lane->conf->replica_conf->db.timeout : 0;
}


void
af_lane_changed(const ngx_http_autoflow_main_conf_t *conf, const char *id)
{
    af_lane_key_t  key;

    if (conf->replica
        && af_uuid_read(id, ngx_strlen(id), key.account) == 0)
    {
        af_lane_mark(conf, &key);
    }
}


/* in whole seconds, of which the first has begun */

static void
af_lane_mark(const ngx_http_autoflow_main_conf_t *conf, af_lane_key_t *key)
{
    key->kind = 'c';
    key->number = 0;

    af_limits_mark(conf->zone->limits, key, sizeof(af_lane_key_t),
                   (conf->replica_conf->sticky + 999) / 1000 + 1, ngx_time());
}


/* what became of a write may be unknown */

void
af_lane_leave(af_lane_t *lane)
{
    af_replica_cancel(&lane->rop);

    if (lane->writes) {
        lane->writes = 0;
        af_lane_mark(lane->conf, &lane->key);
    }

    if (lane->taken) {
        lane->taken = 0;
        af_limits_forget(lane->conf->zone->limits, &lane->key,
                         sizeof(lane->key), ngx_time());
    }
}
