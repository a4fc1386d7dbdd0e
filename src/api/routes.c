#include "api/api.h"
#include "api/metrics.h"
#include "api/openapi.h"
#include "conf/params.h"


/* the maximum length of autoflow_api's base, in octets */
#define AF_API_BASE_MAX  128


static const char *af_api_args(ngx_conf_t *cf, ngx_str_t *base,
    const af_dialect_t **dialect);
static const af_dialect_t *af_api_dialect(const ngx_str_t *name);
static const char *af_api_base(const ngx_str_t *base);
static void af_api_path(ngx_http_request_t *r, ngx_str_t *path);


char *
af_api_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_loc_conf_t *alcf = conf;

    ngx_str_t                  base, mount;
    ngx_uint_t                 prefix;
    const char                *error;
    const af_dialect_t        *dialect;
    ngx_http_core_loc_conf_t  *clcf;

    if (alcf->dialect) {
        return "is duplicate";
    }

    error = af_api_args(cf, &base, &dialect);
    if (error) {
        return (char *) error;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler) {
        return "conflicts with another directive that handles the location";
    }

    prefix = (clcf->name.len && clcf->name.data[0] == '/' && !clcf->lmt_excpt
#if (NGX_PCRE)
              && clcf->regex == NULL
#endif
              && !clcf->exact_match && !clcf->noname);

    if (base.len == 0) {

        if (!prefix && (!clcf->exact_match || clcf->lmt_excpt)) {
            return "needs a base here, such as \"/\": the location is not "
                   "a prefix";
        }

        base = clcf->name;
    }

    error = af_api_base(&base);
    if (error) {
        return (char *) error;
    }

    if (base.data[base.len - 1] == '/') {
        base.len--;
    }

    /* a prefix location's name, else the common prefix of the paths */

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

    alcf->routes = af_routes_create(cf->pool, dialect->sections);
    if (alcf->routes == NULL) {
        return NGX_CONF_ERROR;
    }

    alcf->dialect = dialect;
    alcf->series = af_metrics_series(dialect);
    alcf->base = base;
    alcf->mount = mount;
    af_conf_line(cf, &alcf->line);

    clcf->handler = af_api_handler;

    return af_openapi_add(cf, alcf);
}


/* "autoflow_api [base] [dialect]"; returns NULL or an error message */

static const char *
af_api_args(ngx_conf_t *cf, ngx_str_t *base, const af_dialect_t **dialect)
{
    ngx_str_t   *value;
    ngx_uint_t   i;

    ngx_str_null(base);
    *dialect = NULL;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (value[i].len && value[i].data[0] == '/' && base->len == 0) {
            *base = value[i];
            continue;
        }

        if (*dialect) {
            return "has more than a base and a dialect";
        }

        *dialect = af_api_dialect(&value[i]);

        if (*dialect == NULL) {
            return "has a base that doesn't begin with \"/\", or an unknown "
                   "dialect";
        }
    }

    if (*dialect == NULL) {
        *dialect = af_dialects[0];
    }

    return NULL;
}


static const af_dialect_t *
af_api_dialect(const ngx_str_t *name)
{
    ngx_uint_t  i;

    for (i = 0; af_dialects[i]; i++) {
        if (ngx_strcmp(af_dialects[i]->name, name->data) == 0) {
            break;
        }
    }

    return af_dialects[i];
}


/* it appears in JSON; returns NULL or an error message */

static const char *
af_api_base(const ngx_str_t *base)
{
    size_t   i;
    json_t  *text;

    if (base->len > AF_API_BASE_MAX) {
        return "has a base that is too long";
    }

    for (i = 0; i < base->len; i++) {
        if (base->data[i] < 0x20 || ngx_strchr("\"\\\x7f", base->data[i])) {
            return "has a base with a quote, backslash or control character";
        }
    }

    text = json_stringn((char *) base->data, base->len);
    if (text == NULL) {
        return "has a base that is not UTF-8";
    }

    json_decref(text);

    return NULL;
}


char *
af_api_check(ngx_conf_t *cf, const ngx_http_autoflow_loc_conf_t *alcf)
{
    const char  *directive;

    directive = alcf->pages ? "autoflow_pages" : "autoflow_api";

    if (af_conf_main(cf)->db == NULL) {
        return af_conf_needs(cf, directive, "an \"autoflow_database\"",
                             &alcf->line);
    }

    if (af_conf_srv(cf)->signer == NULL) {
        return af_conf_needs(cf, directive,
                             "an \"autoflow_key\" that signs", &alcf->line);
    }

    return NGX_CONF_OK;
}


static void
af_api_path(ngx_http_request_t *r, ngx_str_t *path)
{
    ngx_str_t  *base;

    base = &af_loc_conf(r)->base;

    if (r->uri.len < base->len
        || ngx_strncmp(r->uri.data, base->data, base->len) != 0)
    {
        ngx_str_null(path);

    } else {
        path->data = r->uri.data + base->len;
        path->len = r->uri.len - base->len;

        if (path->len == 0) {
            ngx_str_set(path, "/");
        }
    }
}


ngx_int_t
af_api_handler(ngx_http_request_t *r)
{
    ngx_str_t  path;

    af_api_path(r, &path);

    return af_flow(r, &path);
}


ngx_uint_t
af_api_methods(ngx_http_request_t *r)
{
    ngx_str_t   path;
    af_match_t  match;

    af_api_path(r, &path);
    af_route_match(af_loc_conf(r)->routes, r->method, &path, &r->args, &match);

    return match.methods;
}
