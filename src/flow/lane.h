/*
 * Which of a worker's connections an operation goes to: a wide one, with a
 * statement whose cost grows with the data, never goes where point statements
 * do.  And an account has at most AF_LANE_PLACES of them under way at once, in
 * all workers of the node.
 */

#ifndef AF_FLOW_LANE_H
#define AF_FLOW_LANE_H

#include "flow/route.h"


#define AF_LANE_PLACES  2


typedef struct {
    af_db_t           *db;
    const af_zone_t   *zone;
    unsigned           taken:1;      /* a place, which is counted by this: */

    struct {
        u_char         kind;
        u_char         number;
        unsigned char  account[AF_REVOCATIONS_ID];
    } key;
} af_lane_t;


/*
 * Finds the connections for a request's operation, and takes a place if that
 * is wide.  NGX_ERROR, with a problem set, if the account has none left.
 */
ngx_int_t af_lane_enter(af_lane_t *lane, af_ctx_t *ctx);

/* The operation has ended, however that came. */
void af_lane_leave(af_lane_t *lane);


#endif /* AF_FLOW_LANE_H */
