#include "http/credential.h"
#include "http/csrf.h"


static ngx_uint_t af_credential_renewed(ngx_http_request_t *r,
    ngx_str_t *token);
static ngx_uint_t af_is_bearer(const ngx_str_t *value);
static af_refresh_form_t af_credential_form(const ngx_str_t *token);
static void af_credential_read(ngx_http_request_t *r, const ngx_str_t *token,
    af_source_t source, af_credential_t *credential);
static ngx_uint_t af_credential_id_matches(const ngx_str_t *id,
    const char *parsed);
static ngx_uint_t af_credential_cookie(ngx_http_request_t *r,
    af_credential_t *credential);
static ngx_uint_t af_credential_newest(ngx_http_request_t *r,
    const ngx_str_t *tokens, ngx_uint_t n, af_credential_t *credential);
static ngx_uint_t af_credential_legacy(ngx_http_request_t *r,
    const ngx_str_t *tokens, ngx_uint_t n, af_credential_t *credential);
static ngx_uint_t af_credential_is_newer(const af_refresh_t *a,
    const af_refresh_t *b);


/* "Authorization: Bearer" (RFC 6750, section 2.1) */

void
af_bearer(ngx_http_request_t *r, ngx_str_t *token)
{
    u_char                   *p, *last;
    ngx_table_elt_t          *h;
    ngx_http_autoflow_ctx_t  *ctx;

    ngx_str_set(token, "");

    ctx = af_request_find_ctx(r->main);

    if (ctx && ctx->bearer.len) {
        *token = ctx->bearer;
        return;
    }

    h = r->headers_in.authorization;

    if (h == NULL || !af_is_bearer(&h->value)) {
        return;
    }

    p = h->value.data + sizeof("bearer ") - 1;
    last = h->value.data + h->value.len;

    while (p < last && *p == ' ') {
        p++;
    }

    token->data = p;
    token->len = last - p;

    /*
     * An upstream might use another line than we do: later nginx versions
     * reject such a request, we treat the token as malformed.
     */

    if (af_header_in(r, "authorization", 1)) {
        ngx_str_set(token, ",");
    }
}


static ngx_uint_t
af_is_bearer(const ngx_str_t *value)
{
    static u_char  scheme[] = "Bearer ";

    return value->len >= sizeof(scheme) - 1
           && (ngx_memcmp(value->data, scheme, sizeof(scheme) - 1) == 0
               || ngx_strncasecmp(value->data, scheme, sizeof(scheme) - 1)
                  == 0);
}


/* subrequests share the headers, and what is remembered of them */

