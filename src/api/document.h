/*
 * The API's OpenAPI document (version 3.1), made from the sections of routes,
 * the schemas and the problems.  Of nginx it has only types: t/routes/ links it
 * without.
 */

#ifndef AF_API_DOCUMENT_H
#define AF_API_DOCUMENT_H

#include "flow/route.h"


/* the maximum number of routes that share a path and a method */
#define AF_DOCUMENT_ROUTES  8


/* what of the configuration the document depends on */

typedef struct {
    const af_dialect_t  *dialect;
    const char          *base;       /* of the paths, without a last '/' */
    const char          *cookie;     /* with an access token; NULL: off */
    const char          *readable;   /* the cookie with the CSRF token */
    ngx_uint_t           https;      /* it is required */

    /* whether requests for a path get here; NULL: all do */
    ngx_uint_t         (*serves)(const void *data, const char *path);
    const void          *data;
} af_document_conf_t;


/*
 * A document being made.  Functions add to it; what can't be added, for lack of
 * memory, sets `failed`.
 */

typedef struct {
    const af_document_conf_t  *conf;

    json_t                    *paths;
    json_t                    *schemas;    /* these are components */
    json_t                    *headers;
    json_t                    *responses;
    json_t                    *examples;
    json_t                    *origins;    /* of schemas, by their names */

    unsigned                   failed:1;
} af_document_t;


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


/* The document, or NULL: no memory, or two schemas of one name. */
json_t *af_document(const af_document_conf_t *conf);

/* Sets a member of an object to a value, which may be NULL, and is taken. */
void af_document_set(af_document_t *doc, json_t *object, const char *name,
    json_t *value);
void af_document_append(af_document_t *doc, json_t *array, json_t *value);

/* {"$ref": "#/components/<kind>/<name>"} */
json_t *af_document_ref(const char *kind, const char *name);

/* A reference to a header, which is added to the components. */
json_t *af_document_header(af_document_t *doc, const char *name);

/* Where a form of "username" and "password" is exchanged for tokens. */
const af_route_t *af_document_password_grant(const af_document_t *doc);

/* One of an array of references, which is taken. */
json_t *af_document_any(json_t *schemas);


/* document_operations.c */

/* Adds all paths with their operations. */
void af_document_paths(af_document_t *doc);

/* Whether requests for a path get here. */
ngx_uint_t af_document_is_listed(const af_document_t *doc, const char *path);


/* document_responses.c */

json_t *af_document_responses(af_document_t *doc, const af_operation_t *op);


/* document_schemas.c */

/*
 * A reference to a schema, which is added to the components; `partial` if it is
 * that of a change, where nothing is required.
 */
json_t *af_document_schema(af_document_t *doc, const af_schema_t *schema,
    ngx_uint_t partial);

/* Of a field by itself, such as one of a query. */
json_t *af_document_field(af_document_t *doc, const af_field_t *field);

ngx_uint_t af_document_has(const af_schema_t *schema, const char *name);


/* document_problems.c */

/* Adds the problems that a route may give at one of its paths to a set. */
void af_document_problems(const af_document_t *doc, const af_route_t *route,
    const char *path, u_char set[AF_PROBLEMS]);

/* Adds the responses with these problems, by their statuses. */
void af_document_refusals(af_document_t *doc, json_t *responses,
    const u_char set[AF_PROBLEMS]);


#endif /* AF_API_DOCUMENT_H */
