#include "api/document.h"


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
