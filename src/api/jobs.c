#include "api/api.h"
#include "api/schemas.h"


/* optional fields may be null in answers and in changes */

#define JOB_FIELDS                                                            \
    { "title", &af_type_name, AF_REQUIRED, NULL },                            \
    { "company", &af_type_name, AF_REQUIRED, NULL }

#define JOB_DETAILS(flags)                                                    \
    { "organization_id", &af_type_uuid, flags, NULL },                        \
    { "industry", &af_type_name, flags, NULL },                               \
    { "start_date", &af_type_date, flags, NULL },                             \
    { "end_date", &af_type_date, flags, NULL }


static const af_field_t  job_fields[] = {
    { "id", &af_type_uuid, AF_REQUIRED, NULL },
    { "profile_id", &af_type_uuid, AF_REQUIRED, NULL },
    JOB_FIELDS,
    JOB_DETAILS(AF_REQUIRED|AF_NULLABLE),
    AF_AUDIT_FIELDS,
    { NULL, NULL, 0, NULL }
};

const af_schema_t  af_schema_job = { "Job", job_fields, NULL };


static const af_field_t  list_fields[] = {
    AF_LIST_FIELDS(&af_schema_job),
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  list_schema = { "JobList", list_fields, NULL };


static const char *const  orders[] = { "created_at", "start_date", NULL };

static const af_type_t  type_order = {
    .name = "order", .json = JSON_STRING, .values = orders, .order = 1
};

static const af_field_t  query_fields[] = {
    AF_PAGE_FIELDS,
    { "sort", &type_order, 0, NULL },
    { "company", &af_type_name, 0, NULL },
    { "industry", &af_type_name, 0, NULL },
    { "current", &af_type_boolean, 0, NULL },
    { "include_inactive", &af_type_boolean, 0, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  query_schema = { "JobQuery", query_fields, NULL };


static const af_field_t  create_fields[] = {
    { "profile_id", &af_type_uuid, 0, NULL },
    JOB_FIELDS,
    JOB_DETAILS(0),
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  create_schema = { "NewJob", create_fields, NULL };


static const af_field_t  change_fields[] = {
    JOB_FIELDS,
    JOB_DETAILS(AF_NULLABLE),
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  change_schema = { "JobChange", change_fields, NULL };


const af_route_t  af_jobs_routes[] = {

    { NGX_HTTP_GET, "/jobs", AF_USER,
      .summary = "List jobs",
      .alias = "/profiles/{id}/jobs",
      .query = &query_schema,
      .answer = &list_schema,
      .statement = &af_sql_directory_jobs,
      .steps = af_list_steps },

    { NGX_HTTP_POST, "/jobs", AF_USER,
      .summary = "Create a job",
      .problems = AF_PROBLEM_LIST(AF_FORBIDDEN, AF_LIMIT_REACHED),
      .alias = "/profiles/{id}/jobs",
      .body = &create_schema,
      .answer = &af_schema_job,
      .status = NGX_HTTP_CREATED,
      .statement = &af_sql_directory_create_job },

    { NGX_HTTP_GET, "/jobs/{id}", AF_USER,
      .summary = "Read a job",
      .answer = &af_schema_job,
      .statement = &af_sql_directory_job },

    { NGX_HTTP_PUT, "/jobs/{id}", AF_USER,
      .summary = "Replace a job",
      .problems = AF_PROBLEM_LIST(AF_FORBIDDEN),
      .body = &change_schema,
      .answer = &af_schema_job,
      .lock = &af_sql_directory_lock_job,
      .statement = &af_sql_directory_save_job },

    { NGX_HTTP_PATCH, "/jobs/{id}", AF_USER,
      .summary = "Change a job",
      .problems = AF_PROBLEM_LIST(AF_FORBIDDEN),
      .body = &change_schema,
      .partial = 1,
      .answer = &af_schema_job,
      .lock = &af_sql_directory_lock_job,
      .statement = &af_sql_directory_save_job },

    { NGX_HTTP_DELETE, "/jobs/{id}", AF_USER,
      .summary = "Delete a job",
      .problems = AF_PROBLEM_LIST(AF_FORBIDDEN),
      .lock = &af_sql_directory_lock_job,
      .statement = &af_sql_directory_delete_job },

    { .path = NULL }
};
