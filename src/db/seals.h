/*
 * What keys of autoflow_seal_key have sealed and the database keeps: seeds of
 * factors, and hashes of passwords.
 *
 * The job "seals" replaces what former keys have sealed by seals of the current
 * one: of all nodes, the one that holds its lease.  The database replaces a
 * seal only while it stands, so that nothing is lost if a factor or a password
 * is confirmed, used, replaced or removed at the same moment, or if the worker
 * is killed: what isn't done is found again.
 *
 * And each node counts, for its own keys, what former keys have sealed, and
 * what none of its keys opens, which is an operator's mistake: nobody can use
 * that factor or password.
 */

#ifndef AF_DB_SEALS_H
#define AF_DB_SEALS_H

#include "crypto/purposes.h"
#include "conf/conf.h"

#include <libpq-fe.h>


/* what a seal begins with: AF_SEAL_PREFIX, and nearly all of its key's id */
#define AF_SEAL_KEY_LEN   13
#define AF_SEAL_KEY_SIZE  (AF_SEAL_KEY_LEN + 1)


typedef struct af_seals_s  af_seals_t;


/* Returns NULL if there is no memory. */
af_seals_t *af_seals_create(ngx_pool_t *pool,
    const ngx_http_autoflow_main_conf_t *amcf);

/* For the table of jobs, if there are former keys. */
ngx_int_t af_seals_next(void *data, const PGresult *batch,
    const char *const **values);

/* The parameters of jobs/seals, and what it has returned. */
const char *const *af_seals_values(const af_seals_t *seals);
void af_seals_counted(af_seals_t *seals, const PGresult *res);


#endif /* AF_DB_SEALS_H */
