#include "keys/keys.h"
#include "conf/params.h"
#include "conf/secret.h"
#include "token/keyring.h"
#include "check/input.h"

#include <sodium.h>


static af_keyring_t *af_keys_ring(ngx_conf_t *cf,
    ngx_http_autoflow_srv_conf_t *ascf);
static void af_keys_ring_free(void *data);
static ngx_int_t af_keys_add(ngx_conf_t *cf, af_keyring_t *keys,
    ngx_str_t *text, af_key_options_t *options);
static void af_keys_skipped(void *data, const af_keyring_error_t *error);
static ngx_int_t af_param_use(const af_param_t *param, ngx_str_t *value,
    void *member);


static const af_param_t  af_key_params[] = {
    af_param("alg=", af_param_text, af_key_options_t, alg),
    af_param("kid=", af_param_text, af_key_options_t, kid),
    af_param("issuer=", af_param_text, af_key_options_t, issuer),
    af_param("use=", af_param_use, af_key_options_t, use),
    { .name = ngx_null_string }
};


char *
af_key_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_srv_conf_t *ascf = conf;

    char               *rv;
    size_t              i;
    ngx_int_t           rc;
    ngx_str_t          *value;
    af_keyring_t       *keys;
    af_key_options_t    options;
    af_secret_value_t   secret;

    ngx_memzero(&options, sizeof(af_key_options_t));

    rv = af_params(cf, 2, af_key_params, &options);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    value = cf->args->elts;
    keys = af_keys_ring(cf, ascf);

    if (keys == NULL
        || af_secret_value_read(cf, &value[1], &secret) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    i = keys->nkeys;
    rc = af_keys_add(cf, keys, &secret.text, &options);

    af_secret_value_wipe(&secret);

    if (rc != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    /* public keys may be exposed */

    for ( /* void */ ; i < keys->nkeys; i++) {
        if (af_key_is_secret(keys->keys[i])) {
            af_secret_value_note_exposed(cf, &secret);
        }
    }

    return NGX_CONF_OK;
}


static af_keyring_t *
af_keys_ring(ngx_conf_t *cf, ngx_http_autoflow_srv_conf_t *ascf)
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
        cln->handler = af_keys_ring_free;
        cln->data = ascf->keys;
    }

    return ascf->keys;
}


static void
af_keys_ring_free(void *data)
{
    af_keyring_free(data);
}


static ngx_int_t
af_keys_add(ngx_conf_t *cf, af_keyring_t *keys, ngx_str_t *text,
    af_key_options_t *options)
{
    int                  added;
    ngx_int_t            rc;
    ngx_str_t            octets;
    af_keyring_error_t   error;

    rc = af_secret_value_decode(cf, text, &octets);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_OK) {
        added = af_keyring_add_secret(keys, octets.data, octets.len, options,
                                      &error);
        sodium_memzero(octets.data, octets.len);

    } else {
        added = af_keyring_add(keys, (char *) text->data, text->len, options,
                               af_keys_skipped, cf, &error);
    }

    if (added == 0) {
        return NGX_OK;
    }

    if (error.index) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"autoflow_key\" can't be used: "
                           "key %uz of the set: %s", error.index, error.reason);

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"autoflow_key\" can't be used: %s",
                           error.reason);
    }

    return NGX_ERROR;
}


static void
af_keys_skipped(void *data, const af_keyring_error_t *error)
{
    ngx_conf_t *cf = data;

    ngx_conf_log_error(NGX_LOG_NOTICE, cf, 0,
                       "\"autoflow_key\" skips key %uz of the set: %s",
                       error->index, error->reason);
}


static ngx_int_t
af_param_use(const af_param_t *param, ngx_str_t *value, void *member)
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


char *
af_audience_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
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
            && af_claim_post(cf, NULL, &value[i]) != NGX_CONF_OK)
        {
            return "must be non-empty names in UTF-8";
        }

        name = ngx_array_push(ascf->audience);
        *name = (i < cf->args->nelts) ? (char *) value[i].data : NULL;
    }

    return NGX_CONF_OK;
}


char *
af_claim_post(ngx_conf_t *cf, void *post, void *data)
{
    ngx_str_t *text = data;

    if (af_text_length((char *) text->data, text->len) < 1) {
        return "must be non-empty UTF-8";
    }

    return NGX_CONF_OK;
}


char *
af_keys_merge(ngx_conf_t *cf, const ngx_http_autoflow_srv_conf_t *prev,
    ngx_http_autoflow_srv_conf_t *conf)
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


char *
af_keys_check(ngx_conf_t *cf, const char *directive,
    const af_conf_line_t *line)
{
    const ngx_http_autoflow_srv_conf_t  *ascf;

    ascf = af_conf_srv(cf);

    return (ascf->keys || ascf->remotes)
           ? NGX_CONF_OK
           : af_conf_needs(cf, directive, "an \"autoflow_key\"", line);
}
