/*
 * The map of the module: its directives, how they merge, and its hooks in
 * nginx. Nothing here does any work.
 */

#include "pages/pages.h"
#include "api/api.h"
#include "api/metrics.h"
#include "api/mfa_policy.h"
#include "api/openapi.h"
#include "api/password.h"
#include "api/registration.h"
#include "api/relying_party.h"
#include "api/renewals.h"
#include "api/tokens.h"
#include "flow/budget.h"
#include "http/access.h"
#include "http/cookies.h"
#include "http/cors.h"
#include "http/credential.h"
#include "http/https.h"
#include "http/login.h"
#include "http/renew.h"
#include "http/require.h"
#include "http/variables.h"
#include "http/verify.h"
#include "db/audit_log.h"
#include "db/connect.h"
#include "db/feed.h"
#include "db/jobs.h"
#include "db/replica.h"
#include "db/room.h"
#include "db/seals.h"
#include "mail/conf.h"
#include "mail/outbox.h"
#include "keys/keys.h"
#include "keys/remote.h"
#include "conf/blocklist.h"
#include "conf/params.h"
#include "conf/secret.h"
#include "conf/threads.h"
#include "conf/zone.h"
#include "shm/zone.h"
#include "token/cache.h"
#include "queries.h"

#include <sodium.h>


/* by which tools/node tells the versions of files, and of what nginx runs */
static const char  ngx_http_autoflow_ident[] __attribute__((used)) =
    "autoflow module " AUTOFLOW_VERSION
    " schema " ngx_value(AF_DB_SCHEMA_VERSION);


static ngx_int_t ngx_http_autoflow_preconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_http_autoflow_postconfiguration(ngx_conf_t *cf);
static void *ngx_http_autoflow_create_main_conf(ngx_conf_t *cf);
static char *ngx_http_autoflow_init_main_conf(ngx_conf_t *cf, void *conf);
static char *ngx_http_autoflow_init_service(ngx_conf_t *cf,
    ngx_http_autoflow_main_conf_t *amcf);
static void *ngx_http_autoflow_create_srv_conf(ngx_conf_t *cf);
static char *ngx_http_autoflow_merge_srv_conf(ngx_conf_t *cf, void *parent,
    void *child);
static void *ngx_http_autoflow_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_autoflow_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static char *ngx_http_autoflow_merge_handler(ngx_conf_t *cf,
    ngx_http_autoflow_loc_conf_t *prev, ngx_http_autoflow_loc_conf_t *conf);
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
    af_claim_post
};


static ngx_conf_post_t  ngx_http_autoflow_positive = {
    af_lifetime_post
};


/* nginx's own part, and some thousand revocations */

static ngx_conf_num_bounds_t  ngx_http_autoflow_zone_min = {
    ngx_conf_check_num_bounds, 256 * 1024, -1
};


/* revocations outlive tokens by this, see sql/ */

static ngx_conf_num_bounds_t  ngx_http_autoflow_leeway = {
    ngx_conf_check_num_bounds, 0, 5 * 60
};


/* for as long, a stolen token can be used */

static ngx_conf_num_bounds_t  ngx_http_autoflow_grace = {
    ngx_conf_check_num_bounds, 0, 60
};


/* the default: ngx_http_complex_value() returns values without variables */

static ngx_http_complex_value_t  ngx_http_autoflow_realm = {
    ngx_string("autoflow"), NULL, NULL, NULL, { 0 }
};


/* see db/jobs.h for when they run, and where */

