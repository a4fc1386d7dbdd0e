#include "api/attempts.h"
#include "flow/budget.h"
#include "check/uuid.h"

#include <sodium.h>


/* an IPv4 address, or the /64 of an IPv6 address */
#define AF_ADDRESS_KEY  8


typedef enum {
    AF_ATTEMPT_ADDRESS = 0,
    AF_ATTEMPT_ACCOUNT,            /* from one address */
    AF_ATTEMPT_TOTAL,              /* at an account, from all addresses */
    AF_ATTEMPT_LOGIN,              /* a successful login, from one address */
    AF_ATTEMPT_CURRENT             /* with a session, from all addresses */
} af_attempt_kind_t;


/* each limit has counters of its own */

typedef struct {
    u_char             kind;
    u_char             family;     /* of the address: families don't overlap */
    u_char             address[AF_ADDRESS_KEY];
    af_account_key_t   account;
} af_attempt_key_t;


/* the outcome of an attempt */

typedef enum {
    AF_ATTEMPT_FAILURE = 0,
    AF_ATTEMPT_SUCCESS,
    AF_ATTEMPT_UNSENT,             /* the client gave up, for example */
    AF_ATTEMPT_UNCHECKED,          /* no credential was checked */
    AF_ATTEMPT_CONTINUED,          /* a factor is missing */
    AF_ATTEMPT_OUTCOMES
} af_attempt_outcome_t;


typedef void (*af_attempt_pt)(af_limits_t *limits, const void *key,
    size_t len, time_t now);


/* a request's attempts in flight, the latest first */

typedef struct af_attempt_s  af_attempt_t;

struct af_attempt_s {
    af_attempt_key_t   key;
    af_attempt_t      *next;
};


static void af_attempts_learn_kind(af_ctx_t *ctx, af_attempt_kind_t kind,
    const af_account_key_t *account);
static ngx_int_t af_attempt(af_ctx_t *ctx, af_attempt_kind_t kind,
    const af_account_key_t *account);
static ngx_int_t af_attempt_refuse(af_ctx_t *ctx, af_attempt_kind_t kind,
    ngx_uint_t seconds, int first);
static const af_rate_t *af_attempt_rate(af_ctx_t *ctx, af_attempt_kind_t kind);
static void af_attempt_key(af_ctx_t *ctx, af_attempt_kind_t kind,
    const af_account_key_t *account, af_attempt_key_t *key);
static void af_attempt_set_address(ngx_http_request_t *r,
    af_attempt_key_t *key);
static void af_attempts_settle(af_ctx_t *ctx, af_attempt_outcome_t outcome);
static void af_attempts_ended(af_ctx_t *ctx, ngx_uint_t answered);
static void af_attempt_clear(af_limits_t *limits, const void *key,
    size_t len, time_t now);


/*
 * Address and login limits are about load, and the work may have been done
 * though the client gave up.  An account's limits are about guesses: an answer
 * that is never sent reveals nothing.
 */

static const struct {
    const char     *limit;         /* as in the audit log */
    af_limit_t      metric;
    size_t          rate;          /* in autoflow_attempts */
    af_attempt_pt   settle[AF_ATTEMPT_OUTCOMES];
} af_attempt_kinds[] = {

    [AF_ATTEMPT_ADDRESS] = { "address", AF_LIMIT_ADDRESS,
        offsetof(af_attempts_t, address),
        { af_limits_failed, af_limits_release,
          af_limits_failed, af_limits_release,
          af_limits_release } },

    [AF_ATTEMPT_ACCOUNT] = { "account", AF_LIMIT_ACCOUNT,
        offsetof(af_attempts_t, account),
        { af_limits_failed, af_attempt_clear,
          af_limits_release, af_limits_release,
          af_limits_release } },

    [AF_ATTEMPT_TOTAL] = { "account_total", AF_LIMIT_ACCOUNT_TOTAL,
        offsetof(af_attempts_t, account_total),
        { af_limits_failed, af_limits_release,
          af_limits_release, af_limits_release,
          af_limits_release } },

    [AF_ATTEMPT_LOGIN] = { "changes", AF_LIMIT_LOGINS,
        offsetof(af_attempts_t, reserved),
        { af_limits_release, af_limits_failed,
          af_limits_failed, af_limits_release,
          af_limits_failed } },

    [AF_ATTEMPT_CURRENT] = { "account_total", AF_LIMIT_ACCOUNT_TOTAL,
        offsetof(af_attempts_t, account_total),
        { af_limits_failed, af_limits_release,
          af_limits_release, af_limits_release,
          af_limits_release } }
};


