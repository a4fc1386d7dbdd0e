#include "api/document.h"


/* the maximum number of routes that share a path and a method */
#define AF_DOCUMENT_ROUTES  8


/*
 * What OpenAPI calls an operation: a route, or those that only differ in the
 * selector, at one of their paths.
 */

typedef struct {
    const char        *path;
    const char        *section;
    ngx_uint_t         n;
    const af_route_t  *routes[AF_DOCUMENT_ROUTES];
} af_operation_t;


static json_t *af_document_json(af_document_t *doc);
static json_t *af_document_info(void);
static json_t *af_document_tags(af_document_t *doc);
static json_t *af_document_components(af_document_t *doc);
static json_t *af_document_security_schemes(af_document_t *doc);
static const af_route_t *af_document_password_grant(const af_document_t *doc);

static void af_document_paths(af_document_t *doc);
static void af_document_path(af_document_t *doc, const af_section_t *section,
    const af_route_t *route, const char *path);
static ngx_uint_t af_document_is_listed(const af_document_t *doc,
    const char *path);
static void af_document_gather(af_operation_t *op, const af_route_t *route);
static json_t *af_document_item(af_document_t *doc, const char *path);
static json_t *af_document_operation(af_document_t *doc,
    const af_operation_t *op);
static const char *af_document_method(ngx_uint_t method);
static json_t *af_document_id(const af_operation_t *op);
static json_t *af_document_description(const af_operation_t *op);
static ngx_uint_t af_document_replaces(const af_route_t *route);
static json_t *af_document_security(af_document_t *doc,
    const af_route_t *route);

static json_t *af_document_parameters(af_document_t *doc,
    const af_operation_t *op);
static json_t *af_document_selector(af_document_t *doc,
    const af_operation_t *op);
static json_t *af_document_body(af_document_t *doc, const af_operation_t *op);
static json_t *af_document_responses(af_document_t *doc,
    const af_operation_t *op);
static void af_document_success(af_document_t *doc, json_t *responses,
    const af_operation_t *op);
static void af_document_response(af_document_t *doc, json_t *responses,
    ngx_uint_t status, const char *description, json_t *headers,
    json_t *content);
static json_t *af_document_success_headers(af_document_t *doc,
    const af_route_t *route, ngx_uint_t status);
static json_t *af_document_success_content(af_document_t *doc,
    const af_operation_t *op, ngx_uint_t status);
static void af_document_unavailable(af_document_t *doc, json_t *responses,
    const af_route_t *route);
static json_t *af_document_any(json_t *schemas);


static const struct {
    ngx_uint_t   method;
    const char  *name;
} af_document_methods[] = {
    { NGX_HTTP_GET, "get" },
    { NGX_HTTP_POST, "post" },
    { NGX_HTTP_PUT, "put" },
    { NGX_HTTP_PATCH, "patch" },
    { NGX_HTTP_DELETE, "delete" },
    { 0, "trace" }
};


static const struct {
    ngx_uint_t   status;
    const char  *description;
} af_document_statuses[] = {
    { NGX_HTTP_CREATED, "Created" },
    { NGX_HTTP_ACCEPTED, "Accepted" },
    { NGX_HTTP_NO_CONTENT, "No content" },
    { NGX_HTTP_MOVED_TEMPORARILY, "Redirect" },
    { NGX_HTTP_SEE_OTHER, "Redirect" },
    { 0, "OK" }
};


json_t *
af_document(const af_document_conf_t *conf)
{
    json_t         *json;
    af_document_t   doc;

    memset(&doc, 0, sizeof(af_document_t));

    doc.conf = conf;
    doc.paths = json_object();
    doc.schemas = json_object();
    doc.headers = json_object();
    doc.responses = json_object();
    doc.examples = json_object();
    doc.origins = json_object();

    af_document_paths(&doc);

    json = af_document_json(&doc);

    json_decref(doc.paths);
    json_decref(doc.schemas);
    json_decref(doc.headers);
    json_decref(doc.responses);
    json_decref(doc.examples);
    json_decref(doc.origins);

    if (doc.failed) {
        json_decref(json);
        return NULL;
    }

    return json;
}


