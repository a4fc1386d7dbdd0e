#include "flow/lane.h"
#include "check/uuid.h"


/* seconds by which a slot outlasts its operation's timeout */
#define AF_LANE_MARGIN  2


static ngx_uint_t af_lane_is_wide(const af_db_op_t *op);
static ngx_int_t af_lane_take(af_lane_t *lane,
    const ngx_http_autoflow_main_conf_t *conf);


ngx_int_t
af_lane_enter(af_lane_t *lane, const ngx_http_autoflow_main_conf_t *conf,
    const af_db_op_t *op, const af_identity_t *identity)
{
    if (!af_lane_is_wide(op)) {
        lane->db = conf->db;
        return NGX_OK;
    }

    lane->db = conf->wide;

    if (identity == NULL || !identity->first_party
        || af_uuid_read((char *) identity->user_id.data,
                        identity->user_id.len, lane->key.account)
           != 0)
    {
        return NGX_OK;
    }

    return af_lane_take(lane, conf);
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


/*
 * Each slot is a counter that allows one: what a killed worker has left expires
 * with its window.
 */

static ngx_int_t
af_lane_take(af_lane_t *lane, const ngx_http_autoflow_main_conf_t *conf)
{
    int        first;
    af_rate_t  rate;

    lane->zone = conf->zone;
    lane->key.kind = 'w';

    rate.limit = 1;
    rate.window = conf->database->timeout / 1000 + AF_LANE_MARGIN;

    for (lane->key.number = 0;
         lane->key.number < AF_LANE_SLOTS;
         lane->key.number++)
    {
        if (af_limits_take(lane->zone->limits, &rate, &lane->key,
                           sizeof(lane->key), ngx_time(), &first)
            == 0)
        {
            lane->taken = 1;
            return NGX_OK;
        }
    }

    return NGX_BUSY;
}


void
af_lane_leave(af_lane_t *lane)
{
    if (lane->taken) {
        lane->taken = 0;
        af_limits_forget(lane->zone->limits, &lane->key, sizeof(lane->key),
                         ngx_time());
    }
}
