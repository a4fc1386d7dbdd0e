/*
 * The map of the module: its directives, how they merge, and where it hooks
 * into nginx.  Nothing here does any work.
 */

#include "api/api.h"
#include "flow/budget.h"
#include "http/access.h"
#include "http/cookies.h"
#include "http/cors.h"
#include "http/csrf.h"
#include "http/https.h"
#include "http/remote.h"
#include "http/variables.h"
#include "http/verify.h"
#include "token/cursor.h"
#include "queries.h"
#include "ngx_http_autoflow_directives.h"
#include "ngx_http_autoflow_zone.h"


/* of verified tokens, in each worker; AF_CACHE_WAYS tokens each */
#define NGX_HTTP_AUTOFLOW_CACHE_SETS  512


static ngx_int_t ngx_http_autoflow_preconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_http_autoflow_postconfiguration(ngx_conf_t *cf);
static void *ngx_http_autoflow_create_main_conf(ngx_conf_t *cf);
static char *ngx_http_autoflow_init_main_conf(ngx_conf_t *cf, void *conf);
static char *ngx_http_autoflow_init_service(ngx_conf_t *cf,
    ngx_http_autoflow_main_conf_t *amcf);
static ngx_thread_pool_t *ngx_http_autoflow_thread_pool(ngx_conf_t *cf,
    ngx_str_t *name, ngx_http_autoflow_where_t *where);
static ngx_thread_pool_t *ngx_http_autoflow_connect_pool(ngx_conf_t *cf,
    ngx_http_autoflow_main_conf_t *amcf);
static void *ngx_http_autoflow_create_srv_conf(ngx_conf_t *cf);
static char *ngx_http_autoflow_merge_srv_conf(ngx_conf_t *cf, void *parent,
    void *child);
static char *ngx_http_autoflow_merge_keys(ngx_conf_t *cf,
    ngx_http_autoflow_srv_conf_t *prev, ngx_http_autoflow_srv_conf_t *conf);
static void *ngx_http_autoflow_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_autoflow_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static char *ngx_http_autoflow_merge_handler(ngx_conf_t *cf,
    ngx_http_autoflow_loc_conf_t *prev, ngx_http_autoflow_loc_conf_t *conf);
static void ngx_http_autoflow_merge_https(ngx_conf_t *cf,
    ngx_http_autoflow_loc_conf_t *prev, ngx_http_autoflow_loc_conf_t *conf);
static char *ngx_http_autoflow_merge_protection(ngx_conf_t *cf,
    ngx_http_autoflow_loc_conf_t *prev, ngx_http_autoflow_loc_conf_t *conf);
static char *ngx_http_autoflow_check_cors(ngx_conf_t *cf,
    ngx_http_autoflow_loc_conf_t *conf);
static char *ngx_http_autoflow_check_cookies(ngx_conf_t *cf,
    ngx_http_autoflow_loc_conf_t *conf);
static char *ngx_http_autoflow_note_cookies(ngx_conf_t *cf,
    ngx_http_autoflow_loc_conf_t *conf);
static ngx_uint_t ngx_http_autoflow_has_auth(
    ngx_http_autoflow_loc_conf_t *conf);
static char *ngx_http_autoflow_check_api(ngx_conf_t *cf,
    ngx_http_autoflow_where_t *where);
static char *ngx_http_autoflow_check_key(ngx_conf_t *cf, char *directive,
    ngx_http_autoflow_where_t *where);
static ngx_int_t ngx_http_autoflow_init_process(ngx_cycle_t *cycle);
static void ngx_http_autoflow_exit_process(ngx_cycle_t *cycle);


