#include "http/access.h"


ngx_int_t
af_access_handler(ngx_http_request_t *r)
{
    const af_identity_t  *identity;

    if (!af_loc_conf(r)->auth) {
        return NGX_DECLINED;
    }

    identity = af_identity(r);

    if (identity == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (identity->status == AF_TOKEN_OK) {
        return NGX_OK;
    }

    if (af_challenge(r, af_identity_problem(identity)) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_HTTP_UNAUTHORIZED;
}
