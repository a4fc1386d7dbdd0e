#include "http/https.h"


static ngx_uint_t af_https_forwarded(ngx_http_request_t *r);
static ngx_uint_t af_https_peer_trusted(ngx_http_request_t *r);
static ngx_uint_t af_https_replaced(ngx_http_request_t *r, ngx_str_t *name,
    const u_char *present, size_t len);
static ngx_int_t af_https_refuse(ngx_http_request_t *r);
static ngx_int_t af_https_redirect(ngx_http_request_t *r);


/*
 * In production our own credentials aren't accepted over plain http.
 * Exceptions are autoflow_verify, as the proxy that asks is as close as an
 * upstream, and a verifier without a database, behind a load balancer that
 * terminates TLS.
 */

void
af_https_merge(ngx_conf_t *cf, const ngx_http_autoflow_loc_conf_t *prev,
    ngx_http_autoflow_loc_conf_t *conf)
{
    ngx_http_autoflow_main_conf_t  *amcf;

    amcf = af_conf_main(cf);

    ngx_conf_merge_uint_value(conf->require_https, prev->require_https,
                              NGX_CONF_UNSET_UINT);

    if (conf->require_https != NGX_CONF_UNSET_UINT) {
        conf->https = conf->require_https;

    } else if (amcf->environment == AF_PRODUCTION
               && amcf->database && conf->verify == 0
               && (conf->dialect || conf->auth == AF_AUTH_ON
                   || conf->auth == AF_AUTH_OPTIONAL))
    {
        conf->https = AF_HTTPS_ON;
    }
}


ngx_uint_t
af_https(ngx_http_request_t *r)
{
#if (NGX_SSL || NGX_COMPAT)
    if (r->connection->ssl) {
        return 1;
    }
#endif

    return af_https_forwarded(r);
}


/* a list of several is not from the proxy itself */

static ngx_uint_t
af_https_forwarded(ngx_http_request_t *r)
{
    ngx_table_elt_t  *h;

    h = af_header_in(r, "x-forwarded-proto", 0);

    return h
           && h->value.len == sizeof("https") - 1
           && ngx_strncasecmp(h->value.data, (u_char *) "https",
                              sizeof("https") - 1)
              == 0
           && af_header_in(r, "x-forwarded-proto", 1) == NULL
           && af_https_peer_trusted(r);
}


/*
 * ngx_http_realip_module doesn't expose its list, but the peer's original
 * address and port: it replaces them for peers on the list, and for nobody
 * else.  A proxy seldom knows the client's port, so that it changes even if the
 * client is on the proxy's own machine.
 */

static ngx_uint_t
af_https_peer_trusted(ngx_http_request_t *r)
{
    u_char             port[NGX_INT_T_LEN];
    size_t             len;
    in_port_t          n;
    ngx_connection_t  *c;

    static ngx_str_t  addr_name = ngx_string("realip_remote_addr");
    static ngx_str_t  port_name = ngx_string("realip_remote_port");

    c = r->connection;

    n = ngx_inet_get_port(c->sockaddr);
    len = n ? ngx_sprintf(port, "%ui", (ngx_uint_t) n) - port : 0;

    return af_https_replaced(r, &addr_name, c->addr_text.data,
                             c->addr_text.len)
           || af_https_replaced(r, &port_name, port, len);
}


static ngx_uint_t
af_https_replaced(ngx_http_request_t *r, ngx_str_t *name,
    const u_char *present, size_t len)
{
    ngx_http_variable_value_t  *v;

    v = ngx_http_get_variable(r, name, ngx_hash_key(name->data, name->len));

    /* nginx may have been built without the module */

    if (v == NULL || v->not_found) {
        return 0;
    }

    return v->len != len || ngx_memcmp(v->data, present, len) != 0;
}


ngx_int_t
af_https_handler(ngx_http_request_t *r)
{
    ngx_uint_t  required;

    required = af_loc_conf(r)->https;

    if (required == AF_HTTPS_OFF || r != r->main || af_https(r)) {
        return NGX_DECLINED;
    }

    /* what was sent insecurely must not be silently sent again */

    if (required == AF_HTTPS_REDIRECT
        && (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)))
    {
        return af_https_redirect(r);
    }

    return af_https_refuse(r);
}


static ngx_int_t
af_https_refuse(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    af_request_log(NGX_LOG_INFO, r,
                   "refused, as \"autoflow_require_https\" demands: "
                   "it did not come by https, nor with X-Forwarded-Proto from "
                   "a peer of \"set_real_ip_from\"");

    if (af_loc_conf(r)->dialect == NULL) {
        return NGX_HTTP_FORBIDDEN;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    return af_respond_problem(r, AF_HTTPS_REQUIRED, NULL, NULL);
}


static ngx_int_t
af_https_redirect(ngx_http_request_t *r)
{
    u_char                    *p;
    size_t                     len;
    ngx_str_t                 *host;
    ngx_http_core_srv_conf_t  *cscf;

    cscf = ngx_http_get_module_srv_conf(r, ngx_http_core_module);

    host = r->headers_in.server.len ? &r->headers_in.server
                                    : &cscf->server_name;

    len = sizeof("https://") - 1 + host->len + r->unparsed_uri.len;

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    (void) ngx_sprintf(p, "https://%V%V", host, &r->unparsed_uri);

    ngx_http_clear_location(r);

    if (af_set_header(r, "Location", p, len, &r->headers_out.location)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_HTTP_PERMANENT_REDIRECT;
}
