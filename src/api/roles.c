#include "api/api.h"
#include "api/schemas.h"


static const af_field_t  role_fields[] = {
    { "id", &af_type_uuid, AF_REQUIRED, NULL },
    { "name", &af_type_role, AF_REQUIRED, NULL },
    { "description", &af_type_text, AF_REQUIRED|AF_NULLABLE, NULL },
    { "created_at", &af_type_time, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  role_schema = { "Role", role_fields, NULL };


static const af_field_t  roles_fields[] = {
    AF_LIST_FIELDS(&role_schema),
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  roles_schema = { "RoleList", roles_fields, NULL };


static const af_field_t  create_fields[] = {
    { "name", &af_type_role, AF_REQUIRED, NULL },
    { "description", &af_type_text, 0, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  create_schema = { "NewRole", create_fields, NULL };


const af_route_t  af_roles_routes[] = {

    { NGX_HTTP_GET, "/auth/roles", AF_SUPERUSER,
      .summary = "List roles",
      .query = &af_schema_page,
      .answer = &roles_schema,
      .statement = &af_sql_admin_roles,
      .steps = af_list_steps },

    { NGX_HTTP_POST, "/auth/roles", AF_SUPERUSER,
      .summary = "Create a role",
      .problems = AF_PROBLEM_LIST(AF_ROLE_TAKEN),
      .body = &create_schema,
      .answer = &role_schema,
      .status = NGX_HTTP_CREATED,
      .statement = &af_sql_admin_create_role },

    { NGX_HTTP_GET, "/auth/roles/{id}", AF_SUPERUSER,
      .summary = "Read a role",
      .answer = &role_schema,
      .statement = &af_sql_admin_role },

    { NGX_HTTP_DELETE, "/auth/roles/{id}", AF_SUPERUSER,
      .summary = "Delete a role",
      .statement = &af_sql_admin_delete_role },

    { .path = NULL }
};
