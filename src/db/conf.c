#include "db/replica.h"
#include "conf/params.h"
#include "conf/secret.h"


static void af_db_check_hosts(ngx_conf_t *cf, const ngx_str_t *conninfo);
static ngx_uint_t af_db_conninfo_is_primary(const ngx_str_t *conninfo);
static ngx_uint_t af_db_conninfo_has(const ngx_str_t *conninfo,
    const char *keyword, const char *text);
static ngx_int_t af_db_conninfo(ngx_conf_t *cf, ngx_str_t *value,
    ngx_str_t *conninfo);


/*
 * A pooler lends out a connection for as long as anything is in flight on it,
 * or in the middle of what follows a sync: see db/connect.c.
 */
#define AF_DB_INFLIGHT          64
#define AF_DB_INFLIGHT_UNNAMED  1


static const ngx_conf_enum_t  af_database_statements[] = {
    { ngx_string("prepared"), 0 },
    { ngx_string("unnamed"), 1 },
    { ngx_null_string, 0 }
};


static const af_db_conf_t  af_database_defaults = {
    .pool = 2,
    .wide = 1,
    .queue = 1024,
    .timeout = 5000
};


static const af_param_t  af_database_params[] = {
    af_param("pool=", af_param_count, af_db_conf_t, pool,
             .max = 256, .too_large = "has a pool of more than 256"),
    af_param("wide=", af_param_count, af_db_conf_t, wide,
             .max = 256, .too_large = "has more than 256 wide connections"),
    af_param("inflight=", af_param_count, af_db_conf_t, inflight,
             .max = 4096, .too_large = "has more than 4096 inflight"),
    af_param("queue=", af_param_count, af_db_conf_t, queue),
    af_param("timeout=", af_param_msec, af_db_conf_t, timeout),
    af_param("statements=", af_param_enum, af_db_conf_t, unnamed,
             .values = af_database_statements),
    af_param("notify=", af_param_str, af_db_conf_t, notify),
    { .name = ngx_null_string }
};


static const af_replica_conf_t  af_replica_defaults = {
    .db.pool = 1,
    .db.inflight = 1,
    .db.queue = 1024,
    .db.timeout = 2000,
    .lag = 10000
};


static const af_param_t  af_replica_params[] = {
    af_param("pool=", af_param_count, af_replica_conf_t, db.pool,
             .max = 256, .too_large = "has a pool of more than 256"),
    af_param("queue=", af_param_count, af_replica_conf_t, db.queue),
    af_param("timeout=", af_param_msec, af_replica_conf_t, db.timeout),
    af_param("lag=", af_param_msec, af_replica_conf_t, lag,
             .min = 100, .too_small = "has a lag of less than 100ms"),
    af_param("sticky=", af_param_msec, af_replica_conf_t, sticky),
    { .name = ngx_null_string }
};


