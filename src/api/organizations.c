#include "api/api.h"
#include "api/schemas.h"


#define ORGANIZATION_DETAILS(flags)                                           \
    { "description", &af_type_text, flags, NULL },                            \
    { "website_url", &af_type_url, flags, NULL },                             \
    { "industry", &af_type_name, flags, NULL },                               \
    { "location_id", &af_type_uuid, flags, NULL }


static const af_field_t  organization_fields[] = {
    { "id", &af_type_uuid, AF_REQUIRED, NULL },
    { "created_by", &af_type_uuid, AF_REQUIRED|AF_NULLABLE, NULL },
    { "name", &af_type_name, AF_REQUIRED, NULL },
    ORGANIZATION_DETAILS(AF_REQUIRED|AF_NULLABLE),
    AF_AUDIT_FIELDS,
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  organization_schema = {
    "Organization", organization_fields, NULL
};


static const af_field_t  list_fields[] = {
    AF_LIST_FIELDS(&organization_schema),
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  list_schema = {
    "OrganizationList", list_fields, NULL
};


static const char *const  orders[] = { "created_at", "name", NULL };

static const af_type_t  type_order = {
    .name = "order", .json = JSON_STRING, .values = orders, .order = 1
};

static const af_field_t  query_fields[] = {
    AF_PAGE_FIELDS,
    { "sort", &type_order, 0, NULL },
    { "q", &af_type_search, 0, NULL },
    { "industry", &af_type_name, 0, NULL },
    { "include_inactive", &af_type_boolean, 0, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  query_schema = {
    "OrganizationQuery", query_fields, NULL
};


static const af_field_t  body_fields[] = {
    { "name", &af_type_name, AF_REQUIRED, NULL },
    ORGANIZATION_DETAILS(AF_NULLABLE),
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  body_schema = {
    "OrganizationChange", body_fields, NULL
};


const af_route_t  af_organizations_routes[] = {

    { NGX_HTTP_GET, "/organizations", AF_USER,
      .summary = "List organizations",
      .query = &query_schema,
      .answer = &list_schema,
      .statement = &af_sql_directory_organizations,
      .steps = af_list_steps },

    { NGX_HTTP_POST, "/organizations", AF_USER,
      .summary = "Create an organization",
      .problems = AF_PROBLEM_LIST(AF_NAME_TAKEN, AF_LIMIT_REACHED),
      .body = &body_schema,
      .answer = &organization_schema,
      .status = NGX_HTTP_CREATED,
      .statement = &af_sql_directory_create_organization },

    { NGX_HTTP_GET, "/organizations/{id}", AF_USER,
      .summary = "Read an organization",
      .answer = &organization_schema,
      .statement = &af_sql_directory_organization },

    { NGX_HTTP_PUT, "/organizations/{id}", AF_USER,
      .summary = "Replace an organization",
      .problems = AF_PROBLEM_LIST(AF_NAME_TAKEN, AF_FORBIDDEN),
      .body = &body_schema,
      .answer = &organization_schema,
      .lock = &af_sql_directory_lock_organization,
      .statement = &af_sql_directory_save_organization },

    { NGX_HTTP_PATCH, "/organizations/{id}", AF_USER,
      .summary = "Change an organization",
      .problems = AF_PROBLEM_LIST(AF_NAME_TAKEN, AF_FORBIDDEN),
      .body = &body_schema,
      .partial = 1,
      .answer = &organization_schema,
      .lock = &af_sql_directory_lock_organization,
      .statement = &af_sql_directory_save_organization },

    { NGX_HTTP_DELETE, "/organizations/{id}", AF_USER,
      .summary = "Delete an organization",
      .problems = AF_PROBLEM_LIST(AF_FORBIDDEN),
      .lock = &af_sql_directory_lock_organization,
      .statement = &af_sql_directory_delete_organization },

    { .path = NULL }
};