void
af_document_set(af_document_t *doc, json_t *object, const char *name,
    json_t *value)
{
    if (json_object_set_new(object, name, value) != 0) {
        doc->failed = 1;
    }
}


void
af_document_append(af_document_t *doc, json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) != 0) {
        doc->failed = 1;
    }
}


json_t *
af_document_ref(const char *kind, const char *name)
{
    return json_pack("{so}", "$ref",
                     json_sprintf("#/components/%s/%s", kind, name));
}


static json_t *
af_document_json(af_document_t *doc)
{
    const char  *base;

    base = doc->conf->base;

    return json_pack("{ss so s[{ss}] so sO so}",
                     "openapi", "3.1.0",
                     "info", af_document_info(),
                     "servers", "url", base[0] ? base : "/",
                     "tags", af_document_tags(doc),
                     "paths", doc->paths,
                     "components", af_document_components(doc));
}


static json_t *
af_document_info(void)
{
    static const char  description[] =
        "Errors are problem documents (RFC 9457), whose `code` is stable. "
        "A trailing slash is optional, `HEAD` works wherever `GET` does, and "
        "`OPTIONS` is answered 204 with `Allow`. Unknown members of bodies "
        "are ignored, and new members of responses should be, too.";

    return json_pack("{ss ss ss s{ss ss}}",
                     "title", "autoflow",
                     "version", AUTOFLOW_VERSION,
                     "description", description,
                     "license", "name", "BSD-2-Clause",
                     "identifier", "BSD-2-Clause");
}


/* the sections that have paths here */

static json_t *
af_document_tags(af_document_t *doc)
{
    json_t              *tags;
    const af_route_t    *route;
    const af_section_t  *section;

    tags = json_array();

    for (section = doc->conf->dialect->sections; section->routes; section++) {
        for (route = section->routes; route->path; route++) {

            if (!af_document_is_listed(doc, route->path)
                && (route->alias == NULL
                    || !af_document_is_listed(doc, route->alias)))
            {
                continue;
            }

            af_document_append(doc, tags,
                               json_pack("{ss ss}", "name", section->name,
                                         "description",
                                         section->description));
            break;
        }
    }

    return tags;
}


static json_t *
af_document_components(af_document_t *doc)
{
    return json_pack("{so sO sO s{s{ss ss sb ss s{ss ss}}} sO sO}",
                     "securitySchemes", af_document_security_schemes(doc),
                     "schemas", doc->schemas,
                     "headers", doc->headers,
                     "parameters", "RequestId",
                     "name", "X-Request-ID", "in", "header", "required", 0,
                     "description", "The id of the request; if it is missing "
                     "or invalid, a new one is made.",
                     "schema", "type", "string",
                     "pattern", "^[A-Za-z0-9._-]{1,128}$",
                     "responses", doc->responses,
                     "examples", doc->examples);
}


json_t *
af_document_header(af_document_t *doc, const char *name)
{
    ngx_uint_t  i;

    static const struct {
        const char  *name;
        const char  *type;
        const char  *description;
    } headers[] = {
        { "RequestId", "string", "The id of the request, also in logs" },
        { "Challenge", "string", "What is required (RFC 6750, section 3)" },
        { "RetryAfter", "integer", "Seconds after which to try again" },
        { "Tag", "string", "The version of the response" },
        { "Place", "string", "The URL to go to" },
        { "Cookies", "string", "The tokens, for a browser" },
        { NULL, NULL, NULL }
    };

    for (i = 0; headers[i].name; i++) {

        if (strcmp(headers[i].name, name) == 0
            && json_object_get(doc->headers, name) == NULL)
        {
            af_document_set(doc, doc->headers, name,
                            json_pack("{ss s{ss}}",
                                      "description", headers[i].description,
                                      "schema", "type", headers[i].type));
        }
    }

    return af_document_ref("headers", name);
}


