/*
 * Which of a worker's connections an operation goes to: a wide one, with a
 * statement whose cost grows with the data, never goes where point statements
 * do.  And an account has at most AF_LANE_PLACES of them under way at once, in
 * all workers of the node.
 */

#ifndef AF_FLOW_LANE_H
#define AF_FLOW_LANE_H

#include "http/identity.h"
#include "db/op.h"
#include "shm/zone.h"


#define AF_LANE_PLACES  2


typedef struct {
    af_db_t           *db;
    const af_zone_t   *zone;
    unsigned           taken:1;      /* a place, which is counted by this: */

    struct {
        u_char         kind;
        u_char         number;
        unsigned char  account[AF_REVOCATIONS_ID_SIZE];
    } key;
} af_lane_t;


/*
 * Finds the connections for an operation of somebody's (may be NULL), and takes
 * a place if it is wide.  NGX_BUSY if the account has none left.
 */
ngx_int_t af_lane_enter(af_lane_t *lane,
    const ngx_http_autoflow_main_conf_t *conf, const af_db_op_t *op,
    const af_identity_t *identity);

/* The operation has ended, however that came. */
void af_lane_leave(af_lane_t *lane);


#endif /* AF_FLOW_LANE_H */
