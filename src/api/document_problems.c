/*
 * The problems of each route: those that follow from its row, and those that it
 * names; and the responses with them.
 */

#include "api/document.h"
#include "flow/proof.h"


static void af_document_access(const af_document_t *doc,
    const af_route_t *route, u_char set[AF_PROBLEMS]);
static void af_document_input(const af_route_t *route,
    u_char set[AF_PROBLEMS]);
static void af_document_add(u_char set[AF_PROBLEMS],
    const af_problem_id_t *problems);
static json_t *af_document_refusal(af_document_t *doc, ngx_uint_t status,
    const u_char set[AF_PROBLEMS]);
static ngx_uint_t af_document_refusal_name(af_document_t *doc,
    ngx_uint_t status, const u_char set[AF_PROBLEMS], char *name, size_t size);
static json_t *af_document_media(af_document_t *doc, ngx_uint_t status,
    const u_char set[AF_PROBLEMS]);
static json_t *af_document_problem_schema(af_document_t *doc,
    ngx_uint_t status, json_t *codes);
static json_t *af_document_example(af_document_t *doc, af_problem_id_t id);
static json_t *af_document_refusal_headers(af_document_t *doc,
    ngx_uint_t status, const u_char set[AF_PROBLEMS]);


void
af_document_problems(const af_document_t *doc, const af_route_t *route,
    const char *path, u_char set[AF_PROBLEMS])
{
    static const af_problem_id_t  all[] = {
        AF_INTERNAL_ERROR, AF_UNAVAILABLE, AF_PROBLEM_NONE
    };

    static const af_problem_id_t  with_statement[] = {
        AF_TOO_MANY_REQUESTS, AF_OVERLOADED, AF_PROBLEM_NONE
    };

    af_document_add(set, all);

    if (route->statement) {
        af_document_add(set, with_statement);
    }

    if (strchr(path, '{') || (route->self && route->answer)) {
        set[AF_NOT_FOUND] = 1;
    }

    if (route->missing) {
        set[route->missing] = 1;
    }

    if (route->problems) {
        af_document_add(set, route->problems);
    }

    af_document_access(doc, route, set);
    af_document_input(route, set);
}


static void
af_document_access(const af_document_t *doc, const af_route_t *route,
    u_char set[AF_PROBLEMS])
{
    static const af_problem_id_t  tokens[] = {
        AF_TOKEN_REQUIRED, AF_INVALID_TOKEN, AF_NOT_YET_VALID_TOKEN,
        AF_EXPIRED_TOKEN, AF_REVOKED_TOKEN, AF_PROBLEM_NONE
    };

    if (doc->conf->https) {
        set[AF_HTTPS_REQUIRED] = 1;
    }

    if (doc->conf->cookie && route->method != NGX_HTTP_GET) {
        set[AF_CSRF_REFUSED] = 1;
    }

    if (route->auth >= AF_OPTIONAL
        && af_route_budget(route) != AF_BUDGET_NONE)
    {
        set[AF_TOO_MANY_ATTEMPTS] = 1;
    }

    if (route->auth >= AF_USER) {
        af_document_add(set, tokens);
    }

    if (route->auth > AF_USER) {
        set[AF_FORBIDDEN] = 1;
    }

    if (af_proof_need(route) > AF_PROOF_COOKIE
        || (af_proof_need(route) == AF_PROOF_COOKIE && doc->conf->cookie))
    {
        set[AF_REAUTHENTICATION_REQUIRED] = 1;
    }
}


static void
af_document_input(const af_route_t *route, u_char set[AF_PROBLEMS])
{
    static const af_problem_id_t  body[] = {
        AF_UNSUPPORTED_MEDIA_TYPE, AF_PAYLOAD_TOO_LARGE, AF_INVALID_JSON,
        AF_BODY_INCOMPLETE, AF_VALIDATION_FAILED, AF_PROBLEM_NONE
    };

    static const af_problem_id_t  query[] = {
        AF_INVALID_QUERY, AF_VALIDATION_FAILED, AF_PROBLEM_NONE
    };

    if (route->body) {
        af_document_add(set, body);
    }

    if (route->body && route->form) {
        set[AF_INVALID_FORM] = 1;
    }

    if (route->query) {
        af_document_add(set, query);
    }

    if (route->query && af_document_has(route->query, "cursor")) {
        set[AF_TOO_DEEP] = 1;
    }
}


static void
af_document_add(u_char set[AF_PROBLEMS], const af_problem_id_t *problems)
{
    for ( /* void */ ; *problems; problems++) {
        set[*problems] = 1;
    }
}


void
af_document_refusals(af_document_t *doc, json_t *responses,
    const u_char set[AF_PROBLEMS])
{
    char        key[NGX_INT_T_LEN + 1], name[512];
    ngx_uint_t  status;

    for (status = 400; status < 600; status++) {

        if (!af_document_refusal_name(doc, status, set, name, sizeof(name))) {
            continue;
        }

        if (json_object_get(doc->responses, name) == NULL) {
            af_document_set(doc, doc->responses, name,
                            af_document_refusal(doc, status, set));
        }

        (void) snprintf(key, sizeof(key), "%u", (unsigned) status);
        af_document_set(doc, responses, key,
                        af_document_ref("responses", name));
    }
}


