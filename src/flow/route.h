/*
 * The route table: resources, who may access them, and their input and output.
 * 404, 405, Allow, HEAD, OPTIONS, bodies and authentication follow from it.
 */

#ifndef AF_FLOW_ROUTE_H
#define AF_FLOW_ROUTE_H

#include "http/respond.h"
#include "check/path.h"
#include "check/schema.h"
#include "db/statement.h"


typedef struct af_ctx_s  af_ctx_t;

/* see flow/flow.h */
typedef ngx_int_t (*af_step_pt)(af_ctx_t *ctx);


typedef enum {
    AF_PUBLIC = 0,
    AF_OPTIONAL,               /* a token is optional */
    AF_USER,                   /* a first-party token */
    AF_SUPERUSER,              /* a superuser's */
    AF_SELF                    /* likewise, or that of the account {id} */
} af_auth_t;


/* the budgets of a session's requests: rows of flow/budget.c */

typedef enum {
    AF_BUDGET_BY_METHOD = 0,   /* changes, or none if it only reads */
    AF_BUDGET_NONE,
    AF_BUDGET_CHANGES,

    /* separate, since an intruder must not prevent these */
    AF_BUDGET_PASSWORD,
    AF_BUDGET_LOGOUT,
    AF_BUDGET_LOGOUT_ALL,
    AF_BUDGET_END_SESSION,
    AF_BUDGET_DISABLE
} af_budget_t;


/* a proof that a route takes besides a token, see flow/proof.h */

typedef enum {
    AF_PROOF_BY_ACCESS = 0,    /* COOKIE if superusers change something */
    AF_PROOF_NONE,
    AF_PROOF_COOKIE,           /* as FRESH, but only where it is a cookie */
    AF_PROOF_FRESH,
    AF_PROOF_FACTOR,           /* likewise, if the account has a factor */
    AF_PROOF_PASSWORD,         /* as FRESH, but a password in the body is
                                  enough for an account without factors */
    AF_PROOF_SOMETIMES         /* likewise, if its steps ask for it */
} af_proof_need_t;


typedef struct af_route_s {
    ngx_uint_t             method;       /* NGX_HTTP_GET includes HEAD */
    const char            *path;         /* "/auth/users/{id}" */
    af_auth_t              auth;
    const char            *summary;      /* for people: "Change a role" */
    const char            *alias;        /* another path, or NULL */
    const char            *selector;     /* "name=value" in the URI's query;
                                            NULL: any */
    const af_schema_t     *query;        /* of the URI; NULL: ignored */
    const af_schema_t     *body;         /* NULL: none */
    const af_schema_t     *answer;       /* NULL: none */
    const af_statement_t  *lock;         /* sent first, or NULL */
    const af_statement_t  *statement;    /* sent by af_step_query() */
    const af_step_pt      *steps;        /* NULL: the default flow */
    ngx_uint_t             status;       /* 0: 200, 204 without .answer */
    af_problem_id_t        missing;      /* without a row; 0: 404 */
    const af_problem_id_t *problems;     /* ended by 0; besides those that
                                            follow from the row */
    af_budget_t            budget;
    af_proof_need_t        proof;
    const void            *page;         /* the dialect's, or NULL */
    unsigned               form:1;       /* the body may also be a form */
    unsigned               body_optional:1;
    unsigned               partial:1;    /* omitted fields keep their values */
    unsigned               self:1;       /* ":id" is the requesting account */
    unsigned               unavailable:1;  /* a 503 may have the answer, too */
    unsigned               cached:1;     /* the answer has an ETag */
    unsigned               redirects:1;  /* some clients are redirected */
} af_route_t;


/* for .problems */
#define AF_PROBLEM_LIST(...)                                                  \
    (const af_problem_id_t[]) { __VA_ARGS__, AF_PROBLEM_NONE }


/* of its responses, unless there is a problem */
#define af_route_status(route)                                                \
    ((route)->status ? (route)->status                                        \
     : (route)->answer ? NGX_HTTP_OK : NGX_HTTP_NO_CONTENT)


/* a table of routes, ended by one without a path */

typedef struct af_section_s {
    const char        *name;             /* for people */
    const char        *description;
    const af_route_t  *routes;
} af_section_t;


typedef struct {
    const af_route_t  *route;            /* NULL: see `problem` */
    af_problem_id_t    problem;
    ngx_uint_t         methods;          /* of the path, as a mask */
    ngx_uint_t         number;           /* of the route in all the tables */

    ngx_uint_t         nparams;
    af_path_param_t    params[AF_PATH_PARAMS];
} af_match_t;


/*
 * The paths and aliases of a dialect's routes, by their hashes: an open table,
 * whose size is a power of 2.
 */

typedef struct {
    const char        *path;             /* NULL: empty */
    const af_route_t  *route;
    uint32_t           number;           /* as in af_match_t */
    uint32_t           hash;
} af_route_slot_t;

typedef struct af_routes_s {
    af_route_slot_t   *slots;
    ngx_uint_t         size;
} af_routes_t;


/* of sections that end with one without routes; returns NULL for no memory */
af_routes_t *af_routes_create(ngx_pool_t *pool, const af_section_t *sections);

/*
 * Finds a request's route; `args` is the URI's query.  The first match in the
 * order of the sections counts.
 */
void af_route_match(const af_routes_t *routes, ngx_uint_t method,
    const ngx_str_t *path, const ngx_str_t *args, af_match_t *match);

/* A route's budget: by default changes, of whatever may change something. */
af_budget_t af_route_budget(const af_route_t *route);

#endif /* AF_FLOW_ROUTE_H */
