#include "conf/conf.h"
#include "api/relying_party.h"
#include "conf/params.h"
#include "check/schema.h"


typedef struct af_webauthn_params_s {
    ngx_str_t  id;
    ngx_str_t  origins;
    ngx_str_t  name;
} af_webauthn_params_t;


static ngx_uint_t af_rp_is_id(const ngx_str_t *id);
static ngx_uint_t af_rp_label(const u_char *label, size_t len);
static char *af_rp_create(ngx_conf_t *cf, ngx_http_autoflow_main_conf_t *amcf,
    const af_webauthn_params_t *params);
static char *af_rp_add_origin(ngx_conf_t *cf, ngx_array_t *origins,
    const ngx_str_t *id, ngx_str_t *text);
static const char *af_rp_origin_problem(const ngx_str_t *id,
    const af_origin_t *origin);
static ngx_uint_t af_rp_covers(const ngx_str_t *id, const af_origin_t *origin);
static ngx_int_t af_rp_link(const ngx_http_autoflow_main_conf_t *amcf,
    ngx_str_t *text, af_origin_t *origin);


static const af_param_t  af_webauthn_params[] = {
    af_param("rp_id=", af_param_str, af_webauthn_params_t, id),
    af_param("origins=", af_param_str, af_webauthn_params_t, origins),
    af_param("name=", af_param_str, af_webauthn_params_t, name),
    { .name = ngx_null_string }
};


char *
af_webauthn_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_main_conf_t *amcf = conf;

    char                  *rv;
    ngx_str_t             *value;
    af_webauthn_params_t  *params;

    if (amcf->webauthn_line.file) {
        return "is duplicate";
    }

    af_conf_line(cf, &amcf->webauthn_line);
    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        return (cf->args->nelts == 2) ? NGX_CONF_OK
                                      : "has parameters beside \"off\"";
    }

    params = ngx_pcalloc(cf->pool, sizeof(af_webauthn_params_t));
    if (params == NULL) {
        return NGX_CONF_ERROR;
    }

    rv = af_params(cf, 1, af_webauthn_params, params);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (params->id.len == 0) {
        return "needs \"off\" or \"rp_id=\"";
    }

    if (!af_rp_is_id(&params->id)) {
        return "has an \"rp_id\" that is not a domain in lower case, such as "
               "example.com or localhost, and without a port: browsers accept "
               "no address";
    }

    if (params->name.len
        && af_type_label.check((char *) params->name.data, params->name.len)
           != NULL)
    {
        return "has a \"name\" that is not a line of text";
    }

    amcf->webauthn_params = params;

    /* those of autoflow_link_base may not be known yet */

    return params->origins.len ? af_rp_create(cf, amcf, params) : NGX_CONF_OK;
}


/* a domain as browsers compare it: an IPv4 address ends with a number */

static ngx_uint_t
af_rp_is_id(const ngx_str_t *id)
{
    u_char  *label, *dot, *end;

    label = id->data;
    end = id->data + id->len;

    if (id->len > 253) {
        return 0;
    }

    for ( ;; ) {
        dot = ngx_strlchr(label, end, '.');
        dot = dot ? dot : end;

        if (!af_rp_label(label, dot - label)) {
            return 0;
        }

        if (dot == end) {
            return *label < '0' || *label > '9';
        }

        label = dot + 1;
    }
}


static ngx_uint_t
af_rp_label(const u_char *label, size_t len)
{
    size_t  i;

    if (len == 0 || len > 63 || label[0] == '-' || label[len - 1] == '-') {
        return 0;
    }

    for (i = 0; i < len; i++) {
        if (!(label[i] >= 'a' && label[i] <= 'z')
            && !(label[i] >= '0' && label[i] <= '9') && label[i] != '-')
        {
            return 0;
        }
    }

    return 1;
}


char *
af_webauthn_init(ngx_conf_t *cf, ngx_http_autoflow_main_conf_t *amcf)
{
    ngx_str_t              link;
    af_origin_t            origin;
    ngx_uint_t             linked;
    af_webauthn_params_t  *params, implied;

    params = amcf->webauthn_params;

    if (amcf->database == NULL || amcf->webauthn
        || (params == NULL && amcf->webauthn_line.file))
    {
        return NGX_CONF_OK;
    }

    linked = (af_rp_link(amcf, &link, &origin) == NGX_OK);

    if (params == NULL) {
        if (!linked) {
            return NGX_CONF_OK;
        }

        ngx_memzero(&implied, sizeof(af_webauthn_params_t));
        params = &implied;

        params->id.len = origin.host_len;
        params->id.data = ngx_pnalloc(cf->pool, origin.host_len);
        if (params->id.data == NULL) {
            return NGX_CONF_ERROR;
        }

        ngx_strlow(params->id.data, (u_char *) origin.host, origin.host_len);
    }

    linked = linked && af_rp_is_id(&params->id)
             && af_rp_origin_problem(&params->id, &origin) == NULL;

    if (params == &implied && !linked) {
        return NGX_CONF_OK;
    }

    if (linked) {
        params->origins = link;
    }

    return af_rp_create(cf, amcf, params);
}


