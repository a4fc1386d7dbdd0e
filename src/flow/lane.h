/*
 * Which of a worker's connections an operation uses: a wide one, with a
 * statement whose cost grows with the data, never uses those of point
 * statements.  And an account may run at most AF_LANE_SLOTS of them at once, in
 * all workers of the node.
 */

#ifndef AF_FLOW_LANE_H
#define AF_FLOW_LANE_H

#include "http/identity.h"
#include "db/op.h"
#include "shm/zone.h"


#define AF_LANE_SLOTS  2


typedef struct {
    af_db_t           *db;
    const af_zone_t   *zone;
    unsigned           taken:1;      /* a slot, counted by: */

    struct {
        u_char         kind;
        u_char         number;
        unsigned char  account[AF_REVOCATIONS_ID_SIZE];
    } key;
} af_lane_t;


/*
 * Selects the connections for an operation, of an account or NULL, and takes a
 * slot if it is wide.  NGX_BUSY if the account has none left.
 */
ngx_int_t af_lane_enter(af_lane_t *lane,
    const ngx_http_autoflow_main_conf_t *conf, const af_db_op_t *op,
    const af_identity_t *identity);

/* The operation has ended, in any way. */
void af_lane_leave(af_lane_t *lane);


#endif /* AF_FLOW_LANE_H */
