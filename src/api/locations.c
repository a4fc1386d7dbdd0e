#include "api/api.h"
#include "api/schemas.h"


#define LOCATION_DETAILS(flags)                                               \
    { "state_province", &af_type_name, flags, NULL },                         \
    { "city", &af_type_name, flags, NULL },                                   \
    { "postal_code", &af_type_name, flags, NULL }


/* "created_by" is only shown to that account and to superusers */

static const af_field_t  location_fields[] = {
    { "id", &af_type_uuid, AF_REQUIRED, NULL },
    { "created_by", &af_type_uuid, AF_REQUIRED|AF_NULLABLE, NULL },
    { "country", &af_type_name, AF_REQUIRED, NULL },
    LOCATION_DETAILS(AF_REQUIRED|AF_NULLABLE),
    AF_AUDIT_FIELDS,
    { NULL, NULL, 0, NULL }
};

const af_schema_t  af_schema_location = { "Location", location_fields, NULL };


static const af_field_t  list_fields[] = {
    AF_LIST_FIELDS(&af_schema_location),
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  list_schema = { "LocationList", list_fields, NULL };


static const af_field_t  query_fields[] = {
    AF_PAGE_FIELDS,
    { "sort", &af_type_by_time, 0, NULL },
    { "country", &af_type_name, 0, NULL },
    { "city", &af_type_name, 0, NULL },
    { "include_inactive", &af_type_boolean, 0, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  query_schema = {
    "LocationQuery", query_fields, NULL
};


static const af_field_t  body_fields[] = {
    { "country", &af_type_name, AF_REQUIRED, NULL },
    LOCATION_DETAILS(AF_NULLABLE),
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  body_schema = { "LocationChange", body_fields, NULL };


const af_route_t  af_locations_routes[] = {

    { NGX_HTTP_GET, "/locations", AF_USER,
      .summary = "List locations",
      .query = &query_schema,
      .answer = &list_schema,
      .statement = &af_sql_directory_locations,
      .steps = af_list_steps },

    { NGX_HTTP_POST, "/locations", AF_USER,
      .summary = "Create a location",
      .problems = AF_PROBLEM_LIST(AF_LIMIT_REACHED),
      .body = &body_schema,
      .answer = &af_schema_location,
      .status = NGX_HTTP_CREATED,
      .statement = &af_sql_directory_create_location },

    { NGX_HTTP_GET, "/locations/{id}", AF_USER,
      .summary = "Read a location",
      .answer = &af_schema_location,
      .statement = &af_sql_directory_location },

    { NGX_HTTP_PUT, "/locations/{id}", AF_USER,
      .summary = "Replace a location",
      .problems = AF_PROBLEM_LIST(AF_FORBIDDEN),
      .body = &body_schema,
      .answer = &af_schema_location,
      .lock = &af_sql_directory_lock_location,
      .statement = &af_sql_directory_save_location },

    { NGX_HTTP_PATCH, "/locations/{id}", AF_USER,
      .summary = "Change a location",
      .problems = AF_PROBLEM_LIST(AF_FORBIDDEN),
      .body = &body_schema,
      .partial = 1,
      .answer = &af_schema_location,
      .lock = &af_sql_directory_lock_location,
      .statement = &af_sql_directory_save_location },

    { NGX_HTTP_DELETE, "/locations/{id}", AF_USER,
      .summary = "Delete a location",
      .problems = AF_PROBLEM_LIST(AF_FORBIDDEN),
      .lock = &af_sql_directory_lock_location,
      .statement = &af_sql_directory_delete_location },

    { .path = NULL }
};
