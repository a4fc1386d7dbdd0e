/*
 * The OpenAPI documents of a configuration, made when it is loaded: one for
 * each location with autoflow_api that /openapi.json can be requested from.  It
 * lists what the server's locations serve with the same base and dialect.
 */

#ifndef AF_API_OPENAPI_H
#define AF_API_OPENAPI_H

#include "flow/flow.h"


typedef struct af_openapi_s {
    const ngx_http_autoflow_loc_conf_t  *conf;     /* of the location */
    ngx_array_t                         *siblings; /* all of the server's */
    ngx_str_t                            name;     /* empty: any path */
    ngx_uint_t                           exact;

    /* empty if it isn't requested here */
    ngx_str_t                            text;
    ngx_str_t                            etag;
} af_openapi_t;


/* the route GET /openapi.json of a dialect: .cached, with these */
extern const af_step_pt   af_openapi_steps[];

/* those of the page that shows it */
extern const af_step_pt   af_docs_steps[];
extern const af_schema_t  af_openapi_schema;


/* Notes a location with autoflow_api. */
char *af_openapi_add(ngx_conf_t *cf, ngx_http_autoflow_loc_conf_t *alcf);

/* Makes the documents, once everything is merged. */
ngx_int_t af_openapi_init(ngx_conf_t *cf);

/*
 * A path of the request's API as its server has it, a JSON string; null if no
 * location serves it.  NULL if there is no memory.
 */
json_t *af_openapi_path(ngx_http_request_t *r, const char *path);


#endif /* AF_API_OPENAPI_H */
