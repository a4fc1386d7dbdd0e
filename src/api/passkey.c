#include "conf/conf.h"
#include "api/passkey.h"
#include "api/passkey_options.h"
#include "api/relying_party.h"
#include "http/request.h"
#include "token/base64url.h"
#include "webauthn/webauthn.h"


/* octets of a user handle: ours, or anybody else's */
#define AF_HANDLE_MAX  64


/* what a challenge must have been made for; and what it is */

typedef struct {
    const af_purpose_keys_t  *keys;
    const char               *purposes;
    const char               *user_id;
    const char               *session_id;
    af_challenge_t            challenge;
    char                      hash[2 * crypto_hash_sha256_BYTES + 1];
} af_expected_t;


static const char *check_base64url(const char *s, size_t len);

static json_t *af_passkey_new(af_ctx_t *ctx, const af_expected_t *expected,
    const af_webauthn_result_t *result);
static int af_passkey_discoverable(const json_t *credential,
    const af_expected_t *expected);
static json_t *af_passkey_assertion(const af_expected_t *expected,
    const af_webauthn_result_t *result);
static ngx_uint_t af_passkey_is_owners(af_ctx_t *ctx, const char *user_id);
static void af_passkey_rules(af_ctx_t *ctx, af_expected_t *expected,
    const char *purposes, const char *user_id, const char *session_id,
    af_webauthn_rules_t *rules);
static int af_passkey_expected(void *data, const unsigned char *octets,
    size_t len);
static ngx_int_t af_passkey_response(af_ctx_t *ctx,
    af_webauthn_response_t *response);
static ngx_int_t af_passkey_octets(af_ctx_t *ctx, const json_t *text,
    af_octets_t *octets);
static ngx_int_t af_passkey_key(af_ctx_t *ctx, af_octets_t *key);
static const char *af_passkey_hex(af_ctx_t *ctx, const af_octets_t *octets);
static const char *af_passkey_text(af_ctx_t *ctx, json_t *object);
static ngx_int_t af_passkey_refuse(af_ctx_t *ctx, const char *reason);


/* the sizes are those of webauthn/types.h, in base64url */

#define af_base64url_type(octets_max)                                         \
    { .name = "base64url", .json = JSON_STRING, .pattern = "^[A-Za-z0-9_-]*$", \
      .min = 1, .max = ((octets_max) * 4 + 2) / 3, .octets = 1,               \
      .check = check_base64url }

static const af_type_t  id_type = af_base64url_type(AF_WEBAUTHN_ID_MAX);
static const af_type_t  client_data_type =
    af_base64url_type(AF_WEBAUTHN_CLIENT_DATA_MAX);
static const af_type_t  attestation_type =
    af_base64url_type(AF_WEBAUTHN_ATTESTATION_MAX);
static const af_type_t  authenticator_type =
    af_base64url_type(AF_WEBAUTHN_AUTHENTICATOR_MAX);
static const af_type_t  signature_type =
    af_base64url_type(AF_WEBAUTHN_SIGNATURE_MAX);
static const af_type_t  handle_type = af_base64url_type(AF_HANDLE_MAX);


