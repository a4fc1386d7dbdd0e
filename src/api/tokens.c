#include "api/tokens.h"
#include "api/refresh.h"
#include "http/csrf.h"
#include "token/base64url.h"
#include "token/jwt.h"
#include "check/wipe.h"


/* the maximum lifetime of a token, in seconds */
#define AF_LIFETIME_MAX  (10 * 365 * 24 * 60 * 60)

/* seconds by which clocks may differ, as for proof_time() */
#define AF_CLOCK_SKEW  60

/* octets of a jti, before base64url */
#define AF_JTI_OCTETS  16


typedef ngx_int_t (*af_tokens_pt)(af_ctx_t *ctx, af_token_pair_t *pair);


static ngx_uint_t af_cookies_are_its(af_ctx_t *ctx);
static ngx_int_t af_issue_tokens(af_ctx_t *ctx, af_token_pair_t *pair,
    af_tokens_pt answer);
static ngx_int_t af_answer_tokens(af_ctx_t *ctx, af_token_pair_t *pair);
static ngx_int_t af_tokens_cookies(af_ctx_t *ctx, char *access, size_t len,
    char *refresh);
static int af_access_claims(const ngx_http_autoflow_main_conf_t *conf,
    const ngx_http_autoflow_srv_conf_t *server, json_t *claims);
static int af_claim_proof_time(json_t *claims, const char *name, time_t now);
static json_t *af_audience(const ngx_http_autoflow_srv_conf_t *ascf);


char *
af_lifetime_post(ngx_conf_t *cf, void *post, void *data)
{
    time_t *sec = data;

    if (*sec < 1 || *sec > AF_LIFETIME_MAX) {
        return "must be more than 0, and 10 years at most";
    }

    return NGX_CONF_OK;
}


ngx_int_t
af_step_tokens(af_ctx_t *ctx)
{
    return af_tokens_and(ctx, NULL);
}


ngx_int_t
af_tokens_and(af_ctx_t *ctx, json_t *recovery_codes)
{
    ngx_int_t        rc;
    af_token_pair_t  pair;

    if (!af_found(ctx)) {
        json_decref(recovery_codes);
        return af_missing(ctx);
    }

    ngx_memzero(&pair, sizeof(af_token_pair_t));
    pair.recovery_codes = recovery_codes;

    rc = af_column(ctx, "session_id")
         ? af_issue_tokens(ctx, &pair, af_answer_tokens)
         : af_answer_tokens(ctx, &pair);

    json_decref(recovery_codes);

    return rc;
}


ngx_int_t
af_tokens_renew(af_ctx_t *ctx)
{
    af_token_pair_t  pair;

    ngx_memzero(&pair, sizeof(af_token_pair_t));

    return af_found(ctx) ? af_issue_tokens(ctx, &pair, NULL)
                         : af_missing(ctx);
}


ngx_int_t
af_step_access_token(af_ctx_t *ctx)
{
    json_t     *json;
    ngx_int_t   rc;

    json = json_object();
    rc = af_access_token_add(ctx, json);

    if (rc != NGX_OK) {
        json_decref(json);
        return rc;
    }

    return af_answer(ctx, json, NULL, NULL);
}


ngx_int_t
af_access_token_renew(af_ctx_t *ctx)
{
    return af_access_token_add(ctx, NULL);
}


ngx_int_t
af_access_token_add(af_ctx_t *ctx, json_t *json)
{
    json_t     *members;
    ngx_str_t   access;
    ngx_int_t   rc;

    access.data = (u_char *) af_access_token(ctx->conf, ctx->server,
                                             af_column(ctx, "claims"),
                                             &access.len);
    if (access.data == NULL) {
        return af_problem(ctx, AF_INTERNAL_ERROR, "can't make an access "
                          "token: are there too many roles?");
    }

    rc = af_cookies_are_its(ctx) ? af_cookies_renew(ctx->request, &access)
                                 : NGX_OK;

    if (json) {
        members = json_pack("{ss# ss sI}",
                            "access_token", (char *) access.data,
                            (int) access.len,
                            "token_type", "bearer",
                            "expires_in", (json_int_t) ctx->conf->access_ttl);

        if (json_object_update_new(json, members) != 0) {
            rc = NGX_ERROR;
        }
    }

    af_wipe_free((char *) access.data);

    return rc;
}


/* a browser may have sent the token of one session beside another's cookies */

static ngx_uint_t
af_cookies_are_its(af_ctx_t *ctx)
{
    return af_cookies_on(ctx->request)
           && (ctx->identity->cookie
               || af_cookies_belong_to(ctx->request, NULL,
                                       &ctx->identity->session_id));
}


/* the tokens are wiped when `answer`, which may be NULL, has used them */

