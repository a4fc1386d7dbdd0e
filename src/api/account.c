#include "api/api.h"
#include "api/attempts.h"
#include "api/password.h"
#include "api/schemas.h"


static ngx_int_t find_password(af_ctx_t *ctx);
static ngx_int_t check_current(af_ctx_t *ctx);
static ngx_int_t hash_new(af_ctx_t *ctx);
static ngx_int_t change_password(af_ctx_t *ctx);
static ngx_int_t say_changed(af_ctx_t *ctx);


static const af_step_pt  password_steps[] = {
    find_password,
    check_current,
    hash_new,
    change_password,
    say_changed,
    NULL
};


static const af_field_t  password_fields[] = {
    { "current_password", &af_type_credential, AF_REQUIRED, NULL },
    { "new_password", &af_type_password, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  password_schema = {
    "PasswordChange", password_fields, NULL
};


const af_route_t  af_account_routes[] = {

    { NGX_HTTP_GET, "/auth/me", AF_USER,
      .alias = "/user/profile",
      .answer = &af_schema_user,
      .statement = &af_sql_auth_me,
      .missing = AF_INVALID_TOKEN },

    { NGX_HTTP_PUT, "/auth/me/password", AF_USER,
      .body = &password_schema,
      .steps = password_steps },

    { .path = NULL }
};


/* what find_password finds */

typedef struct {
    const char  *hash;

    /* that the new password shall not be */
    const char  *words[AF_PASSWORD_NAMES + 1];
} change_t;


static ngx_int_t
find_password(af_ctx_t *ctx)
{
    ngx_int_t          rc;
    af_account_key_t   key;

    af_account_key((char *) ctx->identity->user_id.data, "", &key);

    rc = af_attempt_account(ctx, &key);

    return (rc == NGX_OK) ? af_query(ctx, &af_sql_auth_find_password) : rc;
}


static ngx_int_t
check_current(af_ctx_t *ctx)
{
    change_t    *change;
    ngx_int_t    rc;
    const char  *text;

    if (!af_found(ctx)) {
        return af_problem(ctx, AF_INVALID_TOKEN, NULL);
    }

    change = ngx_pcalloc(ctx->request->pool, sizeof(change_t));
    if (change == NULL) {
        return NGX_ERROR;
    }

    ctx->data = change;

    text = af_column(ctx, "password_hash");
    change->hash = af_string(ctx, text, ngx_strlen(text));

    if (af_password_names(ctx, change->words) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = change->hash ? af_check_password(ctx, "current_password",
                                          change->hash)
                      : NGX_ERROR;

    if (rc == NGX_ERROR) {
        af_attempts_right(ctx);
    }

    return rc;
}


static ngx_int_t
hash_new(af_ctx_t *ctx)
{
    change_t *change = ctx->data;

    switch (af_password_right(ctx)) {

    case NGX_OK:
        af_attempts_right(ctx);
        return af_new_password(ctx, "new_password", change->words);

    case NGX_DECLINED:
        return af_problem(ctx, AF_WRONG_PASSWORD, NULL);

    default:
        return NGX_ERROR;
    }
}


static ngx_int_t
change_password(af_ctx_t *ctx)
{
    change_t *change = ctx->data;

    af_bind(ctx, "old_hash", change->hash);

    return (af_password_set(ctx) == NGX_OK)
           ? af_segment(ctx, &af_sql_auth_lock_account,
                        &af_sql_auth_change_password, NULL)
           : NGX_ERROR;
}


/* another change was faster: what was right is not any more */

static ngx_int_t
say_changed(af_ctx_t *ctx)
{
    return af_found(ctx) ? af_answer(ctx, NGX_HTTP_NO_CONTENT, NULL, 0)
                         : af_problem(ctx, AF_WRONG_PASSWORD, NULL);
}
