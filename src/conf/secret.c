#include "conf/secret.h"
#include "conf/params.h"
#include "token/base64url.h"

#include <sodium.h>


/* the shortest autoflow_secret, in octets */
#define AF_SECRET_MIN  32

/* the largest file of a secret or key, in octets */
#define AF_SECRET_FILE_MAX  65536


static ngx_int_t af_secret_value_env(ngx_conf_t *cf, ngx_str_t *name,
    ngx_str_t *text);
static char *af_secret_add(ngx_conf_t *cf, ngx_array_t **secrets);
static ngx_int_t af_secrets_derive(ngx_conf_t *cf, ngx_array_t *secrets,
    af_purpose_keys_t *keys);


/* of autoflow_seal_key; any other key seals, too, if it is the first */

static const ngx_conf_enum_t  af_seal_uses[] = {
    { ngx_string("open"), 1 },
    { ngx_null_string, 0 }
};


ngx_int_t
af_secret_value_read(ngx_conf_t *cf, ngx_str_t *value,
    af_secret_value_t *secret)
{
    ngx_str_t  name;

    ngx_memzero(secret, sizeof(af_secret_value_t));

    if (ngx_strncmp(value->data, "env:", 4) == 0) {
        name.data = value->data + 4;
        name.len = value->len - 4;

        return af_secret_value_env(cf, &name, &secret->text);
    }

    if (ngx_strncmp(value->data, "file:", 5) == 0) {
        name.data = value->data + 5;
        name.len = value->len - 5;

        return af_secret_value_file(cf, &name, secret);
    }

    secret->text = *value;
    secret->literal = 1;

    return NGX_OK;
}


static ngx_int_t
af_secret_value_env(ngx_conf_t *cf, ngx_str_t *name, ngx_str_t *text)
{
    ngx_str_t        *env;
    ngx_uint_t        i;
    ngx_core_conf_t  *ccf;

    text->data = (u_char *) getenv((char *) name->data);

    if (text->data == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the environment variable \"%V\" is not set", name);
        return NGX_ERROR;
    }

    text->len = ngx_strlen(text->data);

    ccf = (ngx_core_conf_t *) ngx_get_conf(cf->cycle->conf_ctx,
                                           ngx_core_module);
    env = ccf->env.elts;

    for (i = 0; i < ccf->env.nelts; i++) {
        if (env[i].len == name->len
            && ngx_strncmp(env[i].data, name->data, name->len) == 0)
        {
            return NGX_OK;
        }
    }

    ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                       "the environment variable \"%V\" will be gone after a "
                       "binary upgrade: add \"env %V;\" above the \"http\" "
                       "block", name, name);
    return NGX_OK;
}


ngx_int_t
af_secret_value_file(ngx_conf_t *cf, ngx_str_t *name,
    af_secret_value_t *secret)
{
    u_char           buf[AF_SECRET_FILE_MAX + 1];
    ssize_t          n;
    ngx_fd_t         fd;
    ngx_str_t        path;
    ngx_file_info_t  fi;

    ngx_memzero(secret, sizeof(af_secret_value_t));

    path = *name;

    if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    fd = ngx_open_file(path.data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", &path);
        return NGX_ERROR;
    }

    secret->file = path;
    secret->public = ngx_fd_info(fd, &fi) == NGX_FILE_ERROR
                     || (ngx_file_access(&fi) & S_IROTH) != 0;

    n = ngx_read_fd(fd, buf, sizeof(buf));

    if (n == -1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_read_fd_n " \"%V\" failed", &path);
    }

    (void) ngx_close_file(fd);

    if (n == -1) {
        return NGX_ERROR;
    }

    if (n > AF_SECRET_FILE_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" is too large", &path);
        return NGX_ERROR;
    }

    /* the end of the last line is not part of a secret */

    while (n && (buf[n - 1] == LF || buf[n - 1] == CR)) {
        n--;
    }

    secret->text.data = ngx_pnalloc(cf->pool, n + 1);

    if (secret->text.data) {
        ngx_memcpy(secret->text.data, buf, n);
        secret->text.data[n] = '\0';
        secret->text.len = n;
    }

    sodium_memzero(buf, sizeof(buf));

    return secret->text.data ? NGX_OK : NGX_ERROR;
}


void
af_secret_value_wipe(af_secret_value_t *secret)
{
    if (secret->file.len) {
        sodium_memzero(secret->text.data, secret->text.len);
    }
}


