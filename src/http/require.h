/*
 * autoflow_require: conditions beyond a valid token.
 */

#ifndef AF_HTTP_REQUIRE_H
#define AF_HTTP_REQUIRE_H

#include "http/identity.h"
#include "shm/counters.h"


typedef struct af_condition_s  af_condition_t;

/* NGX_OK: true; NGX_DECLINED: false; NGX_ERROR: no memory */
typedef ngx_int_t (*af_condition_pt)(ngx_http_request_t *r,
    const af_identity_t *identity, const af_condition_t *condition);


struct af_condition_s {
    ngx_str_t                  text;       /* as configured */
    af_condition_pt            holds;
    af_problem_id_t            problem;    /* if it is false */
    ngx_uint_t                 aal;        /* at least; 0: any */
    time_t                     fresh;      /* seconds at most; 0: any */
    ngx_uint_t                 level;      /* that has to be fresh */

    /* for some conditions */
    ngx_array_t               *path;       /* names of claims, ngx_str_t */
    ngx_array_t               *values;     /* alternatives, ngx_str_t */
    ngx_http_complex_value_t  *variable;
};


typedef struct {
    const af_identity_t   *identity;
    af_token_status_t      status;
    af_problem_id_t        problem;
    const af_condition_t  *condition;      /* the one that was false */
} af_verdict_t;


char *af_require_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * Evaluates the request with the configuration of its current location: its
 * token, then autoflow_require where it applies.  It has no effect on the
 * request. Returns NGX_ERROR if there is no memory.
 */
ngx_int_t af_require_evaluate(ngx_http_request_t *r, af_verdict_t *verdict);

/*
 * Likewise, for autoflow_auth or autoflow_verify, whose requests are counted
 * and timed: without their upstream, which is not ours to judge.
 */
ngx_int_t af_require_judge(ngx_http_request_t *r, af_protected_t by,
    af_verdict_t *verdict);

/*
 * The parameters of a challenge (RFC 9470) for a level, 0 being any, that was
 * proved at most so many seconds ago, 0 being at any time.
 */
ngx_int_t af_require_params(ngx_pool_t *pool, ngx_uint_t aal, time_t fresh,
    ngx_str_t *params);

/*
 * Notes that a verdict refused the request: from now on $autoflow_status says
 * so, wherever an error_page leads.
 */
ngx_int_t af_verdict_refuse(ngx_http_request_t *r, const af_verdict_t *verdict);


#endif /* AF_HTTP_REQUIRE_H */
