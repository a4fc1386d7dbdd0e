#include "api/openapi.h"


static ngx_int_t answer_docs(af_ctx_t *ctx);


const af_step_pt  af_docs_steps[] = { answer_docs, NULL };


/*
 * Its scripts and styles are files, which autoflow_docs.conf serves.  Without
 * them a browser shows what stands here.
 */

static ngx_int_t
answer_docs(af_ctx_t *ctx)
{
    static const char  policy[] =
        "default-src 'none'; script-src 'self'; style-src 'self'; "
        "img-src 'self' data:; connect-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'";

    static const char  page[] =
        "<!doctype html>\n"
        "<html lang=\"en\">\n"
        "<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" "
        "content=\"width=device-width, initial-scale=1\">\n"
        "<title>The API</title>\n"
        "<link rel=\"icon\" href=\"data:,\">\n"
        "<link rel=\"stylesheet\" href=\"/docs/assets/swagger-ui.css\">\n"
        "<link rel=\"stylesheet\" href=\"/docs/assets/docs.css\">\n"
        "<script src=\"/docs/assets/swagger-ui-bundle.js\" defer></script>\n"
        "<script src=\"/docs/assets/docs.js\" defer></script>\n"
        "\n"
        "<main id=\"docs\">\n"
        "  <h1>The API</h1>\n"
        "  <p>Its document is <a href=\"openapi.json\">openapi.json</a> "
        "(OpenAPI 3.1), which many programs can read.</p>\n"
        "  <p>The interactive page is missing. Either your browser blocks "
        "scripts, or Swagger UI is not installed on this server: its "
        "administrator installs npm, runs <code>./build.sh install</code>, "
        "and includes <code>snippets/autoflow_docs.conf</code>.</p>\n"
        "</main>\n"
        "</html>\n";

    return (af_set_header(ctx->request, "Content-Security-Policy",
                          (u_char *) policy, sizeof(policy) - 1, NULL)
            == NGX_OK)
           ? af_answer_html(ctx, page, sizeof(page) - 1) : NGX_ERROR;
}
