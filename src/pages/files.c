/*
 * The files of pages, read when the configuration is loaded: ours, and then the
 * site's own, which replace those of the same name; texts are combined.
 */

#include "pages/files.h"
#include "conf/params.h"


/* the largest file, in octets */
#define AF_PAGES_FILE_MAX  (1024 * 1024)


static char *af_pages_folder(ngx_conf_t *cf, af_pages_t *pages,
    const ngx_str_t *dir, af_pages_kind_t kind, ngx_uint_t optional);
static char *af_pages_entry(ngx_conf_t *cf, af_pages_t *pages,
    af_pages_kind_t kind, const ngx_str_t *path, ngx_str_t *name);
static char *af_pages_add(ngx_conf_t *cf, af_pages_t *pages,
    af_pages_kind_t kind, const ngx_str_t *path, const ngx_str_t *name);
static af_page_file_t *af_pages_slot(ngx_conf_t *cf, af_pages_t *pages,
    af_pages_kind_t kind, const ngx_str_t *name);
static char *af_pages_extra(ngx_conf_t *cf, af_pages_t *pages, ngx_str_t *path,
    const char *base, const char **name);
static ngx_int_t af_pages_read(ngx_conf_t *cf, const ngx_str_t *path,
    ngx_str_t *text);

static char *af_pages_link(ngx_conf_t *cf, af_pages_t *pages);
static const af_template_t *af_pages_partial(void *data, const char *name,
    size_t len);
static char *af_pages_needs(ngx_conf_t *cf, af_pages_t *pages);
static char *af_pages_languages(ngx_conf_t *cf, af_pages_t *pages);
static char *af_pages_version(ngx_conf_t *cf, af_pages_t *pages);
static void af_pages_free(void *data);


static const struct {
    ngx_str_t   folder;
    ngx_str_t   suffix;        /* empty: see af_pages_type() */
    char     *(*check)(ngx_conf_t *cf, af_pages_t *pages,
                       af_page_file_t *file);
} af_pages_kinds[] = {
    [AF_PAGES_TEMPLATES] = { ngx_string("templates"), ngx_string(".html"),
                             af_pages_check_template },
    [AF_PAGES_TEXTS] = { ngx_string("texts"), ngx_string(".json"),
                         af_pages_check_texts },
    [AF_PAGES_STATIC] = { ngx_string("static"), ngx_string(""),
                          af_pages_check_static }
};


