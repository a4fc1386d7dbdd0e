#include "http/request.h"


static void af_request_cleanup(void *data);


ngx_http_autoflow_ctx_t *
af_request_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t       *cln;
    ngx_http_autoflow_ctx_t  *ctx;

    ctx = af_request_find_ctx(r);

    if (ctx == NULL) {
        cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_autoflow_ctx_t));
        if (cln == NULL) {
            return NULL;
        }

        ctx = cln->data;
        ngx_memzero(ctx, sizeof(ngx_http_autoflow_ctx_t));

        ctx->request = r;

        cln->handler = af_request_cleanup;

        ngx_http_set_ctx(r, ctx, ngx_http_autoflow_module);
    }

    return ctx;
}


/* as ngx_http_realip_module does; but subrequests share the pool */

ngx_http_autoflow_ctx_t *
af_request_find_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t       *cln;
    ngx_http_autoflow_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_autoflow_module);

    if (ctx) {
        return ctx;
    }

    if (!r->internal && !r->filter_finalize) {
        return NULL;
    }

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        ctx = cln->data;

        if (cln->handler == af_request_cleanup && ctx->request == r) {
            ngx_http_set_ctx(r, ctx, ngx_http_autoflow_module);
            return ctx;
        }
    }

    return NULL;
}


/* nothing to free: it only identifies the context */

static void
af_request_cleanup(void *data)
{
}


ngx_str_t
af_request_id(ngx_http_request_t *r)
{
    size_t                      i;
    ngx_str_t                   id;
    ngx_table_elt_t            *h;
    ngx_http_variable_value_t  *v;

    h = af_header_in(r, "x-request-id", 0);

    if (h && h->value.len >= 1 && h->value.len <= 128) {
        for (i = 0; i < h->value.len; i++) {
            if (!isalnum(h->value.data[i])
                && ngx_strchr("._-", h->value.data[i]) == NULL)
            {
                break;
            }
        }

        if (i == h->value.len) {
            return h->value;
        }
    }

    v = ngx_http_get_indexed_variable(r, af_main_conf(r)->request_id);

    ngx_str_null(&id);

    if (v && !v->not_found) {
        id.data = v->data;
        id.len = v->len;
    }

    return id;
}


ngx_table_elt_t *
af_header_in(ngx_http_request_t *r, const char *name, ngx_uint_t index)
{
    size_t            len;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    len = ngx_strlen(name);

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].key.len == len
                && ngx_strncmp(h[i].lowcase_key, name, len) == 0
                && index-- == 0)
            {
                return &h[i];
            }
        }
    }

    return NULL;
}


ngx_int_t
af_set_header(ngx_http_request_t *r, const char *name, u_char *value,
    size_t len, ngx_table_elt_t **slot)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value.data = value;
    h->value.len = len;

    if (slot) {
        *slot = h;
    }

    return NGX_OK;
}


ngx_int_t
af_set_location(ngx_http_request_t *r, u_char *url, size_t len)
{
    ngx_http_clear_location(r);

    return af_set_header(r, "Location", url, len, &r->headers_out.location);
}
