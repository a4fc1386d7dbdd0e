#include "api/api.h"
#include "api/mfa.h"
#include "api/schemas.h"
#include "api/tokens.h"
#include "check/qr.h"
#include "crypto/recovery.h"
#include "crypto/totp.h"
#include "token/mfa.h"


/* ctx->data, wiped with the request */

typedef struct {
    char  secret[AF_TOTP_SIZE];
    char  sealed[AF_SEALED_SIZE];
    char  codes[AF_RECOVERY_CODES][AF_RECOVERY_SIZE];
    char  hashes[2 + AF_RECOVERY_CODES * AF_RECOVERY_HASH_SIZE];
} af_mfa_t;


static char *af_mfa_uri(af_ctx_t *ctx, const char *email, const char *secret);
static size_t af_mfa_escape(u_char *dst, const char *text, size_t len);

static ngx_int_t answer_codes(af_ctx_t *ctx);

static af_mfa_t *af_mfa_data(af_ctx_t *ctx);
static void af_mfa_wipe(void *data);


static const af_step_pt  create_steps[] = {
    af_step_factor_allowed,
    af_step_factor_session,
    af_step_factor_secret,
    af_step_query,
    af_step_factor_created,
    NULL
};


static const af_step_pt  confirm_steps[] = {
    af_step_factor_session,
    af_step_factor_find,
    af_step_factor_compare,
    af_step_recovery_codes,
    af_step_query,
    af_step_factor_confirmed,
    NULL
};


static const af_step_pt  codes_steps[] = {
    af_step_recovery_codes,
    af_step_query,
    answer_codes,
    NULL
};


static const char *const  factor_types[] = { "totp", "webauthn", NULL };

static const af_type_t  factor_type = {
    .name = "kind of factor", .json = JSON_STRING, .values = factor_types
};


