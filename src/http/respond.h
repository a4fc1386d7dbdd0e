/*
 * Answers, and problems in the words of the location's dialect.
 */

#ifndef AF_HTTP_RESPOND_H
#define AF_HTTP_RESPOND_H

#include "http/dialect.h"
#include "http/request.h"


/*
 * Sends an answer of `len` octets that live as long as the request, of JSON
 * unless a Content-Type is set; none with 204, or if `len` is 0.  Returns what
 * the filters do, for the request's end.
 */
ngx_int_t af_respond(ngx_http_request_t *r, ngx_uint_t status,
    const char *text, size_t len);

/* Sets the Content-Type, a literal, of what af_respond() sends. */
#define af_content_type(r, type)                                              \
    ngx_str_set(&(r)->headers_out.content_type, type);                        \
    (r)->headers_out.content_type_len = sizeof(type) - 1

/*
 * Sets WWW-Authenticate (RFC 6750, section 3) for a problem that a token, or
 * having none, is the cause of: with an error if one was presented.
 */
ngx_int_t af_challenge(ngx_http_request_t *r, af_problem_id_t id);

/*
 * Sends a problem as the location's dialect prints it.  `cause` (may be NULL)
 * is logged, and is the detail in development; `errors` (may be NULL) are those
 * of the fields.
 */
ngx_int_t af_respond_problem(ngx_http_request_t *r, af_problem_id_t id,
    const char *cause, json_t *errors);


/* Sets the header Allow, or another one, from a mask of methods. */
ngx_int_t af_allow(ngx_http_request_t *r, const char *header,
    ngx_uint_t methods);


#endif /* AF_HTTP_RESPOND_H */
