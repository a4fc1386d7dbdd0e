#include "http/cookies.h"
#include "conf/params.h"


static char *af_cookies_check(ngx_conf_t *cf,
    const ngx_http_autoflow_loc_conf_t *conf);
static ngx_uint_t af_cookies_serves_logins(
    const ngx_http_autoflow_loc_conf_t *conf);
static ngx_int_t af_cookies_note_legacy(ngx_conf_t *cf,
    ngx_http_autoflow_srv_conf_t *ascf, const ngx_str_t *path);
static ngx_int_t af_param_path(const af_param_t *param, ngx_str_t *value,
    void *member);
static ngx_int_t af_param_domain(const af_param_t *param, ngx_str_t *value,
    void *member);


const af_cookies_t  af_cookies_defaults;


static const ngx_conf_enum_t  af_cookies_samesites[] = {
    { ngx_string("lax"), AF_SAMESITE_LAX },
    { ngx_string("strict"), AF_SAMESITE_STRICT },
    { ngx_string("none"), AF_SAMESITE_NONE },
    { ngx_null_string, 0 }
};


static const ngx_conf_enum_t  af_cookies_renews[] = {
    { ngx_string("on"), AF_RENEW_ON },
    { ngx_string("off"), AF_RENEW_OFF },
    { ngx_null_string, 0 }
};


static const af_param_t  af_cookies_params[] = {
    af_param("path=", af_param_path, af_cookies_t, path),
    af_param("domain=", af_param_domain, af_cookies_t, domain),
    af_param("samesite=", af_param_enum, af_cookies_t, samesite,
             .values = af_cookies_samesites),
    af_param("strip", af_param_word, af_cookies_t, strip),
    af_param("renew=", af_param_enum, af_cookies_t, renew,
             .values = af_cookies_renews),
    { .name = ngx_null_string }
};


char *
af_cookies_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
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

    rv = af_params(cf, 2, af_cookies_params, cookies);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (cookies->path.len) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"path=\" of \"autoflow_cookies\" is deprecated: "
                           "the cookies are for all paths, and those that an "
                           "older version set for this one are expired");
    }

    alcf->cookies = cookies;
    af_conf_line(cf, &alcf->cookies_line);

    return NGX_CONF_OK;
}


/* allowed in an attribute of a cookie (RFC 6265, section 4.1.1) */

static ngx_int_t
af_param_path(const af_param_t *param, ngx_str_t *value, void *member)
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
           ? af_param_str(param, value, member) : NGX_ERROR;
}


static ngx_int_t
af_param_domain(const af_param_t *param, ngx_str_t *value, void *member)
{
    size_t  i;

    for (i = 0; i < value->len; i++) {
        if (!isalnum(value->data[i])
            && value->data[i] != '-' && value->data[i] != '.')
        {
            return NGX_ERROR;
        }
    }

    return af_param_str(param, value, member);
}


char *
af_cookies_merge(ngx_conf_t *cf, const ngx_http_autoflow_loc_conf_t *prev,
    ngx_http_autoflow_loc_conf_t *conf)
{
    ngx_uint_t  inherits;

    inherits = (conf->cookies == NGX_CONF_UNSET_PTR);

    if (inherits) {
        conf->cookies = prev->cookies;
        conf->cookies_line = prev->cookies_line;
    }

    if (conf->cookies == NGX_CONF_UNSET_PTR) {
        conf->cookies = NULL;
    }

    /* what signing in on a page leads to is in cookies */

    if (conf->cookies == NULL && inherits
        && (conf->pages || (conf->login && af_conf_main(cf)->db)))
    {
        conf->cookies = &af_cookies_defaults;
        conf->cookies_line = conf->line;
    }

    if (conf->pages && conf->cookies == NULL) {
        return af_conf_needs(cf, "autoflow_pages", "\"autoflow_cookies on\"",
                             &conf->line);
    }

    return af_cookies_check(cf, conf);
}


static char *
af_cookies_check(ngx_conf_t *cf, const ngx_http_autoflow_loc_conf_t *conf)
{
    ngx_http_autoflow_main_conf_t  *amcf;

    amcf = af_conf_main(cf);

    if (conf->cookies == NULL) {
        return NGX_CONF_OK;
    }

    if (amcf->db == NULL) {
        return af_conf_needs(cf, "autoflow_cookies",
                             "an \"autoflow_database\"", &conf->cookies_line);
    }

    /* browsers accept such cookies only with "Secure", which requires https */

    if (conf->cookies->samesite == AF_SAMESITE_NONE
        && amcf->environment == AF_DEVELOPMENT)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"samesite=none\" can't be in \"autoflow_environment "
                      "development\" in %s:%ui", conf->cookies_line.file,
                      conf->cookies_line.line);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/*
 * What a server must know about the cookies of its locations: that there are
 * any, and the paths of legacy ones.
 */

char *
af_cookies_note(ngx_conf_t *cf, const ngx_http_autoflow_loc_conf_t *conf)
{
    ngx_http_autoflow_srv_conf_t  *ascf;

    ascf = af_conf_srv(cf);

    if (conf->cookies) {
        ascf->cookies = 1;

        if (conf->cookies->path.len
            && af_cookies_note_legacy(cf, ascf, &conf->cookies->path) != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    /* there were no pages when cookies had paths */

    if (conf->dialect && conf->pages == NULL && af_cookies_serves_logins(conf)
        && af_cookies_note_legacy(cf, ascf, &conf->mount) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* whether a location serves logins; not every one with cookies does */

static ngx_uint_t
af_cookies_serves_logins(const ngx_http_autoflow_loc_conf_t *conf)
{
    size_t  len;

    static u_char  auth[] = "/auth/";

    len = ngx_min(conf->mount.len, conf->base.len);

    if (ngx_strncmp(conf->mount.data, conf->base.data, len) != 0) {
        return 0;
    }

    if (conf->mount.len <= conf->base.len) {
        return 1;
    }

    len = ngx_min(conf->mount.len - conf->base.len, sizeof(auth) - 1);

    return ngx_strncmp(conf->mount.data + conf->base.len, auth, len) == 0;
}


static ngx_int_t
af_cookies_note_legacy(ngx_conf_t *cf, ngx_http_autoflow_srv_conf_t *ascf,
    const ngx_str_t *path)
{
    ngx_str_t   *known;
    ngx_uint_t   i;

    if (ascf->legacy_paths == NULL) {
        ascf->legacy_paths = ngx_array_create(cf->pool, 4, sizeof(ngx_str_t));
        if (ascf->legacy_paths == NULL) {
            return NGX_ERROR;
        }
    }

    known = ascf->legacy_paths->elts;

    for (i = 0; i < ascf->legacy_paths->nelts; i++) {
        if (known[i].len == path->len
            && ngx_strncmp(known[i].data, path->data, path->len) == 0)
        {
            return NGX_OK;
        }
    }

    known = ngx_array_push(ascf->legacy_paths);
    if (known == NULL) {
        return NGX_ERROR;
    }

    *known = *path;

    return NGX_OK;
}