static ngx_conf_enum_t  ngx_http_autoflow_environments[] = {
    { ngx_string("development"), AF_DEVELOPMENT },
    { ngx_string("testing"), AF_TESTING },
    { ngx_string("production"), AF_PRODUCTION },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_autoflow_https_modes[] = {
    { ngx_string("off"), AF_HTTPS_OFF },
    { ngx_string("on"), AF_HTTPS_ON },
    { ngx_string("redirect"), AF_HTTPS_REDIRECT },
    { ngx_null_string, 0 }
};


static ngx_conf_post_t  ngx_http_autoflow_text = {
    ngx_http_autoflow_check_text
};


static ngx_conf_post_t  ngx_http_autoflow_positive = {
    ngx_http_autoflow_check_positive
};


/* nginx's own part of it, and some thousand revocations */

static ngx_conf_num_bounds_t  ngx_http_autoflow_zone_min = {
    ngx_conf_check_num_bounds, 256 * 1024, -1
};


/* revocations are kept as much longer than tokens live, see sql/ */

static ngx_conf_num_bounds_t  ngx_http_autoflow_leeway = {
    ngx_conf_check_num_bounds, 0, 5 * 60
};


/* who stole a token may use it as long */

static ngx_conf_num_bounds_t  ngx_http_autoflow_grace = {
    ngx_conf_check_num_bounds, 0, 60
};


/* the default: ngx_http_complex_value() gives back a value without variables */

static ngx_http_complex_value_t  ngx_http_autoflow_realm = {
    ngx_string("autoflow"), NULL, NULL, NULL, { 0 }
};


/* the default, in seconds */

static const af_attempts_t  ngx_http_autoflow_attempts_borne = {
    .account = { 10, 15 * 60 },
    .account_total = { 100, 15 * 60 },
    .address = { 100, 60 },
    .changes = { 120, 60 }
};


/* who runs them, and when, is in db/jobs.h */

static const af_jobs_row_t  ngx_http_autoflow_jobs[] = {
    { "purge", 60 * 1000, .statement = &af_sql_jobs_purge },
    { "addresses", 60 * 1000, .statement = &af_sql_jobs_addresses },
    { "roles", 60 * 1000, .statement = &af_sql_jobs_roles },
    { "mails", 60 * 60 * 1000, .statement = &af_sql_jobs_mails },
    { "audit", 60 * 60 * 1000, .statement = &af_sql_jobs_audit },

    { "send_mails", 15 * 1000, .function = af_mail_look,
      .offset = offsetof(ngx_http_autoflow_main_conf_t, mail) },

    { "fetch_keys", 1000, .function = af_remotes_look,
      .offset = offsetof(ngx_http_autoflow_main_conf_t, remotes) },

    { NULL, 0, NULL, NULL, 0 }
};


static ngx_command_t  ngx_http_autoflow_commands[] = {

    /* the service */

    { ngx_string("autoflow_database"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_autoflow_database,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("autoflow_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_autoflow_main_conf_t, zone_size),
      &ngx_http_autoflow_zone_min },

    { ngx_string("autoflow_secret"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_autoflow_secret,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("autoflow_environment"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_autoflow_main_conf_t, environment),
      &ngx_http_autoflow_environments },

    { ngx_string("autoflow_access_ttl"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_autoflow_main_conf_t, access_ttl),
      &ngx_http_autoflow_positive },

    { ngx_string("autoflow_refresh_ttl"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_autoflow_main_conf_t, refresh_ttl),
      &ngx_http_autoflow_positive },

    { ngx_string("autoflow_refresh_grace"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_autoflow_main_conf_t, refresh_grace),
      &ngx_http_autoflow_grace },

    { ngx_string("autoflow_attempts"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1234,
      ngx_http_autoflow_attempts,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("autoflow_sessions"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_autoflow_sessions,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("autoflow_revocation_staleness"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE12,
      ngx_http_autoflow_staleness,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("autoflow_password"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_autoflow_password,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("autoflow_threads"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE123,
      ngx_http_autoflow_threads,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("autoflow_mail"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_autoflow_mail,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("autoflow_mail_templates"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_autoflow_main_conf_t, mail_templates),
      NULL },

    { ngx_string("autoflow_link_base"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_autoflow_link_base,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("autoflow_require_verified_email"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_FLAG,
      ngx_http_autoflow_require_verified,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_autoflow_main_conf_t, require_verified),
      NULL },

    /* keys */

    { ngx_string("autoflow_key"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_CONF_1MORE,
      ngx_http_autoflow_key,
      NGX_HTTP_SRV_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("autoflow_key_url"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_CONF_2MORE,
      ngx_http_autoflow_key_url,
      NGX_HTTP_SRV_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("autoflow_issuer"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_SRV_CONF_OFFSET,
      offsetof(ngx_http_autoflow_srv_conf_t, issuer),
      &ngx_http_autoflow_text },

    { ngx_string("autoflow_audience"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_CONF_1MORE,
      ngx_http_autoflow_audience,
      NGX_HTTP_SRV_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("autoflow_leeway"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_SRV_CONF_OFFSET,
      offsetof(ngx_http_autoflow_srv_conf_t, leeway),
      &ngx_http_autoflow_leeway },

    /* serving */

    { ngx_string("autoflow_api"),
      NGX_HTTP_LOC_CONF|NGX_HTTP_LMT_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_http_autoflow_api,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("autoflow_verify"),
      NGX_HTTP_LOC_CONF|NGX_HTTP_LMT_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_http_autoflow_verify,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("autoflow_cors_origins"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_HTTP_LMT_CONF
                        |NGX_CONF_1MORE,
      ngx_http_autoflow_cors_origins,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("autoflow_cookies"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_HTTP_LMT_CONF
                        |NGX_CONF_TAKE1234|NGX_CONF_TAKE5,
      ngx_http_autoflow_cookies,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("autoflow_require_https"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_HTTP_LMT_CONF
                        |NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_autoflow_loc_conf_t, require_https),
      &ngx_http_autoflow_https_modes },

    /* protecting */

    { ngx_string("autoflow_auth"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_HTTP_LMT_CONF
                        |NGX_CONF_TAKE123,
      ngx_http_autoflow_auth,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("autoflow_require"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_HTTP_LMT_CONF
                        |NGX_CONF_1MORE,
      ngx_http_autoflow_require,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("autoflow_realm"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_HTTP_LMT_CONF
                        |NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_autoflow_loc_conf_t, realm),
      NULL },

    { ngx_string("autoflow_claim_set"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_2MORE,
      ngx_http_autoflow_claim_set,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    ngx_null_command
};


static ngx_http_module_t  ngx_http_autoflow_module_ctx = {
    ngx_http_autoflow_preconfiguration,    /* preconfiguration */
    ngx_http_autoflow_postconfiguration,   /* postconfiguration */

    ngx_http_autoflow_create_main_conf,    /* create main configuration */
    ngx_http_autoflow_init_main_conf,      /* init main configuration */

    ngx_http_autoflow_create_srv_conf,     /* create server configuration */
    ngx_http_autoflow_merge_srv_conf,      /* merge server configuration */

    ngx_http_autoflow_create_loc_conf,     /* create location configuration */
    ngx_http_autoflow_merge_loc_conf       /* merge location configuration */
};


ngx_module_t  ngx_http_autoflow_module = {
    NGX_MODULE_V1,
    &ngx_http_autoflow_module_ctx,         /* module context */
    ngx_http_autoflow_commands,            /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_http_autoflow_init_process,        /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_autoflow_exit_process,        /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_autoflow_preconfiguration(ngx_conf_t *cf)
{
    if (sodium_init() == -1) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "sodium_init() failed");
        return NGX_ERROR;
    }

    return af_variables_add(cf);
}


static ngx_int_t
ngx_http_autoflow_postconfiguration(ngx_conf_t *cf)
{
    ngx_str_t                       name;
    ngx_http_handler_pt            *h;
    ngx_http_core_main_conf_t      *cmcf;
    ngx_http_autoflow_main_conf_t  *amcf;

    amcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_autoflow_module);
    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    /* an indexed variable keeps its value: a log shows the same */

    ngx_str_set(&name, "request_id");

    amcf->request_id = ngx_http_get_variable_index(cf, &name);
    if (amcf->request_id == NGX_ERROR) {
        return NGX_ERROR;
    }

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_ACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = af_access_handler;

    /* the last one comes first: https, preflights, "return" and "rewrite" */

    h = ngx_array_push_n(&cmcf->phases[NGX_HTTP_REWRITE_PHASE].handlers, 2);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h[0] = af_cors_handler;
    h[1] = af_https_handler;

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_SERVER_REWRITE_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = af_cookies_handler;

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_PREACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = af_cookies_strip_handler;

    af_cors_filter_add();

    return NGX_OK;
}


static void *
ngx_http_autoflow_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_autoflow_main_conf_t  *amcf;

    amcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_autoflow_main_conf_t));
    if (amcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     amcf->database.conninfo = { 0, NULL };
     *     amcf->secrets = NULL;
     *     amcf->hash_name = { 0, NULL };
     *     amcf->io_name = { 0, NULL };
     *     amcf->connect_name = { 0, NULL };
     *     amcf->zone = NULL;
     *     amcf->stale_open = 0;
     *     amcf->db = NULL;
     *     amcf->wide = NULL;
     *     amcf->feed = NULL;
     *     amcf->mail_conf = NULL;
     *     amcf->mail_templates = { 0, NULL };
     *     amcf->link_base = { 0, NULL };
     *     amcf->mail = NULL;
     */

    amcf->attempts = ngx_http_autoflow_attempts_borne;

    amcf->database.pool = NGX_CONF_UNSET_UINT;
    amcf->database.wide = NGX_CONF_UNSET_UINT;
    amcf->database.inflight = NGX_CONF_UNSET_UINT;
    amcf->database.queue = NGX_CONF_UNSET_UINT;
    amcf->database.timeout = NGX_CONF_UNSET_MSEC;
    amcf->zone_size = NGX_CONF_UNSET_SIZE;
    amcf->staleness = NGX_CONF_UNSET_MSEC;
    amcf->max_sessions = NGX_CONF_UNSET_UINT;
    amcf->environment = NGX_CONF_UNSET_UINT;
    amcf->require_verified = NGX_CONF_UNSET;
    amcf->access_ttl = NGX_CONF_UNSET;
    amcf->refresh_ttl = NGX_CONF_UNSET;
    amcf->refresh_grace = NGX_CONF_UNSET;
    amcf->argon2.memory = NGX_CONF_UNSET_SIZE;
    amcf->argon2_time = NGX_CONF_UNSET_UINT;
    amcf->strength = NGX_CONF_UNSET_UINT;
    amcf->started = ngx_time();

    return amcf;
}


static char *
ngx_http_autoflow_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_autoflow_main_conf_t *amcf = conf;

    ngx_conf_init_uint_value(amcf->database.pool, 2);
    ngx_conf_init_uint_value(amcf->database.wide, 1);
    ngx_conf_init_uint_value(amcf->database.inflight, 64);
    ngx_conf_init_uint_value(amcf->database.queue, 1024);
    ngx_conf_init_msec_value(amcf->database.timeout, 5000);
    ngx_conf_init_size_value(amcf->zone_size, 16 * 1024 * 1024);
    ngx_conf_init_msec_value(amcf->staleness, 5 * 60 * 1000);
    ngx_conf_init_uint_value(amcf->max_sessions, 100);
    ngx_conf_init_uint_value(amcf->environment, AF_PRODUCTION);
    ngx_conf_init_value(amcf->require_verified, 0);
    ngx_conf_init_value(amcf->access_ttl, 30 * 60);
    ngx_conf_init_value(amcf->refresh_ttl, 7 * 24 * 60 * 60);
    ngx_conf_init_value(amcf->refresh_grace, 10);
    ngx_conf_init_size_value(amcf->argon2.memory, 19 * 1024 * 1024);
    ngx_conf_init_uint_value(amcf->argon2_time, 2);
    ngx_conf_init_uint_value(amcf->strength, 20);

    amcf->argon2.time = amcf->argon2_time;

    af_budget_init(&amcf->attempts);

    if (amcf->environment == AF_PRODUCTION && amcf->exposed.file) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"autoflow_environment production\" refuses %s%V "
                      "in %s:%ui",
                      amcf->exposed_file.len ? "what everyone may read: "
                                             : "a literal secret",
                      &amcf->exposed_file, amcf->exposed.file,
                      amcf->exposed.line);
        return NGX_CONF_ERROR;
    }

    if (amcf->hash_name.data == NULL) {
        ngx_str_set(&amcf->hash_name, "autoflow_hash");
    }

    if (amcf->io_name.data == NULL) {
        ngx_str_set(&amcf->io_name, "autoflow_io");
    }

    if (amcf->environment == AF_PRODUCTION && amcf->plain.file) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"autoflow_environment production\" refuses "
                      "keys that come by http in %s:%ui",
                      amcf->plain.file, amcf->plain.line);
        return NGX_CONF_ERROR;
    }

    if (amcf->database.conninfo.data) {
        amcf->hash = ngx_http_autoflow_thread_pool(cf, &amcf->hash_name,
                                                   &amcf->where);
    }

    if (amcf->database.conninfo.data || amcf->remotes) {
        amcf->io = ngx_http_autoflow_thread_pool(cf, &amcf->io_name,
                                                 &amcf->where);
        if (amcf->io == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    if (amcf->database.conninfo.data == NULL) {
        return ngx_http_autoflow_init_mail(cf, amcf);
    }

    amcf->connect = ngx_http_autoflow_connect_pool(cf, amcf);

    if (amcf->hash == NULL || amcf->connect == NULL) {
        return NGX_CONF_ERROR;
    }

    if (amcf->secrets == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"autoflow_database\" needs an \"autoflow_secret\" "
                      "in %s:%ui", amcf->where.file, amcf->where.line);
        return NGX_CONF_ERROR;
    }

    return ngx_http_autoflow_init_service(cf, amcf);
}


static char *
ngx_http_autoflow_init_service(ngx_conf_t *cf,
    ngx_http_autoflow_main_conf_t *amcf)
{
    if (ngx_http_autoflow_derive(cf, amcf->secrets, &amcf->purpose_keys)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    amcf->zone = ngx_http_autoflow_zone_add(cf, amcf->zone_size);
    if (amcf->zone == NULL) {
        return NGX_CONF_ERROR;
    }

    amcf->feed = af_feed_create(cf->pool, &amcf->database, amcf->zone,
                                amcf->staleness);
    amcf->db = af_db_create(cf->pool, &amcf->database, NULL);
    amcf->wide = af_db_create_wide(cf->pool, &amcf->database);

    return (amcf->feed && amcf->db && amcf->wide)
           ? ngx_http_autoflow_init_mail(cf, amcf) : NGX_CONF_ERROR;
}


static ngx_thread_pool_t *
ngx_http_autoflow_thread_pool(ngx_conf_t *cf, ngx_str_t *name,
    ngx_http_autoflow_where_t *where)
{
    if (ngx_thread_pool_get(cf->cycle, name) == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "a thread pool is needed: add "
                      "\"thread_pool %V threads=2 max_queue=256;\" "
                      "above the \"http\" block in %s:%ui",
                      name, where->file, where->line);
        return NULL;
    }

    return ngx_thread_pool_add(cf, name);
}


/* a configuration from before there was such a pool does without */

static ngx_thread_pool_t *
ngx_http_autoflow_connect_pool(ngx_conf_t *cf,
    ngx_http_autoflow_main_conf_t *amcf)
{
    ngx_str_t  *name;

    name = &amcf->connect_name;

    if (name->data) {
        return ngx_http_autoflow_thread_pool(cf, name, &amcf->where);
    }

    ngx_str_set(name, "autoflow_connect");

    if (ngx_thread_pool_get(cf->cycle, name)) {
        return ngx_thread_pool_add(cf, name);
    }

    ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                  "connections to the database wait for mails and keys that "
                  "are fetched: add "
                  "\"thread_pool %V threads=2 max_queue=256;\" "
                  "above the \"http\" block in %s:%ui",
                  name, amcf->where.file, amcf->where.line);

    return amcf->io;
}


static void *
ngx_http_autoflow_create_srv_conf(ngx_conf_t *cf)
{
    ngx_http_autoflow_srv_conf_t  *ascf;

    ascf = ngx_pcalloc(cf->pool, sizeof(ngx_http_autoflow_srv_conf_t));
    if (ascf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     ascf->keys = NULL;
     *     ascf->signer = NULL;
     *     ascf->jwks = { 0, NULL };
     *     ascf->issuer = { 0, NULL };
     *     ascf->cookies = 0;
     *     ascf->former_paths = NULL;
     */

    ascf->audience = NGX_CONF_UNSET_PTR;
    ascf->leeway = NGX_CONF_UNSET;

    return ascf;
}


static char *
ngx_http_autoflow_merge_srv_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_autoflow_srv_conf_t *prev = parent;
    ngx_http_autoflow_srv_conf_t *conf = child;

    ngx_http_autoflow_main_conf_t  *amcf;

    amcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_autoflow_module);

    if (amcf->db) {
        ngx_conf_merge_str_value(conf->issuer, prev->issuer, "autoflow");

    } else {
        ngx_conf_merge_str_value(conf->issuer, prev->issuer, "");
    }

    ngx_conf_merge_ptr_value(conf->audience, prev->audience, NULL);
    ngx_conf_merge_sec_value(conf->leeway, prev->leeway, 0);

    return ngx_http_autoflow_merge_keys(cf, prev, conf);
}


static char *
ngx_http_autoflow_merge_keys(ngx_conf_t *cf,
    ngx_http_autoflow_srv_conf_t *prev, ngx_http_autoflow_srv_conf_t *conf)
{
    char  *jwks;

    if (conf->keys == NULL && conf->remotes == NULL) {
        conf->keys = prev->keys;
        conf->remotes = prev->remotes;
    }

    if (conf->keys == NULL) {
        return NGX_CONF_OK;
    }

    conf->signer = af_keyring_signer(conf->keys);

    jwks = af_keyring_jwks(conf->keys);
    if (jwks == NULL) {
        return NGX_CONF_ERROR;
    }

    conf->jwks.len = ngx_strlen(jwks);
    conf->jwks.data = ngx_pnalloc(cf->pool, conf->jwks.len);

    if (conf->jwks.data) {
        ngx_memcpy(conf->jwks.data, jwks, conf->jwks.len);
    }

    free(jwks);

    return conf->jwks.data ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static void *
ngx_http_autoflow_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_autoflow_loc_conf_t  *alcf;

    alcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_autoflow_loc_conf_t));
    if (alcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     alcf->auth = AF_AUTH_UNSET;
     *     alcf->token = NULL;
     *     alcf->preflight_deny = 0;
     *     alcf->require = NULL;
     *     alcf->base = { 0, NULL };
     *     alcf->verify = 0;
     *     alcf->https = AF_HTTPS_OFF;
     *     alcf->methods = NULL;
     */

    alcf->realm = NGX_CONF_UNSET_PTR;
    alcf->cors = NGX_CONF_UNSET_PTR;
    alcf->cookies = NGX_CONF_UNSET_PTR;
    alcf->require_https = NGX_CONF_UNSET_UINT;

    return alcf;
}


static char *
ngx_http_autoflow_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_autoflow_loc_conf_t *prev = parent;
    ngx_http_autoflow_loc_conf_t *conf = child;

    char  *rv;

    ngx_conf_merge_ptr_value(conf->realm, prev->realm,
                             &ngx_http_autoflow_realm);

    if (conf->cors == NGX_CONF_UNSET_PTR) {
        conf->cors = prev->cors;
        conf->cors_where = prev->cors_where;
    }

    rv = ngx_http_autoflow_check_cors(cf, conf);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (conf->cookies == NGX_CONF_UNSET_PTR) {
        conf->cookies = prev->cookies;
        conf->cookies_where = prev->cookies_where;
    }

    if (conf->cookies == NGX_CONF_UNSET_PTR) {
        conf->cookies = NULL;
    }

    rv = ngx_http_autoflow_check_cookies(cf, conf);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    rv = ngx_http_autoflow_merge_handler(cf, prev, conf);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    rv = ngx_http_autoflow_note_cookies(cf, conf);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    rv = ngx_http_autoflow_merge_protection(cf, prev, conf);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    ngx_http_autoflow_merge_https(cf, prev, conf);

    return NGX_CONF_OK;
}


/* a handler isn't inherited into limit_except: as proxy_pass does it */

static char *
ngx_http_autoflow_merge_handler(ngx_conf_t *cf,
    ngx_http_autoflow_loc_conf_t *prev, ngx_http_autoflow_loc_conf_t *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->noname && conf->base.data == NULL && conf->verify == 0) {
        conf->base = prev->base;
        conf->mount = prev->mount;
        conf->verify = prev->verify;
        conf->where = prev->where;
    }

    if (clcf->lmt_excpt && clcf->handler == NULL) {

        if (conf->base.data) {
            clcf->handler = af_api_handler;

        } else if (conf->verify) {
            clcf->handler = af_verify_handler;
        }
    }

    if (conf->base.data) {
        conf->methods = af_api_methods;

        return ngx_http_autoflow_check_api(cf, &conf->where);
    }

    if (conf->verify) {
        return ngx_http_autoflow_check_key(cf, "autoflow_verify",
                                           &conf->where);
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_autoflow_merge_protection(ngx_conf_t *cf,
    ngx_http_autoflow_loc_conf_t *prev, ngx_http_autoflow_loc_conf_t *conf)
{
    ngx_uint_t  own;

    if (conf->auth == AF_AUTH_UNSET) {
        conf->auth = prev->auth;
        conf->token = prev->token;
        conf->token_cookie = prev->token_cookie;
        conf->preflight_deny = prev->preflight_deny;
        conf->auth_where = prev->auth_where;
    }

    own = (conf->require != NULL);

    if (!own) {
        conf->require = prev->require;
        conf->require_where = prev->require_where;
    }

    if (conf->auth == AF_AUTH_ON || conf->auth == AF_AUTH_OPTIONAL) {
        return ngx_http_autoflow_check_key(cf, "autoflow_auth",
                                           &conf->auth_where);
    }

    /* with an "autoflow_auth off" above it, that is meant for what is inside */

    if (conf->require && conf->verify == 0
        && (own || conf->auth == AF_AUTH_UNSET))
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"autoflow_require\" needs an \"autoflow_auth\" "
                      "in %s:%ui",
                      conf->require_where.file, conf->require_where.line);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/*
 * In production credentials of ours don't come over plain http.  A proxy that
 * asks autoflow_verify is another matter: it is next to it, as an upstream is;
 * and so is a verifier without a database, behind a balancer that ends TLS.
 */

static void
ngx_http_autoflow_merge_https(ngx_conf_t *cf,
    ngx_http_autoflow_loc_conf_t *prev, ngx_http_autoflow_loc_conf_t *conf)
{
    ngx_http_autoflow_main_conf_t  *amcf;

    amcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_autoflow_module);

    ngx_conf_merge_uint_value(conf->require_https, prev->require_https,
                              NGX_CONF_UNSET_UINT);

    if (conf->require_https != NGX_CONF_UNSET_UINT) {
        conf->https = conf->require_https;

    } else if (amcf->environment == AF_PRODUCTION
               && amcf->database.conninfo.len && conf->verify == 0
               && (conf->base.data || conf->auth == AF_AUTH_ON
                   || conf->auth == AF_AUTH_OPTIONAL))
    {
        conf->https = AF_HTTPS_ON;
    }
}


static char *
ngx_http_autoflow_check_api(ngx_conf_t *cf, ngx_http_autoflow_where_t *where)
{
    ngx_http_autoflow_srv_conf_t   *ascf;
    ngx_http_autoflow_main_conf_t  *amcf;

    amcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_autoflow_module);
    ascf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_autoflow_module);

    if (amcf->db == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"autoflow_api\" needs an \"autoflow_database\" "
                      "in %s:%ui", where->file, where->line);
        return NGX_CONF_ERROR;
    }

    if (ascf->signer == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"autoflow_api\" needs an \"autoflow_key\" that "
                      "signs in %s:%ui", where->file, where->line);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* whatever serves a page on somebody's own machine may read the answers */

static char *
ngx_http_autoflow_check_cors(ngx_conf_t *cf,
    ngx_http_autoflow_loc_conf_t *conf)
{
    ngx_http_autoflow_main_conf_t  *amcf;

    amcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_autoflow_module);

    if (conf->cors == NGX_CONF_UNSET_PTR || conf->cors == NULL
        || !conf->cors->any_port || amcf->environment == AF_DEVELOPMENT)
    {
        return NGX_CONF_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "\"autoflow_cors_origins\" has an origin of any port, which "
                  "is for \"autoflow_environment development\" alone, "
                  "in %s:%ui", conf->cors_where.file, conf->cors_where.line);

    return NGX_CONF_ERROR;
}


static char *
ngx_http_autoflow_check_cookies(ngx_conf_t *cf,
    ngx_http_autoflow_loc_conf_t *conf)
{
    ngx_http_autoflow_main_conf_t  *amcf;

    amcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_autoflow_module);

    if (conf->cookies == NULL) {
        return NGX_CONF_OK;
    }

    if (amcf->db == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"autoflow_cookies\" needs an \"autoflow_database\" "
                      "in %s:%ui", conf->cookies_where.file,
                      conf->cookies_where.line);
        return NGX_CONF_ERROR;
    }

    /* browsers take such a cookie with "Secure" alone, which needs https */

    if (conf->cookies->samesite == AF_SAMESITE_NONE
        && amcf->environment == AF_DEVELOPMENT)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"samesite=none\" can't be in \"autoflow_environment "
                      "development\" in %s:%ui", conf->cookies_where.file,
                      conf->cookies_where.line);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/*
 * What a server must know of the cookies of all its locations: whether there
 * are any, and at which paths former ones are.
 */

static char *
ngx_http_autoflow_note_cookies(ngx_conf_t *cf,
    ngx_http_autoflow_loc_conf_t *conf)
{
    ngx_http_autoflow_srv_conf_t  *ascf;

    ascf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_autoflow_module);

    if (conf->cookies) {
        ascf->cookies = 1;

        if (conf->cookies->path.len
            && af_cookies_former(cf, ascf, &conf->cookies->path) != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    if (conf->base.data && ngx_http_autoflow_has_auth(conf)
        && af_cookies_former(cf, ascf, &conf->mount) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* whether a location serves logins: not all that it has need do */

static ngx_uint_t
ngx_http_autoflow_has_auth(ngx_http_autoflow_loc_conf_t *conf)
{
    size_t  len;

    static u_char  auth[] = "/auth/";

    len = ngx_min(conf->mount.len, conf->base.len);

    if (ngx_strncmp(conf->mount.data, conf->base.data, len) != 0) {
        return 0;
    }

    if (conf->mount.len <= conf->base.len) {
        return 1;
    }

    len = ngx_min(conf->mount.len - conf->base.len, sizeof(auth) - 1);

    return ngx_strncmp(conf->mount.data + conf->base.len, auth, len) == 0;
}


static char *
ngx_http_autoflow_check_key(ngx_conf_t *cf, char *directive,
    ngx_http_autoflow_where_t *where)
{
    ngx_http_autoflow_srv_conf_t  *ascf;

    ascf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_autoflow_module);

    if (ascf->keys == NULL && ascf->remotes == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"%s\" needs an \"autoflow_key\" in %s:%ui",
                      directive, where->file, where->line);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_autoflow_init_process(ngx_cycle_t *cycle)
{
    ngx_http_autoflow_main_conf_t  *amcf;

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    amcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_autoflow_module);

    if (amcf == NULL) {
        return NGX_OK;
    }

    amcf->cache = af_cache_create(NGX_HTTP_AUTOFLOW_CACHE_SETS);

    if (amcf->remotes) {
        af_remotes_start(amcf->remotes, amcf->io, cycle->log);
    }

    if (amcf->zone) {
        af_counters_join(amcf->zone->counters, ngx_worker);
    }

    if (amcf->db) {
        /* all workers of a node share what one of them hears */

        if (ngx_worker == 0) {
            af_feed_start(amcf->feed, amcf->connect, cycle->log);
        }

        af_db_start(amcf->db, amcf->connect, cycle->log);
        af_db_start(amcf->wide, amcf->connect, cycle->log);
        af_feed_await(amcf->zone);
    }

    if (amcf->mail) {
        af_mail_start(amcf->mail, amcf->io, cycle->log);
    }

    amcf->jobs = af_jobs_start(cycle, ngx_http_autoflow_jobs, amcf,
                               amcf->db ? &amcf->database : NULL,
                               amcf->connect);

    return amcf->jobs ? NGX_OK : NGX_ERROR;
}


static void
ngx_http_autoflow_exit_process(ngx_cycle_t *cycle)
{
    ngx_http_autoflow_main_conf_t  *amcf;

    amcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_autoflow_module);

    if (amcf == NULL) {
        return;
    }

    if (amcf->jobs) {
        af_jobs_stop(amcf->jobs);
        amcf->jobs = NULL;
    }

    if (amcf->mail) {
        af_mail_stop(amcf->mail);
    }

    if (amcf->db) {
        af_flow_stop();
        af_feed_stop(amcf->feed);
        af_db_stop(amcf->db);
        af_db_stop(amcf->wide);
    }

    if (amcf->remotes) {
        af_remotes_stop(amcf->remotes);
    }

    af_cache_free(amcf->cache);
    amcf->cache = NULL;
}
