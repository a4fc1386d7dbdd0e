#include "api/document.h"


static void af_document_path(af_document_t *doc, const af_section_t *section,
    const af_route_t *route, const char *path);
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


void
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


ngx_uint_t
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