static ngx_int_t
af_issue_tokens(af_ctx_t *ctx, af_token_pair_t *pair, af_tokens_pt answer)
{
    char       *access, refresh[AF_REFRESH_SIZE];
    size_t      len;
    ngx_int_t   rc;

    af_lane_changed(ctx->conf, af_column(ctx, "user_id"));

    access = af_access_token(ctx->conf, ctx->server,
                             af_column(ctx, "claims"), &len);
    if (access == NULL) {
        return af_problem(ctx, AF_INTERNAL_ERROR, "can't make an access "
                          "token: are there too many roles?");
    }

    pair->access = access;
    pair->access_len = len;
    pair->refresh = refresh;
    pair->expires_in = ctx->conf->access_ttl;

    rc = NGX_ERROR;

    if (af_issue_refresh(ctx, refresh) == NGX_OK
        && af_tokens_cookies(ctx, access, len, refresh) == NGX_OK)
    {
        rc = answer ? answer(ctx, pair) : NGX_OK;
    }

    af_wipe_free(access);
    sodium_memzero(refresh, sizeof(refresh));

    return rc;
}


static ngx_int_t
af_answer_tokens(af_ctx_t *ctx, af_token_pair_t *pair)
{
    const af_dialect_t  *dialect;

    dialect = af_loc_conf(ctx->request)->dialect;

    pair->message = af_column(ctx, "message");

    return af_answer(ctx, dialect->tokens(pair), "user",
                     af_column(ctx, "user"));
}


static ngx_int_t
af_tokens_cookies(af_ctx_t *ctx, char *access, size_t len, char *refresh)
{
    char       text[AF_CSRF_SIZE];
    ngx_str_t  token, successor, session_id, csrf;

    if (!af_cookies_on(ctx->request)) {
        return NGX_OK;
    }

    token.data = (u_char *) access;
    token.len = len;

    successor.data = (u_char *) refresh;
    successor.len = ngx_strlen(refresh);

    session_id.data = (u_char *) af_column(ctx, "session_id");
    session_id.len = ngx_strlen(session_id.data);

    af_csrf_token(ctx->request, &session_id, text);

    csrf.data = (u_char *) text;
    csrf.len = ngx_strlen(text);

    return af_cookies_set(ctx->request, &token, &successor, &csrf);
}


char *
af_access_token(const ngx_http_autoflow_main_conf_t *conf,
    const ngx_http_autoflow_srv_conf_t *server, const char *text, size_t *len)
{
    char    *token;
    json_t  *claims;

    claims = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;

    token = NULL;

    if (claims && af_access_claims(conf, server, claims) == 0) {
        token = af_jwt_sign(server->signer, claims, len);
    }

    json_decref(claims);

    return token;
}


/* the claims that don't come from the database (RFC 7519, section 4.1) */

static int
af_access_claims(const ngx_http_autoflow_main_conf_t *conf,
    const ngx_http_autoflow_srv_conf_t *server, json_t *claims)
{
    char     jti[af_base64url_size(AF_JTI_OCTETS)];
    u_char   octets[AF_JTI_OCTETS];
    json_t  *added;
    time_t   now, issued;

    now = ngx_time();

    /*
     * Neither later than the database's clock, which dates revocations, nor
     * than ours, by which the token is checked.
     */

    issued = json_integer_value(json_object_get(claims, "iat"));
    issued = ngx_min(issued, now);

    randombytes_buf(octets, sizeof(octets));
    sodium_bin2base64(jti, sizeof(jti), octets, sizeof(octets), AF_BASE64URL);

    if (server->audience
        && json_object_set_new(claims, "aud", af_audience(server)) != 0)
    {
        return -1;
    }

    if (af_claim_proof_time(claims, "auth_time", now) != 0
        || af_claim_proof_time(claims, "mfa_time", now) != 0)
    {
        return -1;
    }

    added = json_pack("{ss% ss sI sI}",
                      "iss", (char *) server->issuer.data,
                             server->issuer.len,
                      "jti", jti,
                      "iat", (json_int_t) issued,
                      "exp", (json_int_t) (now + conf->access_ttl));

    return json_object_update_new(claims, added);
}


/*
 * Another node's clock may be ahead of ours, but a time to come is not known:
 * it would be later in each token, without a proof.
 */

static int
af_claim_proof_time(json_t *claims, const char *name, time_t now)
{
    json_t  *claim;
    time_t   proved;

    claim = json_object_get(claims, name);
    proved = json_integer_value(claim);

    if (proved <= now) {
        return 0;
    }

    return json_integer_set(claim, (proved - now <= AF_CLOCK_SKEW) ? now : 0);
}


/* a string for one, an array for several; NULL: no memory */

static json_t *
af_audience(const ngx_http_autoflow_srv_conf_t *ascf)
{
    json_t       *audience;
    ngx_uint_t    i;
    const char  **names;

    /* the last element is NULL */

    names = ascf->audience->elts;

    if (ascf->audience->nelts == 2) {
        return json_string(names[0]);
    }

    audience = json_array();

    for (i = 0; i < ascf->audience->nelts - 1; i++) {
        if (json_array_append_new(audience, json_string(names[i])) != 0) {
            json_decref(audience);
            return NULL;
        }
    }

    return audience;
}
