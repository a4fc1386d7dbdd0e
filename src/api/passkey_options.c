#include "conf/conf.h"
#include "api/passkey_options.h"
#include "api/relying_party.h"
#include "token/base64url.h"
#include "webauthn/cose.h"


/* of a challenge, which is base64url of what is sealed */
#define AF_CHALLENGE_TEXT_SIZE  af_base64url_size(AF_SEALED_SIZE - 1)


static void af_passkey_challenge(af_ctx_t *ctx, af_challenge_t *challenge,
    char text[AF_CHALLENGE_TEXT_SIZE]);
static json_t *af_passkey_algs(void);


static const char *const  credential_types[] = { "public-key", NULL };

const af_type_t  af_type_credential_kind = {
    .name = "kind of credential", .json = JSON_STRING,
    .values = credential_types
};

static const af_type_t  transport_type = {
    .name = "transport", .json = JSON_STRING, .pattern = "^[a-z-]*$",
    .min = 1, .max = 32, .octets = 1
};

const af_type_t  af_type_transports = {
    .name = "transports", .json = JSON_ARRAY, .max = 16,
    .element = &transport_type
};


static const char *const  kinds[] = { "passkey", "security_key", NULL };

const af_type_t  af_type_passkey_kind = {
    .name = "kind of passkey", .json = JSON_STRING, .values = kinds
};