static json_t *
af_document_security_schemes(af_document_t *doc)
{
    json_t            *schemes;
    const af_route_t  *grant;

    schemes = json_pack("{s{ss ss ss ss}}", "bearer", "type", "http",
                        "scheme", "bearer", "bearerFormat", "JWT",
                        "description", "An access token");

    grant = af_document_password_grant(doc);

    if (grant) {
        af_document_set(doc, schemes, "password",
                        json_pack("{ss s{s{so s{}}}}", "type", "oauth2",
                                  "flows", "password", "tokenUrl",
                                  json_sprintf("%s%s%s%s", doc->conf->base,
                                               grant->path,
                                               grant->selector ? "?" : "",
                                               grant->selector
                                               ? grant->selector : ""),
                                  "scopes"));
    }

    if (doc->conf->cookie) {
        af_document_set(doc, schemes, "cookie",
                        json_pack("{ss ss ss ss}", "type", "apiKey",
                                  "in", "cookie", "name", doc->conf->cookie,
                                  "description", "An access token, as set by "
                                  "a login"));
        af_document_set(doc, schemes, "csrf",
                        json_pack("{ss ss ss so}", "type", "apiKey",
                                  "in", "header", "name", "X-CSRF-Token",
                                  "description",
                                  json_sprintf("The value of the cookie %s; "
                                               "not needed if the Origin "
                                               "is trusted",
                                               doc->conf->readable)));
    }

    return schemes;
}


/* where a form of "username" and "password" is exchanged for tokens */

static const af_route_t *
af_document_password_grant(const af_document_t *doc)
{
    const af_route_t    *route;
    const af_section_t  *section;

    for (section = doc->conf->dialect->sections; section->routes; section++) {
        for (route = section->routes; route->path; route++) {

            if (route->form && route->body
                && af_document_has(route->body, "username")
                && af_document_is_listed(doc, route->path))
            {
                return route;
            }
        }
    }

    return NULL;
}


static void
af_document_paths(af_document_t *doc)
{
    const af_route_t    *route;
    const af_section_t  *section;

    for (section = doc->conf->dialect->sections; section->routes; section++) {
        for (route = section->routes; route->path; route++) {
            af_document_path(doc, section, route, route->path);

            if (route->alias) {
                af_document_path(doc, section, route, route->alias);
            }
        }
    }
}


static void
af_document_path(af_document_t *doc, const af_section_t *section,
    const af_route_t *route, const char *path)
{
    json_t          *item;
    const char      *method;
    af_operation_t   op;

    if (!af_document_is_listed(doc, path)) {
        return;
    }

    item = json_object_get(doc->paths, path);
    method = af_document_method(route->method);

    if (item == NULL) {
        item = af_document_item(doc, path);
        af_document_set(doc, doc->paths, path, item);
    }

    /* with those that another selector leads to */

    if (json_object_get(item, method) == NULL) {
        op.path = path;
        op.section = section->name;
        af_document_gather(&op, route);

        af_document_set(doc, item, method, af_document_operation(doc, &op));
    }
}


static ngx_uint_t
af_document_is_listed(const af_document_t *doc, const char *path)
{
    return doc->conf->serves == NULL
           || doc->conf->serves(doc->conf->data, path);
}


static void
af_document_gather(af_operation_t *op, const af_route_t *route)
{
    const char  *path;

    path = route->path;
    op->n = 0;

    do {
        if (strcmp(route->path, path) == 0
            && route->method == (op->n ? op->routes[0] : route)->method)
        {
            op->routes[op->n++] = route;
        }

        route++;

    } while (op->n < AF_DOCUMENT_ROUTES && op->routes[op->n - 1]->selector
             && route->path);
}


/* with the parameters of all methods */

