#include "api/api.h"
#include "api/schemas.h"

#include <string.h>


static const char *check_parts(const char *s, size_t len);


#define PROFILE_DETAILS(flags)                                                \
    { "first_name", &af_type_name, flags, NULL },                             \
    { "last_name", &af_type_name, flags, NULL },                              \
    { "date_of_birth", &af_type_date, flags, NULL },                          \
    { "gender", &af_type_name, flags, NULL },                                 \
    { "location_id", &af_type_uuid, flags, NULL },                            \
    { "bio", &af_type_text, flags, NULL },                                    \
    { "profile_picture_url", &af_type_url, flags, NULL }


/* the last three only if requested by "include" */

static const af_field_t  profile_fields[] = {
    { "id", &af_type_uuid, AF_REQUIRED, NULL },
    { "user_id", &af_type_uuid, AF_REQUIRED, NULL },
    PROFILE_DETAILS(AF_REQUIRED|AF_NULLABLE),
    { "is_public", &af_type_boolean, AF_REQUIRED, NULL },
    { "allow_contact", &af_type_boolean, AF_REQUIRED, NULL },
    AF_AUDIT_FIELDS,
    { "location", &af_type_object, AF_NULLABLE, &af_schema_location },
    { "contacts", &af_type_array, 0, &af_schema_contact },
    { "jobs", &af_type_array, 0, &af_schema_job },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  profile_schema = { "Profile", profile_fields, NULL };


static const af_field_t  list_fields[] = {
    AF_LIST_FIELDS(&profile_schema),
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  list_schema = { "ProfileList", list_fields, NULL };


static const af_type_t  type_parts = {
    .name = "parts", .json = JSON_STRING,
    .pattern = "^(location|contacts|jobs)(,(location|contacts|jobs))*$",
    .max = 255, .check = check_parts
};

static const char *const  orders[] = { "created_at", "last_name", NULL };

static const af_type_t  type_order = {
    .name = "order", .json = JSON_STRING, .values = orders, .order = 1
};

static const af_field_t  query_fields[] = {
    AF_PAGE_FIELDS,
    { "sort", &type_order, 0, NULL },
    { "include", &type_parts, 0, NULL },
    { "include_inactive", &af_type_boolean, 0, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  query_schema = { "ProfileQuery", query_fields, NULL };


static const af_field_t  parts_fields[] = {
    { "include", &type_parts, 0, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  parts_schema = { "ProfileParts", parts_fields, NULL };


static const af_field_t  body_fields[] = {
    PROFILE_DETAILS(AF_NULLABLE),
    { "is_public", &af_type_boolean, 0, NULL },
    { "allow_contact", &af_type_boolean, 0, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  body_schema = { "ProfileBody", body_fields, NULL };


/* created and deleted only with its account */

const af_route_t  af_profiles_routes[] = {

    { NGX_HTTP_GET, "/profiles", AF_USER,
      .summary = "List profiles",
      .query = &query_schema,
      .answer = &list_schema,
      .statement = &af_sql_directory_profiles,
      .steps = af_list_steps },

    { NGX_HTTP_GET, "/profiles/me", AF_USER,
      .summary = "Read one's own profile",
      .self = 1,
      .query = &parts_schema,
      .answer = &profile_schema,
      .statement = &af_sql_directory_profile },

    { NGX_HTTP_PUT, "/profiles/me", AF_USER,
      .summary = "Replace one's own profile",
      .self = 1,
      .body = &body_schema,
      .answer = &profile_schema,
      .lock = &af_sql_directory_lock_profile,
      .statement = &af_sql_directory_save_profile },

    { NGX_HTTP_PATCH, "/profiles/me", AF_USER,
      .summary = "Change one's own profile",
      .self = 1,
      .body = &body_schema,
      .partial = 1,
      .answer = &profile_schema,
      .lock = &af_sql_directory_lock_profile,
      .statement = &af_sql_directory_save_profile },

    { NGX_HTTP_GET, "/profiles/{id}", AF_USER,
      .summary = "Read a profile",
      .query = &parts_schema,
      .answer = &profile_schema,
      .statement = &af_sql_directory_profile },

    { NGX_HTTP_PUT, "/profiles/{id}", AF_USER,
      .summary = "Replace a profile",
      .problems = AF_PROBLEM_LIST(AF_FORBIDDEN),
      .body = &body_schema,
      .answer = &profile_schema,
      .lock = &af_sql_directory_lock_profile,
      .statement = &af_sql_directory_save_profile },

    { NGX_HTTP_PATCH, "/profiles/{id}", AF_USER,
      .summary = "Change a profile",
      .problems = AF_PROBLEM_LIST(AF_FORBIDDEN),
      .body = &body_schema,
      .partial = 1,
      .answer = &profile_schema,
      .lock = &af_sql_directory_lock_profile,
      .statement = &af_sql_directory_save_profile },

    { .path = NULL }
};


static const char *
check_parts(const char *s, size_t len)
{
    size_t                    n;
    ngx_uint_t                i;

    static const char *const  parts[] = {
        "location", "contacts", "jobs", NULL
    };

    for ( ;; ) {
        n = strcspn(s, ",");

        for (i = 0; parts[i]; i++) {
            if (strlen(parts[i]) == n && strncmp(s, parts[i], n) == 0) {
                break;
            }
        }

        if (parts[i] == NULL) {
            return "must be a comma-separated list of location, contacts "
                   "and jobs";
        }

        if (s[n] == '\0') {
            return NULL;
        }

        s += n + 1;
    }
}
