#include "ngx_http_autoflow_source.h"
#include "token/base64url.h"


/* the longest secret or key that a file may hold, in octets */
#define NGX_HTTP_AUTOFLOW_FILE_MAX  65536


static ngx_int_t ngx_http_autoflow_source_env(ngx_conf_t *cf, ngx_str_t *name,
    ngx_str_t *text);


ngx_int_t
ngx_http_autoflow_source(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_autoflow_source_t *source)
{
    ngx_str_t  name;

    ngx_memzero(source, sizeof(ngx_http_autoflow_source_t));

    if (ngx_strncmp(value->data, "env:", 4) == 0) {
        name.data = value->data + 4;
        name.len = value->len - 4;

        return ngx_http_autoflow_source_env(cf, &name, &source->text);
    }

    if (ngx_strncmp(value->data, "file:", 5) == 0) {
        name.data = value->data + 5;
        name.len = value->len - 5;

        return ngx_http_autoflow_source_file(cf, &name, source);
    }

    source->text = *value;
    source->literal = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_autoflow_source_env(ngx_conf_t *cf, ngx_str_t *name, ngx_str_t *text)
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
ngx_http_autoflow_source_file(ngx_conf_t *cf, ngx_str_t *name,
    ngx_http_autoflow_source_t *source)
{
    u_char           buf[NGX_HTTP_AUTOFLOW_FILE_MAX + 1];
    ssize_t          n;
    ngx_fd_t         fd;
    ngx_str_t        path;
    ngx_file_info_t  fi;

    ngx_memzero(source, sizeof(ngx_http_autoflow_source_t));

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

    source->file = path;
    source->public = ngx_fd_info(fd, &fi) == NGX_FILE_ERROR
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

    if (n > NGX_HTTP_AUTOFLOW_FILE_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" is too large", &path);
        return NGX_ERROR;
    }

    /* the end of the last line is no part of a secret */

    while (n && (buf[n - 1] == LF || buf[n - 1] == CR)) {
        n--;
    }

    source->text.data = ngx_pnalloc(cf->pool, n + 1);

    if (source->text.data) {
        ngx_memcpy(source->text.data, buf, n);
        source->text.data[n] = '\0';
        source->text.len = n;
    }

    sodium_memzero(buf, sizeof(buf));

    return source->text.data ? NGX_OK : NGX_ERROR;
}


void
ngx_http_autoflow_source_wipe(ngx_http_autoflow_source_t *source)
{
    if (source->file.len) {
        sodium_memzero(source->text.data, source->text.len);
    }
}


ngx_int_t
ngx_http_autoflow_source_decode(ngx_conf_t *cf, ngx_str_t *text,
    ngx_str_t *octets)
{
    int    good;
    char  *start;

    static const ngx_str_t  base64url = ngx_string("base64url:");
    static const ngx_str_t  hex = ngx_string("hex:");

    octets->data = ngx_pnalloc(cf->pool, text->len + 1);
    if (octets->data == NULL) {
        return NGX_ERROR;
    }

    start = (char *) text->data;

    if (ngx_strncmp(start, base64url.data, base64url.len) == 0) {
        good = af_base64url_decode(octets->data, text->len, &octets->len,
                                   start + base64url.len,
                                   text->len - base64url.len);

    } else if (ngx_strncmp(start, hex.data, hex.len) == 0) {
        good = sodium_hex2bin(octets->data, text->len, start + hex.len,
                              text->len - hex.len, NULL, &octets->len, NULL)
               == 0;

    } else {
        return NGX_DECLINED;
    }

    if (!good) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the secret is not what its prefix says");
        return NGX_ERROR;
    }

    return NGX_OK;
}
