#include "http/access.h"
#include "http/cors.h"
#include "http/require.h"


static ngx_int_t af_access_refuse(ngx_http_request_t *r,
    const af_verdict_t *verdict);


ngx_int_t
af_access_handler(ngx_http_request_t *r)
{
    af_verdict_t                   verdict;
    ngx_http_autoflow_loc_conf_t  *alcf;

    alcf = af_loc_conf(r);

    if (alcf->auth != AF_AUTH_ON && alcf->auth != AF_AUTH_OPTIONAL) {
        return NGX_DECLINED;
    }

    /* a browser can't put a token into these */

    if (!alcf->preflight_deny && af_cors_preflight(r)) {
        return NGX_OK;
    }

    if (af_judge(r, &verdict) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (verdict.status == AF_TOKEN_OK) {
        return NGX_OK;
    }

    /* nothing to say about it: with "satisfy any" others decide */

    if (verdict.status == AF_TOKEN_MISSING
        && alcf->auth == AF_AUTH_OPTIONAL && alcf->require == NULL)
    {
        return NGX_DECLINED;
    }

    return af_access_refuse(r, &verdict);
}


static ngx_int_t
af_access_refuse(ngx_http_request_t *r, const af_verdict_t *verdict)
{
    ngx_uint_t  status;

    status = af_problems[verdict->problem].status;

    if (af_refuse(r, verdict) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (status < NGX_HTTP_INTERNAL_SERVER_ERROR
        && af_challenge(r, verdict->problem) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return status;
}