char *
af_pages_load(ngx_conf_t *cf, af_pages_t *pages)
{
    ngx_str_t            dir;
    ngx_uint_t           kind;
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NGX_CONF_ERROR;
    }

    cln->data = pages;
    cln->handler = af_pages_free;

    dir = af_conf_main(cf)->pages_dir;

    if (dir.data == NULL) {
        ngx_str_set(&dir, "pages");
    }

    if (ngx_conf_full_name(cf->cycle, &dir, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    for (kind = 0; kind < AF_PAGES_KINDS; kind++) {
        pages->files[kind] = ngx_array_create(cf->pool, 32,
                                              sizeof(af_page_file_t));
        if (pages->files[kind] == NULL) {
            return NGX_CONF_ERROR;
        }

        if (af_pages_folder(cf, pages, &dir, kind, 0) != NGX_CONF_OK
            || (pages->own.len
                && af_pages_folder(cf, pages, &pages->own, kind, 1)
                   != NGX_CONF_OK))
        {
            return NGX_CONF_ERROR;
        }
    }

    if (af_pages_extra(cf, pages, &pages->css, "custom", &pages->css_name)
        != NGX_CONF_OK
        || af_pages_extra(cf, pages, &pages->logo, "logo", &pages->logo_name)
           != NGX_CONF_OK
        || af_pages_link(cf, pages) != NGX_CONF_OK
        || af_pages_needs(cf, pages) != NGX_CONF_OK
        || af_pages_languages(cf, pages) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    pages->loaded = 1;

    return af_pages_version(cf, pages);
}


af_page_file_t *
af_pages_file(const af_pages_t *pages, af_pages_kind_t kind, const char *name,
    size_t len)
{
    ngx_uint_t       i;
    af_page_file_t  *file;

    file = pages->files[kind]->elts;

    for (i = 0; i < pages->files[kind]->nelts; i++) {
        if (file[i].name.len == len
            && ngx_strncmp(file[i].name.data, name, len) == 0)
        {
            return &file[i];
        }
    }

    return NULL;
}


static char *
af_pages_folder(ngx_conf_t *cf, af_pages_t *pages, const ngx_str_t *dir,
    af_pages_kind_t kind, ngx_uint_t optional)
{
    char       *rv;
    ngx_dir_t   folder;
    ngx_str_t   path, name;

    path.len = dir->len + 1 + af_pages_kinds[kind].folder.len;
    path.data = ngx_pnalloc(cf->pool, path.len + 1);

    if (path.data == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_sprintf(path.data, "%V/%V%Z", dir, &af_pages_kinds[kind].folder);

    if (ngx_open_dir(&path, &folder) != NGX_OK) {

        if (optional && ngx_errno == NGX_ENOENT) {
            return NGX_CONF_OK;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "\"autoflow_pages\" needs the folder \"%V\"%s",
                           &path, optional ? "" : "; \"autoflow_pages_dir\" "
                           "says where ours are");
        return NGX_CONF_ERROR;
    }

    rv = NGX_CONF_OK;

    while (rv == NGX_CONF_OK && ngx_read_dir(&folder) == NGX_OK) {
        name.data = ngx_de_name(&folder);
        name.len = ngx_de_namelen(&folder);

        rv = af_pages_entry(cf, pages, kind, &path, &name);
    }

    ngx_close_dir(&folder);

    return rv;
}


/* what has another suffix, or is hidden, isn't ours */

static char *
af_pages_entry(ngx_conf_t *cf, af_pages_t *pages, af_pages_kind_t kind,
    const ngx_str_t *folder, ngx_str_t *name)
{
    ngx_str_t         path, kept;
    const ngx_str_t  *suffix;

    suffix = &af_pages_kinds[kind].suffix;

    if (name->data[0] == '.' || name->len <= suffix->len
        || ngx_strncmp(name->data + name->len - suffix->len, suffix->data,
                       suffix->len)
           != 0
        || (kind == AF_PAGES_STATIC && af_pages_type(name) == NULL))
    {
        return NGX_CONF_OK;
    }

    path.len = folder->len + 1 + name->len;
    path.data = ngx_pnalloc(cf->pool, path.len + 1);

    kept.len = name->len - suffix->len;
    kept.data = ngx_pnalloc(cf->pool, kept.len + 1);

    if (path.data == NULL || kept.data == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_sprintf(path.data, "%V/%V%Z", folder, name);
    (void) ngx_cpystrn(kept.data, name->data, kept.len + 1);

    return af_pages_add(cf, pages, kind, &path, &kept);
}


static char *
af_pages_add(ngx_conf_t *cf, af_pages_t *pages, af_pages_kind_t kind,
    const ngx_str_t *path, const ngx_str_t *name)
{
    af_page_file_t  *file;

    file = af_pages_slot(cf, pages, kind, name);

    if (file == NULL || af_pages_read(cf, path, &file->text) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    file->path = *path;

    return af_pages_kinds[kind].check(cf, pages, file);
}


static af_page_file_t *
af_pages_slot(ngx_conf_t *cf, af_pages_t *pages, af_pages_kind_t kind,
    const ngx_str_t *name)
{
    af_page_file_t  *file;

    file = af_pages_file(pages, kind, (char *) name->data, name->len);

    if (file) {
        return file;
    }

    file = ngx_array_push(pages->files[kind]);

    if (file) {
        ngx_memzero(file, sizeof(af_page_file_t));
        file->name = *name;
    }

    return file;
}


/* a file of any name, under one that the templates know */

static char *
af_pages_extra(ngx_conf_t *cf, af_pages_t *pages, ngx_str_t *path,
    const char *base, const char **name)
{
    u_char     *dot;
    ngx_str_t   known;

    if (path->len == 0) {
        return NGX_CONF_OK;
    }

    dot = (u_char *) strrchr((char *) path->data, '.');

    if (dot == NULL || af_pages_type(path) == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" has a suffix of no known type", path);
        return NGX_CONF_ERROR;
    }

    known.len = ngx_strlen(base) + ngx_strlen(dot);
    known.data = ngx_pnalloc(cf->pool, known.len + 1);

    if (known.data == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_sprintf(known.data, "%s%s%Z", base, dot);
    *name = (char *) known.data;

    return af_pages_add(cf, pages, AF_PAGES_STATIC, path, &known);
}


static ngx_int_t
af_pages_read(ngx_conf_t *cf, const ngx_str_t *path, ngx_str_t *text)
{
    ssize_t          n;
    ngx_file_t       file;
    ngx_file_info_t  info;

    ngx_memzero(&file, sizeof(ngx_file_t));

    file.name = *path;
    file.log = cf->log;
    file.fd = ngx_open_file(path->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (file.fd == NGX_INVALID_FILE
        || ngx_fd_info(file.fd, &info) == NGX_FILE_ERROR)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "\"%V\" can't be read", path);
        n = NGX_ERROR;

    } else if (ngx_file_size(&info) > AF_PAGES_FILE_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" is too large", path);
        n = NGX_ERROR;

    } else {
        text->len = ngx_file_size(&info);
        text->data = ngx_pnalloc(cf->pool, text->len + 1);
        n = text->data ? ngx_read_file(&file, text->data, text->len, 0)
                       : NGX_ERROR;
    }

    if (file.fd != NGX_INVALID_FILE) {
        (void) ngx_close_file(file.fd);
    }

    return (n >= 0 && (size_t) n == text->len) ? NGX_OK : NGX_ERROR;
}


/* when all are there: a template may be replaced, and then includes others */

static char *
af_pages_link(ngx_conf_t *cf, af_pages_t *pages)
{
    size_t             line;
    ngx_uint_t         i, n;
    const char        *s;
    af_page_file_t    *file;
    const af_piece_t  *piece;

    file = pages->files[AF_PAGES_TEMPLATES]->elts;
    n = pages->files[AF_PAGES_TEMPLATES]->nelts;

    for (i = 0; i < n; i++) {
        piece = af_template_link(&file[i].template, af_pages_partial, pages);

        if (piece) {
            line = 1;

            for (s = (char *) file[i].text.data; s != piece->s; s++) {
                line += (*s == '\n');
            }

            return af_pages_wrong(cf, &file[i], line,
                                  "includes a template that isn't there");
        }
    }

    for (i = 0; i < n; i++) {
        if (!af_template_nests(&file[i].template)) {
            return af_pages_wrong(cf, &file[i], 1, "includes itself");
        }
    }

    return NGX_CONF_OK;
}


static const af_template_t *
af_pages_partial(void *data, const char *name, size_t len)
{
    af_page_file_t  *file;

    file = af_pages_file(data, AF_PAGES_TEMPLATES, name, len);

    return file ? &file->template : NULL;
}


static char *
af_pages_needs(ngx_conf_t *cf, af_pages_t *pages)
{
    ngx_uint_t   i;
    const char  *name;

    for (i = 0; (name = af_pages_template(i)) != NULL; i++) {

        if (af_pages_file(pages, AF_PAGES_TEMPLATES, name, ngx_strlen(name))
            == NULL)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"autoflow_pages\" has no template \"%s\"",
                               name);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* English has them all */

static char *
af_pages_languages(ngx_conf_t *cf, af_pages_t *pages)
{
    ngx_uint_t       i;
    af_page_file_t  *english, *file;

    english = af_pages_file(pages, AF_PAGES_TEXTS, "en", 2);

    if (english == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"autoflow_pages\" has no texts \"en.json\"");
        return NGX_CONF_ERROR;
    }

    file = pages->files[AF_PAGES_TEXTS]->elts;

    for (i = 0; i < pages->files[AF_PAGES_TEXTS]->nelts; i++) {
        if (&file[i] != english
            && json_object_update_missing(file[i].texts, english->texts) != 0)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* the same on all nodes, in whatever order their folders are */

static char *
af_pages_version(ngx_conf_t *cf, af_pages_t *pages)
{
    u_char           one[AF_PAGES_HASH], all[AF_PAGES_HASH], *text;
    ngx_uint_t       i, n;
    af_page_file_t  *file;

    ngx_memzero(all, sizeof(all));
    file = pages->files[AF_PAGES_STATIC]->elts;

    for (i = 0; i < pages->files[AF_PAGES_STATIC]->nelts; i++) {

        crypto_generichash(one, sizeof(one), file[i].text.data,
                           file[i].text.len, file[i].name.data,
                           ngx_min(file[i].name.len,
                                   crypto_generichash_KEYBYTES_MAX));

        for (n = 0; n < AF_PAGES_HASH; n++) {
            all[n] ^= one[n];
        }
    }

    text = ngx_pnalloc(cf->pool, pages->base.len + sizeof("static//")
                                 + 2 * AF_PAGES_HASH);
    if (text == NULL) {
        return NGX_CONF_ERROR;
    }

    pages->statics.data = text;
    text = ngx_sprintf(text, "%Vstatic/", &pages->base);

    pages->version.data = text;
    pages->version.len = AF_PAGES_HASH;

    text = ngx_hex_dump(text, all, AF_PAGES_HASH / 2);
    *text++ = '/';

    pages->statics.len = text - pages->statics.data;

    return NGX_CONF_OK;
}


static void
af_pages_free(void *data)
{
    af_pages_t *pages = data;

    ngx_uint_t       i, kind;
    af_page_file_t  *file;

    for (kind = 0; kind < AF_PAGES_KINDS && pages->files[kind]; kind++) {
        file = pages->files[kind]->elts;

        for (i = 0; i < pages->files[kind]->nelts; i++) {
            af_template_free(&file[i].template);
            json_decref(file[i].texts);
        }
    }
}
