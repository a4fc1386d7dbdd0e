#include "api/api.h"
#include "http/cookies.h"
#include "http/cors.h"
#include "http/remote.h"
#include "http/require.h"
#include "http/variables.h"
#include "http/verify.h"
#include "check/input.h"
#include "ngx_http_autoflow_directives.h"
#include "ngx_http_autoflow_source.h"


/* the longest base of autoflow_api, in octets */
#define NGX_HTTP_AUTOFLOW_BASE_MAX  128

/* the longest life of a token, in seconds */
#define NGX_HTTP_AUTOFLOW_TTL_MAX  (10 * 365 * 24 * 60 * 60)

/* the shortest autoflow_secret, in octets */
#define NGX_HTTP_AUTOFLOW_SECRET_MIN  32


static ngx_uint_t ngx_http_autoflow_param_is(
    const ngx_http_autoflow_param_t *param, const ngx_str_t *value);
static ngx_int_t ngx_http_autoflow_param_word(ngx_str_t *value, void *member);
static ngx_int_t ngx_http_autoflow_param_count(ngx_str_t *value, void *member);
static ngx_int_t ngx_http_autoflow_param_msec(ngx_str_t *value, void *member);
static ngx_int_t ngx_http_autoflow_param_size(ngx_str_t *value, void *member);
static ngx_int_t ngx_http_autoflow_param_text(ngx_str_t *value, void *member);
static ngx_int_t ngx_http_autoflow_param_use(ngx_str_t *value, void *member);
static ngx_int_t ngx_http_autoflow_param_deny(ngx_str_t *value, void *member);
static ngx_int_t ngx_http_autoflow_param_path(ngx_str_t *value, void *member);
static ngx_int_t ngx_http_autoflow_param_domain(ngx_str_t *value,
    void *member);
static ngx_int_t ngx_http_autoflow_param_samesite(ngx_str_t *value,
    void *member);
static ngx_int_t ngx_http_autoflow_param_fail(ngx_str_t *value, void *member);
static ngx_int_t ngx_http_autoflow_param_rate(ngx_str_t *value, void *member);
static ngx_int_t ngx_http_autoflow_param_allowed(ngx_str_t *value,
    void *member);
static const ngx_conf_enum_t *ngx_http_autoflow_enum(
    const ngx_conf_enum_t *row, ngx_str_t *value);

static ngx_int_t ngx_http_autoflow_conninfo(ngx_conf_t *cf, ngx_str_t *value,
    ngx_str_t *conninfo);
static char *ngx_http_autoflow_key_url_fetch(ngx_conf_t *cf,
    af_remote_t *remote);
static ngx_int_t ngx_http_autoflow_remember(ngx_conf_t *cf,
    ngx_array_t **list, af_remote_t *remote);
static af_keyring_t *ngx_http_autoflow_keyring(ngx_conf_t *cf,
    ngx_http_autoflow_srv_conf_t *ascf);
static void ngx_http_autoflow_keyring_free(void *data);
static ngx_int_t ngx_http_autoflow_key_add(ngx_conf_t *cf, af_keyring_t *keys,
    ngx_str_t *text, af_key_options_t *options);
static void ngx_http_autoflow_key_skipped(void *data,
    const af_keyring_error_t *error);

static char *ngx_http_autoflow_auth_token(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_autoflow_loc_conf_t *alcf);


static const ngx_http_autoflow_param_t  ngx_http_autoflow_database_params[] = {

    { ngx_string("pool="), ngx_http_autoflow_param_count,
      offsetof(af_db_conf_t, pool) },

    { ngx_string("wide="), ngx_http_autoflow_param_count,
      offsetof(af_db_conf_t, wide) },

    { ngx_string("inflight="), ngx_http_autoflow_param_count,
      offsetof(af_db_conf_t, inflight) },

    { ngx_string("queue="), ngx_http_autoflow_param_count,
      offsetof(af_db_conf_t, queue) },

    { ngx_string("timeout="), ngx_http_autoflow_param_msec,
      offsetof(af_db_conf_t, timeout) },

    { ngx_string("notify="), ngx_http_autoflow_param_str,
      offsetof(af_db_conf_t, notify) },

    { ngx_null_string, NULL, 0 }
};


static const ngx_http_autoflow_param_t  ngx_http_autoflow_attempts_params[] = {

    { ngx_string("account="), ngx_http_autoflow_param_rate,
      offsetof(ngx_http_autoflow_main_conf_t, attempts.account) },

    { ngx_string("account_total="), ngx_http_autoflow_param_rate,
      offsetof(ngx_http_autoflow_main_conf_t, attempts.account_total) },

    { ngx_string("address="), ngx_http_autoflow_param_rate,
      offsetof(ngx_http_autoflow_main_conf_t, attempts.address) },

    { ngx_string("changes="), ngx_http_autoflow_param_rate,
      offsetof(ngx_http_autoflow_main_conf_t, attempts.changes) },

    { ngx_null_string, NULL, 0 }
};