ngx_int_t
af_secret_value_decode(ngx_conf_t *cf, ngx_str_t *text,
    ngx_str_t *octets)
{
    int    valid;
    char  *start;

    static const ngx_str_t  base64url = ngx_string("base64url:");
    static const ngx_str_t  hex = ngx_string("hex:");

    octets->data = ngx_pnalloc(cf->pool, text->len + 1);
    if (octets->data == NULL) {
        return NGX_ERROR;
    }

    start = (char *) text->data;

    if (ngx_strncmp(start, base64url.data, base64url.len) == 0) {
        valid = af_base64url_decode(octets->data, text->len, &octets->len,
                                    start + base64url.len,
                                    text->len - base64url.len);

    } else if (ngx_strncmp(start, hex.data, hex.len) == 0) {
        valid = sodium_hex2bin(octets->data, text->len, start + hex.len,
                               text->len - hex.len, NULL, &octets->len, NULL)
               == 0;

    } else {
        return NGX_DECLINED;
    }

    if (!valid) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the secret can't be decoded as its prefix says");
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
af_secret_value_note_exposed(ngx_conf_t *cf, const af_secret_value_t *secret)
{
    if (secret->literal) {
        af_conf_note_insecure(cf, "a literal secret", NULL);

    } else if (secret->public) {
        af_conf_note_insecure(cf, "a file that everyone may read: ",
                              &secret->file);
    }
}


char *
af_secret_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_main_conf_t *amcf = conf;

    return af_secret_add(cf, &amcf->secrets);
}


char *
af_seal_key_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_main_conf_t *amcf = conf;

    ngx_uint_t  opens;

    static const af_param_t  params[] = {
        { ngx_string("use="), af_param_enum, .values = af_seal_uses },
        { .name = ngx_null_string }
    };

    opens = 0;

    if (af_params(cf, 2, params, &opens) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    if (amcf->seal_secrets == NULL) {
        amcf->seals = !opens;

    } else if (!amcf->seals && !opens) {
        return "must come first, before keys with \"use=open\"";
    }

    return af_secret_add(cf, &amcf->seal_secrets);
}


/* adds a directive's first argument */

static char *
af_secret_add(ngx_conf_t *cf, ngx_array_t **secrets)
{
    ngx_int_t           rc;
    ngx_str_t          *value, *secret;
    af_secret_value_t   given;

    if (*secrets == NULL) {
        *secrets = ngx_array_create(cf->pool, 1, sizeof(ngx_str_t));
        if (*secrets == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    secret = ngx_array_push(*secrets);
    if (secret == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    if (af_secret_value_read(cf, &value[1], &given) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    af_secret_value_note_exposed(cf, &given);

    rc = af_secret_value_decode(cf, &given.text, secret);

    if (rc == NGX_DECLINED) {
        *secret = given.text;

    } else {
        af_secret_value_wipe(&given);
    }

    if (rc == NGX_ERROR) {
        return NGX_CONF_ERROR;
    }

    if (secret->len < AF_SECRET_MIN) {
        return "is shorter than 32 octets";
    }

    return NGX_CONF_OK;
}


char *
af_secrets_init(ngx_conf_t *cf, ngx_http_autoflow_main_conf_t *amcf)
{
    if (amcf->secrets == NULL) {
        return af_conf_needs(cf, "autoflow_database", "an \"autoflow_secret\"",
                             &amcf->line);
    }

    if (af_secrets_derive(cf, amcf->secrets, &amcf->purpose_keys) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return (amcf->seal_secrets == NULL
            || af_secrets_derive(cf, amcf->seal_secrets, &amcf->seal_keys)
               == NGX_OK)
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static ngx_int_t
af_secrets_derive(ngx_conf_t *cf, ngx_array_t *secrets,
    af_purpose_keys_t *keys)
{
    ngx_str_t  *secret;

    keys->secrets = ngx_pcalloc(cf->pool, secrets->nelts
                                          * sizeof(af_secret_keys_t));
    if (keys->secrets == NULL) {
        return NGX_ERROR;
    }

    secret = secrets->elts;

    for (keys->n = 0; keys->n < secrets->nelts; keys->n++) {
        if (af_secret_keys_derive(secret[keys->n].data, secret[keys->n].len,
                                  &keys->secrets[keys->n])
            != 0)
        {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "could not derive keys from a secret");
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}