void
af_account_key(af_ctx_t *ctx, const char *user_id, const char *login,
    af_account_key_t *key)
{
    size_t                   len;
    u_char                   lower[1024];
    const af_purpose_key_t  *mac;

    if (user_id
        && af_uuid_read(user_id, ngx_strlen(user_id), key->octets) == 0)
    {
        return;
    }

    /* names are compared ignoring the case of ASCII letters */

    len = ngx_min(ngx_strlen(login), sizeof(lower));
    ngx_strlow(lower, (u_char *) login, len);

    /* it may be a password in the wrong field: only a MAC of it is stored */

    mac = &ctx->conf->purpose_keys.secrets[0].keys[AF_PURPOSE_LOGIN];

    (void) crypto_generichash(key->octets, sizeof(key->octets), lower, len,
                              mac->key, sizeof(mac->key));
    sodium_memzero(lower, sizeof(lower));
}


ngx_int_t
af_account_bind(af_ctx_t *ctx, const af_account_key_t *key)
{
    char   text[AF_UUID_SIZE];
    char  *id;

    af_uuid_write(key->octets, text);

    id = af_string(ctx, text, AF_UUID_SIZE - 1);
    if (id == NULL) {
        return NGX_ERROR;
    }

    af_bind(ctx, "account_id", id);

    return NGX_OK;
}


ngx_int_t
af_attempt_address(af_ctx_t *ctx)
{
    return af_attempt(ctx, AF_ATTEMPT_ADDRESS, NULL);
}


ngx_int_t
af_attempt_account(af_ctx_t *ctx, const af_account_key_t *account)
{
    return af_attempt(ctx, AF_ATTEMPT_ACCOUNT, account);
}


ngx_int_t
af_attempt_login(af_ctx_t *ctx, const af_account_key_t *account)
{
    return af_attempt(ctx, AF_ATTEMPT_LOGIN, account);
}


ngx_int_t
af_attempt_total(af_ctx_t *ctx, const af_account_key_t *account)
{
    return af_attempt(ctx, AF_ATTEMPT_TOTAL, account);
}


ngx_uint_t
af_attempts_spent(af_ctx_t *ctx, const af_account_key_t *account)
{
    const af_rate_t   *rate;
    af_attempt_key_t   key;

    rate = af_attempt_rate(ctx, AF_ATTEMPT_TOTAL);

    if (rate->window == 0) {
        return 0;
    }

    af_attempt_key(ctx, AF_ATTEMPT_TOTAL, account, &key);

    return af_limits_peek(ctx->conf->zone->limits, rate, &key, sizeof(key),
                          ngx_time())
           != 0;
}


void
af_attempts_learn(af_ctx_t *ctx, const af_account_key_t *account)
{
    af_attempts_learn_kind(ctx, AF_ATTEMPT_TOTAL, account);
}


ngx_int_t
af_attempt_current(af_ctx_t *ctx, const af_account_key_t *account)
{
    af_attempts_learn_kind(ctx, AF_ATTEMPT_CURRENT, account);

    return af_attempt(ctx, AF_ATTEMPT_CURRENT, account);
}


