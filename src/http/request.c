#include "http/request.h"
#include "check/input.h"
#include "check/random.h"


/* octets of what is kept of a User-Agent, and of a path */
#define AF_REQUEST_AGENT_MAX  255
#define AF_REQUEST_PATH_MAX   1024

/* of an id, as nginx's own */
#define AF_REQUEST_ID_LEN  32


static void af_request_cleanup(void *data);
static ngx_str_t af_request_new_id(ngx_http_request_t *r);
static ngx_int_t af_request_clean(ngx_http_request_t *r, const ngx_str_t *raw,
    size_t max, ngx_str_t *text);


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
    size_t            i;
    ngx_table_elt_t  *h;

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

    return af_request_new_id(r);
}


/* $request_id, so that a log shows the same id; but without OpenSSL's costs */

static ngx_str_t
af_request_new_id(ngx_http_request_t *r)
{
    ngx_str_t                   id;
    ngx_http_variable_value_t  *v;

    v = &r->variables[af_main_conf(r)->request_id];

    ngx_str_null(&id);

    if (!v->valid) {
        v->data = ngx_pnalloc(r->pool, AF_REQUEST_ID_LEN);
        if (v->data == NULL) {
            return id;
        }

        af_random_hex((char *) v->data, AF_REQUEST_ID_LEN);

        v->len = AF_REQUEST_ID_LEN;
        v->valid = 1;
        v->no_cacheable = 0;
        v->not_found = 0;
    }

    id.data = v->data;
    id.len = v->len;

    return id;
}


ngx_int_t
af_request_user_agent(ngx_http_request_t *r, ngx_str_t *text)
{
    ngx_table_elt_t  *h;

    h = r->headers_in.user_agent;

    if (h == NULL) {
        ngx_str_null(text);
        return NGX_OK;
    }

    return af_request_clean(r, &h->value, AF_REQUEST_AGENT_MAX, text);
}


/* a mail program may have escaped the question mark of a link */

ngx_int_t
af_request_path(ngx_http_request_t *r, ngx_str_t *text)
{
    u_char     *p, *last;
    ngx_str_t   path;

    path = r->unparsed_uri;
    last = path.data + path.len;

    for (p = path.data; p < last; p++) {
        if (*p == '?' || *p == '#'
            || (last - p >= 3 && ngx_strncasecmp(p, (u_char *) "%3F", 3) == 0))
        {
            break;
        }
    }

    path.len = p - path.data;

    return af_request_clean(r, &path, AF_REQUEST_PATH_MAX, text);
}


ngx_int_t
af_request_address(ngx_http_request_t *r, ngx_str_t *text)
{
    ngx_connection_t     *c;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    ngx_str_null(text);

    c = r->connection;

    switch (c->sockaddr->sa_family) {

    case AF_INET:
        break;

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) c->sockaddr;

        if (!IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
            break;
        }

        text->data = ngx_pnalloc(r->pool, NGX_INET_ADDRSTRLEN);
        if (text->data == NULL) {
            return NGX_ERROR;
        }

        text->len = ngx_inet_ntop(AF_INET, &sin6->sin6_addr.s6_addr[12],
                                  text->data, NGX_INET_ADDRSTRLEN);
        return NGX_OK;
#endif

    default:
        return NGX_OK;
    }

    *text = c->addr_text;

    return NGX_OK;
}


static ngx_int_t
af_request_clean(ngx_http_request_t *r, const ngx_str_t *raw, size_t max,
    ngx_str_t *text)
{
    size_t  size;

    size = ngx_min(raw->len, max);

    text->data = ngx_pnalloc(r->pool, size);
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    text->len = af_text_clean((char *) text->data, size, (char *) raw->data,
                              raw->len);

    return NGX_OK;
}


void
af_request_log_line(ngx_uint_t level, ngx_http_request_t *r, const char *fmt,
    ...)
{
    u_char     *p;
    va_list     args;
    ngx_str_t   id;
    u_char      text[NGX_MAX_ERROR_STR / 2];

    va_start(args, fmt);
    p = ngx_vslprintf(text, text + sizeof(text), fmt, args);
    va_end(args);

    id = af_request_id(r);

    ngx_log_error(level, r->connection->log, 0,
                  "autoflow: %*s, request_id: %V", (size_t) (p - text), text,
                  &id);
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


/*
 * No header is moved, as nginx points to some.  And no part but the first may
 * be empty: nginx doesn't expect that.
 */

ngx_int_t
af_header_remove(ngx_http_request_t *r, ngx_table_elt_t *h)
{
    ngx_list_t       *list;
    ngx_list_part_t  *part, *previous, *rest;
    ngx_table_elt_t  *first, *end;

    list = &r->headers_in.headers;
    previous = NULL;
    first = NULL;
    end = NULL;

    for (part = &list->part; part; previous = part, part = part->next) {
        first = part->elts;
        end = first + part->nelts;

        if (h >= first && h < end) {
            break;
        }
    }

    if (part == NULL) {
        return NGX_OK;
    }

    part->nelts = h - first;

    if (h + 1 < end) {
        rest = ngx_palloc(r->pool, sizeof(ngx_list_part_t));
        if (rest == NULL) {
            return NGX_ERROR;
        }

        rest->elts = h + 1;
        rest->nelts = end - h - 1;
        rest->next = part->next;
        part->next = rest;

        if (list->last == part) {
            list->last = rest;

            /* what is added gets a new part: this one begins later */
            list->nalloc = rest->nelts;
        }
    }

    if (part->nelts == 0 && previous) {
        previous->next = part->next;

        if (list->last == part) {
            list->last = previous;
            list->nalloc = ngx_max(previous->nelts, 1);
        }
    }

    return NGX_OK;
}


ngx_uint_t
af_accepts(ngx_http_request_t *r, const char *type)
{
    size_t            len;
    ngx_uint_t        i;
    ngx_table_elt_t  *h;

    len = ngx_strlen(type);

    for (i = 0; (h = af_header_in(r, "accept", i)) != NULL; i++) {
        if (ngx_strlcasestrn(h->value.data, h->value.data + h->value.len,
                             (u_char *) type, len - 1))
        {
            return 1;
        }
    }

    return 0;
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
