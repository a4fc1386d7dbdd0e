/*
 * The configuration: const once the module file has merged it.  What concerns
 * one part alone has a type of that part, which others need not know.
 */

#ifndef AF_CONF_CONF_H
#define AF_CONF_CONF_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include <ngx_thread_pool.h>

#include "crypto/purposes.h"


#define AUTOFLOW_VERSION  "0.2.0"


struct af_attempts_s;
struct af_audit_log_s;
struct af_seals_s;
struct af_cache_s;
struct af_cookies_s;
struct af_cors_s;
struct af_db_conf_s;
struct af_db_s;
struct af_dialect_s;
struct af_feed_s;
struct af_jobs_s;
struct af_room_s;
struct af_key_s;
struct af_keyring_s;
struct af_login_returns_s;
struct af_login_s;
struct af_mail_conf_s;
struct af_openapi_s;
struct af_outbox_s;
struct af_pages_s;
struct af_password_conf_s;
struct af_relying_party_s;
struct af_replica_s;
struct af_replica_conf_s;
struct af_renew_s;
struct af_blocklist_s;
struct af_webauthn_params_s;
struct af_zone_s;


typedef enum {
    AF_DEVELOPMENT = 0,
    AF_TESTING,
    AF_PRODUCTION
} af_environment_t;


typedef enum {
    AF_MFA_DISABLED = 0,                   /* none can be added */
    AF_MFA_OPTIONAL,
    AF_MFA_ENFORCED
} af_mfa_mode_t;


typedef enum {
    AF_REGISTRATION_OPEN = 0,
    AF_REGISTRATION_VERIFIED,
    AF_REGISTRATION_INVITE,
    AF_REGISTRATION_CLOSED
} af_registration_t;


/* the position of a directive, for errors found later */

typedef struct {
    u_char                     *file;      /* NULL: there is none */
    ngx_uint_t                  line;
} af_conf_line_t;


typedef struct {
    struct af_db_conf_s        *database;  /* NULL without autoflow_database */
    struct af_replica_conf_s   *replica_conf;  /* NULL: none */
    ngx_array_t                *secrets;   /* of ngx_str_t, current one first */

    af_purpose_keys_t           purpose_keys;  /* derived from the secrets */

    ngx_array_t                *seal_secrets;  /* likewise; NULL: none */
    ngx_uint_t                  seals;     /* the first one, not just opens */
    af_purpose_keys_t           seal_keys;

    size_t                      zone_size;
    size_t                      token_cache;   /* octets; 0: off */
    ngx_msec_t                  staleness; /* the feed of revocations' limit */
    ngx_uint_t                  fail_open; /* trust tokens beyond it */
    const struct af_attempts_s *attempts;
    ngx_uint_t                  max_sessions;  /* per account */
    ngx_uint_t                  session_idle;  /* seconds; 0: unlimited */
    ngx_uint_t                  session_lifetime;  /* likewise */
    ngx_uint_t                  environment;
    ngx_flag_t                  require_verified;  /* email, to log in */
    ngx_uint_t                  registration;  /* af_registration_t */
    ngx_array_t                *domains;   /* of ngx_str_t; NULL: any */
    const char                 *domain_list;  /* likewise, for people */
    const char                 *inviters;  /* a role; NULL: none */
    ngx_uint_t                  invitation_ttl;  /* seconds */
    ngx_uint_t                  mfa;       /* af_mfa_mode_t */
    const char                 *mfa_required_of;  /* of lacks_factor() */
    ngx_uint_t                  mfa_remember;  /* seconds; 0: off */
    ngx_uint_t                  site_used; /* people sign in with a browser */
    const struct af_relying_party_s  *webauthn;  /* NULL: no passkeys */
    struct af_webauthn_params_s *webauthn_params;  /* as configured, or NULL */
    time_t                      access_ttl;
    time_t                      refresh_ttl;
    time_t                      refresh_grace;
    const struct af_password_conf_s  *password;
    const struct af_blocklist_s  *blocklist;   /* NULL: none */
    ngx_str_t                   pages_dir; /* of our templates */

    ngx_str_t                   hash_name;
    ngx_str_t                   io_name;
    ngx_str_t                   connect_name;
    ngx_thread_pool_t          *hash;
    ngx_thread_pool_t          *io;
    ngx_thread_pool_t          *connect;

    /* NULL without autoflow_database */
    struct af_zone_s           *zone;
    struct af_db_s             *db;
    struct af_db_s             *wide;
    struct af_replica_s        *replica;   /* NULL: none */
    struct af_feed_s           *feed;

    /* `zone`, or one for metrics alone; NULL: they are off */
    struct af_zone_s           *metrics;
    ngx_uint_t                  metrics_used;  /* some location has them */

    struct af_jobs_s           *jobs;      /* per worker */
    struct af_room_s           *room;      /* of one worker */
    struct af_audit_log_s      *audit_log; /* NULL: off */
    struct af_seals_s          *sealed;    /* NULL without a database */
    struct af_seals_s          *former;    /* likewise; NULL: no former keys */

    ngx_array_t                *remotes;   /* of af_remote_t *; all servers' */

    struct af_mail_conf_s      *mail_conf; /* NULL: mails are off */
    ngx_str_t                   mail_templates;
    ngx_str_t                   link_base; /* without a '/' at its end */
    struct af_outbox_s         *outbox;    /* NULL: mails are off */

    /* asks for an access token, see api/renewals.h; NULL: there are none */
    ngx_int_t                 (*renew)(struct af_renew_s *renew);

    struct af_cache_s          *cache;     /* per worker; NULL: off */
    ngx_int_t                   request_id;    /* index of $request_id */
    time_t                      started;

    af_conf_line_t              line;      /* autoflow_database */
    af_conf_line_t              replica_line;
    af_conf_line_t              audit_log_line;
    af_conf_line_t              mail_line;
    af_conf_line_t              verified_line;
    af_conf_line_t              registration_line;
    af_conf_line_t              webauthn_line;
    af_conf_line_t              mfa_line;

    /* the first setting that production refuses, and its file if it has one */
    const char                 *insecure;
    ngx_str_t                   insecure_file;
    af_conf_line_t              insecure_line;
} ngx_http_autoflow_main_conf_t;


