#include "api/api.h"
#include "api/openapi.h"
#include "keys/remote.h"


/* milliseconds: /health answers within 100, whatever the database does */
#define AF_HEALTH_TIMEOUT  80


static ngx_int_t query_health(af_ctx_t *ctx);
static ngx_int_t answer_health(af_ctx_t *ctx);
static ngx_int_t answer_live(af_ctx_t *ctx);
static ngx_int_t query_ready(af_ctx_t *ctx);
static ngx_int_t answer_ready(af_ctx_t *ctx);
static const char *tokens_state(af_ctx_t *ctx);
static const char *api_state(af_ctx_t *ctx);
static ngx_int_t start_clock(af_ctx_t *ctx);
static ngx_int_t answer_latency(af_ctx_t *ctx);
static ngx_int_t answer_root(af_ctx_t *ctx);
static ngx_int_t answer_jwks(af_ctx_t *ctx);


static const af_step_pt  health_steps[] = { query_health, answer_health, NULL };
static const af_step_pt  ready_steps[] = { query_ready, answer_ready, NULL };
static const af_step_pt  live_steps[] = { answer_live, NULL };
static const af_step_pt  root_steps[] = { answer_root, NULL };
static const af_step_pt  jwks_steps[] = { answer_jwks, NULL };

static const af_step_pt  db_test_steps[] = {
    start_clock,
    af_step_query,
    answer_latency,
    NULL
};


