#include "api/proofs.h"
#include "api/reauth.h"
#include "api/schemas.h"
#include "api/tokens.h"


/* a field of the body, and what checks it, up to the answer */

typedef struct {
    const char        *field;
    const af_step_pt  *steps;
} af_proof_t;


static ngx_int_t af_proof_choose(af_ctx_t *ctx);
static ngx_int_t af_proof_answer(af_ctx_t *ctx);


const af_step_pt  af_proofs_steps[] = {
    af_proof_choose,
    NULL
};


static const af_step_pt  af_proof_password[] = {
    af_step_reauth_find,
    af_step_reauth_verify,
    af_step_reauth_check,
    af_step_reauth_allow,
    af_step_query,
    af_proof_answer,
    NULL
};


static const af_proof_t  af_proofs[] = {
    { "current_password", af_proof_password },
    { NULL, NULL }
};


static const af_field_t  proofs_fields[] = {
    { "current_password", &af_type_credential, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

const af_schema_t  af_proofs_schema = { "Proof", proofs_fields, NULL };


static const af_field_t  access_token_fields[] = {
    { "access_token", &af_type_string, AF_REQUIRED, NULL },
    { "token_type", &af_type_string, AF_REQUIRED, NULL },
    { "expires_in", &af_type_integer, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

const af_schema_t  af_schema_access_token = {
    "AccessToken", access_token_fields, NULL
};


static ngx_int_t
af_proof_choose(af_ctx_t *ctx)
{
    ngx_uint_t  i;

    for (i = 0; af_proofs[i].field; i++) {
        if (af_field(ctx, af_proofs[i].field)) {
            return af_follow(ctx, af_proofs[i].steps);
        }
    }

    return NGX_ERROR;
}


static ngx_int_t
af_proof_answer(af_ctx_t *ctx)
{
    return af_found(ctx) ? af_step_access_token(ctx)
                         : af_reauth_answer(ctx, af_proof_password);
}
