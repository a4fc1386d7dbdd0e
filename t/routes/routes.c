/*
 * Prints, as JSON, what is known of the API as the module has it: its routes
 * with what goes in and out, the problems, and the parameters of statements.
 * Linked with the module's own objects, of which only data is used: nothing
 * else of nginx is there.
 */

#include "flow/values.c"
#include "api/api.h"
#include "api/document.h"


static json_t *document(void);
static json_t *routes(void);
static json_t *route_json(const af_route_t *route);
static const char *method_name(ngx_uint_t method);
static const char *statement_name(const af_statement_t *statement);
static json_t *keys(const af_schema_t *schema);
static json_t *strings(const char *const *strings);
static json_t *problems(void);
static json_t *statements(void);
static json_t *values(void);


int
main(void)
{
    return json_dumpf(json_pack("{so so so so so}",
                                "document", document(),
                                "routes", routes(),
                                "problems", problems(),
                                "statements", statements(),
                                "values", values()),
                      stdout, JSON_COMPACT);
}


/* as it is where all routes are served, and cookies are on */

static json_t *
document(void)
{
    af_document_conf_t  conf = {
        .dialect = af_dialects[0],
        .base = "",
        .cookie = "af_access",
        .readable = "af_csrf",
        .https = 1
    };

    return af_document(&conf);
}


static json_t *
routes(void)
{
    json_t              *all;
    const af_route_t    *route;
    const af_section_t  *section;

    all = json_array();

    for (section = af_dialects[0]->sections; section->routes; section++) {
        for (route = section->routes; route->path; route++) {
            json_array_append_new(all, route_json(route));
        }
    }

    return all;
}


/* what the document doesn't tell */

static json_t *
route_json(const af_route_t *route)
{
    static const char *const  auths[] = {
        [AF_PUBLIC] = "public",
        [AF_OPTIONAL] = "optional",
        [AF_USER] = "user",
        [AF_SUPERUSER] = "superuser",
        [AF_SELF] = "self"
    };

    return json_pack("{ss ss ss? ss sI sb so ss? ss?}",
                     "method", method_name(route->method),
                     "path", route->path,
                     "alias", route->alias,
                     "auth", auths[route->auth],
                     "budget", (json_int_t) route->budget,
                     "self", (int) route->self,
                     "keys", keys(route->body),
                     "lock", statement_name(route->lock),
                     "statement", statement_name(route->statement));
}


static const char *
method_name(ngx_uint_t method)
{
    switch (method) {

    case NGX_HTTP_GET:
        return "GET";

    case NGX_HTTP_POST:
        return "POST";

    case NGX_HTTP_PUT:
        return "PUT";

    case NGX_HTTP_PATCH:
        return "PATCH";

    case NGX_HTTP_DELETE:
        return "DELETE";

    default:
        return "?";
    }
}


static const char *
statement_name(const af_statement_t *statement)
{
    return statement ? statement->name : NULL;
}


/* the fields of a body that have a key */

static json_t *
keys(const af_schema_t *schema)
{
    json_t            *names;
    const af_field_t  *field;

    names = json_array();

    for (field = schema ? schema->fields : NULL;
         field && field->name;
         field++)
    {
        if (field->type->key) {
            json_array_append_new(names, json_string(field->name));
        }
    }

    return names;
}


static json_t *
strings(const char *const *strings)
{
    json_t  *all;

    if (strings == NULL) {
        return json_null();
    }

    for (all = json_array(); *strings; strings++) {
        json_array_append_new(all, json_string(*strings));
    }

    return all;
}


/* [status, code] of each */

static json_t *
problems(void)
{
    json_t      *all;
    ngx_uint_t   i;

    all = json_array();

    for (i = AF_PROBLEM_NONE + 1; i < AF_PROBLEMS; i++) {
        json_array_append_new(all, json_pack("[is]",
                                             (int) af_problems[i].status,
                                             af_problems[i].code));
    }

    return all;
}


/* the parameters of each, by its name */

static json_t *
statements(void)
{
    json_t                       *all;
    ngx_uint_t                    i;
    const af_statement_t *const  *statement;

    const af_statement_t *const  *lists[] = {
        af_point_statements, af_wide_statements, NULL
    };

    all = json_object();

    for (i = 0; lists[i]; i++) {
        for (statement = lists[i]; *statement; statement++) {
            json_object_set_new(all, (*statement)->name,
                                strings((*statement)->params));
        }
    }

    return all;
}


/* what statements may ask of any request */

static json_t *
values(void)
{
    json_t      *all;
    ngx_uint_t   i;

    all = json_array();

    for (i = 0; af_request_values[i].name; i++) {
        json_array_append_new(all, json_string(af_request_values[i].name));
    }

    for (i = 0; af_fact_name(i); i++) {
        json_array_append_new(all, json_string(af_fact_name(i)));
    }

    return all;
}