ngx_int_t
af_bearer_strip_handler(ngx_http_request_t *r)
{
    ngx_str_t                 token;
    ngx_uint_t                n;
    ngx_table_elt_t          *h;
    ngx_http_autoflow_ctx_t  *ctx;

    if (r != r->main || !af_loc_conf(r)->strip) {
        return NGX_DECLINED;
    }

    ctx = af_request_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    af_bearer(r, &token);
    ctx->bearer = token;

    n = 0;

    while ((h = af_header_in(r, "authorization", n)) != NULL) {

        if (!af_is_bearer(&h->value)) {
            n++;
            continue;
        }

        if (h == r->headers_in.authorization) {
            r->headers_in.authorization = NULL;
        }

        if (af_header_remove(r, h) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    return NGX_DECLINED;
}


ngx_uint_t
af_access_credentials(ngx_http_request_t *r, ngx_str_t tokens[AF_COOKIE_VALUES],
    ngx_uint_t *cookie)
{
    ngx_str_t   bearer;
    ngx_uint_t  n;

    af_bearer(r, &bearer);

    *cookie = 0;
    n = 0;

    if (bearer.len == 0 || af_credential_form(&bearer) != AF_REFRESH_NONE) {
        n = af_credential_renewed(r, tokens)
            ? 1 : af_cookie(r, AF_COOKIE_ACCESS, tokens);
        *cookie = (n != 0);
    }

    if (n == 0) {
        tokens[0] = bearer;
        n = 1;
    }

    return n;
}


/* it is as if the browser had already sent the new cookie */

static ngx_uint_t
af_credential_renewed(ngx_http_request_t *r, ngx_str_t *token)
{
    ngx_http_autoflow_ctx_t  *ctx;

    ctx = af_request_find_ctx(r->main);

    if (ctx == NULL || ctx->renewed.len == 0 || !af_cookies_on(r)) {
        return 0;
    }

    *token = ctx->renewed;

    return 1;
}


void
af_refresh_credential(ngx_http_request_t *r, const char *body,
    af_credential_t *credential)
{
    ngx_str_t  token;

    if (body) {
        token.data = (u_char *) body;
        token.len = ngx_strlen(body);

        af_credential_read(r, &token, AF_SOURCE_BODY, credential);
        return;
    }

    af_bearer(r, &token);

    if (af_credential_form(&token) != AF_REFRESH_NONE) {
        af_credential_read(r, &token, AF_SOURCE_BEARER, credential);

    } else if (!af_credential_cookie(r, credential)) {
        ngx_memzero(credential, sizeof(af_credential_t));
    }
}


static void
af_credential_read(ngx_http_request_t *r, const ngx_str_t *token,
    af_source_t source, af_credential_t *credential)
{
    ngx_http_autoflow_main_conf_t  *amcf;

    amcf = af_main_conf(r);

    credential->token = *token;
    credential->source = source;
    credential->form = af_credential_form(token);

    if (credential->form == AF_REFRESH_NUMBERED
        && af_refresh_parse(&amcf->purpose_keys, (char *) token->data,
                            token->len, &credential->refresh)
           != 0)
    {
        credential->form = AF_REFRESH_NONE;
    }
}


ngx_uint_t
af_cookies_belong_to(ngx_http_request_t *r, const ngx_str_t *user_id,
    const ngx_str_t *session_id)
{
    af_credential_t  cookie;

    if (!af_credential_cookie(r, &cookie)
        || cookie.form != AF_REFRESH_NUMBERED)
    {
        return session_id && af_csrf_cookie_matches(r, session_id);
    }

    return af_credential_id_matches(user_id, cookie.refresh.user_id)
           || af_credential_id_matches(session_id, cookie.refresh.session_id);
}


static ngx_uint_t
af_credential_id_matches(const ngx_str_t *id, const char *parsed)
{
    return id
           && id->len == ngx_strlen(parsed)
           && ngx_strncasecmp(id->data, (u_char *) parsed, id->len) == 0;
}


static af_refresh_form_t
af_credential_form(const ngx_str_t *token)
{
    return af_refresh_form((char *) token->data, token->len);
}


/*
 * A legacy cookie may have been set by any sibling host: it is accepted only
 * with a legacy token, of which there will soon be none left.
 */

static ngx_uint_t
af_credential_cookie(ngx_http_request_t *r, af_credential_t *credential)
{
    ngx_str_t   current[AF_COOKIE_VALUES], legacy[AF_COOKIE_VALUES];
    ngx_uint_t  ncurrent, nlegacy;

    ncurrent = af_cookie(r, AF_COOKIE_REFRESH, current);

    if (af_credential_newest(r, current, ncurrent, credential)
        || af_credential_legacy(r, current, ncurrent, credential))
    {
        return 1;
    }

    nlegacy = af_cookie(r, AF_COOKIE_LEGACY_REFRESH, legacy);

    if (af_credential_legacy(r, legacy, nlegacy, credential)) {
        return 1;
    }

    /* junk, which will be refused */

    if (ncurrent) {
        af_credential_read(r, &current[0], AF_SOURCE_COOKIE, credential);
    }

    return ncurrent != 0;
}


static ngx_uint_t
af_credential_newest(ngx_http_request_t *r, const ngx_str_t *tokens,
    ngx_uint_t n, af_credential_t *credential)
{
    ngx_uint_t       i, found;
    af_credential_t  next;

    found = 0;

    for (i = 0; i < n; i++) {

        af_credential_read(r, &tokens[i], AF_SOURCE_COOKIE, &next);

        if (next.form == AF_REFRESH_NUMBERED
            && (!found
                || af_credential_is_newer(&next.refresh,
                                          &credential->refresh)))
        {
            *credential = next;
            found = 1;
        }
    }

    return found;
}


static ngx_uint_t
af_credential_legacy(ngx_http_request_t *r, const ngx_str_t *tokens,
    ngx_uint_t n, af_credential_t *credential)
{
    ngx_uint_t  i;

    for (i = 0; i < n; i++) {
        if (af_credential_form(&tokens[i]) == AF_REFRESH_LEGACY) {
            af_credential_read(r, &tokens[i], AF_SOURCE_COOKIE, credential);
            return 1;
        }
    }

    return 0;
}


/* ids of sessions are ordered by time: UUIDs, version 7 */

static ngx_uint_t
af_credential_is_newer(const af_refresh_t *a, const af_refresh_t *b)
{
    int  rc;

    rc = ngx_strcmp(a->session_id, b->session_id);

    return rc > 0 || (rc == 0 && a->number > b->number);
}
