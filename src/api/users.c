#include "api/api.h"
#include "api/auth.h"
#include "api/password.h"
#include "api/schemas.h"
#include "flow/proof.h"


static ngx_int_t choose_reset(af_ctx_t *ctx);


static const af_step_pt  create_steps[] = {
    af_step_hash,
    af_password_hashed,
    af_step_query,
    af_step_answer,
    NULL
};


static const af_step_pt  reset_steps[] = {
    choose_reset,
    NULL
};


static const af_step_pt  remove_steps[] = {
    af_step_query,
    af_step_answer,
    NULL
};


static const char *const  orders[] = {
    "created_at", "email", "username", "last_login_at", NULL
};

static const af_type_t  type_order = {
    .name = "order", .json = JSON_STRING, .values = orders, .order = 1
};

static const af_field_t  list_fields[] = {
    AF_PAGE_FIELDS,
    { "sort", &type_order, 0, NULL },
    { "q", &af_type_search, 0, NULL },
    { "is_active", &af_type_boolean, 0, NULL },
    { "is_superuser", &af_type_boolean, 0, NULL },
    { "has_factors", &af_type_boolean, 0, NULL },
    { "role", &af_type_role, 0, NULL },
    { "include_inactive", &af_type_boolean, 0, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  list_schema = { "UserQuery", list_fields, NULL };


static const af_field_t  users_fields[] = {
    AF_LIST_FIELDS(&af_schema_user),
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  users_schema = { "UserList", users_fields, NULL };


static const af_field_t  create_fields[] = {
    AF_REGISTRATION_FIELDS,
    { "is_superuser", &af_type_boolean, 0, NULL },
    { "email_verified", &af_type_boolean, 0, NULL },
    { "roles", &af_type_roles, 0, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  create_schema = {
    "NewUser", create_fields, af_rule_name
};


static const af_field_t  update_fields[] = {
    { "full_name", &af_type_name, AF_NULLABLE, NULL },
    { "bio", &af_type_text, AF_NULLABLE, NULL },
    { "username", &af_type_username, AF_NULLABLE, NULL },
    { "email", &af_type_email, 0, NULL },
    { "email_verified", &af_type_boolean, 0, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  update_schema = {
    "UserChange", update_fields, NULL
};


static const af_field_t  superuser_fields[] = {
    { "is_superuser", &af_type_boolean, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  superuser_schema = {
    "Superuser", superuser_fields, NULL
};


static const af_field_t  roles_fields[] = {
    { "roles", &af_type_roles, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  roles_schema = { "UserRoles", roles_fields, NULL };


const af_route_t  af_users_routes[] = {

    { NGX_HTTP_GET, "/auth/users", AF_SUPERUSER,
      .summary = "List accounts",
      .alias = "/users",
      .query = &list_schema,
      .answer = &users_schema,
      .statement = &af_sql_admin_users,
      .steps = af_list_steps },

    { NGX_HTTP_POST, "/auth/users", AF_SUPERUSER,
      .summary = "Create an account",
      .problems = AF_PROBLEM_LIST(AF_EMAIL_TAKEN, AF_USERNAME_TAKEN),
      .alias = "/users",
      .body = &create_schema,
      .answer = &af_schema_user,
      .status = NGX_HTTP_CREATED,
      .statement = &af_sql_admin_create_user,
      .steps = create_steps },

    { NGX_HTTP_GET, "/auth/users/{id}", AF_SELF,
      .summary = "Read an account",
      .alias = "/users/{id}",
      .answer = &af_schema_user,
      .statement = &af_sql_admin_user },

    { NGX_HTTP_PUT, "/auth/users/{id}", AF_SUPERUSER,
      .summary = "Change an account",
      .problems = AF_PROBLEM_LIST(AF_EMAIL_TAKEN, AF_USERNAME_TAKEN),
      .alias = "/users/{id}",
      .body = &update_schema,
      .partial = 1,
      .answer = &af_schema_user,
      .lock = &af_sql_admin_lock_user,
      .statement = &af_sql_admin_update_user },

    { NGX_HTTP_PATCH, "/auth/users/{id}", AF_SUPERUSER,
      .summary = "Change an account",
      .problems = AF_PROBLEM_LIST(AF_EMAIL_TAKEN, AF_USERNAME_TAKEN),
      .alias = "/users/{id}",
      .body = &update_schema,
      .partial = 1,
      .answer = &af_schema_user,
      .lock = &af_sql_admin_lock_user,
      .statement = &af_sql_admin_update_user },

    { NGX_HTTP_DELETE, "/auth/users/{id}", AF_SUPERUSER,
      .summary = "Delete an account",
      .problems = AF_PROBLEM_LIST(AF_LAST_SUPERUSER),
      .alias = "/users/{id}",
      .lock = &af_sql_admin_lock_user,
      .statement = &af_sql_admin_delete_user },

    { NGX_HTTP_PUT, "/auth/users/{id}/disable", AF_SUPERUSER,
      .summary = "Disable an account",
      .problems = AF_PROBLEM_LIST(AF_LAST_SUPERUSER),
      .alias = "/users/{id}/disable",
      .budget = AF_BUDGET_DISABLE,
      .answer = &af_schema_user,
      .lock = &af_sql_admin_lock_user,
      .statement = &af_sql_admin_disable_user },

    { NGX_HTTP_DELETE, "/auth/users/{id}/factors", AF_SUPERUSER,
      .summary = "Remove all factors of an account",
      .problems = AF_PROBLEM_LIST(AF_REAUTHENTICATION_REQUIRED),
      .lock = &af_sql_admin_lock_user,
      .statement = &af_sql_mfa_reset_factors,
      .steps = reset_steps },

    { NGX_HTTP_PUT, "/auth/users/{id}/enable", AF_SUPERUSER,
      .summary = "Enable an account",
      .alias = "/users/{id}/enable",
      .answer = &af_schema_user,
      .lock = &af_sql_admin_lock_user,
      .statement = &af_sql_admin_enable_user },

    { NGX_HTTP_PUT, "/auth/users/{id}/superuser", AF_SUPERUSER,
      .summary = "Make an account a superuser, or no longer",
      .problems = AF_PROBLEM_LIST(AF_LAST_SUPERUSER),
      .alias = "/users/{id}/superuser",
      .body = &superuser_schema,
      .body_optional = 1,
      .answer = &af_schema_user,
      .lock = &af_sql_admin_lock_user,
      .statement = &af_sql_admin_set_superuser },

    { NGX_HTTP_GET, "/auth/users/{id}/roles", AF_SUPERUSER,
      .summary = "Read an account's roles",
      .alias = "/users/{id}/roles",
      .answer = &roles_schema,
      .statement = &af_sql_admin_user_roles },

    { NGX_HTTP_PUT, "/auth/users/{id}/roles", AF_SUPERUSER,
      .summary = "Replace an account's roles",
      .alias = "/users/{id}/roles",
      .body = &roles_schema,
      .answer = &roles_schema,
      .lock = &af_sql_admin_lock_user,
      .statement = &af_sql_admin_set_roles },

    { .path = NULL }
};


/* superusers are rid of their own no more easily than others: by giving one */

static ngx_int_t
choose_reset(af_ctx_t *ctx)
{
    const char  *id;

    if (af_value(ctx, "id", &id) != NGX_OK) {
        return NGX_ERROR;
    }

    return (ngx_strcasecmp((u_char *) id, ctx->identity->user_id.data) == 0)
           ? af_proof_demand(ctx, remove_steps)
           : af_follow(ctx, remove_steps);
}