static const af_field_t  party_fields[] = {
    { "id", &af_type_string, AF_REQUIRED, NULL },
    { "name", &af_type_string, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  party_schema = {
    "RelyingParty", party_fields, NULL
};


static const af_field_t  owner_fields[] = {
    { "id", &af_type_string, AF_REQUIRED, NULL },
    { "name", &af_type_string, AF_REQUIRED, NULL },
    { "displayName", &af_type_string, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  owner_schema = {
    "PasskeyOwner", owner_fields, NULL
};


static const af_field_t  alg_fields[] = {
    { "type", &af_type_credential_kind, AF_REQUIRED, NULL },
    { "alg", &af_type_integer, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  alg_schema = {
    "CredentialParameters", alg_fields, NULL
};


static const af_field_t  descriptor_fields[] = {
    { "type", &af_type_credential_kind, AF_REQUIRED, NULL },
    { "id", &af_type_string, AF_REQUIRED, NULL },
    { "transports", &af_type_transports, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  descriptor_schema = {
    "CredentialDescriptor", descriptor_fields, NULL
};


static const af_field_t  selection_fields[] = {
    { "residentKey", &af_type_string, AF_REQUIRED, NULL },
    { "requireResidentKey", &af_type_boolean, AF_REQUIRED, NULL },
    { "userVerification", &af_type_string, AF_REQUIRED, NULL },
    { "authenticatorAttachment", &af_type_string, 0, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  selection_schema = {
    "AuthenticatorSelection", selection_fields, NULL
};


static const af_field_t  creation_fields[] = {
    { "rp", &af_type_object, AF_REQUIRED, &party_schema },
    { "user", &af_type_object, AF_REQUIRED, &owner_schema },
    { "challenge", &af_type_string, AF_REQUIRED, NULL },
    { "pubKeyCredParams", &af_type_array, AF_REQUIRED, &alg_schema },
    { "timeout", &af_type_integer, AF_REQUIRED, NULL },
    { "excludeCredentials", &af_type_array, AF_REQUIRED, &descriptor_schema },
    { "authenticatorSelection", &af_type_object, AF_REQUIRED,
      &selection_schema },
    { "attestation", &af_type_string, AF_REQUIRED, NULL },
    { "extensions", &af_type_object, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

const af_schema_t  af_schema_creation_options = {
    "CreationOptions", creation_fields, NULL
};


static const af_field_t  request_fields[] = {
    { "challenge", &af_type_string, AF_REQUIRED, NULL },
    { "timeout", &af_type_integer, AF_REQUIRED, NULL },
    { "rpId", &af_type_string, AF_REQUIRED, NULL },
    { "allowCredentials", &af_type_array, AF_REQUIRED, &descriptor_schema },
    { "userVerification", &af_type_string, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

const af_schema_t  af_schema_request_options = {
    "RequestOptions", request_fields, NULL
};


ngx_int_t
af_step_passkeys_on(af_ctx_t *ctx)
{
    return ctx->conf->webauthn ? NGX_OK
                               : af_problem(ctx, AF_PASSKEYS_OFF, NULL);
}


ngx_int_t
af_passkey_answer_creation(af_ctx_t *ctx, af_challenge_t *challenge,
    const af_passkey_owner_t *owner)
{
    char                       text[AF_CHALLENGE_TEXT_SIZE];
    char                       handle[af_base64url_size(AF_HANDLE_OCTETS)];
    json_t                    *selection;
    unsigned char              octets[AF_HANDLE_OCTETS];
    const af_relying_party_t  *rp;

    rp = ctx->conf->webauthn;

    af_passkey_challenge(ctx, challenge, text);

    if (sodium_hex2bin(octets, sizeof(octets), challenge->handle,
                       AF_HANDLE_SIZE - 1, NULL, NULL, NULL)
        != 0)
    {
        return NGX_ERROR;
    }

    (void) sodium_bin2base64(handle, sizeof(handle), octets, sizeof(octets),
                             AF_BASE64URL);

    selection = (challenge->purpose == AF_CHALLENGE_KEY)
                ? json_pack("{ss sb ss ss}", "residentKey", "discouraged",
                            "requireResidentKey", 0,
                            "userVerification", "discouraged",
                            "authenticatorAttachment", "cross-platform")
                : json_pack("{ss sb ss}", "residentKey", "required",
                            "requireResidentKey", 1,
                            "userVerification", "required");

    return af_answer(ctx,
                     json_pack("{s{ssss} s{ssssss} ss so si sn so ss s{sb}}",
                               "rp", "id", rp->id, "name", rp->name,
                               "user", "id", handle, "name", owner->email,
                               "displayName",
                               owner->name ? owner->name : owner->email,
                               "challenge", text,
                               "pubKeyCredParams", af_passkey_algs(),
                               "timeout", AF_CHALLENGE_TTL * 1000,
                               "excludeCredentials",
                               "authenticatorSelection", selection,
                               "attestation", "none",
                               "extensions", "credProps", 1),
                     "excludeCredentials", owner->credentials);
}


/* a passkey that is all that is given must say that it is its owner's */

ngx_int_t
af_passkey_answer_request(af_ctx_t *ctx, af_challenge_t *challenge,
    const char *credentials)
{
    char  text[AF_CHALLENGE_TEXT_SIZE];

    af_passkey_challenge(ctx, challenge, text);

    return af_answer(ctx,
                     json_pack("{ss si ss sn ss}",
                               "challenge", text,
                               "timeout", AF_CHALLENGE_TTL * 1000,
                               "rpId", ctx->conf->webauthn->id,
                               "allowCredentials",
                               "userVerification",
                               credentials ? "preferred" : "required"),
                     "allowCredentials", credentials ? credentials : "[]");
}


/* authenticators know the account by the handle, which all of its have */

ngx_int_t
af_passkey_answer_new(af_ctx_t *ctx, const char *user_id,
    const char *session_id)
{
    const char          *type;
    af_challenge_t       challenge;
    af_passkey_owner_t   owner;

    if (!af_found(ctx)) {
        return af_missing(ctx);
    }

    type = af_field(ctx, "type");

    af_passkey_challenge_of(&challenge,
                            (type && ngx_strcmp(type, "security_key") == 0)
                            ? AF_CHALLENGE_KEY : AF_CHALLENGE_PASSKEY,
                            user_id, session_id);

    (void) ngx_cpystrn((u_char *) challenge.handle,
                       (u_char *) af_column(ctx, "handle"), AF_HANDLE_SIZE);

    owner.email = af_column(ctx, "email");
    owner.name = af_column(ctx, "name");
    owner.credentials = af_column(ctx, "credentials");

    return af_passkey_answer_creation(ctx, &challenge, &owner);
}


void
af_passkey_challenge_of(af_challenge_t *challenge,
    af_challenge_purpose_t purpose, const char *user_id, const char *session_id)
{
    ngx_memzero(challenge, sizeof(af_challenge_t));

    challenge->purpose = purpose;

    (void) ngx_cpystrn((u_char *) challenge->user_id, (u_char *) user_id,
                       AF_UUID_SIZE);
    (void) ngx_cpystrn((u_char *) challenge->session_id, (u_char *) session_id,
                       AF_UUID_SIZE);
}


/* base64url of what is sealed: a challenge may have any octets */

static void
af_passkey_challenge(af_ctx_t *ctx, af_challenge_t *challenge,
    char text[AF_CHALLENGE_TEXT_SIZE])
{
    char  sealed[AF_SEALED_SIZE];

    challenge->expires = ngx_time() + AF_CHALLENGE_TTL;

    af_challenge_make(&ctx->conf->purpose_keys, challenge, sealed);

    (void) sodium_bin2base64(text, AF_CHALLENGE_TEXT_SIZE,
                             (u_char *) sealed, ngx_strlen(sealed),
                             AF_BASE64URL);
}


static json_t *
af_passkey_algs(void)
{
    json_t      *algs;
    ngx_uint_t   i;

    algs = json_array();

    for (i = 0; af_cose_algs[i].id; i++) {
        if (json_array_append_new(algs, json_pack("{ss si}",
                                                  "type", "public-key",
                                                  "alg", af_cose_algs[i].id))
            != 0)
        {
            json_decref(algs);
            return NULL;
        }
    }

    return algs;
}
