/*
 * Responses, including problems in the location's dialect.
 */

#ifndef AF_HTTP_RESPOND_H
#define AF_HTTP_RESPOND_H

#include "http/dialect.h"
#include "http/request.h"


/*
 * Sends a response of `len` octets that live as long as the request, as JSON
 * unless a Content-Type is set; no body with 204, or if `len` is 0.  Returns
 * the filters' result, to finalize the request with.
 */
ngx_int_t af_respond(ngx_http_request_t *r, ngx_uint_t status,
    const char *text, size_t len);

/* Sets the Content-Type, a literal, for af_respond(). */
#define af_content_type(r, type)                                              \
    ngx_str_set(&(r)->headers_out.content_type, type);                        \
    (r)->headers_out.content_type_len = sizeof(type) - 1

/*
 * Sets WWW-Authenticate (RFC 6750, section 3) for a problem caused by a token,
 * or its absence: with an error if there was one.
 */
ngx_int_t af_challenge(ngx_http_request_t *r, af_problem_id_t id);

/*
 * Sends a problem in the location's dialect.  `cause` (may be NULL) is logged,
 * and is the detail in development; `errors` (may be NULL) are those of fields.
 */
ngx_int_t af_respond_problem(ngx_http_request_t *r, af_problem_id_t id,
    const char *cause, json_t *errors);

/*
 * Counts a problem, and logs its cause (may be NULL): that of a server error
 * always.  Of a flood of the same one, one line a second.
 */
void af_problem_note(ngx_http_request_t *r, af_problem_id_t id,
    const char *cause);

/* The name of a method, empty if there is none. */
const ngx_str_t *af_method_name(ngx_uint_t method);

/* Sets Allow, or another header, from a mask of methods. */
ngx_int_t af_allow(ngx_http_request_t *r, const char *header,
    ngx_uint_t methods);


#endif /* AF_HTTP_RESPOND_H */
