#include "http/respond.h"


static ngx_int_t af_respond_headers(ngx_http_request_t *r, ngx_uint_t status);
static const char *af_problem_detail(ngx_http_request_t *r,
    af_problem_id_t id);
static void af_log_cause(ngx_http_request_t *r, af_problem_id_t id,
    const char *cause);
static char *af_problem_json(ngx_http_request_t *r, const af_problem_t *problem,
    const char *detail, json_t *errors);
static ngx_str_t af_status_line(ngx_uint_t status);
static void af_respond_free(void *data);


const af_problem_t  af_problems[] = {

    [AF_PROBLEM_NONE] = { 500, "", "", NULL },

    [AF_INVALID_JSON] = { 400, "invalid_json",
        "The body is not a JSON object as it should be.", NULL },
    [AF_INVALID_FORM] = { 400, "invalid_form",
        "The body is not a form as it should be.", NULL },
    [AF_INVALID_QUERY] = { 400, "invalid_query",
        "The query is not made of names and values as it should be.", NULL },
    [AF_BODY_INCOMPLETE] = { 400, "body_incomplete",
        "The body could not be read.", NULL },

    [AF_TOKEN_REQUIRED] = { 401, "token_required",
        "An access token is needed.", NULL },
    [AF_INVALID_TOKEN] = { 401, "invalid_token",
        "The token is not valid.", "invalid_token" },
    [AF_INVALID_MAIL_TOKEN] = { 400, "invalid_token",
        "The token is unknown, was used, or is out of time.", NULL },
    [AF_EARLY_TOKEN] = { 401, "token_not_yet_valid",
        "The token is not valid yet.", "invalid_token" },
    [AF_EXPIRED_TOKEN] = { 401, "token_expired",
        "The token has expired.", "invalid_token" },
    [AF_REVOKED_TOKEN] = { 401, "token_revoked",
        "The token has been revoked.", "invalid_token" },
    [AF_REUSED_TOKEN] = { 401, "token_reused",
        "The token was used before: its session has ended.", "invalid_token" },
    [AF_TOKEN_INSUFFICIENT] = { 403, "forbidden",
        "The token does not allow this.", "insufficient_scope" },
    [AF_TOKEN_INADEQUATE] = { 401, "forbidden",
        "Another token is needed for this.", "insufficient_scope" },
    [AF_INVALID_CREDENTIALS] = { 401, "invalid_credentials",
        "The account or the password is wrong.", NULL },

    [AF_FORBIDDEN] = { 403, "forbidden",
        "You may not do this.", NULL },
    [AF_CSRF_REFUSED] = { 403, "csrf_refused",
        "This needs the Origin of a page of ours, or X-CSRF-Token.", NULL },
    [AF_ACCOUNT_DISABLED] = { 403, "account_disabled",
        "This account is disabled.", NULL },
    [AF_EMAIL_NOT_VERIFIED] = { 403, "email_not_verified",
        "The address of this account must be verified first.", NULL },
    [AF_HTTPS_REQUIRED] = { 403, "https_required",
        "This is served over https alone.", NULL },
    [AF_WRONG_PASSWORD] = { 403, "wrong_password",
        "The present password is wrong.", NULL },

    [AF_NOT_FOUND] = { 404, "not_found",
        "There is nothing here.", NULL },
    [AF_METHOD_NOT_ALLOWED] = { 405, "method_not_allowed",
        "The method is not allowed here.", NULL },

    [AF_CONFLICT] = { 409, "conflict",
        "This conflicts with what there is.", NULL },
    [AF_EMAIL_TAKEN] = { 409, "email_taken",
        "There is an account with this address.", NULL },
    [AF_USERNAME_TAKEN] = { 409, "username_taken",
        "There is an account with this username.", NULL },
    [AF_ROLE_TAKEN] = { 409, "role_taken",
        "There is a role with this name, or was until lately.", NULL },
    [AF_LAST_SUPERUSER] = { 409, "last_superuser",
        "There would be no active superuser any more.", NULL },

    [AF_PAYLOAD_TOO_LARGE] = { 413, "payload_too_large",
        "The body is too large.", NULL },
    [AF_UNSUPPORTED_MEDIA_TYPE] = { 415, "unsupported_media_type",
        "The body's media type is not one that is taken here.", NULL },
    [AF_VALIDATION_FAILED] = { 422, "validation_failed",
        "Some fields are wrong.", NULL },
    [AF_TOO_DEEP] = { 422, "too_deep",
        "Pages go so far only: use cursors to go further.", NULL },
    [AF_TOO_MANY_ATTEMPTS] = { 429, "too_many_attempts",
        "There were too many attempts: try again later.", NULL },
    [AF_TOO_MANY_REQUESTS] = { 429, "too_many_requests",
        "There are too many requests at once: try again in a moment.", NULL },

    [AF_INTERNAL_ERROR] = { 500, "internal_error",
        "Something went wrong.", NULL },
    [AF_UNAVAILABLE] = { 503, "unavailable",
        "The service is unavailable for a moment.", NULL },
    [AF_OVERLOADED] = { 503, "overloaded",
        "The service is overloaded for a moment.", NULL }
};