/* the origin of the links in mails, and what is in it */

static ngx_int_t
af_rp_link(const ngx_http_autoflow_main_conf_t *amcf, ngx_str_t *text,
    af_origin_t *origin)
{
    u_char  *host, *slash, *end;

    *text = amcf->link_base;

    if (text->len == 0) {
        return NGX_DECLINED;
    }

    end = text->data + text->len;
    host = ngx_strlchr(text->data, end, ':') + sizeof("://") - 1;
    slash = ngx_strlchr(host, end, '/');

    if (slash) {
        text->len = slash - text->data;
    }

    return (af_origin_parse((char *) text->data, text->len, origin) == NULL)
           ? NGX_OK : NGX_DECLINED;
}


static char *
af_rp_create(ngx_conf_t *cf, ngx_http_autoflow_main_conf_t *amcf,
    const af_webauthn_params_t *params)
{
    char                *rv, *id;
    u_char              *comma, *end;
    ngx_str_t            text, list;
    ngx_array_t         *origins;
    af_relying_party_t  *rp;

    rp = ngx_pcalloc(cf->pool, sizeof(af_relying_party_t));
    id = ngx_pnalloc(cf->pool, params->id.len + 1);
    list.data = ngx_pnalloc(cf->pool,
                            params->id.len + sizeof("https://"));
    origins = ngx_array_create(cf->pool, 2, sizeof(af_origin_t));

    if (rp == NULL || id == NULL || list.data == NULL || origins == NULL) {
        return NGX_CONF_ERROR;
    }

    (void) ngx_cpystrn((u_char *) id, params->id.data, params->id.len + 1);
    list.len = ngx_sprintf(list.data, "https://%V", &params->id) - list.data;

    text = params->origins.len ? params->origins : list;
    end = text.data + text.len;

    for ( ;; ) {
        comma = ngx_strlchr(text.data, end, ',');
        text.len = (comma ? comma : end) - text.data;

        rv = af_rp_add_origin(cf, origins, &params->id, &text);
        if (rv != NGX_CONF_OK) {
            return rv;
        }

        if (comma == NULL) {
            break;
        }

        text.data = comma + 1;
    }

    rp->id = id;
    rp->name = params->name.len ? (char *) params->name.data : id;
    rp->origins = origins->elts;
    rp->norigins = origins->nelts;

    amcf->webauthn = rp;

    return NGX_CONF_OK;
}


static char *
af_rp_add_origin(ngx_conf_t *cf, ngx_array_t *origins, const ngx_str_t *id,
    ngx_str_t *text)
{
    af_origin_t  *origin;
    const char   *problem;

    origin = ngx_array_push(origins);
    if (origin == NULL) {
        return NGX_CONF_ERROR;
    }

    problem = af_origin_parse((char *) text->data, text->len, origin);

    if (problem == NULL) {
        problem = af_rp_origin_problem(id, origin);
    }

    if (problem) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is no origin of passkeys for \"%V\": %s",
                           text, id, problem);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* why browsers would not let pages of this origin use the site's passkeys */

static const char *
af_rp_origin_problem(const ngx_str_t *id, const af_origin_t *origin)
{
    ngx_str_t  local = ngx_string("localhost");

    if (!af_rp_covers(id, origin)) {
        return "its host is neither the rp_id nor below it";
    }

    if (origin->scheme_len == 5
        && ngx_strncasecmp((u_char *) origin->scheme, (u_char *) "https", 5)
           == 0)
    {
        return NULL;
    }

    return (origin->scheme_len == 4
            && ngx_strncasecmp((u_char *) origin->scheme, (u_char *) "http", 4)
               == 0
            && af_rp_covers(&local, origin))
           ? NULL : "it is not of https, nor of localhost";
}


static ngx_uint_t
af_rp_covers(const ngx_str_t *id, const af_origin_t *origin)
{
    size_t       len;
    const char  *host;

    len = origin->host_len;
    host = origin->host;

    return len >= id->len
           && ngx_strncasecmp((u_char *) host + len - id->len, id->data,
                              id->len) == 0
           && (len == id->len ? !origin->wildcard
                              : host[len - id->len - 1] == '.');
}
