#include "api/api.h"
#include "api/schemas.h"


static const af_field_t  list_fields[] = {
    AF_PAGE_FIELDS,
    { "action", &af_type_name, 0, NULL },
    { "actor_id", &af_type_uuid, 0, NULL },
    { "target_id", &af_type_uuid, 0, NULL },
    { "after", &af_type_uuid, 0, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  list_schema = { "AuditQuery", list_fields, NULL };


static const af_field_t  event_fields[] = {
    { "id", &af_type_uuid, AF_REQUIRED, NULL },
    { "at", &af_type_time, AF_REQUIRED, NULL },
    { "actor_id", &af_type_uuid, AF_REQUIRED|AF_NULLABLE, NULL },
    { "action", &af_type_string, AF_REQUIRED, NULL },
    { "target_id", &af_type_uuid, AF_REQUIRED|AF_NULLABLE, NULL },
    { "ip_address", &af_type_string, AF_REQUIRED|AF_NULLABLE, NULL },
    { "user_agent", &af_type_string, AF_REQUIRED|AF_NULLABLE, NULL },
    { "request_id", &af_type_string, AF_REQUIRED|AF_NULLABLE, NULL },
    { "trace_id", &af_type_string, AF_REQUIRED|AF_NULLABLE, NULL },
    { "details", &af_type_object, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  event_schema = { "AuditEvent", event_fields, NULL };


static const af_field_t  events_fields[] = {
    AF_LIST_FIELDS(&event_schema),
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  events_schema = {
    "AuditEventList", events_fields, NULL
};


const af_route_t  af_audit_routes[] = {

    { NGX_HTTP_GET, "/auth/audit", AF_SUPERUSER,
      .summary = "List audit events",
      .query = &list_schema,
      .answer = &events_schema,
      .statement = &af_sql_admin_audit,
      .steps = af_list_steps },

    { .path = NULL }
};
