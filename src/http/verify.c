#include "http/claims.h"
#include "http/login.h"
#include "http/renew.h"
#include "http/require.h"
#include "http/verify.h"
#include "conf/params.h"


static ngx_int_t af_verify_refuse(ngx_http_request_t *r,
    const af_verdict_t *verdict);
static void af_verify_resume(ngx_http_request_t *r);
static ngx_int_t af_verify_headers(ngx_http_request_t *r,
    const af_identity_t *identity);


static const struct {
    const char  *header;
    ngx_str_t    claim;
} af_verify_claims[] = {
    { "X-Auth-User-Id", ngx_string("sub") },
    { "X-Auth-Email", ngx_string("email") },
    { "X-Auth-Roles", ngx_string("roles") },
    { "X-Auth-Session-Id", ngx_string("sid") },
    { NULL, ngx_null_string }
};


static const ngx_conf_enum_t  af_verify_statuses[] = {
    { ngx_string("200"), NGX_HTTP_OK },
    { ngx_string("204"), NGX_HTTP_NO_CONTENT },
    { ngx_null_string, 0 }
};


static const af_param_t  af_verify_params[] = {
    af_param("status=", af_param_enum, ngx_http_autoflow_loc_conf_t, verify,
             .values = af_verify_statuses),
    af_param("redirect", af_param_word, ngx_http_autoflow_loc_conf_t,
             verify_redirect),
    { .name = ngx_null_string }
};


char *
af_verify_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_loc_conf_t *alcf = conf;

    ngx_http_core_loc_conf_t  *clcf;

    if (alcf->verify) {
        return "is duplicate";
    }

    alcf->verify = NGX_HTTP_NO_CONTENT;
    af_conf_line(cf, &alcf->line);

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = af_verify_handler;

    return af_params(cf, 1, af_verify_params, alcf);
}


ngx_int_t
af_verify_handler(ngx_http_request_t *r)
{
    ngx_int_t     rc;
    af_verdict_t  verdict;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    if (af_require_judge(r, AF_PROTECTED_VERIFY, &verdict) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (verdict.status != AF_TOKEN_OK) {

        switch (af_renew(r, AF_PROTECTED_VERIFY, &verdict, af_verify_resume)) {

        case NGX_AGAIN:
            r->main->count++;
            return NGX_DONE;

        case NGX_ERROR:
            return NGX_HTTP_INTERNAL_SERVER_ERROR;

        default:
            break;
        }
    }

    /*
     * The response is sent here rather than by returning its status: an
     * error_page would replace it, which auth_request takes for a failure.
     */

    if (verdict.status != AF_TOKEN_OK) {

        if (af_verdict_refuse(r, &verdict) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return af_verify_refuse(r, &verdict);
    }

    if (af_verify_headers(r, verdict.identity) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return af_respond(r, af_loc_conf(r)->verify, NULL, 0);
}


/* nginx's own auth_request can't pass a redirect on */

static ngx_int_t
af_verify_refuse(ngx_http_request_t *r, const af_verdict_t *verdict)
{
    ngx_int_t  rc;

    rc = (af_loc_conf(r)->verify_redirect && r == r->main)
         ? af_login_forwarded(r, verdict) : NGX_DECLINED;

    switch (rc) {

    case NGX_OK:
        af_problem_note(r, verdict->problem, NULL);

        return af_respond(r, NGX_HTTP_MOVED_TEMPORARILY, NULL, 0);

    case NGX_DECLINED:
        return af_respond_problem(r, verdict->problem, NULL, NULL);

    default:
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
}


static void
af_verify_resume(ngx_http_request_t *r)
{
    ngx_http_finalize_request(r, af_verify_handler(r));
}


static ngx_int_t
af_verify_headers(ngx_http_request_t *r, const af_identity_t *identity)
{
    ngx_str_t         text;
    ngx_uint_t        i;
    af_claims_t      *claims;
    const ngx_str_t  *name;

    if (af_identity_claims(r, identity, &claims) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; af_verify_claims[i].header; i++) {

        name = &af_verify_claims[i].claim;

        if (af_claim_text(r, claims, name, 1, &text) != NGX_OK) {
            return NGX_ERROR;
        }

        if (text.len
            && af_set_header(r, af_verify_claims[i].header, text.data,
                             text.len, NULL)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}