static const af_field_t  health_fields[] = {
    { "status", &af_type_string, AF_REQUIRED, NULL },
    { "version", &af_type_string, AF_REQUIRED, NULL },
    { "database", &af_type_string, AF_REQUIRED, NULL },
    { "schema", &af_type_string, AF_REQUIRED|AF_NULLABLE, NULL },
    { "uptime", &af_type_integer, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  health_schema = { "Health", health_fields, NULL };


static const af_field_t  ready_query_fields[] = {
    { "api", &af_type_string, 0, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  ready_query = {
    "ReadyQuery", ready_query_fields, NULL
};


static const af_field_t  ready_fields[] = {
    { "status", &af_type_string, AF_REQUIRED, NULL },
    { "tokens", &af_type_string, AF_REQUIRED, NULL },
    { "api", &af_type_string, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  ready_schema = { "Ready", ready_fields, NULL };


static const af_field_t  live_fields[] = {
    { "status", &af_type_string, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  live_schema = { "Alive", live_fields, NULL };


static const af_field_t  db_test_fields[] = {
    { "database", &af_type_string, AF_REQUIRED, NULL },
    { "latency_ms", &af_type_number, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  db_test_schema = { "DbTest", db_test_fields, NULL };


static const af_field_t  root_fields[] = {
    { "name", &af_type_string, AF_REQUIRED, NULL },
    { "version", &af_type_string, AF_REQUIRED, NULL },
    { "docs", &af_type_string, AF_REQUIRED|AF_NULLABLE, NULL },
    { "openapi", &af_type_string, AF_REQUIRED|AF_NULLABLE, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  root_schema = { "Root", root_fields, NULL };


static const af_field_t  jwks_fields[] = {
    { "keys", &af_type_array, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  jwks_schema = { "JwkSet", jwks_fields, NULL };


const af_route_t  af_system_routes[] = {

    { NGX_HTTP_GET, "/", AF_PUBLIC,
      .summary = "Read the name and version of the service",
      .redirects = 1,
      .answer = &root_schema,
      .steps = root_steps },

    { NGX_HTTP_GET, "/health", AF_PUBLIC,
      .summary = "Is the service available?",
      .unavailable = 1,
      .answer = &health_schema,
      .steps = health_steps },

    { NGX_HTTP_GET, "/health/live", AF_PUBLIC,
      .summary = "Is the process running?",
      .answer = &live_schema,
      .steps = live_steps },

    { NGX_HTTP_GET, "/health/ready", AF_PUBLIC,
      .summary = "Can this node verify tokens?",
      .unavailable = 1,
      .query = &ready_query,
      .answer = &ready_schema,
      .steps = ready_steps },

    { NGX_HTTP_GET, "/db-test", AF_PUBLIC,
      .summary = "Measure the latency of the database",
      .answer = &db_test_schema,
      .statement = &af_sql_system_db_test,
      .steps = db_test_steps },

    { NGX_HTTP_GET, "/.well-known/jwks.json", AF_PUBLIC,
      .summary = "Read the public keys that verify access tokens",
      .answer = &jwks_schema,
      .steps = jwks_steps },

    { NGX_HTTP_GET, "/openapi.json", AF_PUBLIC,
      .summary = "Read this document",
      .cached = 1,
      .answer = &af_openapi_schema,
      .steps = af_openapi_steps },

    { NGX_HTTP_GET, "/docs", AF_PUBLIC,
      .summary = "Open this document as a page",
      .status = NGX_HTTP_OK,
      .steps = af_docs_steps },

    { .path = NULL }
};


static ngx_int_t
query_health(af_ctx_t *ctx)
{
    return af_try(ctx, &af_sql_system_health, AF_HEALTH_TIMEOUT);
}


static ngx_int_t
answer_health(af_ctx_t *ctx)
{
    /* without the revocation feed there is no service either */

    if (af_found(ctx) && af_tokens_trusted(ctx->conf)) {
        return af_step_answer(ctx);
    }

    return af_answer_unavailable(ctx,
               json_pack("{ss ss ss sn sI}",
                         "status", "unavailable",
                         "version", AUTOFLOW_VERSION,
                         "database", "unavailable",
                         "schema",
                         "uptime", (json_int_t) (ngx_time()
                                                 - ctx->conf->started)));
}


static ngx_int_t
answer_live(af_ctx_t *ctx)
{
    static const char  live[] = "{\"status\":\"ok\"}";

    return af_answer_text(ctx, live, sizeof(live) - 1);
}


static ngx_int_t
query_ready(af_ctx_t *ctx)
{
    return af_try(ctx, &af_sql_system_ready, AF_HEALTH_TIMEOUT);
}


/*
 * Tokens are checked without the database, so its failover doesn't concern load
 * balancers of such requests, but only those of the API.
 */

static ngx_int_t
answer_ready(af_ctx_t *ctx)
{
    json_t      *answer;
    ngx_uint_t   ready;
    const char  *tokens, *api;

    tokens = tokens_state(ctx);
    api = api_state(ctx);

    ready = ngx_strcmp(tokens, "ok") == 0
            && (json_object_get(ctx->query, "api") == NULL
                || ngx_strcmp(api, "ok") == 0);

    answer = json_pack("{ss ss ss}", "status", ready ? "ok" : "unavailable",
                       "tokens", tokens, "api", api);

    return ready ? af_answer(ctx, answer, NULL, NULL)
                 : af_answer_unavailable(ctx, answer);
}


static const char *
tokens_state(af_ctx_t *ctx)
{
    if (af_remotes_missing(ctx->server->remotes)) {
        return "no_keys";
    }

    if (af_tokens_trusted(ctx->conf)) {
        return "ok";
    }

    return (af_zone_feed_state(ctx->conf->zone, ngx_current_msec,
                               ctx->conf->staleness)
            == AF_FEED_NEVER)
           ? "no_feed" : "stale_feed";
}


static const char *
api_state(af_ctx_t *ctx)
{
    if (!af_found(ctx)) {
        return "unavailable";
    }

    return (af_column(ctx, "writable")[0] == 't') ? "ok" : "read_only";
}


static ngx_int_t
start_clock(af_ctx_t *ctx)
{
    struct timespec  *start;

    start = ngx_palloc(ctx->request->pool, sizeof(struct timespec));
    if (start == NULL) {
        return NGX_ERROR;
    }

    (void) clock_gettime(CLOCK_MONOTONIC, start);
    ctx->data = start;

    return NGX_OK;
}


static ngx_int_t
answer_latency(af_ctx_t *ctx)
{
    double            ms;
    struct timespec  *start, now;

    start = ctx->data;
    (void) clock_gettime(CLOCK_MONOTONIC, &now);

    ms = (now.tv_sec - start->tv_sec) * 1e3
         + (now.tv_nsec - start->tv_nsec) / 1e6;

    return af_answer(ctx, json_pack("{ss sf}", "database", "ok",
                                    "latency_ms", ms), NULL, NULL);
}


/* a browser goes to the page, if there is one */

static ngx_int_t
answer_root(af_ctx_t *ctx)
{
    json_t     *docs, *openapi;
    ngx_int_t   rc;

    docs = af_openapi_path(ctx->request, "/docs");

    if (json_is_string(docs) && af_accepts(ctx->request, "text/html")) {
        rc = af_answer_redirect(ctx, json_string_value(docs));
        json_decref(docs);
        return rc;
    }

    openapi = af_openapi_path(ctx->request, "/openapi.json");

    return af_answer(ctx, json_pack("{ss ss so so}", "name", "autoflow",
                                    "version", AUTOFLOW_VERSION,
                                    "docs", docs, "openapi", openapi),
                     NULL, NULL);
}


/* as application/json: not all clients know application/jwk-set+json */

static ngx_int_t
answer_jwks(af_ctx_t *ctx)
{
    ngx_str_t  *jwks;

    jwks = &ctx->server->jwks;

    return af_answer_text(ctx, (char *) jwks->data, jwks->len);
}