typedef struct {
    struct af_keyring_s        *keys;      /* NULL without autoflow_key */
    struct af_key_s            *signer;    /* NULL: none of them signs */
    ngx_str_t                   jwks;      /* our own public keys */
    ngx_array_t                *remotes;   /* of af_remote_t * */
    ngx_str_t                   issuer;
    ngx_array_t                *audience;  /* of const char *, NULL-ended */
    time_t                      leeway;
    ngx_uint_t                  cookies;   /* some location has them on */
    ngx_array_t                *openapis;  /* of af_openapi_t *, or NULL */
    ngx_array_t                *legacy_paths;  /* of refresh cookies, or NULL */
} ngx_http_autoflow_srv_conf_t;


typedef enum {
    AF_AUTH_UNSET = 0,                     /* off by default */
    AF_AUTH_OFF,
    AF_AUTH_ON,
    AF_AUTH_OPTIONAL
} af_auth_mode_t;


typedef enum {
    AF_HTTPS_OFF = 0,
    AF_HTTPS_ON,
    AF_HTTPS_REDIRECT
} af_https_mode_t;


typedef struct {
    ngx_uint_t                  auth;      /* af_auth_mode_t */
    ngx_http_complex_value_t   *token;     /* NULL: Authorization, cookie */
    ngx_uint_t                  token_cookie;  /* the variable is a cookie */
    ngx_uint_t                  preflight_deny;
    ngx_uint_t                  strip;     /* its token is for us alone */
    ngx_array_t                *require;   /* of af_condition_t; NULL: none */
    ngx_http_complex_value_t   *realm;
    const struct af_dialect_s  *dialect;   /* of autoflow_api; NULL: no API */
    const struct af_routes_s   *routes;    /* likewise: the dialect's */
    ngx_uint_t                  series;    /* of its first route, in metrics */
    ngx_str_t                   base;      /* of its paths, no last '/' */
    ngx_str_t                   mount;     /* what they begin with */
    const struct af_pages_s    *pages;     /* of autoflow_pages; NULL: none */
    struct af_openapi_s        *openapi;   /* its document */
    ngx_uint_t                  verify;    /* a status; 0: none */
    ngx_uint_t                  verify_redirect; /* to autoflow_login */
    ngx_uint_t                  metrics;   /* autoflow_metrics */
    ngx_uint_t                  require_https; /* as configured, or unset */
    ngx_uint_t                  https;     /* af_https_mode_t */

    /* NULL: off; NGX_CONF_UNSET_PTR: not configured */
    const struct af_cors_s     *cors;

    /* likewise */
    const struct af_cookies_s  *cookies;

    /* likewise; and the origins that it may lead back to, NULL: none */
    const struct af_login_s    *login;
    const struct af_login_returns_s  *login_returns;

    ngx_uint_t                  renew;     /* access tokens, in cookies */

    /* what it serves is for those without a token, whatever it inherits */
    ngx_uint_t                  open;

    /* the methods of a request's path as a mask, 0: none; NULL: unknown */
    ngx_uint_t                (*methods)(ngx_http_request_t *r);

    af_conf_line_t              line;      /* autoflow_api, _verify, _metrics */
    af_conf_line_t              auth_line;
    af_conf_line_t              require_line;
    af_conf_line_t              cookies_line;
    af_conf_line_t              cors_line;
} ngx_http_autoflow_loc_conf_t;


extern ngx_module_t  ngx_http_autoflow_module;


/* the configuration that applies to a request in its current location */

#define af_main_conf(r)                                                       \
    ((ngx_http_autoflow_main_conf_t *)                                        \
     ngx_http_get_module_main_conf(r, ngx_http_autoflow_module))

#define af_srv_conf(r)                                                        \
    ((ngx_http_autoflow_srv_conf_t *)                                         \
     ngx_http_get_module_srv_conf(r, ngx_http_autoflow_module))

#define af_loc_conf(r)                                                        \
    ((ngx_http_autoflow_loc_conf_t *)                                         \
     ngx_http_get_module_loc_conf(r, ngx_http_autoflow_module))


/* likewise, while the configuration is read */

#define af_conf_main(cf)                                                      \
    ((ngx_http_autoflow_main_conf_t *)                                        \
     ngx_http_conf_get_module_main_conf(cf, ngx_http_autoflow_module))

#define af_conf_srv(cf)                                                       \
    ((ngx_http_autoflow_srv_conf_t *)                                         \
     ngx_http_conf_get_module_srv_conf(cf, ngx_http_autoflow_module))


#endif /* AF_CONF_CONF_H */
