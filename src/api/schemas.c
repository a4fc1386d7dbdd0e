#include "api/schemas.h"
#include "check/input.h"
#include "crypto/recovery.h"
#include "token/cursor.h"

#include <unictype.h>


static const char *check_search(const char *s, size_t len);


const af_type_t  af_type_roles = {
    .name = "roles", .json = JSON_ARRAY, .max = AF_ROLES,
    .element = &af_type_role
};


static const af_field_t  user_fields[] = {
    { "id", &af_type_uuid, AF_REQUIRED, NULL },
    { "email", &af_type_email, AF_REQUIRED, NULL },
    { "pending_email", &af_type_email, AF_REQUIRED|AF_NULLABLE, NULL },
    { "username", &af_type_username, AF_REQUIRED|AF_NULLABLE, NULL },
    { "full_name", &af_type_name, AF_REQUIRED|AF_NULLABLE, NULL },
    { "bio", &af_type_text, AF_REQUIRED|AF_NULLABLE, NULL },
    { "is_active", &af_type_boolean, AF_REQUIRED, NULL },
    { "is_superuser", &af_type_boolean, AF_REQUIRED, NULL },
    { "email_verified", &af_type_boolean, AF_REQUIRED, NULL },
    { "roles", &af_type_roles, AF_REQUIRED, NULL },
    { "created_at", &af_type_time, AF_REQUIRED, NULL },
    { "updated_at", &af_type_time, AF_REQUIRED, NULL },
    { "last_login_at", &af_type_time, AF_REQUIRED|AF_NULLABLE, NULL },
    { NULL, NULL, 0, NULL }
};

const af_schema_t  af_schema_user = { "User", user_fields, NULL };


const af_type_t  af_type_recovery_codes = {
    .name = "recovery codes", .json = JSON_ARRAY, .max = AF_RECOVERY_CODES,
    .element = &af_type_string
};


static const af_field_t  token_pair_fields[] = {
    { "access_token", &af_type_string, AF_REQUIRED, NULL },
    { "refresh_token", &af_type_string, AF_REQUIRED, NULL },
    { "token_type", &af_type_string, AF_REQUIRED, NULL },
    { "expires_in", &af_type_integer, AF_REQUIRED, NULL },
    { "user", &af_type_object, AF_REQUIRED, &af_schema_user },
    { "message", &af_type_string, 0, NULL },
    { "recovery_codes", &af_type_recovery_codes, 0, NULL },
    { NULL, NULL, 0, NULL }
};

const af_schema_t  af_schema_token_pair = {
    "TokenPair", token_pair_fields, NULL
};


const af_type_t  af_type_page = {
    .name = "page", .json = JSON_INTEGER, .preset = "1",
    .min = 1, .max = 1000000000
};

const af_type_t  af_type_size = {
    .name = "page size", .json = JSON_INTEGER, .preset = "10",
    .min = 1, .max = 100
};

const af_type_t  af_type_cursor = {
    .name = "cursor", .json = JSON_STRING,
    .min = 1, .max = AF_CURSOR_SIZE - 1, .octets = 1
};

const af_type_t  af_type_search = {
    .name = "text to search", .json = JSON_STRING, .min = 3, .max = 255,
    .check = check_search
};

static const char *const  by_time[] = { "created_at", NULL };

const af_type_t  af_type_by_time = {
    .name = "order", .json = JSON_STRING, .values = by_time, .order = 1
};

static const af_field_t  page_fields[] = {
    AF_PAGE_FIELDS,
    { NULL, NULL, 0, NULL }
};

const af_schema_t  af_schema_page = { "Page", page_fields, NULL };


static const af_field_t  session_fields[] = {
    { "id", &af_type_uuid, AF_REQUIRED, NULL },
    { "device_info", &af_type_string, AF_REQUIRED|AF_NULLABLE, NULL },
    { "ip_address", &af_type_string, AF_REQUIRED|AF_NULLABLE, NULL },
    { "created_at", &af_type_time, AF_REQUIRED, NULL },
    { "last_used_at", &af_type_time, AF_REQUIRED, NULL },
    { "authenticated_at", &af_type_time, AF_REQUIRED, NULL },
    { "amr", &af_type_array, AF_REQUIRED, NULL },
    { "aal", &af_type_integer, AF_REQUIRED, NULL },
    { "expires_at", &af_type_time, AF_REQUIRED, NULL },
    { "is_current", &af_type_boolean, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  session_schema = { "Session", session_fields, NULL };

static const af_field_t  sessions_fields[] = {
    AF_LIST_FIELDS(&session_schema),
    { NULL, NULL, 0, NULL }
};

const af_schema_t  af_schema_sessions = {
    "SessionList", sessions_fields, NULL
};


static const af_field_t  notice_fields[] = {
    { "message", &af_type_string, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

const af_schema_t  af_schema_notice = { "Notice", notice_fields, NULL };


/*
 * The index is of each three letters or digits in a row, with the blank before
 * or after a word.  Without two in a row it would be of no use: all rows would
 * be read, or those that have a word with a certain initial.
 */

static const char *
check_search(const char *s, size_t len)
{
    int32_t      c;
    size_t       n;
    const char  *end;

    n = 0;
    end = s + len;

    while (s < end && n < 2) {
        c = af_text_next(&s, end);

        if (c == -1) {
            break;
        }

        n = uc_is_alnum(c) ? n + 1 : 0;
    }

    return (n == 2) ? NULL : "must have two letters or digits in a row";
}
