/*
 * Which of a worker's connections an operation uses: a wide one, with a
 * statement whose cost grows with the data, never uses those of point
 * statements.  And an account may run at most AF_LANE_SLOTS of them at once, in
 * all workers of the node.
 *
 * What a replica may answer goes there first, unless the account has changed
 * something itself, by this node, and might not see it.
 */

#ifndef AF_FLOW_LANE_H
#define AF_FLOW_LANE_H

#include "http/identity.h"
#include "db/replica.h"
#include "shm/zone.h"


#define AF_LANE_SLOTS  2


/* a key of the node's counters */

typedef struct {
    u_char         kind;
    u_char         number;
    unsigned char  account[AF_REVOCATIONS_ID_SIZE];
} af_lane_key_t;


typedef struct {
    af_db_t           *db;
    af_replica_t      *replica;      /* NULL: not to be asked */
    af_replica_op_t    rop;
    const ngx_http_autoflow_main_conf_t  *conf;
    unsigned           known:1;      /* the account's key: */
    unsigned           writes:1;     /* for a known account */
    unsigned           taken:1;      /* a slot, counted by the key */
    af_lane_key_t      key;
} af_lane_t;


/*
 * Selects the connections for an operation, of an account or NULL, and takes a
 * slot if it is wide.  NGX_BUSY if the account has none left.
 */
ngx_int_t af_lane_enter(af_lane_t *lane,
    const ngx_http_autoflow_main_conf_t *conf, const af_db_op_t *op,
    const af_identity_t *identity);

/*
 * Sends the operation, as af_db_submit(); and how many milliseconds longer that
 * may take than at the primary.
 */
ngx_int_t af_lane_submit(af_lane_t *lane, af_db_op_t *op);
ngx_msec_t af_lane_patience(const af_lane_t *lane);

/*
 * The account has just changed something, or begins to be used: what it reads
 * must include that.  `id` is a UUID.
 */
void af_lane_changed(const ngx_http_autoflow_main_conf_t *conf, const char *id);

/* The operation has ended, in any way. */
void af_lane_leave(af_lane_t *lane);


#endif /* AF_FLOW_LANE_H */
