#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "queries.h"
#include "db/connect.h"
#include "db/hosts.h"


/* the longest name of a channel, in octets */
#define AF_DB_CHANNEL_MAX  64

/* a number of 64 bits as text */
#define AF_DB_NUMBER_MAX  24


/* 0, or -1 with the reason in `error` */

typedef int (*af_db_check_pt)(const PGresult *res, char *error, size_t size);


static int af_db_prepare(PGconn *pg, const af_db_setup_t *setup,
    const af_db_timeout_t *timeout, char *error, size_t size);
static int af_db_query(PGconn *pg, const af_statement_t *statement,
    af_db_check_pt check, const af_db_timeout_t *timeout, char *error,
    size_t size);
static int af_db_sync(PGconn *pg, af_db_check_pt check,
    const af_db_timeout_t *timeout, char *error, size_t size);
static int af_db_listen(PGconn *pg, const af_db_setup_t *setup,
    af_db_timeout_t *timeout, char *error, size_t size);
static int af_db_rows(PGconn *pg, const char *query, const char *value,
    const af_db_setup_t *setup, af_db_timeout_t *timeout, char *error,
    size_t size);
static int af_db_check_settings(const PGresult *res, char *error, size_t size);
static int af_db_check_version(const PGresult *res, char *error, size_t size);
static void af_db_prepare_error(const PGresult *res, char *error, size_t size);
static PGresult *af_db_result(PGconn *pg, const af_db_timeout_t *timeout);
static int af_db_wait(PGconn *pg, short events,
    const af_db_timeout_t *timeout);


PGconn *
af_db_connect(const af_db_setup_t *setup, char *error, size_t size)
{
    PGconn           *pg;
    af_db_timeout_t   timeout;

    error[0] = '\0';

    timeout.deadline = af_db_now() + AF_DB_TIMEOUT;
    timeout.stop = setup->stop;

    pg = af_db_open(setup->conninfo, setup->name, &timeout, error, size);
    if (pg == NULL) {
        return NULL;
    }

    if (PQsetnonblocking(pg, 1) != 0
        || PQenterPipelineMode(pg) != 1
        || af_db_prepare(pg, setup, &timeout, error, size) != 0
        || (setup->channel != NULL
            && af_db_listen(pg, setup, &timeout, error, size) != 0))
    {
        if (error[0] == '\0') {
            af_db_error(error, size, PQerrorMessage(pg));
        }

        PQfinish(pg);
        return NULL;
    }

    return pg;
}


/*
 * The connection's settings, the schema's version, then all statements, which
 * can't be prepared on a schema that is too old.  A pooler may have a
 * connection for each of these three, which others use afterwards.  So each is
 * answered before the next one is sent: PgBouncer before 1.21 lends a
 * connection to others as soon as it has seen as many answers as syncs, though
 * it may have passed on half of a statement that follows.
 */

static int
af_db_prepare(PGconn *pg, const af_db_setup_t *setup,
    const af_db_timeout_t *timeout, char *error, size_t size)
{
    af_db_check_pt                check;
    const af_statement_t         *settings;
    const af_statement_t *const  *st;

    settings = setup->unnamed ? &af_sql_system_settings_missing
                              : &af_sql_system_settings;
    check = setup->unnamed ? af_db_check_settings : NULL;

    if (af_db_query(pg, settings, check, timeout, error, size) != 0
        || af_db_query(pg, &af_sql_system_schema_version, af_db_check_version,
                       timeout, error, size)
           != 0)
    {
        return -1;
    }

    for (st = setup->statements; *st; st++) {
        if (PQsendPrepare(pg, setup->unnamed ? "" : (*st)->name, (*st)->text, 0,
                          NULL)
            != 1)
        {
            return -1;
        }
    }

    return af_db_sync(pg, NULL, timeout, error, size);
}


static int
af_db_query(PGconn *pg, const af_statement_t *statement, af_db_check_pt check,
    const af_db_timeout_t *timeout, char *error, size_t size)
{
    if (PQsendQueryParams(pg, statement->text, 0, NULL, NULL, NULL, NULL, 0)
        != 1)
    {
        return -1;
    }

    return af_db_sync(pg, check, timeout, error, size);
}


/* ends a transaction, and checks all the answers to it */

static int
af_db_sync(PGconn *pg, af_db_check_pt check, const af_db_timeout_t *timeout,
    char *error, size_t size)
{
    int             rc;
    PGresult       *res;
    ExecStatusType  status;

    if (PQpipelineSync(pg) != 1) {
        return -1;
    }

    do {
        res = af_db_result(pg, timeout);

        if (res == NULL) {
            return -1;
        }

        rc = 0;
        status = PQresultStatus(res);

        switch (status) {

        case PGRES_TUPLES_OK:
            rc = check ? check(res, error, size) : 0;
            break;

        case PGRES_PIPELINE_SYNC:
        case PGRES_COMMAND_OK:
            break;

        default:
            af_db_prepare_error(res, error, size);
            rc = -1;
        }

        PQclear(res);

    } while (rc == 0 && status != PGRES_PIPELINE_SYNC);

    return rc;
}


/*
 * What is committed after LISTEN arrives as a notification, what was committed
 * before it is in the backlog: nothing falls in between.  The backlog may be a
 * million rows, for which statement_timeout is too short: reading it would
 * start over again and again.
 */

