#include "http/variables.h"


static ngx_int_t af_variable_claim(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t af_variable_status(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t af_variable_string(ngx_http_request_t *r,
    const json_t *claim, ngx_str_t *value);
static ngx_int_t af_variable_list(ngx_http_request_t *r, const json_t *claim,
    ngx_str_t *value);
static ngx_uint_t af_variable_unsafe(const ngx_str_t *value, u_char also);


/* not cacheable: subrequests share the values, but not the configuration */

static ngx_http_variable_t  af_variables[] = {

    { ngx_string("autoflow_user_id"), NULL, af_variable_claim,
      (uintptr_t) "sub", NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("autoflow_session_id"), NULL, af_variable_claim,
      (uintptr_t) "sid", NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("autoflow_email"), NULL, af_variable_claim,
      (uintptr_t) "email", NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("autoflow_roles"), NULL, af_variable_claim,
      (uintptr_t) "roles", NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("autoflow_status"), NULL, af_variable_status,
      0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    ngx_http_null_variable
};


ngx_int_t
af_variables_add(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = af_variables; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


static ngx_int_t
af_variable_claim(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_int_t             rc;
    ngx_str_t             value;
    const char           *name;
    const json_t         *claim;
    const af_identity_t  *identity;

    name = (const char *) data;
    identity = af_identity(r);

    if (identity == NULL) {
        return NGX_ERROR;
    }

    claim = json_object_get(identity->claims, name);

    if (json_is_string(claim)) {
        rc = af_variable_string(r, claim, &value);

    } else if (json_is_array(claim)) {
        rc = af_variable_list(r, claim, &value);

    } else {
        ngx_str_null(&value);
        rc = NGX_OK;
    }

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED) {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "autoflow: the claim \"%s\" is withheld: it holds a "
                      "character that could forge another value", name);
        ngx_str_null(&value);
    }

    v->data = value.data;
    v->len = value.len;
    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 0;

    return NGX_OK;
}


static ngx_int_t
af_variable_status(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    const ngx_str_t      *status;
    const af_identity_t  *identity;

    identity = af_identity(r);

    if (identity == NULL) {
        return NGX_ERROR;
    }

    status = af_identity_status(identity);

    v->data = status->data;
    v->len = status->len;
    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 0;

    return NGX_OK;
}


static ngx_int_t
af_variable_string(ngx_http_request_t *r, const json_t *claim,
    ngx_str_t *value)
{
    value->data = (u_char *) json_string_value(claim);
    value->len = json_string_length(claim);

    return af_variable_unsafe(value, '\0') ? NGX_DECLINED : NGX_OK;
}


/* the strings of an array, joined by commas */

static ngx_int_t
af_variable_list(ngx_http_request_t *r, const json_t *claim, ngx_str_t *value)
{
    u_char     *p;
    size_t      i, len;
    ngx_str_t   element;

    len = 0;

    for (i = 0; i < json_array_size(claim); i++) {
        len += json_string_length(json_array_get(claim, i)) + 1;
    }

    p = ngx_pnalloc(r->pool, len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value->data = p;

    for (i = 0; i < json_array_size(claim); i++) {
        element.data = (u_char *) json_string_value(json_array_get(claim, i));
        element.len = json_string_length(json_array_get(claim, i));

        if (af_variable_unsafe(&element, ',')) {
            return NGX_DECLINED;
        }

        if (p > value->data) {
            *p++ = ',';
        }

        p = ngx_cpymem(p, element.data, element.len);
    }

    value->len = p - value->data;

    return NGX_OK;
}


/* control characters could smuggle a header line, `also` another element */

static ngx_uint_t
af_variable_unsafe(const ngx_str_t *value, u_char also)
{
    size_t  i;

    for (i = 0; i < value->len; i++) {
        if (value->data[i] < 0x20 || value->data[i] == 0x7f
            || value->data[i] == also)
        {
            return 1;
        }
    }

    return 0;
}