ngx_uint_t
af_attempts_are_total(af_ctx_t *ctx)
{
    return af_attempt_rate(ctx, AF_ATTEMPT_TOTAL)->window != 0;
}


static void
af_attempts_learn_kind(af_ctx_t *ctx, af_attempt_kind_t kind,
    const af_account_key_t *account)
{
    const char        *failures;
    const af_rate_t   *rate;
    af_attempt_key_t   key;

    rate = af_attempt_rate(ctx, kind);
    failures = af_column(ctx, "failures");

    if (failures == NULL || rate->window == 0) {
        return;
    }

    af_attempt_key(ctx, kind, account, &key);

    af_limits_raise(ctx->conf->zone->limits, rate, &key, sizeof(key),
                    strtoul(failures, NULL, 10),
                    strtoul(af_column(ctx, "seconds_left"), NULL, 10),
                    ngx_time());
}


ngx_int_t
af_attempts_bind(af_ctx_t *ctx, ngx_uint_t counted)
{
    char             *max, *window;
    const af_rate_t  *rate;

    rate = af_attempt_rate(ctx, AF_ATTEMPT_TOTAL);

    max = ngx_pnalloc(ctx->request->pool, 2 * (NGX_INT32_LEN + 1));
    if (max == NULL) {
        return NGX_ERROR;
    }

    window = max + NGX_INT32_LEN + 1;

    (void) ngx_sprintf((u_char *) max, "%uD%Z", rate->limit);
    (void) ngx_sprintf((u_char *) window, "%uD%Z", rate->window);

    af_bind(ctx, "max_failures", counted && rate->window ? max : NULL);
    af_bind(ctx, "failures_window", window);

    return NGX_OK;
}


ngx_int_t
af_attempts_exceeded(af_ctx_t *ctx)
{
    const char  *exceeds;

    exceeds = af_column(ctx, "exceeds");

    if (exceeds == NULL || exceeds[0] != 't') {
        return NGX_OK;
    }

    af_count(AF_METRIC_REFUSED, AF_LIMIT_ACCOUNT_TOTAL);

    return (af_retry_after(ctx, strtoul(af_column(ctx, "seconds_left"), NULL,
                                        10))
            == NGX_OK)
           ? af_problem(ctx, AF_TOO_MANY_ATTEMPTS, NULL) : NGX_ERROR;
}


static ngx_int_t
af_attempt(af_ctx_t *ctx, af_attempt_kind_t kind,
    const af_account_key_t *account)
{
    int               first;
    ngx_uint_t        seconds;
    af_attempt_t     *attempt;
    const af_rate_t  *rate;

    rate = af_attempt_rate(ctx, kind);

    if (rate->window == 0) {
        return NGX_OK;
    }

    attempt = ngx_palloc(ctx->request->pool, sizeof(af_attempt_t));
    if (attempt == NULL) {
        return NGX_ERROR;
    }

    af_attempt_key(ctx, kind, account, &attempt->key);

    seconds = af_limits_take(ctx->conf->zone->limits, rate, &attempt->key,
                             sizeof(af_attempt_key_t), ngx_time(), &first);
    if (seconds) {
        return af_attempt_refuse(ctx, kind, seconds, first);
    }

    attempt->next = ctx->attempts;
    ctx->attempts = attempt;
    ctx->ended = af_attempts_ended;

    return NGX_OK;
}


/* no credential was checked, whatever was counted before; the address counts */

static ngx_int_t
af_attempt_refuse(af_ctx_t *ctx, af_attempt_kind_t kind, ngx_uint_t seconds,
    int first)
{
    af_count(AF_METRIC_REFUSED, af_attempt_kinds[kind].metric);

    af_attempts_settle(ctx, AF_ATTEMPT_UNSENT);

    if (af_retry_after(ctx, seconds) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!first) {
        return af_problem(ctx, AF_TOO_MANY_ATTEMPTS, NULL);
    }

    af_bind(ctx, "limit", af_attempt_kinds[kind].limit);

    return af_problem_after_try(ctx, AF_TOO_MANY_ATTEMPTS,
                                &af_sql_auth_locked_out);
}


