#include "db/room.h"
#include "queries.h"


/* milliseconds after which a server that didn't answer is asked again */
#define AF_ROOM_RETRY  1000

/* the connections of a node that no worker has: of the feed, and of the jobs */
#define AF_ROOM_NODE  2


struct af_room_s {
    const af_db_conf_t  *conf;
    af_db_t             *db;
    ngx_uint_t           workers;
    ngx_event_t          timer;

    char                 number[NGX_INT_T_LEN + 1];
    const char          *values[1];
    af_db_op_t           op;
    af_db_call_t         call;
    PGresult            *result;
};


static ngx_uint_t af_room_workers(ngx_cycle_t *cycle);
static void af_room_ask(ngx_event_t *ev);
static void af_room_answered(af_db_op_t *op);
static void af_room_warn(const af_room_t *room);


af_room_t *
af_room_start(ngx_cycle_t *cycle, const af_db_conf_t *conf, af_db_t *db)
{
    af_room_t  *room;

    if (ngx_worker != 0 || conf->unnamed) {
        return NULL;
    }

    room = ngx_pcalloc(cycle->pool, sizeof(af_room_t));
    if (room == NULL) {
        return NULL;
    }

    room->conf = conf;
    room->db = db;
    room->workers = af_room_workers(cycle);

    room->timer.handler = af_room_ask;
    room->timer.data = room;
    room->timer.log = cycle->log;
    room->timer.cancelable = 1;

    (void) ngx_sprintf((u_char *) room->number, "%ui%Z",
                       room->workers * (conf->pool + conf->wide)
                       + AF_ROOM_NODE);

    room->values[0] = room->number;
    room->call.statement = &af_sql_system_connections;
    room->call.values = room->values;

    room->op.calls = &room->call;
    room->op.ncalls = 1;
    room->op.results = &room->result;
    room->op.handler = af_room_answered;
    room->op.data = room;

    af_room_ask(&room->timer);

    return room;
}


static ngx_uint_t
af_room_workers(ngx_cycle_t *cycle)
{
    ngx_core_conf_t  *ccf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    return ccf->master ? (ngx_uint_t) ccf->worker_processes : 1;
}


void
af_room_stop(af_room_t *room)
{
    if (room == NULL) {
        return;
    }

    if (room->timer.timer_set) {
        ngx_del_timer(&room->timer);
    }

    af_db_cancel(&room->op);
    af_db_clear(&room->op);
}


static void
af_room_ask(ngx_event_t *ev)
{
    af_room_t *room = ev->data;

    if (ngx_exiting) {
        return;
    }

    if (af_db_submit(room->db, &room->op) != NGX_OK) {
        ngx_add_timer(&room->timer, AF_ROOM_RETRY);
    }
}


static void
af_room_answered(af_db_op_t *op)
{
    af_room_t *room = op->data;

    if (op->status == AF_DB_UNAVAILABLE) {
        ngx_add_timer(&room->timer, AF_ROOM_RETRY);

    } else if (op->status == AF_DB_OK && PQntuples(room->result) == 1) {
        af_room_warn(room);
    }

    af_db_clear(op);
}


static void
af_room_warn(const af_room_t *room)
{
    ngx_log_error(NGX_LOG_WARN, room->timer.log, 0,
                  "autoflow: %s: %s (%ui workers with pool=%ui wide=%ui, one "
                  "for revocations, one for jobs)",
                  PQgetvalue(room->result, 0, 0),
                  PQgetvalue(room->result, 0, 1), room->workers,
                  room->conf->pool, room->conf->wide);
}