static json_t *
af_document_item(af_document_t *doc, const char *path)
{
    size_t       len;
    json_t      *parameters;
    const char  *p;

    parameters = json_pack("[o]", af_document_ref("parameters", "RequestId"));

    for (p = strchr(path, '{'); p; p = strchr(p, '{')) {
        len = strcspn(++p, "}");

        af_document_append(doc, parameters,
                           json_pack("{ss# ss sb s{ss ss}}",
                                     "name", p, (int) len,
                                     "in", "path",
                                     "required", 1,
                                     "schema", "type", "string",
                                     "format", "uuid"));
    }

    return json_pack("{so}", "parameters", parameters);
}


static json_t *
af_document_operation(af_document_t *doc, const af_operation_t *op)
{
    json_t            *parameters;
    const af_route_t  *route;

    route = op->routes[0];
    parameters = af_document_parameters(doc, op);

    return json_pack("{so ss so s[s] so so* so* so}",
                     "operationId", af_document_id(op),
                     "summary", route->summary ? route->summary : route->path,
                     "description", af_document_description(op),
                     "tags", op->section,
                     "security", af_document_security(doc, route),
                     "parameters", parameters,
                     "requestBody", route->body ? af_document_body(doc, op)
                                                : NULL,
                     "responses", af_document_responses(doc, op));
}


static const char *
af_document_method(ngx_uint_t method)
{
    ngx_uint_t  i;

    for (i = 0; af_document_methods[i].method; i++) {
        if (af_document_methods[i].method == method) {
            break;
        }
    }

    return af_document_methods[i].name;
}


/* "getUsersByIdRoles" of GET /users/{id}/roles */

static json_t *
af_document_id(const af_operation_t *op)
{
    char         id[128], *p, *last;
    const char  *s;
    ngx_uint_t   begins;

    p = id;
    last = id + sizeof(id) - sizeof("By");
    begins = 1;

    p += snprintf(id, sizeof(id), "%s",
                  af_document_method(op->routes[0]->method));

    if (op->path[1] == '\0') {
        return json_sprintf("%sRoot", id);
    }

    for (s = op->path; *s && p < last; s++) {

        if (*s == '{') {
            *p++ = 'B';
            *p++ = 'y';
        }

        if (strchr("/{}.-_", *s)) {
            begins = 1;
            continue;
        }

        *p++ = (begins && *s >= 'a' && *s <= 'z') ? *s - 'a' + 'A' : *s;
        begins = 0;
    }

    return json_stringn(id, p - id);
}


static json_t *
af_document_description(const af_operation_t *op)
{
    const char        *rest, *same;
    const af_route_t  *route;

    static const char *const  access[] = {
        [AF_PUBLIC] = "Needs no token.",
        [AF_OPTIONAL] = "A token is optional.",
        [AF_USER] = "Needs an access token.",
        [AF_SUPERUSER] = "Needs an access token of a superuser.",
        [AF_SELF] = "Needs an access token of this account or of a superuser."
    };

    route = op->routes[0];

    rest = route->partial ? " What the body omits keeps its value."
           : af_document_replaces(route)
             ? " What the body omits becomes its default." : "";

    same = strcmp(op->path, route->path) ? route->path : NULL;

    return json_sprintf("%s%s%s%s%s", access[route->auth], rest,
                        same ? " The same as `" : "", same ? same : "",
                        same ? "`." : "");
}


/* a resource, of which the body may omit something */

static ngx_uint_t
af_document_replaces(const af_route_t *route)
{
    const af_field_t  *field;

    field = (route->method == NGX_HTTP_PUT && route->body)
            ? route->body->fields : NULL;

    for ( /* void */ ; field && field->name; field++) {
        if ((field->flags & AF_REQUIRED) == 0) {
            return 1;
        }
    }

    return 0;
}


