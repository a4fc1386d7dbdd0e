#include "api/attempts.h"


/* an IPv4 address, or as much of an IPv6 address as one party has */
#define AF_ADDRESS_KEY  8


/* each of the limits counts by keys of its own */

typedef struct {
    u_char             kind;
    u_char             address[AF_ADDRESS_KEY];
    af_account_key_t   account;
} af_attempt_key_t;


/* what was counted for a request, the latest first */

typedef struct af_attempt_s  af_attempt_t;

struct af_attempt_s {
    af_attempt_key_t   key;
    af_attempt_t      *next;
};


/* what the last one that was refused has to be told, or not */

typedef struct {
    const char        *limit;
    ngx_uint_t         seconds;
    int                first;
    af_attempt_t      *counted;
} af_attempts_made_t;


static ngx_int_t af_attempt(af_ctx_t *ctx, const af_rate_t *rate,
    const char *limit, const af_attempt_key_t *key);
static ngx_int_t af_attempt_refuse(af_ctx_t *ctx);
static void af_attempt_total_key(const af_account_key_t *account,
    af_attempt_key_t *key);
static void af_attempt_from(ngx_http_request_t *r, af_attempt_key_t *key);
static af_attempts_made_t *af_attempts_made(af_ctx_t *ctx);


void
af_account_key(const char *user_id, const char *typed, af_account_key_t *key)
{
    size_t   len;
    u_char   lower[1024];

    if (user_id
        && af_zone_id(user_id, ngx_strlen(user_id), key->octets) == 0)
    {
        return;
    }

    /* names are compared in any case of ASCII letters */

    len = ngx_min(ngx_strlen(typed), sizeof(lower));
    ngx_strlow(lower, (u_char *) typed, len);

    (void) crypto_generichash(key->octets, sizeof(key->octets), lower, len,
                              NULL, 0);
    sodium_memzero(lower, sizeof(lower));
}


ngx_int_t
af_attempt_address(af_ctx_t *ctx)
{
    af_attempt_key_t  key;

    ngx_memzero(&key, sizeof(key));

    key.kind = 'a';
    af_attempt_from(ctx->request, &key);

    return af_attempt(ctx, &ctx->conf->attempts.address, "address", &key);
}


ngx_int_t
af_attempt_account(af_ctx_t *ctx, const af_account_key_t *account)
{
    af_attempt_key_t  key;

    ngx_memzero(&key, sizeof(key));

    key.kind = 'b';
    key.account = *account;
    af_attempt_from(ctx->request, &key);

    return af_attempt(ctx, &ctx->conf->attempts.account, "account", &key);
}


ngx_int_t
af_attempt_total(af_ctx_t *ctx, const af_account_key_t *account)
{
    af_attempt_key_t  key;

    af_attempt_total_key(account, &key);

    return af_attempt(ctx, &ctx->conf->attempts.account_total,
                      "account_total", &key);
}


ngx_uint_t
af_attempts_spent(af_ctx_t *ctx, const af_account_key_t *account)
{
    const af_rate_t   *rate;
    af_attempt_key_t   key;

    rate = &ctx->conf->attempts.account_total;

    if (rate->window == 0) {
        return 0;
    }

    af_attempt_total_key(account, &key);

    return af_limits_peek(ctx->conf->zone->limits, rate, &key, sizeof(key),
                          ngx_time())
           != 0;
}


static void
af_attempt_total_key(const af_account_key_t *account, af_attempt_key_t *key)
{
    ngx_memzero(key, sizeof(af_attempt_key_t));

    key->kind = 'c';
    key->account = *account;
}


static ngx_int_t
af_attempt(af_ctx_t *ctx, const af_rate_t *rate, const char *limit,
    const af_attempt_key_t *key)
{
    af_attempt_t        *attempt;
    af_attempts_made_t  *made;

    if (rate->window == 0) {
        return NGX_OK;
    }

    made = af_attempts_made(ctx);
    attempt = ngx_palloc(ctx->request->pool, sizeof(af_attempt_t));

    if (made == NULL || attempt == NULL) {
        return NGX_ERROR;
    }

    made->limit = limit;
    made->seconds = af_limits_take(ctx->conf->zone->limits, rate, key,
                                   sizeof(af_attempt_key_t), ngx_time(),
                                   &made->first);
    if (made->seconds) {
        return af_attempt_refuse(ctx);
    }

    attempt->key = *key;
    attempt->next = made->counted;
    made->counted = attempt;

    return NGX_OK;
}


static ngx_int_t
af_attempt_refuse(af_ctx_t *ctx)
{
    u_char              *seconds;
    af_attempts_made_t  *made;

    made = af_attempts_made(ctx);
    seconds = ngx_pnalloc(ctx->request->pool, NGX_INT_T_LEN);

    if (made == NULL || seconds == NULL
        || af_set_header(ctx->request, "Retry-After", seconds,
                         ngx_sprintf(seconds, "%ui", made->seconds) - seconds,
                         NULL)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!made->first) {
        return af_problem(ctx, AF_TOO_MANY_ATTEMPTS, NULL);
    }

    af_bind(ctx, "limit", made->limit);

    return af_refuse_anyway(ctx, AF_TOO_MANY_ATTEMPTS,
                            &af_sql_auth_locked_out);
}


void
af_attempts_right(af_ctx_t *ctx)
{
    af_attempt_t        *attempt;
    af_attempts_made_t  *made;

    made = ctx->attempts;

    for (attempt = made ? made->counted : NULL;
         attempt;
         attempt = attempt->next)
    {
        af_limits_give_back(ctx->conf->zone->limits, &attempt->key,
                            sizeof(af_attempt_key_t), ngx_time());
    }

    ctx->attempts = NULL;
}


/* whom nobody can tell apart, as behind a Unix socket, count as one */

static void
af_attempt_from(ngx_http_request_t *r, af_attempt_key_t *key)
{
    struct sockaddr      *sockaddr;
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    sockaddr = r->connection->sockaddr;

    switch (sockaddr->sa_family) {

    case AF_INET:
        sin = (struct sockaddr_in *) sockaddr;
        ngx_memcpy(key->address, &sin->sin_addr, sizeof(sin->sin_addr));
        return;

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) sockaddr;

        if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
            ngx_memcpy(key->address, &sin6->sin6_addr.s6_addr[12], 4);

        } else {
            ngx_memcpy(key->address, &sin6->sin6_addr, AF_ADDRESS_KEY);
        }

        return;
#endif
    }
}


static af_attempts_made_t *
af_attempts_made(af_ctx_t *ctx)
{
    if (ctx->attempts == NULL) {
        ctx->attempts = ngx_pcalloc(ctx->request->pool,
                                    sizeof(af_attempts_made_t));
    }

    return ctx->attempts;
}
