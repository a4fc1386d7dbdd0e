#include "http/respond.h"
#include "shm/counters.h"


static ngx_int_t af_respond_headers(ngx_http_request_t *r, ngx_uint_t status);
static const char *af_problem_detail(ngx_http_request_t *r,
    const af_problem_t *problem, af_problem_id_t id, const char *cause);
static const char *af_problem_cause(af_problem_id_t id);
static ngx_uint_t af_problem_is_muted(af_problem_id_t id, ngx_uint_t caused);
static const af_dialect_t *af_dialect(ngx_http_request_t *r);
static void af_respond_free(void *data);


/* in development: what to do about problems that everybody meets first */

static const struct {
    af_problem_id_t   problem;
    const char       *hint;
} af_hints[] = {
    { AF_CSRF_REFUSED,
      "This request was authenticated by a cookie, which browsers send for any "
      "page. The origin of its page must be this one (localhost and 127.0.0.1 "
      "are different, and so are two ports) or be listed in "
      "autoflow_cors_origins with \"credentials\"; without an Origin, send "
      "the value of the cookie af_csrf in X-CSRF-Token." },
    { AF_UNSUPPORTED_MEDIA_TYPE,
      "Send JSON with \"Content-Type: application/json\" (with curl: --json); "
      "/auth/login also accepts a form." },
    { AF_PROBLEM_NONE, NULL }
};


static const struct {
    ngx_uint_t   method;
    ngx_str_t    name;
} af_methods[] = {
    { NGX_HTTP_GET, ngx_string("GET") },
    { NGX_HTTP_HEAD, ngx_string("HEAD") },
    { NGX_HTTP_POST, ngx_string("POST") },
    { NGX_HTTP_PUT, ngx_string("PUT") },
    { NGX_HTTP_PATCH, ngx_string("PATCH") },
    { NGX_HTTP_DELETE, ngx_string("DELETE") },
    { NGX_HTTP_OPTIONS, ngx_string("OPTIONS") },
    { 0, ngx_null_string }
};


