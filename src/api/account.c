#include "api/api.h"
#include "api/schemas.h"


const af_route_t  af_account_routes[] = {

    { NGX_HTTP_GET, "/auth/me", AF_USER,
      .answer = &af_schema_user,
      .statement = &af_sql_auth_me,
      .missing = AF_INVALID_TOKEN },

    { NGX_HTTP_GET, "/user/profile", AF_USER,
      .answer = &af_schema_user,
      .statement = &af_sql_auth_me,
      .missing = AF_INVALID_TOKEN },

    { .path = NULL }
};
