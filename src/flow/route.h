/*
 * The route table: what there is, for whom, and what goes in and out.  404,
 * 405, Allow, HEAD, OPTIONS, bodies and authentication follow from it.
 */

#ifndef AF_FLOW_ROUTE_H
#define AF_FLOW_ROUTE_H

#include "http/respond.h"
#include "check/path.h"
#include "check/schema.h"
#include "db/statement.h"


typedef struct af_ctx_s  af_ctx_t;

/* flow/flow.h says what a step returns */
typedef ngx_int_t (*af_step_pt)(af_ctx_t *ctx);


typedef enum {
    AF_PUBLIC = 0,
    AF_EITHER,                 /* steps ask who it is, if anyone */
    AF_USER,                   /* a token of our own */
    AF_SUPERUSER,              /* one of a superuser */
    AF_ONESELF                 /* likewise, or of the path's first {id} */
} af_auth_t;


/* what a request of a session is counted by: rows of flow/budget.c */

typedef enum {
    AF_BUDGET_BY_METHOD = 0,   /* changes, or nothing if it only reads */
    AF_BUDGET_NONE,
    AF_BUDGET_CHANGES,

    /* each for itself, what nobody shall be kept from by an intruder */
    AF_BUDGET_PASSWORD,
    AF_BUDGET_LOGOUT,
    AF_BUDGET_LOGOUT_ALL,
    AF_BUDGET_END_SESSION,
    AF_BUDGET_DISABLE
} af_budget_t;


typedef struct af_route_s {
    ngx_uint_t             method;       /* NGX_HTTP_GET stands for HEAD too */
    const char            *path;         /* "/auth/users/{id}" */
    af_auth_t              auth;
    const char            *alias;        /* another such path, or NULL */
    const char            *selector;     /* "name=value" that the URI's query
                                            has; NULL: whatever it has */
    const af_schema_t     *query;        /* of the URI; NULL: it is ignored */
    const af_schema_t     *body;         /* NULL: none is read */
    const af_schema_t     *answer;       /* NULL: none is sent */
    const af_statement_t  *lock;         /* before the other one, or NULL */
    const af_statement_t  *statement;    /* what af_step_query() sends */
    const af_step_pt      *steps;        /* NULL: the default flow */
    ngx_uint_t             status;       /* 0: 200, 204 without an answer */
    af_problem_id_t        missing;      /* no row found; 0: 404 */
    af_budget_t            budget;
    unsigned               form:1;       /* the body may be a form too */
    unsigned               bodyless:1;   /* there need be none */
    unsigned               changes:1;    /* what the body doesn't name stays */
    unsigned               self:1;       /* ":id" is who asks */
} af_route_t;


typedef struct {
    const af_route_t  *route;            /* NULL: `problem` */
    af_problem_id_t    problem;
    ngx_uint_t         methods;          /* that the path has, as a mask */

    ngx_uint_t         nparams;
    af_path_param_t    params[AF_PATH_PARAMS];
} af_match_t;


/*
 * Looks a request up in the tables, which are NULL-ended arrays of arrays
 * that end with a route without a path; `args` is the URI's query.  The first
 * route that fits is taken.
 */
void af_route_match(const af_route_t *const *tables, ngx_uint_t method,
    const ngx_str_t *path, const ngx_str_t *args, af_match_t *match);

#endif /* AF_FLOW_ROUTE_H */
