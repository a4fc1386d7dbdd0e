/*
 * Prints the route table as the module has it, a line each: method, path, what
 * it needs, and the number of its budget; then, indented, a line for each field
 * of the body and the query: its name, its JSON type, and whether it is
 * required.  Linked with the module's own objects, of which only data is used:
 * nothing else of nginx is there.
 */

#include "api/api.h"


static void print_route(const af_route_t *route, const char *path);
static void print_fields(const char *where, const af_schema_t *schema);


int
main(void)
{
    const af_route_t         *route;
    const af_route_t *const  *table;

    for (table = af_dialects[0]->routes; *table; table++) {
        for (route = *table; route->path; route++) {
            print_route(route, route->path);

            if (route->alias) {
                print_route(route, route->alias);
            }
        }
    }

    return 0;
}


static void
print_route(const af_route_t *route, const char *path)
{
    ngx_uint_t  i;

    static const char *const  auths[] = {
        [AF_PUBLIC] = "public",
        [AF_EITHER] = "either",
        [AF_USER] = "user",
        [AF_SUPERUSER] = "superuser",
        [AF_ONESELF] = "oneself"
    };

    static const struct {
        ngx_uint_t   method;
        const char  *name;
    } methods[] = {
        { NGX_HTTP_GET, "GET" },
        { NGX_HTTP_POST, "POST" },
        { NGX_HTTP_PUT, "PUT" },
        { NGX_HTTP_PATCH, "PATCH" },
        { NGX_HTTP_DELETE, "DELETE" },
        { 0, "?" }
    };

    for (i = 0; methods[i].method; i++) {
        if (methods[i].method == route->method) {
            break;
        }
    }

    printf("%s %s %s %d\n", methods[i].name, path, auths[route->auth],
           route->budget);

    print_fields("body", route->body);
    print_fields("query", route->query);
}


static void
print_fields(const char *where, const af_schema_t *schema)
{
    const af_field_t  *field;

    static const char *const  types[] = {
        [JSON_OBJECT] = "object",
        [JSON_ARRAY] = "array",
        [JSON_STRING] = "string",
        [JSON_INTEGER] = "integer",
        [JSON_REAL] = "number",
        [JSON_TRUE] = "boolean"
    };

    for (field = schema ? schema->fields : NULL; field && field->name; field++)
    {
        printf("  %s %s %s%s\n", where, field->name, types[field->type->json],
               (field->flags & AF_REQUIRED) ? " required" : "");
    }
}
