/*
 * Whether the server has room for all the connections of a node, which is said
 * once when it starts: those that don't fit are refused later, one by one, when
 * it is busy.
 */

#ifndef AF_DB_ROOM_H
#define AF_DB_ROOM_H

#include "db/pool.h"


typedef struct af_room_s  af_room_t;


/*
 * Asks the server, on a connection of a pool that was started, until it has
 * answered; logs a warning if there isn't enough room.  In one of the workers,
 * and not behind a pooler, which has connections of its own: otherwise NULL is
 * returned, as it is if there is no memory.  For init_process.
 */
af_room_t *af_room_start(ngx_cycle_t *cycle, const af_db_conf_t *conf,
    af_db_t *db);

/* For exit_process; room may be NULL. */
void af_room_stop(af_room_t *room);


#endif /* AF_DB_ROOM_H */
