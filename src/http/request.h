/*
 * The module's context of a request, and helpers for headers.
 */

#ifndef AF_HTTP_REQUEST_H
#define AF_HTTP_REQUEST_H

#include "conf/conf.h"

#include <jansson.h>


typedef struct {
    ngx_http_request_t    *request;
    struct af_identity_s  *identities;   /* latest first */

    /* the one that counts, and what it depends on */
    const struct af_identity_s  *identity;
    const ngx_http_autoflow_loc_conf_t  *identity_conf;
    const u_char          *authorization;

    const ngx_str_t         *refused_status;  /* $autoflow_status */
    const char              *route;      /* of the API; NULL: none */
    const char              *problem;    /* its code; NULL: none */
    ngx_str_t                proof;      /* of a challenge (RFC 9470) */
    json_t                  *members;    /* others of its document, or NULL */
    struct af_request_trace_s  *trace;   /* NULL: not needed yet */

    /* microseconds spent until now */
    uint64_t                 db_time;    /* awaiting the database */
    uint64_t                 hash_wait;  /* awaiting a thread */
    uint64_t                 hash_time;  /* in threads */

    struct af_body_s        *body;       /* being read */
    struct af_renew_s       *renew;      /* NULL: not tried */
    ngx_str_t                renewed;    /* the main request's; empty: none */
    const struct af_cors_s  *cors;       /* of an earlier location, or NULL */
    const struct af_login_s *login;      /* if nobody lets it pass, or NULL */
    ngx_array_t             *hidden;     /* cookies hidden from upstreams */
    ngx_str_t                bearer;     /* likewise a token; empty: none */
    unsigned                 evaluating:1;  /* in conditions */
    unsigned                 immutable:1;   /* the response, at its URL */
} ngx_http_autoflow_ctx_t;


/*
 * The request's context, created if necessary; NULL if there is no memory.  It
 * survives internal redirects, such as to an error page, where nginx clears
 * contexts.
 */
ngx_http_autoflow_ctx_t *af_request_ctx(ngx_http_request_t *r);

/* Likewise, but NULL if there is none yet. */
ngx_http_autoflow_ctx_t *af_request_find_ctx(ngx_http_request_t *r);

/*
 * The request's id: the client's X-Request-ID if it is valid, else $request_id.
 * Empty if there is no memory.
 */
ngx_str_t af_request_id(ngx_http_request_t *r);

/*
 * The request's User-Agent, and its path as it was sent but without the query,
 * which may have a token: valid UTF-8 without control characters, cut off if
 * too long.  Return NGX_OK, *text being empty if there is none, or NGX_ERROR if
 * there is no memory.
 */
ngx_int_t af_request_user_agent(ngx_http_request_t *r, ngx_str_t *text);
ngx_int_t af_request_path(ngx_http_request_t *r, ngx_str_t *text);

/*
 * The client's address, that of IPv4 in an IPv6 socket, too; empty if it has
 * none.  NGX_ERROR: no memory.
 */
ngx_int_t af_request_address(ngx_http_request_t *r, ngx_str_t *text);

/*
 * Logs a line about a request, with the id that its response has; the arguments
 * are evaluated only if the level is logged.
 */
#define af_request_log(level, r, ...)                                         \
    if ((r)->connection->log->log_level >= (level)) {                         \
        af_request_log_line(level, r, __VA_ARGS__);                           \
    }

void af_request_log_line(ngx_uint_t level, ngx_http_request_t *r,
    const char *fmt, ...);

/* The header of this lower-case name with this index, or NULL. */
ngx_table_elt_t *af_header_in(ngx_http_request_t *r, const char *name,
    ngx_uint_t index);

/*
 * Removes a header of the request; nginx's own pointer to it, if it has one, is
 * the caller's to clear.  NGX_ERROR: no memory.
 */
ngx_int_t af_header_remove(ngx_http_request_t *r, ngx_table_elt_t *h);

/* Whether Accept names a media type, in lower case, with whatever weight. */
ngx_uint_t af_accepts(ngx_http_request_t *r, const char *type);

/* Adds a header; `slot` (may be NULL) is nginx's own pointer to it. */
ngx_int_t af_set_header(ngx_http_request_t *r, const char *name,
    u_char *value, size_t len, ngx_table_elt_t **slot);


#endif /* AF_HTTP_REQUEST_H */