static const af_jobs_row_t  ngx_http_autoflow_jobs[] = {
    { "purge", 60 * 1000, .statement = &af_sql_jobs_purge },
    { "addresses", 60 * 1000, .statement = &af_sql_jobs_addresses },
    { "failures", 60 * 1000, .statement = &af_sql_jobs_failures },
    { "roles", 60 * 1000, .statement = &af_sql_jobs_roles },
    { "messages", 60 * 1000, .statement = &af_sql_jobs_messages },
    { "mails", 60 * 60 * 1000, .statement = &af_sql_jobs_mails },
    { "audit", 60 * 60 * 1000, .statement = &af_sql_jobs_audit },

    { "audit_log", 5 * 1000, .statement = &af_sql_jobs_audit_log,
      .receive = af_audit_log_write,
      .offset = offsetof(ngx_http_autoflow_main_conf_t, audit_log) },

    { "seals", 10 * 1000, .statement = &af_sql_jobs_reseal,
      .receive = af_seals_next,
      .offset = offsetof(ngx_http_autoflow_main_conf_t, former) },

    { "send_mails", 15 * 1000, .function = af_outbox_poll,
      .offset = offsetof(ngx_http_autoflow_main_conf_t, outbox) },

    { "fetch_keys", 1000, .function = af_remotes_poll,
      .offset = offsetof(ngx_http_autoflow_main_conf_t, remotes) },

    { NULL, 0, NULL, NULL, NULL, 0 }
};


