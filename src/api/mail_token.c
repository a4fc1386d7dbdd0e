#include "api/mail_token.h"
#include "mail/outbox.h"


ngx_int_t
af_mail_token(af_ctx_t *ctx, const char *const *kinds)
{
    char        *id;
    const char  *token;

    id = ngx_pnalloc(ctx->request->pool, AF_MAIL_ID_SIZE);
    if (id == NULL) {
        return NGX_ERROR;
    }

    token = af_field(ctx, "token");

    while (!af_outbox_check_token(ctx->conf->outbox, *kinds, token, id)) {
        if (*++kinds == NULL) {
            return af_missing(ctx);
        }
    }

    af_bind(ctx, "mail_id", id);

    return NGX_OK;
}
