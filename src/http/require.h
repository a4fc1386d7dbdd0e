/*
 * autoflow_require: what is demanded of a request beside a good token.
 */

#ifndef AF_HTTP_REQUIRE_H
#define AF_HTTP_REQUIRE_H

#include "http/identity.h"


typedef struct af_condition_s  af_condition_t;

/* NGX_OK: it holds; NGX_DECLINED: it doesn't; NGX_ERROR: no memory */
typedef ngx_int_t (*af_condition_pt)(ngx_http_request_t *r,
    const af_identity_t *identity, const af_condition_t *condition);


struct af_condition_s {
    ngx_str_t                  text;       /* as configured */
    af_condition_pt            holds;
    af_problem_id_t            problem;    /* if it doesn't hold */

    /* of some conditions */
    ngx_array_t               *path;       /* a claim's names, ngx_str_t */
    ngx_array_t               *values;     /* any of which, ngx_str_t */
    ngx_http_complex_value_t  *variable;
};


typedef struct {
    const af_identity_t   *identity;
    af_token_status_t      status;
    af_problem_id_t        problem;
    const af_condition_t  *condition;      /* that made it FORBIDDEN */
} af_verdict_t;


char *af_require_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * What a request is by the configuration of its present location: its token,
 * then autoflow_require where it is in force.  Nothing is done about it.
 * Returns NGX_ERROR if there is no memory.
 */
ngx_int_t af_require_evaluate(ngx_http_request_t *r, af_verdict_t *verdict);

/*
 * Notes that a verdict refused the request: $autoflow_status says so from now
 * on, wherever an error_page leads to.
 */
ngx_int_t af_verdict_refuse(ngx_http_request_t *r, const af_verdict_t *verdict);


#endif /* AF_HTTP_REQUIRE_H */
