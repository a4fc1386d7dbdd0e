/*
 * What a flow's statements returned.  Columns of any statement instruct the
 * engine, before the next step:
 *
 *   problem   the code of a problem that ends the flow
 *   errors    a JSON array of {"field","code","message"}, likewise: 422
 *   revoked   in any row: what is revoked in all workers of this node
 *   ended     the id of a session that has ended, or of an account all of whose
 *             sessions have: their cookies are expired
 *
 * Nulls are ignored.  In a segment, all statements count, in order.
 */

#ifndef AF_FLOW_OUTCOME_H
#define AF_FLOW_OUTCOME_H

#include "flow/flow.h"


/* Processes ctx->op, which is done; sets a problem if there is one. */
void af_outcome(af_ctx_t *ctx);

/* A column of the first row; NULL if it is null, or doesn't exist. */
const char *af_result_column(const PGresult *res, int row, const char *name);


#endif /* AF_FLOW_OUTCOME_H */
