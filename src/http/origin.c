#include "http/origin.h"
#include "http/https.h"


const ngx_str_t *
af_request_origin(ngx_http_request_t *r, af_origin_t *origin)
{
    ngx_table_elt_t  *h;

    h = af_header_in(r, "origin", 0);

    if (h == NULL || af_header_in(r, "origin", 1)
        || af_origin_parse((char *) h->value.data, h->value.len, origin))
    {
        return NULL;
    }

    return &h->value;
}


ngx_uint_t
af_request_is_same_origin(ngx_http_request_t *r, const af_origin_t *origin)
{
    ngx_str_t    *host;
    const char   *scheme;
    af_origin_t   own;

    if (r->headers_in.host == NULL) {
        return 0;
    }

    host = &r->headers_in.host->value;
    scheme = af_https(r) ? "https" : "http";

    return af_origin_parse_host(scheme, (char *) host->data, host->len, &own)
           == NULL
           && af_origin_matches(&own, origin);
}
