/*
 * What a flow's statements have said.  Columns of any statement speak to the
 * engine, before the next step:
 *   problem   the code of a problem that ends the flow
 *   errors    a JSON array of {"field","code","message"} that does: 422
 *   revoked   in any row: what is revoked in all workers of this node
 *   ended     the id of a session that has ended, or of an account whose
 *             sessions all have: cookies of theirs are expired
 * A null says nothing.  Of a segment, all statements are asked, in their order.
 */

#ifndef AF_FLOW_OUTCOME_H
#define AF_FLOW_OUTCOME_H

#include "flow/flow.h"


/* Hears ctx->op, which is done; sets a problem if there is one. */
void af_outcome(af_ctx_t *ctx);

/* A column of a row that there is; NULL if it is null, or no column. */
const char *af_result_column(const PGresult *res, int row, const char *name);


#endif /* AF_FLOW_OUTCOME_H */