static const af_field_t  factor_fields[] = {
    { "id", &af_type_uuid, AF_REQUIRED, NULL },
    { "type", &factor_type, AF_REQUIRED, NULL },
    { "name", &af_type_label, AF_REQUIRED, NULL },
    { "confirmed", &af_type_boolean, AF_REQUIRED, NULL },
    { "created_at", &af_type_time, AF_REQUIRED, NULL },
    { "last_used_at", &af_type_time, AF_REQUIRED|AF_NULLABLE, NULL },

    /* of a passkey */
    { "sign_in", &af_type_boolean, 0, NULL },
    { "backed_up", &af_type_boolean, 0, NULL },
    { "transports", &af_type_array, 0, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  factor_schema = { "Factor", factor_fields, NULL };


static const af_field_t  factors_fields[] = {
    { "factors", &af_type_array, AF_REQUIRED, &factor_schema },
    { "recovery_codes", &af_type_integer, AF_REQUIRED, NULL },
    { "has_password", &af_type_boolean, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  factors_schema = {
    "FactorList", factors_fields, NULL
};


static const af_field_t  name_fields[] = {
    { "name", &af_type_label, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  name_schema = { "FactorName", name_fields, NULL };


static const af_field_t  created_fields[] = {
    { "factor", &af_type_object, AF_REQUIRED, &factor_schema },
    { "secret", &af_type_string, AF_REQUIRED, NULL },
    { "uri", &af_type_string, AF_REQUIRED, NULL },
    { "qr", &af_type_string, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

const af_schema_t  af_schema_created_factor = {
    "CreatedFactor", created_fields, NULL
};


static const af_field_t  confirm_fields[] = {
    { "code", &af_type_code, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  confirm_schema = {
    "FactorConfirmation", confirm_fields, NULL
};


static const af_field_t  confirmed_fields[] = {
    { "factor", &af_type_object, AF_REQUIRED, &factor_schema },
    { "recovery_codes", &af_type_recovery_codes, 0, NULL },
    { "access_token", &af_type_string, 0, NULL },
    { "token_type", &af_type_string, 0, NULL },
    { "expires_in", &af_type_integer, 0, NULL },
    { NULL, NULL, 0, NULL }
};

const af_schema_t  af_schema_confirmed_factor = {
    "ConfirmedFactor", confirmed_fields, NULL
};


static const af_field_t  codes_fields[] = {
    { "recovery_codes", &af_type_recovery_codes, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  codes_schema = {
    "RecoveryCodes", codes_fields, NULL
};


const af_route_t  af_mfa_routes[] = {

    { NGX_HTTP_GET, "/auth/mfa/factors", AF_USER,
      .summary = "List the factors of the account",
      .answer = &factors_schema,
      .statement = &af_sql_mfa_factors },

    { NGX_HTTP_POST, "/auth/mfa/factors", AF_USER,
      .summary = "Add an authenticator app, to be confirmed",
      .problems = AF_PROBLEM_LIST(AF_MFA_OFF, AF_LIMIT_REACHED),
      .proof = AF_PROOF_FRESH,
      .body = &name_schema,
      .answer = &af_schema_created_factor,
      .status = NGX_HTTP_CREATED,
      .lock = &af_sql_auth_lock_account,
      .statement = &af_sql_mfa_create_factor,
      .missing = AF_INVALID_TOKEN,
      .steps = create_steps },

    { NGX_HTTP_POST, "/auth/mfa/factors/{id}/confirm", AF_USER,
      .summary = "Confirm an authenticator app with a code",
      .problems = AF_PROBLEM_LIST(AF_WRONG_CODE, AF_CODES_UNAVAILABLE),
      .proof = AF_PROOF_FACTOR,
      .body = &confirm_schema,
      .answer = &af_schema_confirmed_factor,
      .lock = &af_sql_auth_lock_account,
      .statement = &af_sql_mfa_confirm_factor,
      .steps = confirm_steps },

    { NGX_HTTP_PATCH, "/auth/mfa/factors/{id}", AF_USER,
      .summary = "Rename a factor",
      .body = &name_schema,
      .answer = &factor_schema,
      .statement = &af_sql_mfa_rename_factor },

    { NGX_HTTP_DELETE, "/auth/mfa/factors/{id}", AF_USER,
      .summary = "Remove a factor",
      .problems = AF_PROBLEM_LIST(AF_LAST_WAY_IN),
      .proof = AF_PROOF_FRESH,
      .lock = &af_sql_auth_lock_account,
      .statement = &af_sql_mfa_delete_factor },

    { NGX_HTTP_POST, "/auth/mfa/recovery-codes", AF_USER,
      .summary = "Replace the recovery codes",
      .proof = AF_PROOF_FRESH,
      .answer = &codes_schema,
      .lock = &af_sql_auth_lock_account,
      .statement = &af_sql_mfa_recovery_codes,
      .missing = AF_NOT_FOUND,
      .steps = codes_steps },

    { .path = NULL }
};


ngx_int_t
af_step_mfa_on(af_ctx_t *ctx)
{
    return (ctx->conf->mfa != AF_MFA_DISABLED)
           ? NGX_OK : af_problem(ctx, AF_MFA_OFF, NULL);
}


/* without a seal, whoever reads the database could make codes */

ngx_int_t
af_step_factor_allowed(af_ctx_t *ctx)
{
    return ctx->conf->seals ? af_step_mfa_on(ctx)
                            : af_problem(ctx, AF_MFA_OFF, NULL);
}


ngx_int_t
af_step_factor_secret(af_ctx_t *ctx)
{
    af_mfa_t    *mfa;
    const char  *user_id;

    mfa = af_mfa_data(ctx);

    if (mfa == NULL || af_value(ctx, "user_id", &user_id) != NGX_OK) {
        return NGX_ERROR;
    }

    af_totp_secret(mfa->secret);

    if (af_mfa_seal(&ctx->conf->seal_keys, user_id, mfa->secret, mfa->sealed)
        != 0)
    {
        return NGX_ERROR;
    }

    af_bind(ctx, "sealed_seed", mfa->sealed);

    return NGX_OK;
}


ngx_int_t
af_step_factor_created(af_ctx_t *ctx)
{
    af_mfa_t *mfa = ctx->data;

    char         *uri;
    json_t       *created;
    af_buffer_t   qr;

    if (!af_found(ctx)) {
        return af_missing(ctx);
    }

    uri = af_mfa_uri(ctx, af_column(ctx, "email"), mfa->secret);
    if (uri == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&qr, sizeof(af_buffer_t));

    created = (af_qr_svg(uri, &qr) == 0)
              ? json_pack("{sn ss ss ss}", "factor", "secret", mfa->secret,
                          "uri", uri, "qr", qr.data)
              : NULL;
    af_buffer_free(&qr);

    return af_answer(ctx, created, "factor", af_column(ctx, "json"));
}


/*
 * What apps read from a QR code: the algorithm, the digits and the period are
 * their defaults, and some accept no others.  Who issues is shown without
 * "https://".
 */

static char *
af_mfa_uri(af_ctx_t *ctx, const char *email, const char *secret)
{
    u_char     *p, *uri;
    u_char     *slashes;
    ngx_str_t   issuer;

    issuer = ctx->server->issuer;
    slashes = ngx_strlchr(issuer.data, issuer.data + issuer.len, '/');

    if (slashes && slashes != issuer.data && slashes[-1] == ':'
        && slashes + 2 < issuer.data + issuer.len)
    {
        issuer.len -= slashes + 2 - issuer.data;
        issuer.data = slashes + 2;
    }

    uri = ngx_pnalloc(ctx->request->pool,
                      sizeof("otpauth://totp/:?secret=&issuer=")
                      + 6 * issuer.len + 3 * ngx_strlen(email)
                      + ngx_strlen(secret));
    if (uri == NULL) {
        return NULL;
    }

    p = ngx_sprintf(uri, "otpauth://totp/");
    p += af_mfa_escape(p, (char *) issuer.data, issuer.len);
    *p++ = ':';
    p += af_mfa_escape(p, email, ngx_strlen(email));
    p = ngx_sprintf(p, "?secret=%s&issuer=", secret);
    p += af_mfa_escape(p, (char *) issuer.data, issuer.len);
    *p = '\0';

    return (char *) uri;
}


static size_t
af_mfa_escape(u_char *dst, const char *text, size_t len)
{
    return (u_char *) ngx_escape_uri(dst, (u_char *) text, len,
                                     NGX_ESCAPE_URI_COMPONENT)
           - dst;
}


ngx_int_t
af_step_factor_session(af_ctx_t *ctx)
{
    af_bind(ctx, "password_hash", NULL);

    return NGX_OK;
}


ngx_int_t
af_step_factor_find(af_ctx_t *ctx)
{
    return af_query(ctx, &af_sql_mfa_find_factor);
}


ngx_int_t
af_step_factor_compare(af_ctx_t *ctx)
{
    ngx_int_t    rc;
    const char  *user_id, *seed;

    if (!af_found(ctx)) {
        return af_problem(ctx, AF_NOT_FOUND, NULL);
    }

    seed = af_column(ctx, "sealed_seed");

    if (af_value(ctx, "user_id", &user_id) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = af_code_match(ctx, user_id, seed, -1, af_field(ctx, "code"));

    switch (rc) {

    case NGX_ABORT:
        return af_code_closed(ctx, seed);

    case NGX_DECLINED:
        return af_problem(ctx, AF_WRONG_CODE, NULL);

    default:
        return rc;
    }
}


ngx_int_t
af_step_factor_confirmed(af_ctx_t *ctx)
{
    json_t     *answer;
    ngx_int_t   rc;

    if (!af_found(ctx)) {
        return af_missing(ctx);
    }

    answer = json_pack("{sn so*}", "factor", "recovery_codes",
                       af_column(ctx, "stored")[0] == 't'
                       ? af_factor_codes(ctx) : NULL);

    rc = af_column(ctx, "claims") ? af_access_token_add(ctx, answer) : NGX_OK;

    if (rc != NGX_OK) {
        json_decref(answer);
        return rc;
    }

    return af_answer(ctx, answer, "factor", af_column(ctx, "json"));
}


/* as an array for PostgreSQL */

ngx_int_t
af_step_recovery_codes(af_ctx_t *ctx)
{
    char         hash[AF_RECOVERY_HASH_SIZE];
    u_char      *p;
    af_mfa_t    *mfa;
    ngx_uint_t   i;
    const char  *user_id;

    mfa = af_mfa_data(ctx);

    if (mfa == NULL || af_value(ctx, "user_id", &user_id) != NGX_OK) {
        return NGX_ERROR;
    }

    p = (u_char *) mfa->hashes;

    for (i = 0; i < AF_RECOVERY_CODES; i++) {
        af_recovery_make(mfa->codes[i]);
        (void) af_recovery_hash(user_id, mfa->codes[i], hash);
        p = ngx_sprintf(p, "%c%s", i ? ',' : '{', hash);
    }

    (void) ngx_sprintf(p, "}%Z");
    af_bind(ctx, "hashes", mfa->hashes);

    return NGX_OK;
}


static ngx_int_t
answer_codes(af_ctx_t *ctx)
{
    return af_found(ctx)
           ? af_answer(ctx, json_pack("{so}", "recovery_codes",
                                      af_factor_codes(ctx)), NULL, NULL)
           : af_missing(ctx);
}


static af_mfa_t *
af_mfa_data(af_ctx_t *ctx)
{
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(ctx->request->pool, sizeof(af_mfa_t));
    if (cln == NULL) {
        return NULL;
    }

    ngx_memzero(cln->data, sizeof(af_mfa_t));

    cln->handler = af_mfa_wipe;
    ctx->data = cln->data;

    return cln->data;
}


static void
af_mfa_wipe(void *data)
{
    sodium_memzero(data, sizeof(af_mfa_t));
}


json_t *
af_factor_codes(const af_ctx_t *ctx)
{
    const af_mfa_t *mfa = ctx->data;

    json_t      *codes;
    ngx_uint_t   i;

    codes = json_array();

    for (i = 0; i < AF_RECOVERY_CODES; i++) {
        if (json_array_append_new(codes, json_string(mfa->codes[i])) != 0) {
            json_decref(codes);
            return NULL;
        }
    }

    return codes;
}