static json_t *
af_document_security(af_document_t *doc, const af_route_t *route)
{
    json_t  *security;

    security = json_array();

    if (route->auth == AF_PUBLIC) {
        return security;
    }

    af_document_append(doc, security, json_pack("{s[]}", "bearer"));

    if (af_document_password_grant(doc)) {
        af_document_append(doc, security, json_pack("{s[]}", "password"));
    }

    if (doc->conf->cookie) {
        af_document_append(doc, security,
                           route->method == NGX_HTTP_GET
                           ? json_pack("{s[]}", "cookie")
                           : json_pack("{s[] s[]}", "cookie", "csrf"));
    }

    if (route->auth == AF_OPTIONAL) {
        af_document_append(doc, security, json_object());
    }

    return security;
}


/* NULL: none */

static json_t *
af_document_parameters(af_document_t *doc, const af_operation_t *op)
{
    json_t            *parameters, *required;
    const af_route_t  *route;
    const af_field_t  *field;

    route = op->routes[0];
    parameters = json_array();

    if (route->selector) {
        af_document_append(doc, parameters, af_document_selector(doc, op));
    }

    for (field = route->query ? route->query->fields : NULL;
         field && field->name;
         field++)
    {
        required = (field->flags & AF_REQUIRED) ? json_true() : NULL;

        af_document_append(doc, parameters,
                           json_pack("{ss ss so* so}", "name", field->name,
                                     "in", "query", "required", required,
                                     "schema", af_document_field(doc, field)));
    }

    if (route->cached) {
        af_document_append(doc, parameters,
                           json_pack("{ss ss s{ss}}", "name", "If-None-Match",
                                     "in", "header", "schema",
                                     "type", "string"));
    }

    if (json_array_size(parameters) == 0) {
        json_decref(parameters);
        return NULL;
    }

    return parameters;
}


/* "name=value" of each route */

static json_t *
af_document_selector(af_document_t *doc, const af_operation_t *op)
{
    size_t       len;
    json_t      *values;
    ngx_uint_t   i;
    const char  *selector;

    values = json_array();
    len = strcspn(op->routes[0]->selector, "=");

    for (i = 0; i < op->n; i++) {
        selector = op->routes[i]->selector;

        if (selector) {
            selector += strcspn(selector, "=");
            af_document_append(doc, values,
                               json_string(*selector ? selector + 1 : ""));
        }
    }

    return json_pack("{ss# ss sb s{ss so}}",
                     "name", op->routes[0]->selector, (int) len,
                     "in", "query", "required", 1,
                     "schema", "type", "string", "enum", values);
}


static json_t *
af_document_body(af_document_t *doc, const af_operation_t *op)
{
    json_t            *content, *schemas, *schema;
    ngx_uint_t         i;
    const af_route_t  *route;

    schemas = json_array();

    for (i = 0; i < op->n; i++) {
        route = op->routes[i];

        if (route->body) {
            af_document_append(doc, schemas,
                               af_document_schema(doc, route->body,
                                                  route->partial));
        }
    }

    route = op->routes[0];
    schema = af_document_any(schemas);
    content = json_pack("{s{sO}}", "application/json", "schema", schema);

    if (route->form) {
        af_document_set(doc, content, "application/x-www-form-urlencoded",
                        json_pack("{sO}", "schema", schema));
    }

    json_decref(schema);

    return json_pack("{sb so}", "required", !route->body_optional,
                     "content", content);
}


static json_t *
af_document_responses(af_document_t *doc, const af_operation_t *op)
{
    u_char       set[AF_PROBLEMS];
    json_t      *responses;
    ngx_uint_t   i;

    memset(set, 0, sizeof(set));
    responses = json_object();

    for (i = 0; i < op->n; i++) {
        af_document_problems(doc, op->routes[i], op->path, set);
    }

    if (op->routes[0]->selector) {
        set[AF_NOT_FOUND] = 1;
    }

    af_document_success(doc, responses, op);
    af_document_refusals(doc, responses, set);

    if (op->routes[0]->unavailable) {
        af_document_unavailable(doc, responses, op->routes[0]);
    }

    return responses;
}


