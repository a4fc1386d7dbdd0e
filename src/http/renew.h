/*
 * autoflow_cookies renew=on: who has a refresh cookie, but no access token that
 * is valid, gets one within the response to whatever they requested.
 *
 * Who asks the database is not known here: ngx_http_autoflow_main_conf_t.renew.
 */

#ifndef AF_HTTP_RENEW_H
#define AF_HTTP_RENEW_H

#include "http/credential.h"
#include "http/require.h"


typedef void (*af_resume_pt)(ngx_http_request_t *r);

/*
 * A request's renewal, its only one.  While it is `waiting`, it is in a queue
 * of whoever asks, and nothing else runs the request; when the request ends, it
 * leaves the queue.
 */

typedef struct af_renew_s {
    ngx_http_request_t  *request;
    af_resume_pt         resume;
    af_refresh_t         token;        /* presented */
    ngx_queue_t          queue;
    unsigned             waiting:1;
    uint64_t             asked;        /* since when, in microseconds */

    /* the result */
    af_problem_id_t      problem;      /* NONE: there is a new token */
    ngx_uint_t           retry_after;  /* of a 429, in seconds */
    ngx_str_t            access;       /* lives as long as the request */
} af_renew_t;


void af_renew_merge(ngx_http_autoflow_loc_conf_t *conf);

/*
 * Renews the token of a request that a verdict refuses, once.
 *   NGX_OK        the verdict is that of the new token
 *   NGX_AGAIN     resume() will be called, in an event handler
 *   NGX_DECLINED  there is none: the verdict stands, or says why it is unknown
 *   NGX_ERROR     no memory
 */
ngx_int_t af_renew(ngx_http_request_t *r, af_protected_t by,
    af_verdict_t *verdict, af_resume_pt resume);

/* A renewal that was waiting has its result: resumes the request. */
void af_renew_done(af_renew_t *renew);

/* Adds the header filter.  For postconfiguration. */
void af_renew_filter_add(void);


#endif /* AF_HTTP_RENEW_H */