static ngx_command_t  ngx_http_autoflow_commands[] = {

    /* the service */

    { ngx_string("autoflow_database"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      af_database_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("autoflow_database_replica"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      af_database_replica_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("autoflow_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_autoflow_main_conf_t, zone_size),
      &ngx_http_autoflow_zone_min },

    { ngx_string("autoflow_token_cache"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      af_token_cache_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("autoflow_secret"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      af_secret_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("autoflow_seal_key"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE12,
      af_seal_key_directive,
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
      af_attempts_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("autoflow_sessions"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      af_sessions_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("autoflow_revocation_staleness"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE12,
      af_staleness_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("autoflow_password"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      af_password_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("autoflow_password_blocklist"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      af_blocklist_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("autoflow_threads"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE123,
      af_threads_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("autoflow_mail"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      af_mail_directive,
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
      af_link_base_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("autoflow_audit_log"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      af_audit_log_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("autoflow_require_verified_email"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_FLAG,
      af_require_verified_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_autoflow_main_conf_t, require_verified),
      NULL },

    { ngx_string("autoflow_registration"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1234,
      af_registration_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("autoflow_webauthn"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE123,
      af_webauthn_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("autoflow_mfa"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      af_mfa_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    /* keys */

    { ngx_string("autoflow_key"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_CONF_1MORE,
      af_key_directive,
      NGX_HTTP_SRV_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("autoflow_key_url"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_CONF_2MORE,
      af_key_url_directive,
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
      af_audience_directive,
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
      NGX_HTTP_LOC_CONF|NGX_HTTP_LMT_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE12,
      af_api_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("autoflow_pages"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1234,
      af_pages_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("autoflow_pages_dir"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_autoflow_main_conf_t, pages_dir),
      NULL },

    { ngx_string("autoflow_verify"),
      NGX_HTTP_LOC_CONF|NGX_HTTP_LMT_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE12,
      af_verify_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("autoflow_metrics"),
      NGX_HTTP_LOC_CONF|NGX_HTTP_LMT_CONF|NGX_CONF_NOARGS,
      af_metrics_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("autoflow_cors_origins"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_HTTP_LMT_CONF
                        |NGX_CONF_1MORE,
      af_cors_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("autoflow_cookies"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_HTTP_LMT_CONF
                        |NGX_CONF_1MORE,
      af_cookies_directive,
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
                        |NGX_CONF_TAKE1234,
      af_auth_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("autoflow_require"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_HTTP_LMT_CONF
                        |NGX_CONF_1MORE,
      af_require_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("autoflow_login"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_HTTP_LMT_CONF
                        |NGX_CONF_TAKE12,
      af_login_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("autoflow_login_return"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_HTTP_LMT_CONF
                        |NGX_CONF_1MORE,
      af_login_return_directive,
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
      af_claim_set_directive,
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

    return (af_pages_init(cf->log) == NGX_OK) ? af_variables_add(cf)
                                               : NGX_ERROR;
}


static ngx_int_t
ngx_http_autoflow_postconfiguration(ngx_conf_t *cf)
{
    ngx_str_t                       name;
    ngx_http_handler_pt            *h, *first;
    ngx_http_core_main_conf_t      *cmcf;
    ngx_http_autoflow_main_conf_t  *amcf;

    amcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_autoflow_module);
    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    /* an indexed variable keeps its value, so that a log shows the same id */

    ngx_str_set(&name, "request_id");

    amcf->request_id = ngx_http_get_variable_index(cf, &name);
    if (amcf->request_id == NGX_ERROR) {
        return NGX_ERROR;
    }

    /* the last one runs first, and the first one last */

    h = ngx_array_push_n(&cmcf->phases[NGX_HTTP_ACCESS_PHASE].handlers, 2);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h[1] = af_access_handler;

    first = cmcf->phases[NGX_HTTP_ACCESS_PHASE].handlers.elts;
    ngx_memmove(first + 1, first, (u_char *) h - (u_char *) first);
    first[0] = af_login_handler;

    /* https, preflights, then "return" and "rewrite" */

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

    h = ngx_array_push_n(&cmcf->phases[NGX_HTTP_PREACCESS_PHASE].handlers, 2);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h[0] = af_bearer_strip_handler;
    h[1] = af_cookies_strip_handler;

    af_cors_filter_add();
    af_renew_filter_add();

    return af_openapi_init(cf);
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
     *     amcf->database = NULL;
     *     amcf->secrets = NULL;
     *     amcf->seal_secrets = NULL;
     *     amcf->seals = 0;
     *     amcf->hash_name = { 0, NULL };
     *     amcf->io_name = { 0, NULL };
     *     amcf->connect_name = { 0, NULL };
     *     amcf->zone = NULL;
     *     amcf->metrics = NULL;
     *     amcf->metrics_used = 0;
     *     amcf->fail_open = 0;
     *     amcf->session_idle = 0;
     *     amcf->session_lifetime = 0;
     *     amcf->renew = NULL;
     *     amcf->domains = NULL;
     *     amcf->domain_list = NULL;
     *     amcf->inviters = NULL;
     *     amcf->mfa_required_of = NULL;
     *     amcf->mfa_remember = 0;
     *     amcf->site_used = 0;
     *     amcf->webauthn = NULL;
     *     amcf->webauthn_params = NULL;
     *     amcf->db = NULL;
     *     amcf->wide = NULL;
     *     amcf->replica_conf = NULL;
     *     amcf->replica = NULL;
     *     amcf->feed = NULL;
     *     amcf->audit_log = NULL;
     *     amcf->sealed = NULL;
     *     amcf->former = NULL;
     *     amcf->mail_conf = NULL;
     *     amcf->mail_templates = { 0, NULL };
     *     amcf->link_base = { 0, NULL };
     *     amcf->pages_dir = { 0, NULL };
     *     amcf->mail = NULL;
     */

    amcf->attempts = &af_attempts_defaults;
    amcf->password = &af_password_defaults;

    amcf->zone_size = NGX_CONF_UNSET_SIZE;
    amcf->token_cache = NGX_CONF_UNSET_SIZE;
    amcf->staleness = NGX_CONF_UNSET_MSEC;
    amcf->mfa = NGX_CONF_UNSET_UINT;
    amcf->max_sessions = NGX_CONF_UNSET_UINT;
    amcf->environment = NGX_CONF_UNSET_UINT;
    amcf->require_verified = NGX_CONF_UNSET;
    amcf->registration = NGX_CONF_UNSET_UINT;
    amcf->invitation_ttl = 7 * 24 * 60 * 60;
    amcf->access_ttl = NGX_CONF_UNSET;
    amcf->refresh_ttl = NGX_CONF_UNSET;
    amcf->refresh_grace = NGX_CONF_UNSET;
    amcf->started = ngx_time();

    return amcf;
}


static char *
ngx_http_autoflow_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_autoflow_main_conf_t *amcf = conf;

    /* without a database there are only metrics in it */
    ngx_conf_init_size_value(amcf->token_cache, 8 * 1024 * 1024);
    ngx_conf_init_size_value(amcf->zone_size, amcf->database
                                              ? 16 * 1024 * 1024 : 1024 * 1024);
    ngx_conf_init_msec_value(amcf->staleness, 5 * 60 * 1000);
    ngx_conf_init_uint_value(amcf->max_sessions, 100);
    ngx_conf_init_uint_value(amcf->environment, AF_PRODUCTION);
    ngx_conf_init_value(amcf->require_verified, 0);
    ngx_conf_init_value(amcf->access_ttl, 30 * 60);
    ngx_conf_init_value(amcf->refresh_ttl, 7 * 24 * 60 * 60);
    ngx_conf_init_value(amcf->refresh_grace, 10);

    if (af_conf_check_insecure(cf, amcf) != NGX_CONF_OK
        || af_database_replica_check(cf, amcf) != NGX_CONF_OK
        || af_audit_log_check(cf, amcf) != NGX_CONF_OK
        || af_sessions_check(cf, amcf) != NGX_CONF_OK
        || af_registration_init(cf, amcf) != NGX_CONF_OK
        || af_webauthn_init(cf, amcf) != NGX_CONF_OK
        || af_mfa_init(cf, amcf) != NGX_CONF_OK
        || af_threads_init(cf, amcf) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    af_metrics_init();

    if (amcf->database || amcf->metrics_used) {
        amcf->metrics = af_zone_add(cf, amcf->zone_size);
        if (amcf->metrics == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    return amcf->database ? ngx_http_autoflow_init_service(cf, amcf)
                          : af_mail_init(cf, amcf);
}


static char *
ngx_http_autoflow_init_service(ngx_conf_t *cf,
    ngx_http_autoflow_main_conf_t *amcf)
{
    if (af_secrets_init(cf, amcf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    amcf->zone = amcf->metrics;
    amcf->renew = af_renewal_ask;

    amcf->feed = af_feed_create(cf->pool, amcf->database, amcf->zone,
                                amcf->staleness);
    amcf->db = af_db_create(cf->pool, amcf->database, NULL);
    amcf->wide = af_db_create_wide(cf->pool, amcf->database);

    amcf->sealed = af_seals_create(cf->pool, amcf);

    if (amcf->feed == NULL || amcf->db == NULL || amcf->wide == NULL
        || amcf->sealed == NULL)
    {
        return NGX_CONF_ERROR;
    }

    if (amcf->seals && amcf->seal_keys.n > 1) {
        amcf->former = amcf->sealed;
    }

    if (amcf->replica_conf) {
        amcf->replica = af_replica_create(cf->pool, amcf->replica_conf,
                                          amcf->db, amcf->wide);
        if (amcf->replica == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    return af_mail_init(cf, amcf);
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
     *     ascf->openapis = NULL;
     *     ascf->legacy_paths = NULL;
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

    return af_keys_merge(cf, prev, conf);
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
     *     alcf->strip = 0;
     *     alcf->require = NULL;
     *     alcf->dialect = NULL;
     *     alcf->openapi = NULL;
     *     alcf->pages = NULL;
     *     alcf->verify = 0;
     *     alcf->verify_redirect = 0;
     *     alcf->metrics = 0;
     *     alcf->login_returns = NULL;
     *     alcf->renew = 0;
     *     alcf->open = 0;
     *     alcf->https = AF_HTTPS_OFF;
     *     alcf->methods = NULL;
     */

    alcf->realm = NGX_CONF_UNSET_PTR;
    alcf->cors = NGX_CONF_UNSET_PTR;
    alcf->cookies = NGX_CONF_UNSET_PTR;
    alcf->login = NGX_CONF_UNSET_PTR;
    alcf->require_https = NGX_CONF_UNSET_UINT;

    return alcf;
}


static char *
ngx_http_autoflow_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_autoflow_loc_conf_t *prev = parent;
    ngx_http_autoflow_loc_conf_t *conf = child;

    ngx_conf_merge_ptr_value(conf->realm, prev->realm,
                             &ngx_http_autoflow_realm);

    af_login_merge(prev, conf);

    if (af_cors_merge(cf, prev, conf) != NGX_CONF_OK
        || af_cookies_merge(cf, prev, conf) != NGX_CONF_OK
        || ngx_http_autoflow_merge_handler(cf, prev, conf) != NGX_CONF_OK
        || af_cookies_note(cf, conf) != NGX_CONF_OK
        || af_access_merge(cf, prev, conf) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    af_renew_merge(conf);
    af_https_merge(cf, prev, conf);

    return NGX_CONF_OK;
}


/* not inherited into limit_except, as with proxy_pass */

static char *
ngx_http_autoflow_merge_handler(ngx_conf_t *cf,
    ngx_http_autoflow_loc_conf_t *prev, ngx_http_autoflow_loc_conf_t *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->noname && conf->dialect == NULL && conf->verify == 0
        && conf->metrics == 0)
    {
        conf->dialect = prev->dialect;
        conf->routes = prev->routes;
        conf->series = prev->series;
        conf->base = prev->base;
        conf->mount = prev->mount;
        conf->openapi = prev->openapi;
        conf->pages = prev->pages;
        conf->open = prev->open;
        conf->verify = prev->verify;
        conf->verify_redirect = prev->verify_redirect;
        conf->metrics = prev->metrics;
        conf->line = prev->line;
    }

    if (clcf->lmt_excpt && clcf->handler == NULL) {

        if (conf->pages) {
            clcf->handler = af_pages_handler;

        } else if (conf->dialect) {
            clcf->handler = af_api_handler;

        } else if (conf->verify) {
            clcf->handler = af_verify_handler;

        } else if (conf->metrics) {
            clcf->handler = af_metrics_handler;
        }
    }

    if (conf->dialect) {
        conf->methods = af_api_methods;

        return (af_api_check(cf, conf) == NGX_CONF_OK)
               ? af_pages_merge(cf, conf) : NGX_CONF_ERROR;
    }

    if (conf->verify) {
        return af_keys_check(cf, "autoflow_verify", &conf->line);
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

    af_token_cache_start(amcf, cycle->log);

    if (amcf->remotes) {
        af_remotes_start(amcf->remotes, amcf->io, cycle->log);
    }

    if (amcf->metrics) {
        af_counters_join(amcf->metrics->counters, ngx_process_slot);
    }

    if (amcf->db) {
        /* all workers of a node share what one of them receives */

        if (ngx_worker == 0) {
            af_feed_start(amcf->feed, amcf->connect, cycle->log);
        }

        af_db_start(amcf->db, amcf->connect, cycle->log);
        af_db_start(amcf->wide, amcf->connect, cycle->log);

        if (amcf->replica) {
            af_replica_start(amcf->replica, amcf->connect, cycle->log);
        }

        amcf->room = af_room_start(cycle, amcf->database, amcf->db);
        af_feed_wait(amcf->zone);
    }

    if (amcf->outbox) {
        af_outbox_start(amcf->outbox, amcf->io, cycle->log);
    }

    amcf->jobs = af_jobs_start(cycle, ngx_http_autoflow_jobs, amcf,
                               amcf->database, amcf->sealed, amcf->connect);

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

    if (amcf->outbox) {
        af_outbox_stop(amcf->outbox);
    }

    if (amcf->db) {
        af_flow_stop();
        af_room_stop(amcf->room);
        af_renewals_stop();
        af_feed_stop(amcf->feed);
        af_db_stop(amcf->db);
        af_db_stop(amcf->wide);

        if (amcf->replica) {
            af_replica_stop(amcf->replica);
        }
    }

    if (amcf->remotes) {
        af_remotes_stop(amcf->remotes);
    }

    af_cache_free(amcf->cache);
    amcf->cache = NULL;

    af_counters_leave();
}