static void
af_document_success(af_document_t *doc, json_t *responses,
    const af_operation_t *op)
{
    ngx_uint_t         i, status;
    const af_route_t  *route;

    route = op->routes[0];
    status = af_route_status(route);

    for (i = 0; af_document_statuses[i].status; i++) {
        if (af_document_statuses[i].status == status) {
            break;
        }
    }

    af_document_response(doc, responses, status,
                         af_document_statuses[i].description,
                         af_document_success_headers(doc, route, status),
                         af_document_success_content(doc, op, status));

    if (route->cached) {
        af_document_response(doc, responses, NGX_HTTP_NOT_MODIFIED,
                             "Not modified",
                             af_document_success_headers(doc, route, status),
                             NULL);
    }

    if (route->redirects) {
        af_document_response(doc, responses, NGX_HTTP_SEE_OTHER,
                             "Browsers are redirected",
                             af_document_success_headers(doc, route,
                                                         NGX_HTTP_SEE_OTHER),
                             NULL);
    }
}


/* takes the headers and the content, which may be NULL */

static void
af_document_response(af_document_t *doc, json_t *responses, ngx_uint_t status,
    const char *description, json_t *headers, json_t *content)
{
    char  key[NGX_INT_T_LEN + 1];

    (void) snprintf(key, sizeof(key), "%u", (unsigned) status);

    af_document_set(doc, responses, key,
                    json_pack("{ss so so*}", "description", description,
                              "headers", headers, "content", content));
}


static json_t *
af_document_success_headers(af_document_t *doc, const af_route_t *route,
    ngx_uint_t status)
{
    ngx_uint_t  cookies;

    cookies = doc->conf->cookie && route->answer
              && af_document_has(route->answer, "access_token");

    return json_pack("{so so* so* so*}",
                     "X-Request-ID", af_document_header(doc, "RequestId"),
                     "Set-Cookie",
                     cookies ? af_document_header(doc, "Cookies") : NULL,
                     "ETag", route->cached
                     ? af_document_header(doc, "Tag") : NULL,
                     "Location", (status / 100 == 3)
                     ? af_document_header(doc, "Place") : NULL);
}


/* NULL: none; 200 without a schema is a page */

static json_t *
af_document_success_content(af_document_t *doc, const af_operation_t *op,
    ngx_uint_t status)
{
    json_t            *schemas;
    ngx_uint_t         i;
    const af_route_t  *route;

    if (op->routes[0]->answer == NULL) {
        return (status == NGX_HTTP_OK)
               ? json_pack("{s{s{ss}}}", "text/html", "schema",
                           "type", "string")
               : NULL;
    }

    schemas = json_array();

    for (i = 0; i < op->n; i++) {
        route = op->routes[i];

        if (route->answer) {
            af_document_append(doc, schemas,
                               af_document_schema(doc, route->answer, 0));
        }
    }

    return json_pack("{s{so}}", "application/json", "schema",
                     af_document_any(schemas));
}


/* the answer, too: its members say what isn't available */

static void
af_document_unavailable(af_document_t *doc, json_t *responses,
    const af_route_t *route)
{
    json_t      *response, *copy;
    const char  *name;

    name = json_string_value(json_object_get(json_object_get(responses, "503"),
                                             "$ref"));
    if (name == NULL) {
        doc->failed = 1;
        return;
    }

    response = json_object_get(doc->responses,
                               name + sizeof("#/components/responses/") - 1);
    copy = json_deep_copy(response);

    af_document_set(doc, json_object_get(copy, "content"), "application/json",
                    json_pack("{so}", "schema",
                              af_document_schema(doc, route->answer, 0)));
    af_document_set(doc, responses, "503", copy);
}


/* takes an array of references */

static json_t *
af_document_any(json_t *schemas)
{
    json_t  *first;

    if (json_array_size(schemas) != 1) {
        return json_pack("{so}", "anyOf", schemas);
    }

    first = json_incref(json_array_get(schemas, 0));
    json_decref(schemas);

    return first;
}