static int
af_db_listen(PGconn *pg, const af_db_setup_t *setup,
    af_db_timeout_t *timeout, char *error, size_t size)
{
    char         listen[sizeof("LISTEN ") + AF_DB_CHANNEL_MAX];
    char         now[AF_DB_NUMBER_MAX];
    size_t       i;
    const char  *value, *queries[5];

    (void) snprintf(listen, sizeof(listen), "LISTEN %s", setup->channel);
    (void) snprintf(now, sizeof(now), "%lld", (long long) time(NULL));

    queries[0] = listen;
    queries[1] = "BEGIN";
    queries[2] = "SET LOCAL statement_timeout = 0";
    queries[3] = setup->backlog->text;
    queries[4] = "COMMIT";

    if (PQexitPipelineMode(pg) != 1) {
        return -1;
    }

    for (i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        value = (queries[i] == setup->backlog->text) ? now : NULL;

        if (af_db_rows(pg, queries[i], value, setup, timeout, error, size)
            != 0)
        {
            return -1;
        }
    }

    return (PQenterPipelineMode(pg) == 1) ? 0 : -1;
}


/* each row goes to line(); without a value the query has no parameter */

static int
af_db_rows(PGconn *pg, const char *query, const char *value,
    const af_db_setup_t *setup, af_db_timeout_t *timeout, char *error,
    size_t size)
{
    PGresult        *res;
    ExecStatusType   status;

    if (PQsendQueryParams(pg, query, value != NULL, NULL, &value, NULL, NULL,
                          0)
            != 1
        || PQsetSingleRowMode(pg) != 1)
    {
        return -1;
    }

    do {
        timeout->deadline = af_db_now() + AF_DB_TIMEOUT;

        res = af_db_result(pg, timeout);
        status = PQresultStatus(res);

        if (status == PGRES_SINGLE_TUPLE && !PQgetisnull(res, 0, 0)) {
            setup->line(setup->data, PQgetvalue(res, 0, 0));
        }

        if (status == PGRES_FATAL_ERROR && res != NULL) {
            af_db_error(error, size, PQresultErrorMessage(res));
        }

        PQclear(res);

    } while (status == PGRES_SINGLE_TUPLE);

    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        return -1;
    }

    /* the end of the results, where pipeline mode would have a sync */

    while (PQisBusy(pg)) {
        if (af_db_wait(pg, POLLIN, timeout) != 0 || PQconsumeInput(pg) != 1) {
            return -1;
        }
    }

    return (PQgetResult(pg) == NULL) ? 0 : -1;
}


/* what a pooler doesn't keep must be the role's */

static int
af_db_check_settings(const PGresult *res, char *error, size_t size)
{
    if (PQntuples(res) == 0) {
        return 0;
    }

    (void) snprintf(error, size, "behind a pooler the settings must be those "
                    "of the role: %s", PQgetvalue(res, 0, 0));

    return -1;
}


static int
af_db_check_version(const PGresult *res, char *error, size_t size)
{
    int  version;

    version = (PQntuples(res) == 1) ? atoi(PQgetvalue(res, 0, 0)) : 0;

    if (version >= AF_DB_SCHEMA_VERSION) {
        return 0;
    }

    (void) snprintf(error, size, "the schema is version %d, this module needs "
                    "%d: run \"sqitch deploy\" in its sql folder",
                    version, AF_DB_SCHEMA_VERSION);

    return -1;
}


/* without the schema, the function that returns its version is missing too */

static void
af_db_prepare_error(const PGresult *res, char *error, size_t size)
{
    const char  *sqlstate;

    sqlstate = PQresultErrorField(res, PG_DIAG_SQLSTATE);

    if (sqlstate
        && (strcmp(sqlstate, "3F000") == 0 || strcmp(sqlstate, "42883") == 0))
    {
        (void) af_db_check_version(NULL, error, size);
        return;
    }

    af_db_error(error, size,
                sqlstate && strcmp(sqlstate, "42P05") == 0
                ? "others have prepared statements on this connection: a "
                  "pooler of transactions needs \"statements=unnamed\""
                : PQresultErrorMessage(res));
}


/* the next result, skipping the NULL that libpq returns after each query's */

static PGresult *
af_db_result(PGconn *pg, const af_db_timeout_t *timeout)
{
    int        flushed;
    PGresult  *res;

    for ( ;; ) {

        while (!PQisBusy(pg)) {
            res = PQgetResult(pg);

            if (res || PQstatus(pg) == CONNECTION_BAD) {
                return res;
            }
        }

        flushed = PQflush(pg);

        if (flushed < 0
            || af_db_wait(pg, flushed ? POLLIN|POLLOUT : POLLIN, timeout) != 0
            || PQconsumeInput(pg) != 1)
        {
            return NULL;
        }
    }
}


static int
af_db_wait(PGconn *pg, short events, const af_db_timeout_t *timeout)
{
    int            n;
    long           left;
    struct pollfd  pfd;

    pfd.fd = PQsocket(pg);
    pfd.events = events;

    do {
        left = af_db_left(timeout);

        if (left <= 0) {
            return -1;
        }

        n = poll(&pfd, 1, (int) left);

    } while (n == 0 || (n == -1 && errno == EINTR));

    return (n > 0) ? 0 : -1;
}
