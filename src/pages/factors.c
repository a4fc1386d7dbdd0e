/*
 * Steps of pages about second factors.
 */

#include "pages/pages.h"


static ngx_int_t ask_code(af_ctx_t *ctx);


const af_step_pt  af_page_code_steps[] = {
    ask_code,
    NULL
};


/* the token is the first step's, or was in the form of this one: in no URL */

static ngx_int_t
ask_code(af_ctx_t *ctx)
{
    json_t           *token;
    const char       *back;
    af_page_state_t  *state;

    state = ctx->page;
    token = json_object_get(state->data, "mfa_token");

    if (token == NULL) {
        token = json_object_get(state->typed, "mfa_token");

        if (!json_is_string(token)) {
            back = af_page_return(ctx);
            return af_page_go(ctx, "/sign-in", back ? "return" : NULL, back);
        }

        if (json_object_set(state->data, "mfa_token", token) != 0) {
            return NGX_ERROR;
        }
    }

    return af_answer_text(ctx, NULL, 0);
}
