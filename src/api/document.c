#include "api/document.h"


static json_t *af_document_json(af_document_t *doc);
static json_t *af_document_info(void);
static json_t *af_document_tags(af_document_t *doc);
static json_t *af_document_components(af_document_t *doc);
static json_t *af_document_security_schemes(af_document_t *doc);


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


const af_route_t *
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


json_t *
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
