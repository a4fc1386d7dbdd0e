#include "api/api.h"
#include "api/schemas.h"


static const char *const  kinds[] = {
    "phone", "email", "website", "social", "other", NULL
};

static const af_type_t  type_kind = {
    .name = "kind of contact", .json = JSON_STRING, .values = kinds
};


#define CONTACT_FIELDS                                                        \
    { "type", &type_kind, AF_REQUIRED, NULL },                                \
    { "value", &af_type_name, AF_REQUIRED, NULL }


static const af_field_t  contact_fields[] = {
    { "id", &af_type_uuid, AF_REQUIRED, NULL },
    { "profile_id", &af_type_uuid, AF_REQUIRED, NULL },
    CONTACT_FIELDS,
    { "is_primary", &af_type_boolean, AF_REQUIRED, NULL },
    AF_AUDIT_FIELDS,
    { NULL, NULL, 0, NULL }
};

const af_schema_t  af_schema_contact = { "Contact", contact_fields, NULL };


static const af_field_t  list_fields[] = {
    AF_LIST_FIELDS(&af_schema_contact),
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  list_schema = { "ContactList", list_fields, NULL };


static const af_field_t  query_fields[] = {
    AF_PAGE_FIELDS,
    { "sort", &af_type_by_time, 0, NULL },
    { "type", &type_kind, 0, NULL },
    { "include_inactive", &af_type_boolean, 0, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  query_schema = { "ContactQuery", query_fields, NULL };


static const af_field_t  create_fields[] = {
    { "profile_id", &af_type_uuid, 0, NULL },
    CONTACT_FIELDS,
    { "is_primary", &af_type_boolean, 0, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  create_schema = { "NewContact", create_fields, NULL };


static const af_field_t  change_fields[] = {
    CONTACT_FIELDS,
    { "is_primary", &af_type_boolean, 0, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  change_schema = {
    "ContactChange", change_fields, NULL
};


const af_route_t  af_contacts_routes[] = {

    { NGX_HTTP_GET, "/contacts", AF_USER,
      .summary = "List contacts",
      .alias = "/profiles/{id}/contacts",
      .query = &query_schema,
      .answer = &list_schema,
      .statement = &af_sql_directory_contacts,
      .steps = af_list_steps },

    { NGX_HTTP_POST, "/contacts", AF_USER,
      .summary = "Create a contact",
      .problems = AF_PROBLEM_LIST(AF_FORBIDDEN, AF_LIMIT_REACHED),
      .alias = "/profiles/{id}/contacts",
      .body = &create_schema,
      .answer = &af_schema_contact,
      .status = NGX_HTTP_CREATED,
      .statement = &af_sql_directory_create_contact },

    { NGX_HTTP_GET, "/contacts/{id}", AF_USER,
      .summary = "Read a contact",
      .answer = &af_schema_contact,
      .statement = &af_sql_directory_contact },

    { NGX_HTTP_PUT, "/contacts/{id}", AF_USER,
      .summary = "Replace a contact",
      .problems = AF_PROBLEM_LIST(AF_FORBIDDEN),
      .body = &change_schema,
      .answer = &af_schema_contact,
      .lock = &af_sql_directory_lock_contact,
      .statement = &af_sql_directory_save_contact },

    { NGX_HTTP_PATCH, "/contacts/{id}", AF_USER,
      .summary = "Change a contact",
      .problems = AF_PROBLEM_LIST(AF_FORBIDDEN),
      .body = &change_schema,
      .partial = 1,
      .answer = &af_schema_contact,
      .lock = &af_sql_directory_lock_contact,
      .statement = &af_sql_directory_save_contact },

    { NGX_HTTP_DELETE, "/contacts/{id}", AF_USER,
      .summary = "Delete a contact",
      .problems = AF_PROBLEM_LIST(AF_FORBIDDEN),
      .lock = &af_sql_directory_lock_contact,
      .statement = &af_sql_directory_delete_contact },

    { .path = NULL }
};