char *
af_database_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_main_conf_t *amcf = conf;

    char          *rv;
    ngx_str_t     *value;
    af_db_conf_t  *database;

    if (amcf->database) {
        return "is duplicate";
    }

    database = ngx_palloc(cf->pool, sizeof(af_db_conf_t));
    if (database == NULL) {
        return NGX_CONF_ERROR;
    }

    *database = af_database_defaults;

    amcf->database = database;
    af_conf_line(cf, &amcf->line);

    value = cf->args->elts;

    if (af_db_conninfo(cf, &value[1], &database->conninfo) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    af_db_check_hosts(cf, &database->conninfo);

    rv = af_params(cf, 2, af_database_params, database);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (database->inflight == 0) {
        database->inflight = database->unnamed ? AF_DB_INFLIGHT_UNNAMED
                                               : AF_DB_INFLIGHT;
    }

    if (database->unnamed && database->inflight > AF_DB_INFLIGHT_UNNAMED) {
        return "has \"statements=unnamed\" with more than one inflight";
    }

    if (database->notify.len == 0) {
        return database->unnamed
               ? "has \"statements=unnamed\" without \"notify=\", by which "
                 "revocations come from PostgreSQL itself" : NGX_CONF_OK;
    }

    return (af_db_conninfo(cf, &database->notify, &database->notify) == NGX_OK)
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


char *
af_database_replica_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_main_conf_t *amcf = conf;

    char               *rv;
    ngx_str_t          *value;
    af_replica_conf_t  *replica;

    if (amcf->replica_conf) {
        return "is duplicate";
    }

    replica = ngx_palloc(cf->pool, sizeof(af_replica_conf_t));
    if (replica == NULL) {
        return NGX_CONF_ERROR;
    }

    *replica = af_replica_defaults;

    amcf->replica_conf = replica;
    af_conf_line(cf, &amcf->replica_line);

    value = cf->args->elts;

    if (af_db_conninfo(cf, &value[1], &replica->db.conninfo) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (af_db_conninfo_is_primary(&replica->db.conninfo)) {
        return "has a \"target_session_attrs\" that only the primary has";
    }

    rv = af_params(cf, 2, af_replica_params, replica);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (replica->sticky == 0) {
        replica->sticky = replica->lag;
    }

    return (replica->sticky < replica->lag)
           ? "has a \"sticky=\" shorter than its \"lag=\": whoever has changed "
             "something might not see it" : NGX_CONF_OK;
}


/* a standby knows of an ended session or a lost role too late */

static void
af_db_check_hosts(ngx_conf_t *cf, const ngx_str_t *conninfo)
{
    if ((af_db_conninfo_has(conninfo, "host", ",")
         || af_db_conninfo_has(conninfo, "hostaddr", ","))
        && !af_db_conninfo_is_primary(conninfo))
    {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"autoflow_database\" has several hosts, of which "
                           "a standby may be taken: add "
                           "\"target_session_attrs=read-write\" to its "
                           "conninfo");
    }
}


static ngx_uint_t
af_db_conninfo_is_primary(const ngx_str_t *conninfo)
{
    return af_db_conninfo_has(conninfo, "target_session_attrs", "read-write")
           || af_db_conninfo_has(conninfo, "target_session_attrs", "primary");
}


/* whether an option has this text in it */

static ngx_uint_t
af_db_conninfo_has(const ngx_str_t *conninfo, const char *keyword,
    const char *text)
{
    ngx_uint_t         has;
    PQconninfoOption  *options, *option;

    has = 0;
    options = PQconninfoParse((char *) conninfo->data, NULL);

    for (option = options; option && option->keyword; option++) {
        if (option->val && ngx_strcmp(option->keyword, keyword) == 0) {
            has = (ngx_strstr(option->val, text) != NULL);
        }
    }

    PQconninfoFree(options);

    return has;
}


char *
af_database_replica_check(ngx_conf_t *cf,
    const ngx_http_autoflow_main_conf_t *amcf)
{
    return (amcf->replica_conf && amcf->database == NULL)
           ? af_conf_needs(cf, "autoflow_database_replica",
                           "an \"autoflow_database\"", &amcf->replica_line)
           : NGX_CONF_OK;
}


static ngx_int_t
af_db_conninfo(ngx_conf_t *cf, ngx_str_t *value,
    ngx_str_t *conninfo)
{
    ngx_str_t          *directive;
    char               *error;
    PQconninfoOption   *options, *option;
    af_secret_value_t   secret;

    if (af_secret_value_read(cf, value, &secret) != NGX_OK) {
        return NGX_ERROR;
    }

    directive = cf->args->elts;
    *conninfo = secret.text;

    error = NULL;
    options = PQconninfoParse((char *) conninfo->data, &error);

    if (options == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" has an invalid conninfo: %s",
                           directive, error ? error : "no memory");
        PQfreemem(error);
        return NGX_ERROR;
    }

    /* without a password it is no secret */

    for (option = options; option->keyword; option++) {
        if (option->val && ngx_strcmp(option->keyword, "password") == 0) {
            af_secret_value_note_exposed(cf, &secret);
        }
    }

    PQconninfoFree(options);

    return NGX_OK;
}
