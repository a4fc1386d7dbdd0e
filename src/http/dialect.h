/*
 * A dialect: what an API looks like to its clients.  A location has one; the
 * processing behind it is the same for all.
 */

#ifndef AF_HTTP_DIALECT_H
#define AF_HTTP_DIALECT_H

#include "conf/conf.h"
#include "http/problem.h"


/* what a token printer gets */

typedef struct {
    const char  *access;        /* a JWT; NULL: no session yet */
    size_t       access_len;
    const char  *refresh;
    time_t       expires_in;    /* of the access token, in seconds */
    const char  *message;       /* for people; NULL: none */
    json_t      *recovery_codes;  /* shown once; NULL: none */
} af_token_pair_t;


/*
 * Of a dialect for people, whose answers are pages: functions of a flow, whose
 * context they get.
 */

struct af_ctx_s;

typedef struct {

    /* a body, before it is checked: AF_PROBLEM_NONE, or why it is refused */
    af_problem_id_t     (*receive)(struct af_ctx_s *ctx);

    /* sends what af_answer_text() would; returns as it does */
    ngx_int_t           (*answer)(struct af_ctx_s *ctx, const char *json,
                            size_t len);

    /*
     * after a problem: NGX_OK if the flow goes on, with the first step of what
     * is now its route; NGX_DECLINED if it ends
     */
    ngx_int_t           (*recover)(struct af_ctx_s *ctx);

    /* sends a problem that ends the flow, or comes before any */
    ngx_int_t           (*refuse)(ngx_http_request_t *r,
                            const af_problem_t *problem, const char *detail);
} af_face_t;


typedef struct af_dialect_s {

    /* in autoflow_api, and in metrics */
    const char           *name;

    /* for SQL's user_as(), which formats accounts; NULL: the name */
    const char           *accounts;

    const af_face_t      *face;        /* NULL: answers are JSON */

    /* its routes, ended by a section without any */
    const struct af_section_s  *sections;

    /* af_problems[], or a similar table with other statuses, codes and texts */
    const af_problem_t   *problems;

    /* af_problem_document(), or a similar function */
    json_t             *(*problem)(const af_problem_t *problem,
                            const char *detail, const ngx_str_t *request_id,
                            json_t *errors);
    ngx_str_t             problem_type;        /* their media type */
    const af_schema_t    *problem_schema;

    /* returns an object; if its "user" is null, an account's JSON goes there */
    json_t             *(*tokens)(const af_token_pair_t *pair);
} af_dialect_t;


#endif /* AF_HTTP_DIALECT_H */