ngx_int_t
af_respond(ngx_http_request_t *r, ngx_uint_t status, const char *text,
    size_t len)
{
    ngx_int_t    rc;
    ngx_buf_t   *b;
    ngx_chain_t  out;

    if (af_respond_headers(r, status) != NGX_OK) {
        return NGX_ERROR;
    }

    if (status == NGX_HTTP_NO_CONTENT) {
        r->header_only = 1;

    } else if (len == 0) {
        r->header_only = 1;
        r->headers_out.content_length_n = 0;

    } else {
        r->headers_out.content_length_n = len;

        if (r->headers_out.content_type.len == 0) {
            af_content_type(r, "application/json");
        }
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = (u_char *) text;
    b->last = b->pos + len;
    b->memory = 1;
    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


static ngx_int_t
af_respond_headers(ngx_http_request_t *r, ngx_uint_t status)
{
    ngx_str_t                 id, cache;
    ngx_http_autoflow_ctx_t  *ctx;

    r->headers_out.status = status;
    r->headers_out.status_line = af_status_line(status);

    ctx = af_request_find_ctx(r);

    if (ctx && ctx->immutable) {
        ngx_str_set(&cache, "public, max-age=31536000, immutable");

    } else if (r->headers_out.etag) {
        ngx_str_set(&cache, "no-cache");

    } else {
        ngx_str_set(&cache, "no-store");

        /* the request was processed: ignore If-Match and the like */
        r->disable_not_modified = 1;
    }

    id = af_request_id(r);

    if (af_set_header(r, "X-Request-ID", id.data, id.len, NULL) != NGX_OK
        || af_set_header(r, "Cache-Control", cache.data, cache.len, NULL)
           != NGX_OK
        || af_set_header(r, "X-Content-Type-Options", (u_char *) "nosniff",
                         sizeof("nosniff") - 1, NULL)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* in a second a queue may have drained, a connection be back */

    if (status == NGX_HTTP_SERVICE_UNAVAILABLE) {
        return af_set_header(r, "Retry-After", (u_char *) "1", 1, NULL);
    }

    return NGX_OK;
}


ngx_int_t
af_challenge(ngx_http_request_t *r, af_problem_id_t id)
{
    u_char                   *p;
    size_t                    i, len;
    ngx_str_t                 realm, proof;
    const af_problem_t       *problem;
    ngx_http_autoflow_ctx_t  *ctx;

    static const char  format[] = "Bearer realm=\"%V\"";
    static const char  error[] = ", error=\"%s\", error_description=\"%s\"";

    if (ngx_http_complex_value(r, af_loc_conf(r)->realm, &realm) != NGX_OK) {
        return NGX_ERROR;
    }

    problem = &af_problems[id];
    len = sizeof(format) + realm.len;

    if (problem->error) {
        len += sizeof(error) + ngx_strlen(problem->error)
               + ngx_strlen(problem->code);
    }

    ctx = af_request_find_ctx(r);
    ngx_str_null(&proof);

    if (ctx && id == AF_REAUTHENTICATION_REQUIRED) {
        proof = ctx->proof;
    }

    p = ngx_pnalloc(r->pool, len + proof.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    len = ngx_sprintf(p, format, &realm) - p;

    /* a variable may contain anything, and this is a quoted-string */

    for (i = sizeof("Bearer realm=\"") - 1; i < len - 1; i++) {
        if (p[i] < 0x20 || p[i] == 0x7f || p[i] == '"' || p[i] == '\\') {
            p[i] = ' ';
        }
    }

    if (problem->error) {
        len = ngx_sprintf(p + len, error, problem->error, problem->code) - p;
    }

    len = ngx_sprintf(p + len, "%V", &proof) - p;

    /* that of the original response, if its error page is refused, too */

    if (r->headers_out.www_authenticate) {
        r->headers_out.www_authenticate->hash = 0;
    }

    return af_set_header(r, "WWW-Authenticate", p, len,
                         &r->headers_out.www_authenticate);
}


void
af_problem_note(ngx_http_request_t *r, af_problem_id_t id, const char *cause)
{
    const af_problem_t  *problem;

    problem = &af_problems[id];

    /* several have the same code */
    af_count(AF_METRIC_PROBLEMS, af_problem_named(problem->code));

    if (problem->status < 500) {

        if (cause) {
            af_request_log(NGX_LOG_INFO, r, "%s", cause);
        }

        return;
    }

    if (!af_problem_is_muted(id, cause != NULL)) {
        af_request_log(NGX_LOG_ERR, r, "%s, problem: %s",
                       cause ? cause : af_problem_cause(id), problem->code);
    }
}


static const char *
af_problem_cause(af_problem_id_t id)
{
    return (id == AF_UNAVAILABLE) ? "tokens can't be verified: revocations or "
                                    "keys are not up to date"
                                  : "no memory";
}


/*
 * Thousands of requests a second may be refused under overload, or while no
 * token can be verified, or no code: each worker logs only one line a second.
 */

static ngx_uint_t
af_problem_is_muted(af_problem_id_t id, ngx_uint_t caused)
{
    static time_t  logged[AF_PROBLEMS];

    if (id != AF_OVERLOADED && id != AF_CODES_UNAVAILABLE
        && (id != AF_UNAVAILABLE || caused))
    {
        return 0;
    }

    if (logged[id] == ngx_time()) {
        return 1;
    }

    logged[id] = ngx_time();

    return 0;
}


ngx_int_t
af_respond_problem(ngx_http_request_t *r, af_problem_id_t id,
    const char *cause, json_t *errors)
{
    char                     *text;
    json_t                   *json;
    ngx_str_t                 request_id;
    const af_problem_t       *problem;
    const af_dialect_t       *dialect;
    ngx_pool_cleanup_t       *cln;
    ngx_http_autoflow_ctx_t  *ctx;

    af_problem_note(r, id, cause);

    dialect = af_dialect(r);
    problem = &dialect->problems[id];

    if ((af_problems[id].status == NGX_HTTP_UNAUTHORIZED
         || af_problems[id].error)
        && af_challenge(r, id) != NGX_OK)
    {
        return NGX_ERROR;
    }

    cln = ngx_pool_cleanup_add(r->pool, 0);
    ctx = af_request_ctx(r);

    if (cln == NULL || ctx == NULL) {
        return NGX_ERROR;
    }

    ctx->problem = problem->code;

    if (dialect->face) {
        return dialect->face->refuse(r, problem,
                                     af_problem_detail(r, problem, id, cause));
    }

    request_id = af_request_id(r);

    json = dialect->problem(problem, af_problem_detail(r, problem, id, cause),
                            &request_id, errors);

    if (json && ctx->members
        && json_object_update(json, ctx->members) != 0)
    {
        json_decref(json);
        return NGX_ERROR;
    }

    text = json_dumps(json, JSON_COMPACT);
    json_decref(json);

    if (text == NULL) {
        return NGX_ERROR;
    }

    cln->data = text;
    cln->handler = af_respond_free;

    r->headers_out.content_type = dialect->problem_type;
    r->headers_out.content_type_len = dialect->problem_type.len;

    return af_respond(r, problem->status, text, ngx_strlen(text));
}


static const char *
af_problem_detail(ngx_http_request_t *r, const af_problem_t *problem,
    af_problem_id_t id, const char *cause)
{
    ngx_uint_t  i, development;

    development = (af_main_conf(r)->environment == AF_DEVELOPMENT);

    if (cause && (problem->status < 500 || development)) {
        return cause;
    }

    for (i = 0; development && af_hints[i].hint; i++) {
        if (af_hints[i].problem == id) {
            return af_hints[i].hint;
        }
    }

    return problem->detail;
}


static const af_dialect_t *
af_dialect(ngx_http_request_t *r)
{
    const af_dialect_t  *dialect;

    /* for locations without an API */

    static const af_dialect_t  plain = {
        .problems = af_problems,
        .problem = af_problem_document,
        .problem_type = ngx_string("application/problem+json")
    };

    dialect = af_loc_conf(r)->dialect;

    return dialect ? dialect : &plain;
}


static void
af_respond_free(void *data)
{
    free(data);
}


const ngx_str_t *
af_method_name(ngx_uint_t method)
{
    ngx_uint_t  i;

    for (i = 0; af_methods[i].method && af_methods[i].method != method; i++) {
        /* void */
    }

    return &af_methods[i].name;
}


ngx_int_t
af_allow(ngx_http_request_t *r, const char *header, ngx_uint_t methods)
{
    u_char      *p, *allow;
    ngx_uint_t   i;

    methods |= NGX_HTTP_OPTIONS;

    if (methods & NGX_HTTP_GET) {
        methods |= NGX_HTTP_HEAD;
    }

    allow = ngx_pnalloc(r->pool, 64);
    if (allow == NULL) {
        return NGX_ERROR;
    }

    p = allow;

    for (i = 0; af_methods[i].method; i++) {
        if (methods & af_methods[i].method) {
            p = ngx_sprintf(p, "%s%V", p == allow ? "" : ", ",
                            &af_methods[i].name);
        }
    }

    return af_set_header(r, header, allow, p - allow, NULL);
}
