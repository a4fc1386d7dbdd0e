#include "flow/errors.h"
#include "check/schema.h"


/*
 * The first row counts whose SQLSTATE is a prefix of the error's, and whose
 * constraint, if any, was violated.
 */

static const struct {
    const char       *sqlstate;
    const char       *constraint;
    af_problem_id_t   problem;
} af_sql_errors[] = {

    { "23505", "users_email_key", AF_EMAIL_TAKEN },
    { "23505", "users_username_key", AF_USERNAME_TAKEN },
    { "23505", "roles_name_key", AF_ROLE_TAKEN },
    { "23505", "organizations_name_key", AF_NAME_TAKEN },
    { "23505", "factors_credential_id_idx", AF_PASSKEY_TAKEN },
    { "23505", NULL, AF_CONFLICT },                   /* unique */

    { "23503", NULL, AF_VALIDATION_FAILED },          /* foreign key */
    { "23514", "users_last_superuser", AF_LAST_SUPERUSER },
    { "23514", "directory_bounded", AF_LIMIT_REACHED },
    { "23514", NULL, AF_VALIDATION_FAILED },          /* check */

    { "08", NULL, AF_UNAVAILABLE },                   /* connection */
    { "40", NULL, AF_UNAVAILABLE },                   /* deadlock */
    { "53", NULL, AF_UNAVAILABLE },                   /* resources */
    { "55P03", NULL, AF_UNAVAILABLE },                /* lock timeout */
    { "57", NULL, AF_UNAVAILABLE },                   /* timeout */
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


void
af_error_field(const PGresult *res, json_t *errors)
{
    char        *constraint, *table;
    size_t       len, skip;
    ngx_uint_t   i;
    char         field[64];   /* PostgreSQL's NAMEDATALEN */

    static const struct {
        const char  *suffix;
        const char  *code;
        const char  *message;
    } kinds[] = {
        { "_check", "format", "is not accepted" },
        { "_fkey", "reference", "refers to nothing" },
        { NULL, NULL, NULL }
    };

    constraint = PQresultErrorField(res, PG_DIAG_CONSTRAINT_NAME);
    table = PQresultErrorField(res, PG_DIAG_TABLE_NAME);

    if (errors == NULL || constraint == NULL || table == NULL) {
        return;
    }

    for (i = 0; kinds[i].suffix; i++) {
        skip = ngx_strlen(table) + 1;
        len = ngx_strlen(constraint);

        if (len <= skip + ngx_strlen(kinds[i].suffix)) {
            continue;
        }

        len -= ngx_strlen(kinds[i].suffix);

        if (ngx_strcmp(constraint + len, kinds[i].suffix) == 0
            && len - skip < sizeof(field))
        {
            (void) ngx_cpystrn((u_char *) field, (u_char *) constraint + skip,
                               len - skip + 1);
            (void) af_schema_error(errors, field, kinds[i].code,
                                   kinds[i].message);
            return;
        }
    }
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