static const ngx_http_autoflow_param_t  ngx_http_autoflow_sessions_params[] = {

    { ngx_string("account="), ngx_http_autoflow_param_count,
      offsetof(ngx_http_autoflow_main_conf_t, max_sessions) },

    { ngx_null_string, NULL, 0 }
};


static const ngx_http_autoflow_param_t  ngx_http_autoflow_staleness_params[] = {

    { ngx_string("fail="), ngx_http_autoflow_param_fail,
      offsetof(ngx_http_autoflow_main_conf_t, stale_open) },

    { ngx_null_string, NULL, 0 }
};


static const ngx_http_autoflow_param_t  ngx_http_autoflow_password_params[] = {

    { ngx_string("memory="), ngx_http_autoflow_param_size,
      offsetof(ngx_http_autoflow_main_conf_t, argon2.memory) },

    { ngx_string("time="), ngx_http_autoflow_param_count,
      offsetof(ngx_http_autoflow_main_conf_t, argon2_time) },

    { ngx_string("strength="), ngx_http_autoflow_param_count,
      offsetof(ngx_http_autoflow_main_conf_t, strength) },

    { ngx_null_string, NULL, 0 }
};


static const ngx_http_autoflow_param_t  ngx_http_autoflow_threads_params[] = {

    { ngx_string("hash="), ngx_http_autoflow_param_str,
      offsetof(ngx_http_autoflow_main_conf_t, hash_name) },

    { ngx_string("io="), ngx_http_autoflow_param_str,
      offsetof(ngx_http_autoflow_main_conf_t, io_name) },

    { ngx_string("connect="), ngx_http_autoflow_param_str,
      offsetof(ngx_http_autoflow_main_conf_t, connect_name) },

    { ngx_null_string, NULL, 0 }
};


static const ngx_http_autoflow_param_t  ngx_http_autoflow_key_params[] = {

    { ngx_string("alg="), ngx_http_autoflow_param_text,
      offsetof(af_key_options_t, alg) },

    { ngx_string("kid="), ngx_http_autoflow_param_text,
      offsetof(af_key_options_t, kid) },

    { ngx_string("issuer="), ngx_http_autoflow_param_text,
      offsetof(af_key_options_t, issuer) },

    { ngx_string("use="), ngx_http_autoflow_param_use,
      offsetof(af_key_options_t, use) },

    { ngx_null_string, NULL, 0 }
};


static const ngx_http_autoflow_param_t  ngx_http_autoflow_verify_params[] = {

    { ngx_string("status="), ngx_http_autoflow_param_allowed,
      offsetof(ngx_http_autoflow_loc_conf_t, verify) },

    { ngx_null_string, NULL, 0 }
};


typedef struct {
    ngx_str_t   token;
    ngx_uint_t  preflight_deny;
} ngx_http_autoflow_auth_params_t;


static const ngx_http_autoflow_param_t  ngx_http_autoflow_auth_params[] = {

    { ngx_string("token="), ngx_http_autoflow_param_str,
      offsetof(ngx_http_autoflow_auth_params_t, token) },

    { ngx_string("preflight="), ngx_http_autoflow_param_deny,
      offsetof(ngx_http_autoflow_auth_params_t, preflight_deny) },

    { ngx_null_string, NULL, 0 }
};


static const ngx_http_autoflow_param_t  ngx_http_autoflow_cookies_params[] = {

    { ngx_string("path="), ngx_http_autoflow_param_path,
      offsetof(af_cookies_t, path) },

    { ngx_string("domain="), ngx_http_autoflow_param_domain,
      offsetof(af_cookies_t, domain) },

    { ngx_string("samesite="), ngx_http_autoflow_param_samesite,
      offsetof(af_cookies_t, samesite) },

    { ngx_string("strip"), ngx_http_autoflow_param_word,
      offsetof(af_cookies_t, strip) },

    { ngx_null_string, NULL, 0 }
};


static const ngx_conf_enum_t  ngx_http_autoflow_samesites[] = {
    { ngx_string("lax"), AF_SAMESITE_LAX },
    { ngx_string("strict"), AF_SAMESITE_STRICT },
    { ngx_string("none"), AF_SAMESITE_NONE },
    { ngx_null_string, 0 }
};


static const ngx_conf_enum_t  ngx_http_autoflow_auth_modes[] = {
    { ngx_string("off"), AF_AUTH_OFF },
    { ngx_string("on"), AF_AUTH_ON },
    { ngx_string("optional"), AF_AUTH_OPTIONAL },
    { ngx_null_string, 0 }
};


static const ngx_conf_enum_t  ngx_http_autoflow_require_errors[] = {
    { ngx_string("error=401"), AF_TOKEN_INADEQUATE },
    { ngx_string("error=403"), AF_TOKEN_INSUFFICIENT },
    { ngx_null_string, 0 }
};


