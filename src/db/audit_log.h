/*
 * autoflow_audit_log: audit events as lines of JSON in a file.
 *
 * Of all nodes with this directive, the one that holds the lease of the job
 * "audit_log" writes the next events to its file, and then their position to
 * the database (sql/queries/jobs/audit_log.sql).  So each event is in one
 * node's file; or again, with the same id, if a node was killed in between.
 */

#ifndef AF_DB_AUDIT_LOG_H
#define AF_DB_AUDIT_LOG_H

#include "conf/conf.h"

#include <libpq-fe.h>


typedef struct af_audit_log_s  af_audit_log_t;


char *af_audit_log_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* Refuses it without a database. */
char *af_audit_log_check(ngx_conf_t *cf,
    const ngx_http_autoflow_main_conf_t *amcf);

/*
 * Appends a batch to the file.  NGX_ERROR if nothing was appended, as on a full
 * disk, which is logged once.  For the table of jobs.
 */
ngx_int_t af_audit_log_write(void *data, const PGresult *batch,
    const char *const **values);


#endif /* AF_DB_AUDIT_LOG_H */
