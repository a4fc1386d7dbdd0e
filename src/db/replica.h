/*
 * A replica, for statements that a file in sql/queries/ marks "-- stale".  Its
 * answer contains all that was committed up to conf->lag ago, or else the
 * primary is asked: as it is when the replica is away or fails, and when it
 * finds nothing, since that may be there by now.
 *
 * How far a replica must have come is known from the primary itself, whose
 * place in the log is asked for every now and then, while there is a use for
 * it.  The replica compares its own with one of these places in the transaction
 * of the statement: no clocks are compared, and an idle primary doesn't look
 * like a replica that lags.
 */

#ifndef AF_DB_REPLICA_H
#define AF_DB_REPLICA_H

#include "conf/conf.h"
#include "db/pool.h"


/* the size of a place's texts */
#define AF_REPLICA_TEXT  24


typedef struct af_replica_s  af_replica_t;


typedef struct af_replica_conf_s {
    af_db_conf_t     db;
    ngx_msec_t       lag;
    ngx_msec_t       sticky;     /* at least `lag` */
} af_replica_conf_t;


/* where the primary was: what replica/check compares with */

typedef struct {
    ngx_msec_t       at;         /* all that was committed before is in it */
    char             lsn[AF_REPLICA_TEXT];
    char             timeline[AF_REPLICA_TEXT];
    char             cluster[AF_REPLICA_TEXT];
} af_replica_place_t;


/* an operation at the replica, on behalf of another one; all zeros: none */

typedef struct {
    af_replica_t         *replica;
    af_db_op_t           *asked;     /* it gets the results, and ends */
    af_db_op_t            op;
    af_db_call_t          calls[2];  /* replica/check, and asked's */
    PGresult             *results[2];
    af_replica_place_t    place;
    const char           *values[3];
    ngx_event_t           timer;
} af_replica_op_t;


/*
 * Allocates the pool of a configuration, with those of the primary; connects to
 * nothing.
 */
af_replica_t *af_replica_create(ngx_pool_t *pool, const af_replica_conf_t *conf,
    af_db_t *point, af_db_t *wide);

/* As af_db_start() and af_db_stop(). */
void af_replica_start(af_replica_t *replica, ngx_thread_pool_t *threads,
    ngx_log_t *log);
void af_replica_stop(af_replica_t *replica);

/*
 * Sends an operation with one stale statement to the replica, and then, if need
 * be, to the primary: in the end asked->handler() is called.  NGX_DECLINED: the
 * primary must be asked, now.
 */
ngx_int_t af_replica_submit(af_replica_t *replica, af_replica_op_t *rop,
    af_db_op_t *asked);

/* Ends what is in flight at the replica, if anything. */
void af_replica_cancel(af_replica_op_t *rop);

/* autoflow_database_replica, and what it requires */
char *af_database_replica_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *af_database_replica_check(ngx_conf_t *cf,
    const ngx_http_autoflow_main_conf_t *amcf);


#endif /* AF_DB_REPLICA_H */
