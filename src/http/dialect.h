/*
 * A dialect: what an API looks like to its clients.  A location has one; what
 * goes on behind it is the same in all of them.
 */

#ifndef AF_HTTP_DIALECT_H
#define AF_HTTP_DIALECT_H

#include "http/problem.h"


/* what a token printer is given */

typedef struct {
    const char  *access;        /* a JWT; NULL: there is no session as yet */
    size_t       access_len;
    const char  *refresh;
    time_t       expires_in;    /* of the access token, in seconds */
    const char  *message;       /* for people; NULL: there is none */
} af_token_pair_t;


typedef struct af_dialect_s {

    /* in autoflow_api, and for SQL's user_as(), which prints accounts */
    const char           *name;

    /* NULL-ended */
    const struct af_route_s *const  *routes;

    /* af_problems[], or one like it with other statuses, codes and words */
    const af_problem_t   *problems;

    /* af_problem_document(), or one like it */
    json_t             *(*problem)(const af_problem_t *problem,
                            const char *detail, const ngx_str_t *request_id,
                            json_t *errors);
    ngx_str_t             problem_type;        /* of media */

    /* an object; if its "user" is null, the account's JSON is put in there */
    json_t             *(*tokens)(const af_token_pair_t *pair);
} af_dialect_t;


#endif /* AF_HTTP_DIALECT_H */
