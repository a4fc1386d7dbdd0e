/*
 * The configuration: const once the module file has merged it.
 */

#ifndef AF_HTTP_CONF_H
#define AF_HTTP_CONF_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "crypto/password.h"
#include "db/feed.h"
#include "db/jobs.h"
#include "mail/outbox.h"
#include "token/cache.h"
#include "token/jwt.h"
#include "token/keyring.h"
#include "token/refresh.h"


#define AUTOFLOW_VERSION  "0.2.0"


typedef enum {
    AF_DEVELOPMENT = 0,
    AF_TESTING,
    AF_PRODUCTION
} af_environment_t;


/* how many failures are borne; a window of 0: any number */

typedef struct {
    af_rate_t              account;        /* from one address */
    af_rate_t              account_total;
    af_rate_t              address;

    /* how many changes and refreshes */
    af_rate_t              changes;        /* of a session */
    af_rate_t              account_changes;    /* follow from it */
    af_rate_t              remedies;
} af_attempts_t;


/* a directive's place, for what can only be judged later */

typedef struct {
    u_char                *file;
    ngx_uint_t             line;
} ngx_http_autoflow_where_t;


typedef struct {
    af_db_conf_t           database;
    ngx_array_t           *secrets;        /* of ngx_str_t, former ones last */

    af_purpose_keys_t      purpose_keys;   /* theirs; none without database */

    size_t                 zone_size;
    af_zone_t             *zone;           /* NULL without autoflow_database */
    ngx_msec_t             staleness;      /* of the feed of revocations */
    ngx_uint_t             stale_open;     /* then trust tokens, or not */
    af_attempts_t          attempts;
    ngx_uint_t             max_sessions;   /* of an account */
    ngx_uint_t             environment;
    ngx_flag_t             require_verified;   /* to log in: an address */
    time_t                 access_ttl;
    time_t                 refresh_ttl;
    time_t                 refresh_grace;
    af_argon2_t            argon2;
    ngx_uint_t             argon2_time;    /* as configured */
    ngx_uint_t             strength;       /* of a new password, in bits */
    ngx_str_t              hash_name;
    ngx_str_t              io_name;
    ngx_str_t              connect_name;

    ngx_thread_pool_t     *hash;
    ngx_thread_pool_t     *io;
    ngx_thread_pool_t     *connect;
    af_db_t               *db;             /* NULL without autoflow_database */
    af_db_t               *wide;           /* likewise */
    af_feed_t             *feed;           /* likewise */
    af_jobs_t             *jobs;           /* a worker's */
    ngx_array_t           *remotes;        /* of af_remote_t *, all servers' */
    af_mail_conf_t        *mail_conf;      /* NULL: mails are off */
    ngx_str_t              mail_templates;
    ngx_str_t              link_base;      /* without a '/' at its end */
    af_mail_t             *mail;           /* NULL: mails are off */
    af_cache_t            *cache;          /* a worker's */
    ngx_int_t              request_id;     /* index of $request_id */
    time_t                 started;
    ngx_http_autoflow_where_t  where;      /* autoflow_database */

    ngx_http_autoflow_where_t  mail_where; /* autoflow_mail */

    /* autoflow_require_verified_email */
    ngx_http_autoflow_where_t  verified_where;

    /* the first autoflow_key_url that production refuses */
    ngx_http_autoflow_where_t  plain;

    /* the first secret that production refuses, its file if it is one */
    ngx_http_autoflow_where_t  exposed;
    ngx_str_t              exposed_file;
} ngx_http_autoflow_main_conf_t;


typedef struct {
    af_keyring_t          *keys;           /* NULL without autoflow_key */
    af_key_t              *signer;         /* of them, NULL if none signs */
    ngx_str_t              jwks;           /* the public ones of our own */
    ngx_array_t           *remotes;        /* of af_remote_t * */
    ngx_str_t              issuer;
    ngx_array_t           *audience;       /* of const char *, NULL-ended */
    time_t                 leeway;
    ngx_uint_t             cookies;        /* some location has them on */
    ngx_array_t           *former_paths;   /* of refresh cookies, or NULL */
} ngx_http_autoflow_srv_conf_t;


typedef enum {
    AF_AUTH_UNSET = 0,                     /* off, though nobody says so */
    AF_AUTH_OFF,
    AF_AUTH_ON,
    AF_AUTH_OPTIONAL
} af_auth_mode_t;


typedef enum {
    AF_HTTPS_OFF = 0,
    AF_HTTPS_ON,
    AF_HTTPS_REDIRECT
} af_https_mode_t;


struct af_cors_s;
struct af_cookies_s;


typedef struct {
    ngx_uint_t                 auth;       /* af_auth_mode_t */
    ngx_http_complex_value_t  *token;      /* NULL: Authorization, cookie */
    ngx_uint_t                 token_cookie;   /* the variable is a cookie */
    ngx_uint_t                 preflight_deny;
    ngx_array_t               *require;    /* of af_condition_t; NULL: none */
    ngx_http_complex_value_t  *realm;
    ngx_str_t                  base;       /* of autoflow_api, no last '/' */
    ngx_str_t                  mount;      /* what its paths begin with */
    ngx_uint_t                 verify;     /* a status; 0: none */
    ngx_uint_t                 require_https;  /* as configured, or unset */
    ngx_uint_t                 https;      /* af_https_mode_t */

    /* NULL: off; NGX_CONF_UNSET_PTR: nobody says */
    const struct af_cors_s    *cors;

    /* likewise */
    const struct af_cookies_s *cookies;

    /* that a request's path has, as a mask, 0: none; NULL: nobody knows */
    ngx_uint_t               (*methods)(ngx_http_request_t *r);

    ngx_http_autoflow_where_t  where;      /* autoflow_api, autoflow_verify */
    ngx_http_autoflow_where_t  auth_where;
    ngx_http_autoflow_where_t  require_where;
    ngx_http_autoflow_where_t  cookies_where;
    ngx_http_autoflow_where_t  cors_where;
} ngx_http_autoflow_loc_conf_t;


extern ngx_module_t  ngx_http_autoflow_module;


/* the configuration that a request, wherever it is now, goes by */

#define af_main_conf(r)                                                       \
    ((ngx_http_autoflow_main_conf_t *)                                        \
     ngx_http_get_module_main_conf(r, ngx_http_autoflow_module))

#define af_srv_conf(r)                                                        \
    ((ngx_http_autoflow_srv_conf_t *)                                         \
     ngx_http_get_module_srv_conf(r, ngx_http_autoflow_module))

#define af_loc_conf(r)                                                        \
    ((ngx_http_autoflow_loc_conf_t *)                                         \
     ngx_http_get_module_loc_conf(r, ngx_http_autoflow_module))


#endif /* AF_HTTP_CONF_H */