static const af_field_t  attested_fields[] = {
    { "clientDataJSON", &client_data_type, AF_REQUIRED, NULL },
    { "attestationObject", &attestation_type, AF_REQUIRED, NULL },
    { "transports", &af_type_transports, 0, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  attested_schema = {
    "AttestationResponse", attested_fields, NULL
};


static const af_field_t  properties_fields[] = {
    { "rk", &af_type_boolean, 0, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  properties_schema = {
    "CredentialProperties", properties_fields, NULL
};


static const af_field_t  extensions_fields[] = {
    { "credProps", &af_type_object, 0, &properties_schema },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  extensions_schema = {
    "ExtensionResults", extensions_fields, NULL
};


static const af_field_t  new_credential_fields[] = {
    { "id", &id_type, AF_REQUIRED, NULL },
    { "type", &af_type_credential_kind, AF_REQUIRED, NULL },
    { "response", &af_type_object, AF_REQUIRED, &attested_schema },
    { "clientExtensionResults", &af_type_object, 0, &extensions_schema },
    { NULL, NULL, 0, NULL }
};

const af_schema_t  af_schema_new_credential = {
    "NewCredential", new_credential_fields, NULL
};


static const af_field_t  asserted_fields[] = {
    { "clientDataJSON", &client_data_type, AF_REQUIRED, NULL },
    { "authenticatorData", &authenticator_type, AF_REQUIRED, NULL },
    { "signature", &signature_type, AF_REQUIRED, NULL },
    { "userHandle", &handle_type, 0, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  asserted_schema = {
    "AssertionResponse", asserted_fields, NULL
};


static const af_field_t  credential_fields[] = {
    { "id", &id_type, AF_REQUIRED, NULL },
    { "type", &af_type_credential_kind, AF_REQUIRED, NULL },
    { "response", &af_type_object, AF_REQUIRED, &asserted_schema },
    { NULL, NULL, 0, NULL }
};

const af_schema_t  af_schema_credential = {
    "Credential", credential_fields, NULL
};


static const char *
check_base64url(const char *s, size_t len)
{
    size_t         n;
    unsigned char  octets[AF_WEBAUTHN_ATTESTATION_MAX];

    return af_base64url_decode(octets, sizeof(octets), &n, s, len)
           ? NULL : "must be base64url without padding";
}


ngx_int_t
af_passkey_made(af_ctx_t *ctx, const char *purposes, const char *user_id,
    const char *session_id)
{
    const char              *credential;
    af_expected_t            expected;
    af_webauthn_rules_t      rules;
    af_webauthn_result_t     result;
    af_webauthn_status_t     status;
    af_webauthn_response_t   response;

    if (af_passkey_response(ctx, &response) != NGX_OK) {
        return NGX_ERROR;
    }

    af_passkey_rules(ctx, &expected, purposes, user_id, session_id, &rules);

    status = af_webauthn_register(&rules, &response, &result);

    if (status == AF_WEBAUTHN_OK && !result.verified
        && expected.challenge.purpose != AF_CHALLENGE_KEY)
    {
        status = AF_WEBAUTHN_UNVERIFIED;
    }

    if (status != AF_WEBAUTHN_OK) {
        return af_passkey_refuse(ctx, af_webauthn_reason(status));
    }

    credential = af_passkey_text(ctx, af_passkey_new(ctx, &expected, &result));
    if (credential == NULL) {
        return NGX_ERROR;
    }

    af_bind(ctx, "credential", credential);

    return NGX_OK;
}


ngx_int_t
af_passkey_check_new(af_ctx_t *ctx, const char *user_id, const char *session_id)
{
    ngx_int_t  rc;

    static const char  purposes[] = {
        AF_CHALLENGE_PASSKEY, AF_CHALLENGE_KEY, '\0'
    };

    rc = af_passkey_made(ctx, purposes, user_id, session_id);

    return (rc == NGX_DECLINED) ? af_problem(ctx, AF_WRONG_PASSKEY, NULL) : rc;
}


static json_t *
af_passkey_new(af_ctx_t *ctx, const af_expected_t *expected,
    const af_webauthn_result_t *result)
{
    char         aaguid[AF_UUID_SIZE];
    json_t      *credential, *transports;
    const char  *id, *key;

    credential = json_object_get(ctx->body, "credential");
    transports = json_object_get(json_object_get(credential, "response"),
                                 "transports");

    id = af_passkey_hex(ctx, &result->id);
    key = af_passkey_hex(ctx, &result->public_key);

    if (id == NULL || key == NULL) {
        return NULL;
    }

    af_uuid_write(result->aaguid.data, aaguid);

    return json_pack("{ss ss ss si sI so sb sb sb sb ss ss ss sI}",
                     "credential_id", id,
                     "public_key", key,
                     "user_handle", expected->challenge.handle,
                     "algorithm", result->alg,
                     "counter", (json_int_t) result->counter,
                     "transports", transports ? json_incref(transports)
                                              : json_array(),
                     "user_verified", result->verified,
                     "backup_eligible", result->backup_eligible,
                     "backed_up", result->backed_up,
                     "discoverable",
                     af_passkey_discoverable(credential, expected),
                     "attestation", result->format,
                     "aaguid", aaguid,
                     "challenge", expected->hash,
                     "expires", (json_int_t) expected->challenge.expires);
}


/* as it says, or else as it was to be */

static int
af_passkey_discoverable(const json_t *credential,
    const af_expected_t *expected)
{
    json_t  *said;

    said = json_object_get(json_object_get(json_object_get(
                               credential, "clientExtensionResults"),
                               "credProps"), "rk");

    return said ? json_is_true(said)
                : expected->challenge.purpose != AF_CHALLENGE_KEY;
}


ngx_int_t
af_step_passkey_find(af_ctx_t *ctx)
{
    const char   *hex;
    af_octets_t   id;

    hex = (af_passkey_octets(ctx, json_object_get(
                                 json_object_get(ctx->body, "credential"),
                                 "id"), &id)
           == NGX_OK)
          ? af_passkey_hex(ctx, &id) : NULL;

    if (hex == NULL) {
        return NGX_ERROR;
    }

    af_bind(ctx, "credential_id", hex);

    return af_query(ctx, &af_sql_passkeys_find);
}


ngx_int_t
af_passkey_used(af_ctx_t *ctx, const char *purpose, const char *user_id,
    const char *session_id)
{
    const char              *factor_id, *assertion;
    af_octets_t              key;
    af_expected_t            expected;
    af_webauthn_rules_t      rules;
    af_webauthn_result_t     result;
    af_webauthn_status_t     status;
    af_webauthn_response_t   response;

    if (!af_found(ctx)) {
        return af_passkey_refuse(ctx, "of nobody");
    }

    if (af_passkey_response(ctx, &response) != NGX_OK
        || af_passkey_key(ctx, &key) != NGX_OK)
    {
        return NGX_ERROR;
    }

    af_passkey_rules(ctx, &expected, purpose, user_id, session_id, &rules);

    status = af_webauthn_assert(&rules, &response, &key, &result);

    if (status != AF_WEBAUTHN_OK) {
        return af_passkey_refuse(ctx, af_webauthn_reason(status));
    }

    if (!af_passkey_is_owners(ctx, user_id)) {
        return af_passkey_refuse(ctx, "of another account");
    }

    factor_id = af_column(ctx, "factor_id");
    factor_id = af_string(ctx, factor_id, ngx_strlen(factor_id));
    assertion = af_passkey_text(ctx, af_passkey_assertion(&expected, &result));

    if (factor_id == NULL || assertion == NULL) {
        return NGX_ERROR;
    }

    af_bind(ctx, "factor_id", factor_id);
    af_bind(ctx, "assertion", assertion);

    return NGX_OK;
}


static json_t *
af_passkey_assertion(const af_expected_t *expected,
    const af_webauthn_result_t *result)
{
    return json_pack("{sI sb sb sb ss sI}",
                     "counter", (json_int_t) result->counter,
                     "verified", result->verified,
                     "backup_eligible", result->backup_eligible,
                     "backed_up", result->backed_up,
                     "challenge", expected->hash,
                     "expires", (json_int_t) expected->challenge.expires);
}


ngx_int_t
af_passkey_owner(af_ctx_t *ctx)
{
    const char  *user_id;

    user_id = af_found(ctx) ? af_column(ctx, "user_id") : NULL;

    if (user_id) {
        user_id = af_string(ctx, user_id, ngx_strlen(user_id));
        if (user_id == NULL) {
            return NGX_ERROR;
        }
    }

    af_bind(ctx, "user_id", user_id);

    return NGX_OK;
}


af_problem_id_t
af_passkey_owner_problem(af_ctx_t *ctx)
{
    if (af_column(ctx, "is_active")[0] != 't') {
        return AF_ACCOUNT_DISABLED;
    }

    return (af_column(ctx, "verified")[0] != 't') ? AF_EMAIL_NOT_VERIFIED
                                                  : AF_PROBLEM_NONE;
}


/*
 * Where nothing else says whose passkey it is, its authenticator must
 * (WebAuthn, section 7.2, step 6).  What it says is not signed; the passkey is
 * its account's anyway: of an imported one nobody may have told us the handle.
 */

static ngx_uint_t
af_passkey_is_owners(af_ctx_t *ctx, const char *user_id)
{
    size_t         n;
    json_t        *handle;
    const char    *owner, *known;
    unsigned char  octets[AF_HANDLE_MAX];
    char           hex[2 * AF_HANDLE_MAX + 1];

    owner = af_column(ctx, "user_id");
    known = af_column(ctx, "handle");

    if (*user_id && ngx_strcmp(user_id, owner) != 0) {
        return 0;
    }

    handle = json_object_get(json_object_get(json_object_get(
                                 ctx->body, "credential"), "response"),
                             "userHandle");

    if (handle == NULL) {
        return *user_id != '\0';
    }

    if (!af_base64url_decode(octets, sizeof(octets), &n,
                             json_string_value(handle),
                             json_string_length(handle)))
    {
        return 0;
    }

    (void) sodium_bin2hex(hex, sizeof(hex), octets, n);

    return known == NULL || ngx_strcmp(hex, known) == 0;
}


static void
af_passkey_rules(af_ctx_t *ctx, af_expected_t *expected, const char *purposes,
    const char *user_id, const char *session_id, af_webauthn_rules_t *rules)
{
    const af_relying_party_t  *rp;

    rp = ctx->conf->webauthn;

    expected->keys = &ctx->conf->purpose_keys;
    expected->purposes = purposes;
    expected->user_id = user_id;
    expected->session_id = session_id;

    rules->rp_id = rp->id;
    rules->origins = rp->origins;
    rules->norigins = rp->norigins;
    rules->challenge = af_passkey_expected;
    rules->data = expected;

    /* whoever has given a password, or has a session, need not */
    rules->verification = (*user_id == '\0');
}


static int
af_passkey_expected(void *data, const unsigned char *octets, size_t len)
{
    af_expected_t *expected = data;

    unsigned char    digest[crypto_hash_sha256_BYTES];
    af_challenge_t  *challenge;

    challenge = &expected->challenge;

    if (af_challenge_open(expected->keys, (const char *) octets, len,
                          ngx_time(), challenge)
        != 0
        || strchr(expected->purposes, challenge->purpose) == NULL
        || strcmp(expected->user_id, challenge->user_id) != 0
        || strcmp(expected->session_id, challenge->session_id) != 0)
    {
        return 0;
    }

    (void) crypto_hash_sha256(digest, octets, len);
    (void) sodium_bin2hex(expected->hash, sizeof(expected->hash), digest,
                          sizeof(digest));

    return 1;
}


/* those that the body's schema has */

static ngx_int_t
af_passkey_response(af_ctx_t *ctx, af_webauthn_response_t *response)
{
    json_t      *object, *text;
    ngx_uint_t   i;

    static const struct {
        const char  *name;
        size_t       offset;
    } parts[] = {
        { "clientDataJSON", offsetof(af_webauthn_response_t, client_data) },
        { "attestationObject", offsetof(af_webauthn_response_t, attestation) },
        { "authenticatorData",
          offsetof(af_webauthn_response_t, authenticator) },
        { "signature", offsetof(af_webauthn_response_t, signature) },
        { NULL, 0 }
    };

    ngx_memzero(response, sizeof(af_webauthn_response_t));

    object = json_object_get(json_object_get(ctx->body, "credential"),
                             "response");

    for (i = 0; parts[i].name; i++) {
        text = json_object_get(object, parts[i].name);

        if (text
            && af_passkey_octets(ctx, text, (af_octets_t *)
                                 ((char *) response + parts[i].offset))
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
af_passkey_octets(af_ctx_t *ctx, const json_t *text, af_octets_t *octets)
{
    size_t   len;
    u_char  *data;

    len = json_string_length(text);
    data = ngx_pnalloc(ctx->request->pool, len);

    if (data == NULL
        || !af_base64url_decode(data, len, &octets->len,
                                json_string_value(text), len))
    {
        return NGX_ERROR;
    }

    octets->data = data;

    return NGX_OK;
}


/* the public key that the statement has found */

static ngx_int_t
af_passkey_key(af_ctx_t *ctx, af_octets_t *key)
{
    size_t       len;
    u_char      *data;
    const char  *hex;

    hex = af_column(ctx, "public_key");
    len = ngx_strlen(hex) / 2;
    data = ngx_pnalloc(ctx->request->pool, len);

    if (data == NULL
        || sodium_hex2bin(data, len, hex, 2 * len, NULL, NULL, NULL) != 0)
    {
        return NGX_ERROR;
    }

    key->data = data;
    key->len = len;

    return NGX_OK;
}


static const char *
af_passkey_hex(af_ctx_t *ctx, const af_octets_t *octets)
{
    char    *hex;
    size_t   size;

    size = 2 * octets->len + 1;
    hex = ngx_pnalloc(ctx->request->pool, size);

    return hex ? sodium_bin2hex(hex, size, octets->data, octets->len) : NULL;
}


static const char *
af_passkey_text(af_ctx_t *ctx, json_t *object)
{
    char        *text;
    const char  *copy;

    text = json_dumps(object, JSON_COMPACT);
    json_decref(object);

    copy = text ? af_string(ctx, text, ngx_strlen(text)) : NULL;
    free(text);

    return copy;
}


/* what exactly is wrong only the log says */

static ngx_int_t
af_passkey_refuse(af_ctx_t *ctx, const char *reason)
{
    af_request_log(NGX_LOG_INFO, ctx->request, "a passkey is refused: it is %s",
                   reason);

    return NGX_DECLINED;
}
