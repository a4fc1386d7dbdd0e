/*
 * What PostgreSQL's errors are to a client.
 */

#ifndef AF_FLOW_ERRORS_H
#define AF_FLOW_ERRORS_H

#include <libpq-fe.h>

#include "http/respond.h"


af_problem_id_t af_error_problem(const PGresult *res);

/* "SQLSTATE 42501: permission denied …", or NULL if there is no memory */
const char *af_error_cause(const PGresult *res, ngx_pool_t *pool);


#endif /* AF_FLOW_ERRORS_H */
