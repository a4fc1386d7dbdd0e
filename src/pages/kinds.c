/*
 * What each kind of the files of pages must be.
 */

#include "pages/files.h"
#include "check/json.h"


static const struct {
    ngx_str_t  suffix;
    ngx_str_t  type;
} af_pages_types[] = {
    { ngx_string(".css"), ngx_string("text/css; charset=utf-8") },
    { ngx_string(".js"), ngx_string("text/javascript; charset=utf-8") },
    { ngx_string(".svg"), ngx_string("image/svg+xml") },
    { ngx_string(".png"), ngx_string("image/png") },
    { ngx_string(".webp"), ngx_string("image/webp") },
    { ngx_string(".ico"), ngx_string("image/x-icon") },
    { ngx_string(".woff2"), ngx_string("font/woff2") },
    { ngx_null_string, ngx_null_string }
};


char *
af_pages_wrong(ngx_conf_t *cf, const af_page_file_t *file, size_t line,
    const char *error)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" %s in line %uz",
                       &file->path, error, line);

    return NGX_CONF_ERROR;
}


char *
af_pages_check_template(ngx_conf_t *cf, af_pages_t *pages,
    af_page_file_t *file)
{
    size_t       line;
    const char  *error;

    af_template_free(&file->template);

    return (af_template_parse(&file->template, (char *) file->text.data,
                              file->text.len, &error, &line)
            == 0)
           ? NGX_CONF_OK : af_pages_wrong(cf, file, line, error);
}


/* an object of strings; those that are there already remain otherwise */

char *
af_pages_check_texts(ngx_conf_t *cf, af_pages_t *pages, af_page_file_t *file)
{
    json_t        *texts, *value;
    const char    *name;
    json_error_t   error;

    texts = af_json_load((char *) file->text.data, file->text.len,
                         JSON_REJECT_DUPLICATES, &error);

    if (texts == NULL || !json_is_object(texts)) {
        json_decref(texts);
        return af_pages_wrong(cf, file, texts ? 1 : error.line,
                              "is not a JSON object");
    }

    json_object_foreach(texts, name, value) {
        if (!json_is_string(value)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" has a \"%s\" that is not a string",
                               &file->path, name);
            json_decref(texts);
            return NGX_CONF_ERROR;
        }
    }

    if (file->texts == NULL) {
        file->texts = texts;
        return NGX_CONF_OK;
    }

    (void) json_object_update(file->texts, texts);
    json_decref(texts);

    return NGX_CONF_OK;
}


char *
af_pages_check_static(ngx_conf_t *cf, af_pages_t *pages, af_page_file_t *file)
{
    u_char  hash[AF_PAGES_HASH], *etag;

    file->type = af_pages_type(&file->name);

    etag = ngx_pnalloc(cf->pool, 2 * AF_PAGES_HASH + 3);
    if (etag == NULL) {
        return NGX_CONF_ERROR;
    }

    crypto_generichash(hash, sizeof(hash), file->text.data, file->text.len,
                       NULL, 0);

    etag[0] = '"';
    (void) ngx_hex_dump(etag + 1, hash, AF_PAGES_HASH);
    etag[2 * AF_PAGES_HASH + 1] = '"';

    file->etag.data = etag;
    file->etag.len = 2 * AF_PAGES_HASH + 2;

    return NGX_CONF_OK;
}


const ngx_str_t *
af_pages_type(const ngx_str_t *name)
{
    ngx_uint_t        i;
    const ngx_str_t  *suffix;

    for (i = 0; af_pages_types[i].suffix.len; i++) {
        suffix = &af_pages_types[i].suffix;

        if (name->len > suffix->len
            && ngx_strncmp(name->data + name->len - suffix->len, suffix->data,
                           suffix->len)
               == 0)
        {
            return &af_pages_types[i].type;
        }
    }

    return NULL;
}
