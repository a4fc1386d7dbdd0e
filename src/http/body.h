/*
 * Reads request bodies, never more than allowed and never to a file.
 */

#ifndef AF_HTTP_BODY_H
#define AF_HTTP_BODY_H

#include "http/respond.h"


/* the longest body, in octets */
#define AF_BODY_MAX  65536


typedef enum {
    AF_MEDIA_OTHER = 0,
    AF_MEDIA_JSON,
    AF_MEDIA_FORM
} af_media_t;


typedef struct af_body_s  af_body_t;

/*
 * `problem` is AF_PROBLEM_NONE if the whole body was read.  The handler acts
 * like an event handler, and may finalize the request.
 */
typedef void (*af_body_pt)(ngx_http_request_t *r, af_body_t *body,
    af_problem_id_t problem);

struct af_body_s {
    af_body_pt   handler;      /* set by the owner */
    void        *owner;

    u_char      *data;
    size_t       len;
    size_t       size;
    unsigned     ours:1;       /* nobody else reads it: nginx's copy is wiped */
};


/* by Content-Type; a charset other than UTF-8 makes it AF_MEDIA_OTHER */
af_media_t af_body_media(ngx_http_request_t *r);

/* whether the request has a body */
#define af_body_is_sent(r)                                                    \
    ((r)->headers_in.content_length_n > 0 || (r)->headers_in.chunked)

/*
 * Reads the body and calls body->handler(), immediately or later.  Returns what
 * a content handler should return: NGX_DONE, or 500 if the handler isn't
 * called.
 */
ngx_int_t af_body_read(ngx_http_request_t *r, af_body_t *body);


#endif /* AF_HTTP_BODY_H */
