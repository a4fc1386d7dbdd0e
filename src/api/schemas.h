/*
 * The objects of API.md that appear in the answers of several sections.
 */

#ifndef AF_API_SCHEMAS_H
#define AF_API_SCHEMAS_H

#include "check/schema.h"


/* the fields of a list's answer and of its query */

#define AF_LIST_FIELDS(element)                                               \
    { "data", &af_type_array, AF_REQUIRED, element },                         \
    { "total", &af_type_integer, AF_REQUIRED|AF_NULLABLE, NULL },             \
    { "total_capped", &af_type_boolean, 0, NULL },                            \
    { "page", &af_type_integer, AF_REQUIRED|AF_NULLABLE, NULL },              \
    { "size", &af_type_integer, AF_REQUIRED, NULL },                          \
    { "pages", &af_type_integer, AF_REQUIRED|AF_NULLABLE, NULL },             \
    { "next", &af_type_string, AF_REQUIRED|AF_NULLABLE, NULL }

#define AF_PAGE_FIELDS                                                        \
    { "page", &af_type_page, AF_PAGING, NULL },                               \
    { "size", &af_type_size, AF_PAGING, NULL },                               \
    { "cursor", &af_type_cursor, AF_PAGING, NULL }


/* of resources that are deactivated instead of deleted */

#define AF_AUDIT_FIELDS                                                       \
    { "is_active", &af_type_boolean, AF_REQUIRED, NULL },                     \
    { "created_at", &af_type_time, AF_REQUIRED, NULL },                       \
    { "updated_at", &af_type_time, AF_REQUIRED, NULL },                       \
    { "deactivated_at", &af_type_time, AF_REQUIRED|AF_NULLABLE, NULL }


/* the maximum number of an account's roles: tokens contain their names */
#define AF_ROLES  32


extern const af_type_t  af_type_roles;
extern const af_type_t  af_type_page;
extern const af_type_t  af_type_size;
extern const af_type_t  af_type_cursor;
extern const af_type_t  af_type_search;       /* three characters or more */
extern const af_type_t  af_type_by_time;      /* "created_at" */

extern const af_schema_t  af_schema_user;
extern const af_type_t    af_type_recovery_codes;
extern const af_schema_t  af_schema_token_pair;
extern const af_schema_t  af_schema_registered;
extern const af_schema_t  af_schema_notice;
extern const af_schema_t  af_schema_sessions;
extern const af_schema_t  af_schema_contact;
extern const af_schema_t  af_schema_job;
extern const af_schema_t  af_schema_location;

/* the query of a list without filters */
extern const af_schema_t  af_schema_page;


#endif /* AF_API_SCHEMAS_H */
