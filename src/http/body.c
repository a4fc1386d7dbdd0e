#include "http/body.h"


static ngx_uint_t af_body_charset(u_char *p, u_char *last);
static void af_body_ready(ngx_http_request_t *r);
static void af_body_done(ngx_http_request_t *r, af_body_t *body, ngx_int_t rc);
static ngx_int_t af_body_take(ngx_http_request_t *r, af_body_t *body);


static const struct {
    ngx_str_t   type;
    af_media_t  media;
} af_media_types[] = {
    { ngx_string("application/json"), AF_MEDIA_JSON },
    { ngx_string("application/x-www-form-urlencoded"), AF_MEDIA_FORM },
    { ngx_null_string, AF_MEDIA_OTHER }
};


af_media_t
af_body_media(ngx_http_request_t *r)
{
    u_char           *p, *last;
    size_t            len;
    ngx_uint_t        i;
    ngx_table_elt_t  *h;

    h = r->headers_in.content_type;

    if (h == NULL) {
        return AF_MEDIA_OTHER;
    }

    last = h->value.data + h->value.len;

    for (p = h->value.data; p < last && *p != ';' && *p != ' '; p++) {
        /* void */
    }

    len = p - h->value.data;

    for (i = 0; af_media_types[i].type.len; i++) {
        if (len == af_media_types[i].type.len
            && ngx_strncasecmp(h->value.data, af_media_types[i].type.data, len)
               == 0
            && af_body_charset(p, last))
        {
            return af_media_types[i].media;
        }
    }

    return AF_MEDIA_OTHER;
}


/* whether the media type has no charset parameter, or UTF-8 */

static ngx_uint_t
af_body_charset(u_char *p, u_char *last)
{
    static u_char  charset[] = "charset=";
    static u_char  utf8[] = "utf-8";

    p = ngx_strlcasestrn(p, last, charset, sizeof(charset) - 2);

    if (p == NULL) {
        return 1;
    }

    p += sizeof(charset) - 1;

    if (p < last && *p == '"') {
        p++;
    }

    if ((size_t) (last - p) < sizeof(utf8) - 1
        || ngx_strncasecmp(p, utf8, sizeof(utf8) - 1) != 0)
    {
        return 0;
    }

    p += sizeof(utf8) - 1;

    return p == last || ngx_strchr("\"; \t", *p) != NULL;
}


ngx_int_t
af_body_read(ngx_http_request_t *r, af_body_t *body)
{
    ngx_int_t                 rc;
    ngx_http_autoflow_ctx_t  *ctx;

    ctx = af_request_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->body = body;
    body->ours = (r->request_body == NULL);
    rc = NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;

    if (r->headers_in.content_length_n <= AF_BODY_MAX) {

        body->size = (r->headers_in.content_length_n < 0)
                     ? AF_BODY_MAX : r->headers_in.content_length_n;

        body->data = ngx_pnalloc(r->pool, body->size + 1);
        if (body->data == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        /* or nginx would write any amount of it to a temporary file */
        r->request_body_no_buffering = 1;

        rc = ngx_http_read_client_request_body(r, af_body_ready);
    }

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        r->main->count++;
        af_body_done(r, body, rc);
    }

    return NGX_DONE;
}


/* what came with the header is here; r->reading_body: there is more */

static void
af_body_ready(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    af_body_t                *body;
    ngx_http_autoflow_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_autoflow_module);
    body = ctx->body;

    for ( ;; ) {

        rc = af_body_take(r, body);

        if (rc != NGX_OK || !r->reading_body) {
            break;
        }

        rc = ngx_http_read_unbuffered_request_body(r);

        if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
            break;
        }

        if (rc == NGX_AGAIN && r->request_body->bufs == NULL) {
            r->read_event_handler = af_body_ready;
            r->write_event_handler = ngx_http_request_empty_handler;
            return;
        }
    }

    r->read_event_handler = ngx_http_block_reading;

    af_body_done(r, body, rc);
}


static void
af_body_done(ngx_http_request_t *r, af_body_t *body, ngx_int_t rc)
{
    if (rc == NGX_OK) {
        body->handler(r, body, AF_PROBLEM_NONE);
        return;
    }

    /* or the rest of the body would be taken for the next request */

    r->keepalive = 0;
    r->lingering_close = 1;

    switch (rc) {

    case NGX_HTTP_REQUEST_ENTITY_TOO_LARGE:
        body->handler(r, body, AF_PAYLOAD_TOO_LARGE);
        return;

    case NGX_HTTP_BAD_REQUEST:

        if (!r->connection->error) {
            body->handler(r, body, AF_BODY_INCOMPLETE);
            return;
        }

        /* fall through */

    default:
        ngx_http_finalize_request(r, rc);
    }
}


/*
 * Copies what nginx has read into the body, and wipes its buffers, which may be
 * that of the header; unless another handler had the whole body read before,
 * and may still need it.
 */

static ngx_int_t
af_body_take(ngx_http_request_t *r, af_body_t *body)
{
    off_t         len;
    ssize_t       n;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    if (r->request_body == NULL) {
        return NGX_OK;
    }

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        b = cl->buf;
        len = ngx_buf_size(b);

        if (len > (off_t) (body->size - body->len)) {
            return NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
        }

        if (ngx_buf_in_memory(b)) {
            ngx_memcpy(body->data + body->len, b->pos, len);

            if (body->ours) {
                ngx_explicit_memzero(b->pos, len);
                b->pos = b->last;
            }

        } else if (b->in_file) {
            n = ngx_read_file(b->file, body->data + body->len, len,
                              b->file_pos);

            if (n != (ssize_t) len) {
                return NGX_HTTP_INTERNAL_SERVER_ERROR;
            }
        }

        body->len += len;
    }

    if (body->ours) {
        r->request_body->bufs = NULL;
    }

    return NGX_OK;
}