static const ngx_http_autoflow_param_t  ngx_http_autoflow_key_url_params[] = {

    { ngx_string("issuer="), ngx_http_autoflow_param_str,
      offsetof(af_remote_t, issuer) },

    { ngx_string("ca="), ngx_http_autoflow_param_str,
      offsetof(af_remote_t, ca) },

    { ngx_string("refresh="), ngx_http_autoflow_param_msec,
      offsetof(af_remote_t, refresh) },

    { ngx_null_string, NULL, 0 }
};


char *
ngx_http_autoflow_database(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_main_conf_t *amcf = conf;

    char       *rv;
    ngx_str_t  *value;

    if (amcf->database.conninfo.data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_http_autoflow_conninfo(cf, &value[1], &amcf->database.conninfo)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    ngx_http_autoflow_place(cf, &amcf->where);

    rv = ngx_http_autoflow_params(cf, 2, ngx_http_autoflow_database_params,
                                  &amcf->database);

    if (rv == NGX_CONF_OK
        && amcf->database.pool != NGX_CONF_UNSET_UINT
        && amcf->database.pool > 256)
    {
        return "has a pool of more than 256";
    }

    if (rv == NGX_CONF_OK
        && amcf->database.wide != NGX_CONF_UNSET_UINT
        && amcf->database.wide > 256)
    {
        return "has more than 256 wide connections";
    }

    if (rv == NGX_CONF_OK
        && amcf->database.inflight != NGX_CONF_UNSET_UINT
        && amcf->database.inflight > 4096)
    {
        return "has more than 4096 inflight";
    }

    if (rv == NGX_CONF_OK && amcf->database.notify.len
        && ngx_http_autoflow_conninfo(cf, &amcf->database.notify,
                                      &amcf->database.notify)
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return rv;
}


static ngx_int_t
ngx_http_autoflow_conninfo(ngx_conf_t *cf, ngx_str_t *value,
    ngx_str_t *conninfo)
{
    char                        *error;
    PQconninfoOption            *options, *option;
    ngx_http_autoflow_source_t   source;

    if (ngx_http_autoflow_source(cf, value, &source) != NGX_OK) {
        return NGX_ERROR;
    }

    *conninfo = source.text;

    error = NULL;
    options = PQconninfoParse((char *) conninfo->data, &error);

    if (options == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"autoflow_database\" has no valid conninfo: %s",
                           error ? error : "no memory");
        PQfreemem(error);
        return NGX_ERROR;
    }

    /* without a password it is no secret */

    for (option = options; option->keyword; option++) {
        if (option->val && ngx_strcmp(option->keyword, "password") == 0) {
            ngx_http_autoflow_exposed(cf, &source);
        }
    }

    PQconninfoFree(options);

    return NGX_OK;
}


char *
ngx_http_autoflow_attempts(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return ngx_http_autoflow_params(cf, 1, ngx_http_autoflow_attempts_params,
                                    conf);
}


char *
ngx_http_autoflow_sessions(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_main_conf_t *amcf = conf;

    char  *rv;

    if (amcf->max_sessions != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    rv = ngx_http_autoflow_params(cf, 1, ngx_http_autoflow_sessions_params,
                                  conf);

    return (rv == NGX_CONF_OK && amcf->max_sessions > 1000)
           ? "allows an account more than 1000 sessions" : rv;
}


char *
ngx_http_autoflow_staleness(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_main_conf_t *amcf = conf;

    ngx_str_t  *value;

    if (amcf->staleness != NGX_CONF_UNSET_MSEC) {
        return "is duplicate";
    }

    value = cf->args->elts;

    /* a heartbeat has to be missed to be known */

    if (ngx_http_autoflow_param_msec(&value[1], &amcf->staleness) != NGX_OK
        || amcf->staleness < 5000)
    {
        return "needs a time of at least 5 seconds";
    }

    return ngx_http_autoflow_params(cf, 2, ngx_http_autoflow_staleness_params,
                                    conf);
}


char *
ngx_http_autoflow_secret(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_main_conf_t *amcf = conf;

    ngx_int_t                    rc;
    ngx_str_t                   *value, *secret;
    ngx_http_autoflow_source_t   source;

    if (amcf->secrets == NULL) {
        amcf->secrets = ngx_array_create(cf->pool, 1, sizeof(ngx_str_t));
        if (amcf->secrets == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    secret = ngx_array_push(amcf->secrets);
    if (secret == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    if (ngx_http_autoflow_source(cf, &value[1], &source) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    ngx_http_autoflow_exposed(cf, &source);

    rc = ngx_http_autoflow_source_decode(cf, &source.text, secret);

    if (rc == NGX_DECLINED) {
        *secret = source.text;

    } else {
        ngx_http_autoflow_source_wipe(&source);
    }

    if (rc == NGX_ERROR) {
        return NGX_CONF_ERROR;
    }

    if (secret->len < NGX_HTTP_AUTOFLOW_SECRET_MIN) {
        return "is shorter than 32 octets";
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_autoflow_derive(ngx_conf_t *cf, const ngx_array_t *secrets,
    af_purpose_keys_t *keys)
{
    ngx_str_t  *secret;

    keys->secrets = ngx_pcalloc(cf->pool,
                                secrets->nelts * sizeof(af_secret_keys_t));
    if (keys->secrets == NULL) {
        return NGX_ERROR;
    }

    secret = secrets->elts;

    for (keys->n = 0; keys->n < secrets->nelts; keys->n++) {
        if (af_secret_keys_make(secret[keys->n].data, secret[keys->n].len,
                                &keys->secrets[keys->n])
            != 0)
        {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "no key could be made of \"autoflow_secret\"");
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


char *
ngx_http_autoflow_password(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_main_conf_t *amcf = conf;

    char  *rv;

    if (amcf->argon2.memory != NGX_CONF_UNSET_SIZE
        || amcf->argon2_time != NGX_CONF_UNSET_UINT
        || amcf->strength != NGX_CONF_UNSET_UINT)
    {
        return "is duplicate";
    }

    rv = ngx_http_autoflow_params(cf, 1, ngx_http_autoflow_password_params,
                                  amcf);

    if (rv == NGX_CONF_OK
        && amcf->argon2.memory < crypto_pwhash_argon2id_MEMLIMIT_MIN)
    {
        return "has less memory than Argon2id can do with, 8k";
    }

    if (rv == NGX_CONF_OK
        && amcf->argon2.memory != NGX_CONF_UNSET_SIZE
        && amcf->argon2.memory > AF_ARGON2_MEMORY_MAX)
    {
        return "has more memory than a stored hash may ask for, 1024m";
    }

    if (rv == NGX_CONF_OK
        && amcf->argon2_time != NGX_CONF_UNSET_UINT && amcf->argon2_time > 64)
    {
        return "has a time of more than 64 passes";
    }

    if (rv == NGX_CONF_OK
        && amcf->strength != NGX_CONF_UNSET_UINT && amcf->strength > 128)
    {
        return "has a strength of more than 128 bits";
    }

    return rv;
}


char *
ngx_http_autoflow_threads(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_main_conf_t *amcf = conf;

    if (amcf->hash_name.data || amcf->io_name.data || amcf->connect_name.data)
    {
        return "is duplicate";
    }

    return ngx_http_autoflow_params(cf, 1, ngx_http_autoflow_threads_params,
                                    amcf);
}


char *
ngx_http_autoflow_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_srv_conf_t *ascf = conf;

    char                        *rv;
    size_t                       i;
    ngx_int_t                    rc;
    ngx_str_t                   *value;
    af_keyring_t                *keys;
    af_key_options_t             options;
    ngx_http_autoflow_source_t   source;

    ngx_memzero(&options, sizeof(af_key_options_t));

    rv = ngx_http_autoflow_params(cf, 2, ngx_http_autoflow_key_params,
                                  &options);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    value = cf->args->elts;
    keys = ngx_http_autoflow_keyring(cf, ascf);

    if (keys == NULL
        || ngx_http_autoflow_source(cf, &value[1], &source) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    i = keys->nkeys;
    rc = ngx_http_autoflow_key_add(cf, keys, &source.text, &options);

    ngx_http_autoflow_source_wipe(&source);

    if (rc != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    /* public keys may stand anywhere */

    for ( /* void */ ; i < keys->nkeys; i++) {
        if (af_key_is_secret(keys->keys[i])) {
            ngx_http_autoflow_exposed(cf, &source);
        }
    }

    return NGX_CONF_OK;
}


static af_keyring_t *
ngx_http_autoflow_keyring(ngx_conf_t *cf, ngx_http_autoflow_srv_conf_t *ascf)
{
    ngx_pool_cleanup_t  *cln;

    if (ascf->keys) {
        return ascf->keys;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    ascf->keys = af_keyring_create();

    if (ascf->keys) {
        cln->handler = ngx_http_autoflow_keyring_free;
        cln->data = ascf->keys;
    }

    return ascf->keys;
}


static void
ngx_http_autoflow_keyring_free(void *data)
{
    af_keyring_free(data);
}


static ngx_int_t
ngx_http_autoflow_key_add(ngx_conf_t *cf, af_keyring_t *keys, ngx_str_t *text,
    af_key_options_t *options)
{
    int                  added;
    ngx_int_t            rc;
    ngx_str_t            octets;
    af_keyring_error_t   error;

    rc = ngx_http_autoflow_source_decode(cf, text, &octets);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_OK) {
        added = af_keyring_add_secret(keys, octets.data, octets.len, options,
                                      &error);
        sodium_memzero(octets.data, octets.len);

    } else {
        added = af_keyring_add(keys, (char *) text->data, text->len, options,
                               ngx_http_autoflow_key_skipped, cf, &error);
    }

    if (added == 0) {
        return NGX_OK;
    }

    if (error.nth) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"autoflow_key\" can't be used: "
                           "key %uz of the set: %s", error.nth, error.reason);

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"autoflow_key\" can't be used: %s",
                           error.reason);
    }

    return NGX_ERROR;
}


static void
ngx_http_autoflow_key_skipped(void *data, const af_keyring_error_t *error)
{
    ngx_conf_t *cf = data;

    ngx_conf_log_error(NGX_LOG_NOTICE, cf, 0,
                       "\"autoflow_key\" skips key %uz of the set: %s",
                       error->nth, error->reason);
}


/* the keys of an issuer who publishes them */

char *
ngx_http_autoflow_key_url(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_srv_conf_t *ascf = conf;

    char                           *rv;
    ngx_str_t                      *value;
    af_remote_t                    *remote;
    ngx_http_autoflow_main_conf_t  *amcf;

    amcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_autoflow_module);
    value = cf->args->elts;

    remote = ngx_pcalloc(cf->pool, sizeof(af_remote_t));
    if (remote == NULL) {
        return NGX_CONF_ERROR;
    }

    remote->url = value[1];
    remote->refresh = 10 * 60 * 1000;

    rv = ngx_http_autoflow_params(cf, 2, ngx_http_autoflow_key_url_params,
                                  remote);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (remote->issuer.len == 0) {
        return "needs an \"issuer=\": only that one's tokens are its own";
    }

    rv = ngx_http_autoflow_key_url_fetch(cf, remote);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (remote->fetch.plain && amcf->plain.file == NULL) {
        ngx_http_autoflow_place(cf, &amcf->plain);
    }

    if (af_remote_init(cf, remote) != NGX_OK
        || ngx_http_autoflow_remember(cf, &ascf->remotes, remote) != NGX_OK
        || ngx_http_autoflow_remember(cf, &amcf->remotes, remote) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (amcf->where.file == NULL) {
        ngx_http_autoflow_place(cf, &amcf->where);
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_autoflow_key_url_fetch(ngx_conf_t *cf, af_remote_t *remote)
{
    char                        *url;
    const char                  *why;
    ngx_http_autoflow_source_t   source;

    url = (char *) remote->url.data;

    remote->fetch.url = url;
    remote->fetch.plain = (ngx_strncmp(url, "http://", 7) == 0);

    if (!remote->fetch.plain && ngx_strncmp(url, "https://", 8) != 0) {
        return "needs a URL that begins with \"https://\"";
    }

    if (remote->ca.len) {

        if (remote->fetch.plain) {
            return "has a \"ca=\" for a URL without TLS";
        }

        if (ngx_http_autoflow_source_file(cf, &remote->ca, &source)
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }

        remote->fetch.ca = (char *) source.text.data;
        remote->fetch.ca_len = source.text.len;
    }

    why = af_fetch_check(&remote->fetch);

    if (why) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"autoflow_key_url\" can't be used: %s", why);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_autoflow_remember(ngx_conf_t *cf, ngx_array_t **list,
    af_remote_t *remote)
{
    af_remote_t  **place;

    if (*list == NULL) {
        *list = ngx_array_create(cf->pool, 1, sizeof(af_remote_t *));
        if (*list == NULL) {
            return NGX_ERROR;
        }
    }

    place = ngx_array_push(*list);
    if (place == NULL) {
        return NGX_ERROR;
    }

    *place = remote;

    return NGX_OK;
}


char *
ngx_http_autoflow_audience(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_srv_conf_t *ascf = conf;

    ngx_str_t    *value;
    ngx_uint_t    i;
    const char  **name;

    if (ascf->audience != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    ascf->audience = ngx_array_create(cf->pool, cf->args->nelts,
                                      sizeof(char *));
    if (ascf->audience == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i <= cf->args->nelts; i++) {

        if (i < cf->args->nelts
            && ngx_http_autoflow_check_text(cf, NULL, &value[i])
               != NGX_CONF_OK)
        {
            return "must be names in UTF-8 that are not empty";
        }

        name = ngx_array_push(ascf->audience);
        *name = (i < cf->args->nelts) ? (char *) value[i].data : NULL;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_autoflow_api(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_loc_conf_t *alcf = conf;

    size_t                     i;
    ngx_str_t                 *value, base, mount;
    ngx_uint_t                 prefix;
    ngx_http_core_loc_conf_t  *clcf;

    if (alcf->base.data) {
        return "is duplicate";
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler) {
        return "stands beside another directive that serves the location";
    }

    prefix = (clcf->name.len && clcf->name.data[0] == '/' && !clcf->lmt_excpt
#if (NGX_PCRE)
              && clcf->regex == NULL
#endif
              && !clcf->exact_match && !clcf->noname);

    if (cf->args->nelts == 2) {
        value = cf->args->elts;
        base = value[1];

    } else if (prefix || (clcf->exact_match && !clcf->lmt_excpt)) {
        base = clcf->name;

    } else {
        return "needs a base here, such as \"/\": the location is no prefix";
    }

    if (base.len == 0 || base.data[0] != '/'
        || base.len > NGX_HTTP_AUTOFLOW_BASE_MAX)
    {
        return "has a base that doesn't begin with \"/\", or is too long";
    }

    /* it is told in JSON */

    for (i = 0; i < base.len; i++) {
        if (base.data[i] < 0x20 || ngx_strchr("\"\\\x7f", base.data[i])) {
            return "has a base with a quote, backslash or control character";
        }
    }

    if (base.data[base.len - 1] == '/') {
        base.len--;
    }

    /* of a location that is a prefix, that; else where the paths are */

    if (prefix) {
        mount = clcf->name;

    } else {
        mount.len = base.len + sizeof("/auth/") - 1;
        mount.data = ngx_pnalloc(cf->pool, mount.len);
        if (mount.data == NULL) {
            return NGX_CONF_ERROR;
        }

        ngx_sprintf(mount.data, "%V/auth/", &base);
    }

    alcf->base = base;
    alcf->mount = mount;
    ngx_http_autoflow_place(cf, &alcf->where);

    clcf->handler = af_api_handler;

    return NGX_CONF_OK;
}


char *
ngx_http_autoflow_verify(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_loc_conf_t *alcf = conf;

    ngx_http_core_loc_conf_t  *clcf;

    if (alcf->verify) {
        return "is duplicate";
    }

    alcf->verify = NGX_HTTP_NO_CONTENT;
    ngx_http_autoflow_place(cf, &alcf->where);

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = af_verify_handler;

    return ngx_http_autoflow_params(cf, 1, ngx_http_autoflow_verify_params,
                                    alcf);
}


char *
ngx_http_autoflow_cors_origins(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_loc_conf_t *alcf = conf;

    if (alcf->cors != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    alcf->cors = af_cors_parse(cf);
    ngx_http_autoflow_place(cf, &alcf->cors_where);

    return (alcf->cors == NGX_CONF_ERROR) ? NGX_CONF_ERROR : NGX_CONF_OK;
}


char *
ngx_http_autoflow_auth(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_loc_conf_t *alcf = conf;

    char                             *rv;
    ngx_str_t                        *value;
    const ngx_conf_enum_t            *mode;
    ngx_http_autoflow_auth_params_t   params;

    if (alcf->auth != AF_AUTH_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;
    mode = ngx_http_autoflow_enum(ngx_http_autoflow_auth_modes, &value[1]);

    if (mode == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\": it must be \"on\", \"off\" "
                           "or \"optional\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&params, sizeof(params));

    rv = ngx_http_autoflow_params(cf, 2, ngx_http_autoflow_auth_params,
                                  &params);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    alcf->auth = mode->value;
    alcf->preflight_deny = params.preflight_deny;
    ngx_http_autoflow_place(cf, &alcf->auth_where);

    return params.token.len
           ? ngx_http_autoflow_auth_token(cf, &params.token, alcf)
           : NGX_CONF_OK;
}


static char *
ngx_http_autoflow_auth_token(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_autoflow_loc_conf_t *alcf)
{
    ngx_http_compile_complex_value_t  ccv;

    if (ngx_http_script_variables_count(value) == 0) {
        return "has a \"token=\" without a variable";
    }

    alcf->token = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (alcf->token == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = value;
    ccv.complex_value = alcf->token;

    alcf->token_cookie = (ngx_strncasecmp(value->data, (u_char *) "$cookie_",
                                          sizeof("$cookie_") - 1)
                          == 0
                          || ngx_strncasecmp(value->data,
                                             (u_char *) "${cookie_",
                                             sizeof("${cookie_") - 1)
                             == 0);

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_autoflow_cookies(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_loc_conf_t *alcf = conf;

    char          *rv;
    ngx_str_t     *value;
    af_cookies_t  *cookies;

    if (alcf->cookies != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;
    alcf->cookies = NULL;

    if (ngx_strcmp(value[1].data, "off") == 0 && cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    if (ngx_strcmp(value[1].data, "on") != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\": it must be \"on\" or \"off\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    cookies = ngx_pcalloc(cf->pool, sizeof(af_cookies_t));
    if (cookies == NULL) {
        return NGX_CONF_ERROR;
    }

    rv = ngx_http_autoflow_params(cf, 2, ngx_http_autoflow_cookies_params,
                                  cookies);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (cookies->path.len) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"path=\" of \"autoflow_cookies\" is deprecated: "
                           "the cookies are for all paths, and those that an "
                           "older version set for this one expire");
    }

    alcf->cookies = cookies;
    ngx_http_autoflow_place(cf, &alcf->cookies_where);

    return NGX_CONF_OK;
}


char *
ngx_http_autoflow_require(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_loc_conf_t *alcf = conf;

    char                   *rv;
    ngx_str_t              *value;
    ngx_uint_t              i, n, problem;
    af_condition_t         *condition;
    const ngx_conf_enum_t  *error;

    if (alcf->require == NULL) {
        alcf->require = ngx_array_create(cf->pool, 2, sizeof(af_condition_t));
        if (alcf->require == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    value = cf->args->elts;
    problem = AF_TOKEN_INSUFFICIENT;
    n = alcf->require->nelts;

    for (i = 1; i < cf->args->nelts; i++) {

        error = ngx_http_autoflow_enum(ngx_http_autoflow_require_errors,
                                       &value[i]);
        if (error) {
            problem = error->value;
            continue;
        }

        condition = ngx_array_push(alcf->require);
        if (condition == NULL) {
            return NGX_CONF_ERROR;
        }

        rv = af_condition_parse(cf, &value[i], condition);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    if (n == alcf->require->nelts) {
        return "has no condition";
    }

    condition = alcf->require->elts;

    for ( /* void */ ; n < alcf->require->nelts; n++) {
        condition[n].problem = problem;
    }

    ngx_http_autoflow_place(cf, &alcf->require_where);

    return NGX_CONF_OK;
}


char *
ngx_http_autoflow_claim_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t    *value, *name;
    ngx_uint_t    i;
    ngx_array_t  *path;

    value = cf->args->elts;

    if (value[1].len < 2 || value[1].data[0] != '$') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid variable name \"%V\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    value[1].data++;
    value[1].len--;

    path = ngx_array_create(cf->pool, cf->args->nelts - 2, sizeof(ngx_str_t));
    if (path == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {

        if (value[i].len == 0) {
            return "has an empty name";
        }

        name = ngx_array_push(path);
        *name = value[i];
    }

    if (af_variables_add_claim(cf, &value[1], path) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* what goes into a token's claims, and is demanded of them */

char *
ngx_http_autoflow_check_text(ngx_conf_t *cf, void *post, void *data)
{
    ngx_str_t *text = data;

    if (af_text_length((char *) text->data, text->len) < 1) {
        return "must be UTF-8 and not empty";
    }

    return NGX_CONF_OK;
}


char *
ngx_http_autoflow_check_positive(ngx_conf_t *cf, void *post, void *data)
{
    time_t *sec = data;

    if (*sec < 1 || *sec > NGX_HTTP_AUTOFLOW_TTL_MAX) {
        return "must be more than 0, and 10 years at most";
    }

    return NGX_CONF_OK;
}


char *
ngx_http_autoflow_params(ngx_conf_t *cf, ngx_uint_t first,
    const ngx_http_autoflow_param_t *params, void *conf)
{
    ngx_str_t                        *value, rest;
    ngx_uint_t                        i;
    const ngx_http_autoflow_param_t  *param;

    value = cf->args->elts;

    for (i = first; i < cf->args->nelts; i++) {

        for (param = params; param->name.len; param++) {
            if (ngx_http_autoflow_param_is(param, &value[i])) {
                break;
            }
        }

        rest.data = value[i].data + param->name.len;
        rest.len = value[i].len - param->name.len;

        if (param->name.len == 0
            || param->set(&rest, (char *) conf + param->offset) != NGX_OK)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* "name=value", or a word alone */

static ngx_uint_t
ngx_http_autoflow_param_is(const ngx_http_autoflow_param_t *param,
    const ngx_str_t *value)
{
    size_t  len;

    len = param->name.len;

    return ((param->name.data[len - 1] == '=') ? value->len > len
                                               : value->len == len)
           && ngx_strncmp(value->data, param->name.data, len) == 0;
}


static ngx_int_t
ngx_http_autoflow_param_word(ngx_str_t *value, void *member)
{
    *(ngx_uint_t *) member = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_autoflow_param_count(ngx_str_t *value, void *member)
{
    ngx_int_t  n;

    n = ngx_atoi(value->data, value->len);

    if (n < 1 || n > 65535) {
        return NGX_ERROR;
    }

    *(ngx_uint_t *) member = n;

    return NGX_OK;
}


static ngx_int_t
ngx_http_autoflow_param_msec(ngx_str_t *value, void *member)
{
    ngx_int_t  ms;

    ms = ngx_parse_time(value, 0);

    if (ms == NGX_ERROR || ms == 0) {
        return NGX_ERROR;
    }

    *(ngx_msec_t *) member = ms;

    return NGX_OK;
}


static ngx_int_t
ngx_http_autoflow_param_size(ngx_str_t *value, void *member)
{
    ssize_t  size;

    size = ngx_parse_size(value);

    if (size == NGX_ERROR) {
        return NGX_ERROR;
    }

    *(size_t *) member = size;

    return NGX_OK;
}


ngx_int_t
ngx_http_autoflow_param_str(ngx_str_t *value, void *member)
{
    *(ngx_str_t *) member = *value;

    return NGX_OK;
}


static ngx_int_t
ngx_http_autoflow_param_deny(ngx_str_t *value, void *member)
{
    if (ngx_strcmp(value->data, "deny") != 0) {
        return NGX_ERROR;
    }

    *(ngx_uint_t *) member = 1;

    return NGX_OK;
}


/* what may stand in an attribute of a cookie (RFC 6265, section 4.1.1) */

static ngx_int_t
ngx_http_autoflow_param_path(ngx_str_t *value, void *member)
{
    size_t  i;

    for (i = 0; i < value->len; i++) {
        if (value->data[i] <= ' ' || value->data[i] >= 0x7f
            || value->data[i] == ';')
        {
            return NGX_ERROR;
        }
    }

    return (value->data[0] == '/')
           ? ngx_http_autoflow_param_str(value, member) : NGX_ERROR;
}


static ngx_int_t
ngx_http_autoflow_param_domain(ngx_str_t *value, void *member)
{
    size_t  i;

    for (i = 0; i < value->len; i++) {
        if (!isalnum(value->data[i])
            && value->data[i] != '-' && value->data[i] != '.')
        {
            return NGX_ERROR;
        }
    }

    return ngx_http_autoflow_param_str(value, member);
}


static ngx_int_t
ngx_http_autoflow_param_samesite(ngx_str_t *value, void *member)
{
    const ngx_conf_enum_t  *mode;

    mode = ngx_http_autoflow_enum(ngx_http_autoflow_samesites, value);
    if (mode == NULL) {
        return NGX_ERROR;
    }

    *(ngx_uint_t *) member = mode->value;

    return NGX_OK;
}


static ngx_int_t
ngx_http_autoflow_param_fail(ngx_str_t *value, void *member)
{
    ngx_uint_t  *open = member;

    *open = (ngx_strcmp(value->data, "open") == 0);

    return (*open || ngx_strcmp(value->data, "closed") == 0) ? NGX_OK
                                                             : NGX_ERROR;
}


/* "10/15m", or "off", which is a window of 0 */

static ngx_int_t
ngx_http_autoflow_param_rate(ngx_str_t *value, void *member)
{
    u_char     *slash;
    ngx_str_t   time;
    af_rate_t  *rate = member;
    ngx_int_t   limit, window;

    if (ngx_strcmp(value->data, "off") == 0) {
        rate->window = 0;
        return NGX_OK;
    }

    slash = (u_char *) ngx_strchr(value->data, '/');
    if (slash == NULL) {
        return NGX_ERROR;
    }

    time.data = slash + 1;
    time.len = value->data + value->len - time.data;

    limit = ngx_atoi(value->data, slash - value->data);
    window = ngx_parse_time(&time, 1);

    if (limit < 1 || limit > 1000000 || window < 1 || window > 24 * 60 * 60) {
        return NGX_ERROR;
    }

    rate->limit = limit;
    rate->window = window;

    return NGX_OK;
}


static ngx_int_t
ngx_http_autoflow_param_allowed(ngx_str_t *value, void *member)
{
    ngx_int_t  status;

    status = ngx_atoi(value->data, value->len);

    if (status != NGX_HTTP_OK && status != NGX_HTTP_NO_CONTENT) {
        return NGX_ERROR;
    }

    *(ngx_uint_t *) member = status;

    return NGX_OK;
}


static const ngx_conf_enum_t *
ngx_http_autoflow_enum(const ngx_conf_enum_t *row, ngx_str_t *value)
{
    for ( /* void */ ; row->name.len; row++) {
        if (row->name.len == value->len
            && ngx_strncmp(row->name.data, value->data, value->len) == 0)
        {
            return row;
        }
    }

    return NULL;
}


/* a text that ends with a zero, as all of the configuration's; given once */

static ngx_int_t
ngx_http_autoflow_param_text(ngx_str_t *value, void *member)
{
    const char  **text = member;

    if (*text) {
        return NGX_ERROR;
    }

    *text = (char *) value->data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_autoflow_param_use(ngx_str_t *value, void *member)
{
    af_use_t  *use = member;

    if (*use != AF_USE_DEFAULT) {
        return NGX_ERROR;
    }

    if (ngx_strcmp(value->data, "sign") == 0) {
        *use = AF_USE_SIGN;
        return NGX_OK;
    }

    if (ngx_strcmp(value->data, "verify") == 0) {
        *use = AF_USE_VERIFY;
        return NGX_OK;
    }

    return NGX_ERROR;
}


void
ngx_http_autoflow_exposed(ngx_conf_t *cf, ngx_http_autoflow_source_t *source)
{
    ngx_http_autoflow_main_conf_t  *amcf;

    amcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_autoflow_module);

    if (amcf->exposed.file || !(source->literal || source->public)) {
        return;
    }

    ngx_http_autoflow_place(cf, &amcf->exposed);
    amcf->exposed_file = source->file;
}


void
ngx_http_autoflow_place(ngx_conf_t *cf, ngx_http_autoflow_where_t *where)
{
    where->file = cf->conf_file->file.name.data;
    where->line = cf->conf_file->line;
}
