/*
 * PostgreSQL's errors, as clients see them.
 */

#ifndef AF_FLOW_ERRORS_H
#define AF_FLOW_ERRORS_H

#include "http/respond.h"

#include <libpq-fe.h>


af_problem_id_t af_error_problem(const PGresult *res);

/*
 * Adds the field that a constraint <table>_<field>_check or _fkey is about to a
 * problem's `errors`.
 */
void af_error_field(const PGresult *res, json_t *errors);

/* "SQLSTATE 42501: permission denied …", or NULL if there is no memory */
const char *af_error_cause(const PGresult *res, ngx_pool_t *pool);


#endif /* AF_FLOW_ERRORS_H */