void
af_attempts_failed(af_ctx_t *ctx)
{
    af_attempts_settle(ctx, AF_ATTEMPT_FAILURE);
}


void
af_attempts_succeeded(af_ctx_t *ctx)
{
    af_attempts_settle(ctx, AF_ATTEMPT_SUCCESS);
}


void
af_attempts_continued(af_ctx_t *ctx)
{
    af_attempts_settle(ctx, AF_ATTEMPT_CONTINUED);
}


void
af_attempts_unchecked(af_ctx_t *ctx)
{
    af_attempts_settle(ctx, AF_ATTEMPT_UNCHECKED);
}


ngx_int_t
af_attempt_again(af_ctx_t *ctx, const af_step_pt *steps)
{
    if (ctx->again) {
        return NGX_DECLINED;
    }

    ctx->again = 1;
    af_attempts_unchecked(ctx);

    return af_follow(ctx, steps);
}


/* of what no step has settled */

static void
af_attempts_ended(af_ctx_t *ctx, ngx_uint_t answered)
{
    af_attempts_settle(ctx, answered ? AF_ATTEMPT_FAILURE : AF_ATTEMPT_UNSENT);
}


static void
af_attempts_settle(af_ctx_t *ctx, af_attempt_outcome_t outcome)
{
    af_attempt_t  *attempt;

    for (attempt = ctx->attempts; attempt; attempt = attempt->next) {
        af_attempt_kinds[attempt->key.kind].settle[outcome](
            ctx->conf->zone->limits, &attempt->key, sizeof(af_attempt_key_t),
            ngx_time());
    }

    ctx->attempts = NULL;
}


static void
af_attempt_clear(af_limits_t *limits, const void *key, size_t len,
    time_t now)
{
    af_limits_release(limits, key, len, now);
    af_limits_clear(limits, key, len, now);
}


void
af_attempts_clear(af_ctx_t *ctx, const af_account_key_t *account)
{
    af_attempt_key_t  key;

    af_attempt_key(ctx, AF_ATTEMPT_ACCOUNT, account, &key);

    af_limits_clear(ctx->conf->zone->limits, &key, sizeof(key), ngx_time());
}


static const af_rate_t *
af_attempt_rate(af_ctx_t *ctx, af_attempt_kind_t kind)
{
    return (af_rate_t *) ((char *) ctx->conf->attempts
                          + af_attempt_kinds[kind].rate);
}


static void
af_attempt_key(af_ctx_t *ctx, af_attempt_kind_t kind,
    const af_account_key_t *account, af_attempt_key_t *key)
{
    ngx_memzero(key, sizeof(af_attempt_key_t));

    key->kind = kind;

    if (account) {
        key->account = *account;
    }

    if (kind != AF_ATTEMPT_TOTAL && kind != AF_ATTEMPT_CURRENT) {
        af_attempt_set_address(ctx->request, key);
    }
}


/* clients that can't be told apart, as behind a Unix socket, count as one */

static void
af_attempt_set_address(ngx_http_request_t *r, af_attempt_key_t *key)
{
    struct sockaddr      *sockaddr;
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    sockaddr = r->connection->sockaddr;
    key->family = sockaddr->sa_family;

    switch (sockaddr->sa_family) {

    case AF_INET:
        sin = (struct sockaddr_in *) sockaddr;
        ngx_memcpy(key->address, &sin->sin_addr, sizeof(sin->sin_addr));
        return;

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) sockaddr;

        if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
            key->family = AF_INET;
            ngx_memcpy(key->address, &sin6->sin6_addr.s6_addr[12], 4);

        } else {
            ngx_memcpy(key->address, &sin6->sin6_addr, AF_ADDRESS_KEY);
        }

        return;
#endif
    }
}
