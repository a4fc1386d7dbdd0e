#include "flow/errors.h"


/*
 * The first row whose SQLSTATE is a prefix of the error's, and whose
 * constraint, if it names one, is the one violated.
 */

static const struct {
    const char       *sqlstate;
    const char       *constraint;
    af_problem_id_t   problem;
} af_sql_errors[] = {

    { "23505", "users_email_key", AF_EMAIL_TAKEN },
    { "23505", "users_username_key", AF_USERNAME_TAKEN },
    { "23505", NULL, AF_CONFLICT },                   /* unique */

    { "23503", NULL, AF_VALIDATION_FAILED },          /* foreign key */
    { "23514", NULL, AF_VALIDATION_FAILED },          /* check */

    { "08", NULL, AF_UNAVAILABLE },                   /* connection */
    { "40", NULL, AF_UNAVAILABLE },                   /* deadlock */
    { "53", NULL, AF_UNAVAILABLE },                   /* resources */
    { "55P03", NULL, AF_UNAVAILABLE },                /* lock time-out */
    { "57", NULL, AF_UNAVAILABLE },                   /* time-out */
    { "25006", NULL, AF_UNAVAILABLE },                /* read-only */

    { "", NULL, AF_INTERNAL_ERROR }
};


af_problem_id_t
af_error_problem(const PGresult *res)
{
    ngx_uint_t   i;
    const char  *sqlstate, *constraint;

    sqlstate = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    constraint = PQresultErrorField(res, PG_DIAG_CONSTRAINT_NAME);

    if (sqlstate == NULL) {
        sqlstate = "";
    }

    for (i = 0; af_sql_errors[i].sqlstate[0]; i++) {

        if (ngx_strncmp(sqlstate, af_sql_errors[i].sqlstate,
                        ngx_strlen(af_sql_errors[i].sqlstate))
            != 0)
        {
            continue;
        }

        if (af_sql_errors[i].constraint == NULL
            || (constraint
                && ngx_strcmp(constraint, af_sql_errors[i].constraint) == 0))
        {
            break;
        }
    }

    return af_sql_errors[i].problem;
}


const char *
af_error_cause(const PGresult *res, ngx_pool_t *pool)
{
    u_char  *cause, *sqlstate, *message;

    sqlstate = (u_char *) PQresultErrorField(res, PG_DIAG_SQLSTATE);
    message = (u_char *) PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

    if (sqlstate == NULL || message == NULL) {
        return NULL;
    }

    cause = ngx_pnalloc(pool, sizeof("SQLSTATE : ") + ngx_strlen(sqlstate)
                              + ngx_strlen(message));
    if (cause) {
        ngx_sprintf(cause, "SQLSTATE %s: %s%Z", sqlstate, message);
    }

    return (const char *) cause;
}
