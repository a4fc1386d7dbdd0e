/*
 * autoflow_pages, and what serves it: the static files, and the pages.
 */

#include "pages/pages.h"
#include "api/api.h"
#include "api/metrics.h"
#include "check/return.h"
#include "conf/params.h"


/* the longest name of a site, in octets */
#define AF_PAGES_BRAND_MAX  128


static const char *af_pages_place(ngx_conf_t *cf, af_pages_t *pages);
static ngx_int_t af_param_file(const af_param_t *param, ngx_str_t *value,
    void *member);
static void af_page_is_immutable(ngx_http_request_t *r);


static const af_param_t  af_pages_params[] = {
    af_param("brand=", af_param_str, af_pages_t, brand),
    af_param("templates=", af_param_file, af_pages_t, own),
    af_param("css=", af_param_file, af_pages_t, css),
    af_param("logo=", af_param_file, af_pages_t, logo),
    af_param("start=", af_param_str, af_pages_t, start),
    { .name = ngx_null_string }
};


char *
af_pages_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_loc_conf_t *alcf = conf;

    char                      *rv;
    af_pages_t                *pages;
    af_origin_t                origin;
    const char                *error;
    ngx_http_core_loc_conf_t  *clcf;

    if (alcf->pages) {
        return "is duplicate";
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler) {
        return "conflicts with another directive that handles the location";
    }

    pages = ngx_pcalloc(cf->pool, sizeof(af_pages_t));
    if (pages == NULL) {
        return NGX_CONF_ERROR;
    }

    rv = af_params(cf, 1, af_pages_params, pages);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (pages->brand.len > AF_PAGES_BRAND_MAX) {
        return "has a \"brand=\" that is too long";
    }

    if (pages->start.len
        && af_return_check((char *) pages->start.data, pages->start.len,
                           &origin)
           == AF_RETURN_REFUSED)
    {
        return "has a \"start=\" that is neither a path nor a URL";
    }

    error = af_pages_place(cf, pages);
    if (error) {
        return (char *) error;
    }

    if ((pages->own.len && ngx_conf_full_name(cf->cycle, &pages->own, 1))
        || (pages->css.len && ngx_conf_full_name(cf->cycle, &pages->css, 1))
        || (pages->logo.len && ngx_conf_full_name(cf->cycle, &pages->logo, 1)))
    {
        return NGX_CONF_ERROR;
    }

    alcf->routes = af_routes_create(cf->pool, af_pages_dialect.sections);
    if (alcf->routes == NULL) {
        return NGX_CONF_ERROR;
    }

    alcf->pages = pages;
    alcf->open = 1;
    alcf->dialect = &af_pages_dialect;
    alcf->series = af_metrics_series(&af_pages_dialect);
    alcf->base = pages->base;
    alcf->base.len--;
    alcf->mount = pages->base;
    af_conf_line(cf, &alcf->line);

    clcf->handler = af_pages_handler;
    clcf->auto_redirect = 1;

    af_conf_main(cf)->site_used = 1;

    return NGX_CONF_OK;
}


char *
af_pages_merge(ngx_conf_t *cf, const ngx_http_autoflow_loc_conf_t *conf)
{
    return (conf->pages == NULL || conf->pages->loaded)
           ? NGX_CONF_OK : af_pages_load(cf, (af_pages_t *) conf->pages);
}


/* it is in URLs, as it stands */

static const char *
af_pages_place(ngx_conf_t *cf, af_pages_t *pages)
{
    size_t                     i;
    const ngx_str_t           *name;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    name = &clcf->name;

    if (name->len == 0 || name->data[0] != '/'
        || name->data[name->len - 1] != '/'
        || clcf->exact_match || clcf->noname || clcf->lmt_excpt
#if (NGX_PCRE)
        || clcf->regex
#endif
       )
    {
        return "must be in a location that is a prefix and ends with \"/\"";
    }

    for (i = 0; i < name->len; i++) {
        if (!isalnum(name->data[i]) && !ngx_strchr("/-._~", name->data[i])) {
            return "must be in a location whose name has only letters, "
                   "digits, \"-\", \".\", \"_\", \"~\" and \"/\"";
        }
    }

    pages->base = *name;

    return NULL;
}


static ngx_int_t
af_param_file(const af_param_t *param, ngx_str_t *value, void *member)
{
    while (value->len > 1 && value->data[value->len - 1] == '/') {
        value->data[--value->len] = '\0';
    }

    return af_param_str(param, value, member);
}


ngx_int_t
af_pages_handler(ngx_http_request_t *r)
{
    ngx_str_t         path;
    const ngx_str_t  *base;

    static const ngx_str_t  statics = ngx_string("/static/");

    base = &af_loc_conf(r)->base;
    path.data = r->uri.data + base->len;
    path.len = r->uri.len - base->len;

    if (path.len > statics.len
        && ngx_strncmp(path.data, statics.data, statics.len) == 0
        && (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)))
    {
        path.data += statics.len;
        path.len -= statics.len;

        return af_page_static(r, &path);
    }

    if (af_page_choose_language(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return af_flow(r, &path);
}


/* "HASH/name"; with another hash, the file of a version before or after */

ngx_int_t
af_page_static(ngx_http_request_t *r, const ngx_str_t *path)
{
    u_char            *slash, *last;
    ngx_int_t          rc;
    af_page_file_t    *file;
    const af_pages_t  *pages;

    pages = af_loc_conf(r)->pages;
    last = path->data + path->len;

    slash = ngx_strlchr(path->data, last, '/');
    file = slash ? af_pages_file(pages, AF_PAGES_STATIC, (char *) slash + 1,
                                 last - slash - 1)
                 : NULL;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    if (file == NULL) {
        return af_respond_problem(r, AF_NOT_FOUND, NULL, NULL);
    }

    if (af_set_header(r, "ETag", file->etag.data, file->etag.len,
                      &r->headers_out.etag)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if ((size_t) (slash - path->data) == pages->version.len
        && ngx_strncmp(path->data, pages->version.data, pages->version.len)
           == 0)
    {
        af_page_is_immutable(r);
    }

    r->headers_out.content_type = *file->type;
    r->headers_out.content_type_len = file->type->len;

    return af_respond(r, NGX_HTTP_OK, (char *) file->text.data,
                      file->text.len);
}


/* its URL changes with it */

static void
af_page_is_immutable(ngx_http_request_t *r)
{
    ngx_http_autoflow_ctx_t  *ctx;

    ctx = af_request_ctx(r);

    if (ctx) {
        ctx->immutable = 1;
    }
}