/* "409.email_taken.username_taken"; returns 0 if none has the status */

static ngx_uint_t
af_document_refusal_name(af_document_t *doc, ngx_uint_t status,
    const u_char set[AF_PROBLEMS], char *name, size_t size)
{
    size_t               len;
    ngx_uint_t           i, n;
    const af_problem_t  *problems;

    problems = doc->conf->dialect->problems;
    len = snprintf(name, size, "%u", (unsigned) status);
    n = 0;

    for (i = 0; i < AF_PROBLEMS; i++) {
        if (set[i] && problems[i].status == status && len < size) {
            len += snprintf(name + len, size - len, ".%s", problems[i].code);
            n++;
        }
    }

    if (len >= size) {
        doc->failed = 1;
    }

    return n;
}


static json_t *
af_document_refusal(af_document_t *doc, ngx_uint_t status,
    const u_char set[AF_PROBLEMS])
{
    const af_dialect_t  *dialect;

    dialect = doc->conf->dialect;

    /* the description follows the number */

    return json_pack("{ss# so s{so}}", "description",
                     (char *) af_status_line(status).data + sizeof("400"),
                     (int) (af_status_line(status).len - sizeof("400")),
                     "headers",
                     af_document_refusal_headers(doc, status, set),
                     "content", (char *) dialect->problem_type.data,
                     af_document_media(doc, status, set));
}


static json_t *
af_document_refusal_headers(af_document_t *doc, ngx_uint_t status,
    const u_char set[AF_PROBLEMS])
{
    ngx_uint_t           i, challenge;
    const af_problem_t  *problems;

    problems = doc->conf->dialect->problems;
    challenge = 0;

    for (i = 0; i < AF_PROBLEMS; i++) {
        if (set[i] && problems[i].status == status
            && (status == NGX_HTTP_UNAUTHORIZED || problems[i].error))
        {
            challenge = 1;
        }
    }

    return json_pack("{so so* so*}",
                     "X-Request-ID", af_document_header(doc, "RequestId"),
                     "WWW-Authenticate",
                     challenge ? af_document_header(doc, "Challenge") : NULL,
                     "Retry-After",
                     (status == 429 || status == 503)
                     ? af_document_header(doc, "RetryAfter") : NULL);
}


static json_t *
af_document_media(af_document_t *doc, ngx_uint_t status,
    const u_char set[AF_PROBLEMS])
{
    char                 name[64];
    json_t              *codes, *examples;
    ngx_uint_t           i;
    const af_problem_t  *problem;

    codes = json_array();
    examples = json_object();

    for (i = 0; i < AF_PROBLEMS; i++) {
        problem = &doc->conf->dialect->problems[i];

        if (!set[i] || problem->status != status) {
            continue;
        }

        (void) snprintf(name, sizeof(name), "%u.%s", (unsigned) status,
                        problem->code);

        if (json_object_get(doc->examples, name) == NULL) {
            af_document_set(doc, doc->examples, name,
                            af_document_example(doc, i));
        }

        af_document_append(doc, codes, json_string(problem->code));
        af_document_set(doc, examples, problem->code,
                        af_document_ref("examples", name));
    }

    return json_pack("{so so}", "schema",
                     af_document_problem_schema(doc, status, codes),
                     "examples", examples);
}


/* the code is one of these; and only a 422 has errors, and always */

static json_t *
af_document_problem_schema(af_document_t *doc, ngx_uint_t status,
    json_t *codes)
{
    json_t             *ref, *narrower;
    const af_schema_t  *schema;

    schema = doc->conf->dialect->problem_schema;
    ref = af_document_schema(doc, schema, 0);

    if (!af_document_has(schema, "code")) {
        json_decref(codes);
        return ref;
    }

    narrower = json_pack("{ss s{s{ss so}}}", "type", "object", "properties",
                         "code", "type", "string", "enum", codes);

    if (status == 422 && af_document_has(schema, "errors")) {
        af_document_set(doc, narrower, "required", json_pack("[s]", "errors"));
    }

    return json_pack("{s[oo]}", "allOf", ref, narrower);
}


static json_t *
af_document_example(af_document_t *doc, af_problem_id_t id)
{
    json_t              *errors, *value;
    const af_problem_t  *problem;
    const af_dialect_t  *dialect;

    static const ngx_str_t  request_id =
        ngx_string("5f0c7a3e9b1d4862a7e3c1f09d28b64e");

    dialect = doc->conf->dialect;
    problem = &dialect->problems[id];
    errors = NULL;

    if (problem->status == 422) {
        errors = json_array();

        if (af_schema_error(errors, "email", "required", "is required") != 0) {
            doc->failed = 1;
        }
    }

    value = dialect->problem(problem, problem->detail, &request_id, errors);
    json_decref(errors);

    return json_pack("{ss so}", "summary", problem->detail, "value", value);
}