/* in development: what to do about those that everybody meets at first */

static const struct {
    af_problem_id_t   problem;
    const char       *hint;
} af_hints[] = {
    { AF_CSRF_REFUSED,
      "The token of this request came in a cookie, which browsers send for any "
      "page. The origin of the page that sent it must be this one (localhost "
      "and 127.0.0.1 are two, and so are two ports) or be listed in "
      "autoflow_cors_origins with \"credentials\"; what sends no Origin sends "
      "the value of the cookie af_csrf in X-CSRF-Token." },
    { AF_UNSUPPORTED_MEDIA_TYPE,
      "Send JSON with \"Content-Type: application/json\" (with curl: --json); "
      "/auth/login takes a form as well." },
    { AF_PROBLEM_NONE, NULL }
};


/* of problems: nginx has no words for some; RFC 9110, section 15 */

static const struct {
    ngx_uint_t  status;
    ngx_str_t   line;
} af_status_lines[] = {
    { 400, ngx_string("400 Bad Request") },
    { 401, ngx_string("401 Unauthorized") },
    { 403, ngx_string("403 Forbidden") },
    { 404, ngx_string("404 Not Found") },
    { 405, ngx_string("405 Method Not Allowed") },
    { 409, ngx_string("409 Conflict") },
    { 413, ngx_string("413 Content Too Large") },
    { 415, ngx_string("415 Unsupported Media Type") },
    { 422, ngx_string("422 Unprocessable Content") },
    { 429, ngx_string("429 Too Many Requests") },
    { 500, ngx_string("500 Internal Server Error") },
    { 503, ngx_string("503 Service Unavailable") },
    { 0, ngx_null_string }
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


af_problem_id_t
af_problem_named(const char *code)
{
    ngx_uint_t  i;

    for (i = AF_PROBLEM_NONE + 1; i < AF_PROBLEMS; i++) {
        if (ngx_strcmp(af_problems[i].code, code) == 0) {
            return i;
        }
    }

    return AF_PROBLEM_NONE;
}


ngx_int_t
af_respond(ngx_http_request_t *r, ngx_uint_t status, const char *json,
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
            ngx_str_set(&r->headers_out.content_type, "application/json");
            r->headers_out.content_type_len = r->headers_out.content_type.len;
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

    b->pos = (u_char *) json;
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
    ngx_str_t  id;

    r->headers_out.status = status;

    /* it is done: no If-Match of the client's can make it undone */
    r->disable_not_modified = 1;
    r->headers_out.status_line = af_status_line(status);

    id = af_request_id(r);

    if (af_set_header(r, "X-Request-ID", id.data, id.len, NULL) != NGX_OK
        || af_set_header(r, "Cache-Control", (u_char *) "no-store",
                         sizeof("no-store") - 1, NULL)
           != NGX_OK
        || af_set_header(r, "X-Content-Type-Options", (u_char *) "nosniff",
                         sizeof("nosniff") - 1, NULL)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* a second is long enough for a queue to drain, a connection to heal */

    if (status == NGX_HTTP_SERVICE_UNAVAILABLE) {
        return af_set_header(r, "Retry-After", (u_char *) "1", 1, NULL);
    }

    return NGX_OK;
}


ngx_int_t
af_challenge(ngx_http_request_t *r, af_problem_id_t id)
{
    u_char              *p;
    size_t               i, len;
    ngx_str_t            realm;
    const af_problem_t  *problem;

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

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    len = ngx_sprintf(p, format, &realm) - p;

    /* a variable may hold anything, and this is a quoted-string */

    for (i = sizeof("Bearer realm=\"") - 1; i < len - 1; i++) {
        if (p[i] < 0x20 || p[i] == 0x7f || p[i] == '"' || p[i] == '\\') {
            p[i] = ' ';
        }
    }

    if (problem->error) {
        len = ngx_sprintf(p + len, error, problem->error, problem->code) - p;
    }

    /* that of a refusal whose error page is refused, too */

    if (r->headers_out.www_authenticate) {
        r->headers_out.www_authenticate->hash = 0;
    }

    return af_set_header(r, "WWW-Authenticate", p, len,
                         &r->headers_out.www_authenticate);
}


/* who is overloaded shall not write, too: one line a second, of each worker */

static void
af_log_cause(ngx_http_request_t *r, af_problem_id_t id, const char *cause)
{
    ngx_str_t   request_id;
    ngx_uint_t  level;

    static time_t  overloaded;

    if (id == AF_OVERLOADED) {

        if (overloaded == ngx_time()) {
            return;
        }

        overloaded = ngx_time();
    }

    request_id = af_request_id(r);
    level = (af_problems[id].status >= 500) ? NGX_LOG_ERR : NGX_LOG_INFO;

    ngx_log_error(level, r->connection->log, 0,
                  "autoflow: %s, request_id: %V", cause, &request_id);
}


ngx_int_t
af_respond_problem(ngx_http_request_t *r, af_problem_id_t id,
    const char *cause, json_t *errors)
{
    char                *json;
    const char          *detail;
    const af_problem_t  *problem;
    ngx_pool_cleanup_t  *cln;

    problem = &af_problems[id];
    detail = af_problem_detail(r, id);

    if (cause) {
        af_log_cause(r, id, cause);

        if (problem->status < 500
            || af_main_conf(r)->environment == AF_DEVELOPMENT)
        {
            detail = cause;
        }
    }

    if ((problem->status == NGX_HTTP_UNAUTHORIZED || problem->error)
        && af_challenge(r, id) != NGX_OK)
    {
        return NGX_ERROR;
    }

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    json = af_problem_json(r, problem, detail, errors);
    if (json == NULL) {
        return NGX_ERROR;
    }

    cln->data = json;
    cln->handler = af_respond_free;

    ngx_str_set(&r->headers_out.content_type, "application/problem+json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    return af_respond(r, problem->status, json, ngx_strlen(json));
}


static const char *
af_problem_detail(ngx_http_request_t *r, af_problem_id_t id)
{
    ngx_uint_t  i;

    for (i = 0; af_hints[i].hint; i++) {
        if (af_hints[i].problem == id
            && af_main_conf(r)->environment == AF_DEVELOPMENT)
        {
            return af_hints[i].hint;
        }
    }

    return af_problems[id].detail;
}


static char *
af_problem_json(ngx_http_request_t *r, const af_problem_t *problem,
    const char *detail, json_t *errors)
{
    char       *text;
    json_t     *json;
    ngx_str_t   id, line;

    id = af_request_id(r);
    line = af_status_line(problem->status);

    /* the title is what follows the number */

    json = json_pack("{ss ss si si ss ss ss% sO*}",
                     "type", "about:blank",
                     "title", (char *) line.data + sizeof("400 ") - 1,
                     "status", (int) problem->status,
                     "status_code", (int) problem->status,
                     "code", problem->code,
                     "detail", detail,
                     "request_id", (char *) id.data, id.len,
                     "errors", errors);

    text = json_dumps(json, JSON_COMPACT);
    json_decref(json);

    return text;
}


static ngx_str_t
af_status_line(ngx_uint_t status)
{
    ngx_uint_t  i;

    for (i = 0; af_status_lines[i].status; i++) {
        if (af_status_lines[i].status == status) {
            break;
        }
    }

    return af_status_lines[i].line;
}


static void
af_respond_free(void *data)
{
    free(data);
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
