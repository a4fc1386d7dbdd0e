#include "http/credential.h"
#include "http/csrf.h"
#include "http/identity.h"
#include "keys/remote.h"
#include "shm/counters.h"
#include "shm/zone.h"
#include "token/cache.h"


/* the least useful size of a cache, in octets */
#define AF_TOKEN_CACHE_MIN  4096

/* subjects of revocations that are looked up together */
#define AF_SUBJECTS  10

/* cookies of one name with invalid signatures, before the rest are ignored */
#define AF_INVALID_TOKENS_MAX  4


static const af_identity_t *af_identity_select(ngx_http_request_t *r);
static ngx_uint_t af_identity_tokens(ngx_http_request_t *r,
    ngx_str_t tokens[AF_COOKIE_VALUES], ngx_uint_t *cookie);
static const af_identity_t *af_identity_get(ngx_http_request_t *r,
    const ngx_str_t *token, ngx_uint_t cookie);
static ngx_uint_t af_identity_is_better(const af_identity_t *a,
    const af_identity_t *b);
static ngx_int_t af_identity_verify(ngx_http_request_t *r,
    af_identity_t *identity);
static ngx_int_t af_identity_judge(ngx_http_request_t *r,
    af_identity_t *identity, af_jwt_status_t *status);
static af_jwt_status_t af_identity_verify_token(const af_jwt_rules_t *rules,
    af_identity_t *identity, char *text);
static void af_identity_rules(const af_identity_t *identity,
    af_jwt_rules_t *rules);
static ngx_int_t af_identity_alloc(ngx_http_request_t *r,
    af_identity_t *identity, char **text);
static ngx_int_t af_identity_decode(ngx_http_request_t *r,
    af_identity_t *identity, af_jwt_half_t half, af_claims_t **object);
static af_claims_t *af_identity_half(const af_identity_t *identity,
    af_jwt_half_t half);
static void af_identity_log(ngx_http_request_t *r,
    const af_identity_t *identity);
static ngx_uint_t af_identity_is_unknown_key(af_jwt_status_t status);
static ngx_uint_t af_identity_may_be_remote(af_jwt_status_t status);
static af_verified_t *af_identity_cached(const af_identity_t *identity,
    af_cache_t *cache, const af_cache_key_t *key);
static void af_identity_set_ids(af_identity_t *identity);
static af_token_status_t af_identity_check_revocation(ngx_http_request_t *r,
    af_identity_t *identity);
static ngx_int_t af_identity_is_revoked(ngx_http_request_t *r,
    const af_identity_t *identity);
static void af_identity_clear(void *data);


/* each status in $autoflow_status, and as a problem */

static const struct {
    ngx_str_t        word;
    af_problem_id_t  problem;
} af_token_statuses[] = {
    { ngx_string("ok"), AF_PROBLEM_NONE },
    { ngx_string("missing"), AF_TOKEN_REQUIRED },
    { ngx_string("too_long"), AF_INVALID_TOKEN },
    { ngx_string("malformed"), AF_INVALID_TOKEN },
    { ngx_string("unknown_key"), AF_INVALID_TOKEN },
    { ngx_string("signature"), AF_INVALID_TOKEN },
    { ngx_string("issuer"), AF_INVALID_TOKEN },
    { ngx_string("audience"), AF_INVALID_TOKEN },
    { ngx_string("not_yet_valid"), AF_NOT_YET_VALID_TOKEN },
    { ngx_string("expired"), AF_EXPIRED_TOKEN },
    { ngx_string("token_revoked"), AF_REVOKED_TOKEN },
    { ngx_string("forbidden"), AF_INSUFFICIENT_SCOPE },
    { ngx_string("forbidden"), AF_CSRF_REFUSED },
    { ngx_string("unavailable"), AF_UNAVAILABLE },
    { ngx_string("insufficient"), AF_REAUTHENTICATION_REQUIRED }
};


_Static_assert(sizeof(af_token_statuses) / sizeof(af_token_statuses[0])
               == AF_VERIFICATION_VALUES, "values");


static const ngx_str_t  af_roles = ngx_string("roles");


/* of a server without autoflow_key */

static af_key_t  *af_no_keys[] = { NULL };


/* the verifier's result as a status */

static const af_token_status_t  af_jwt_statuses[] = {
    [AF_JWT_OK] = AF_TOKEN_OK,
    [AF_JWT_TOO_LONG] = AF_TOKEN_TOO_LONG,
    [AF_JWT_MALFORMED] = AF_TOKEN_MALFORMED,
    [AF_JWT_UNKNOWN_KEY] = AF_TOKEN_UNKNOWN_KEY,
    [AF_JWT_NO_KID] = AF_TOKEN_SIGNATURE,
    [AF_JWT_SIGNATURE] = AF_TOKEN_SIGNATURE,
    [AF_JWT_ISSUER] = AF_TOKEN_ISSUER,
    [AF_JWT_AUDIENCE] = AF_TOKEN_AUDIENCE,
    [AF_JWT_NOT_YET_VALID] = AF_TOKEN_NOT_YET_VALID,
    [AF_JWT_EXPIRED] = AF_TOKEN_EXPIRED
};


char *
af_token_cache_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_main_conf_t *amcf = conf;

    ssize_t     size;
    ngx_str_t  *value;

    if (amcf->token_cache != NGX_CONF_UNSET_SIZE) {
        return "is duplicate";
    }

    value = cf->args->elts;

    size = (ngx_strcmp(value[1].data, "off") == 0) ? 0
                                                   : ngx_parse_size(&value[1]);

    if (size == NGX_ERROR || (size != 0 && size < AF_TOKEN_CACHE_MIN)) {
        return "must be \"off\", or a size of at least 4k";
    }

    amcf->token_cache = size;

    return NGX_CONF_OK;
}


void
af_token_cache_start(ngx_http_autoflow_main_conf_t *amcf, ngx_log_t *log)
{
    if (amcf->token_cache == 0) {
        return;
    }

    amcf->cache = af_cache_create(amcf->token_cache, sizeof(af_verified_t));

    if (amcf->cache == NULL) {
        ngx_log_error(NGX_LOG_ALERT, log, 0,
                      "autoflow: there is no memory for a "
                      "\"autoflow_token_cache\" of %uz octets",
                      amcf->token_cache);
    }
}


/*
 * Looked up once per location, unless the token is in a variable, which may
 * change, or the request was given another Authorization.
 */

const af_identity_t *
af_identity(ngx_http_request_t *r)
{
    const u_char                        *authorization;
    ngx_table_elt_t                     *h;
    ngx_http_autoflow_ctx_t             *ctx;
    const ngx_http_autoflow_loc_conf_t  *alcf;

    ctx = af_request_ctx(r);
    if (ctx == NULL) {
        return NULL;
    }

    alcf = af_loc_conf(r);
    h = r->headers_in.authorization;
    authorization = h ? h->value.data : NULL;

    if (ctx->identity == NULL
        || alcf->token
        || ctx->identity_conf != alcf
        || ctx->authorization != authorization)
    {
        ctx->identity = af_identity_select(r);
        ctx->identity_conf = alcf;
        ctx->authorization = authorization;
    }

    return ctx->identity;
}


static const af_identity_t *
af_identity_select(ngx_http_request_t *r)
{
    ngx_str_t             tokens[AF_COOKIE_VALUES];
    ngx_uint_t            i, n, cookie, invalid;
    const af_identity_t  *identity, *best;

    n = af_identity_tokens(r, tokens, &cookie);
    best = NULL;
    invalid = 0;

    for (i = 0; i < n && invalid < AF_INVALID_TOKENS_MAX; i++) {

        identity = af_identity_get(r, &tokens[i], cookie);

        if (identity == NULL) {
            return NULL;
        }

        if (best == NULL || af_identity_is_better(identity, best)) {
            best = identity;
        }

        invalid += (identity->status == AF_TOKEN_UNKNOWN_KEY
                    || identity->status == AF_TOKEN_SIGNATURE);
    }

    return best;
}


/*
 * as autoflow_auth configures it; empty if there is none; returns 0: no memory
 */

static ngx_uint_t
af_identity_tokens(ngx_http_request_t *r, ngx_str_t tokens[AF_COOKIE_VALUES],
    ngx_uint_t *cookie)
{
    ngx_http_autoflow_loc_conf_t  *alcf;

    alcf = af_loc_conf(r);

    if (alcf->token == NULL) {
        return af_access_credentials(r, tokens, cookie);
    }

    if (ngx_http_complex_value(r, alcf->token, tokens) != NGX_OK) {
        return 0;
    }

    /* a map, for instance, may have taken it from a cookie */

    *cookie = alcf->token_cookie || af_cookies_contain(r, tokens);

    return 1;
}


static const af_identity_t *
af_identity_get(ngx_http_request_t *r, const ngx_str_t *token,
    ngx_uint_t cookie)
{
    af_identity_t                 *identity;
    ngx_pool_cleanup_t            *cln;
    ngx_http_autoflow_ctx_t       *ctx;
    ngx_http_autoflow_loc_conf_t  *location;
    ngx_http_autoflow_srv_conf_t  *ascf;

    ctx = af_request_ctx(r);
    if (ctx == NULL) {
        return NULL;
    }

    ascf = af_srv_conf(r);

    /* trusted origins, and the requested ones, depend on the location */
    location = cookie ? af_loc_conf(r) : NULL;

    for (identity = ctx->identities; identity; identity = identity->next) {
        if (identity->conf == ascf
            && identity->location == location
            && identity->cookie == cookie
            && identity->token.len == token->len
            && ngx_memcmp(identity->token.data, token->data, token->len) == 0)
        {
            return identity;
        }
    }

    /*
     * The token is copied: what is not decoded now may be decoded when nginx
     * has used the header's memory for what follows "Upgrade".
     */

    cln = ngx_pool_cleanup_add(r->pool, sizeof(af_identity_t) + token->len);
    if (cln == NULL) {
        return NULL;
    }

    identity = cln->data;
    ngx_memzero(identity, sizeof(af_identity_t));

    cln->handler = af_identity_clear;

    identity->conf = ascf;
    identity->location = location;
    identity->token.data = (u_char *) (identity + 1);
    identity->token.len = token->len;
    identity->cookie = cookie;

    ngx_memcpy(identity->token.data, token->data, token->len);

    if (af_identity_verify(r, identity) != NGX_OK) {
        return NULL;
    }

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "autoflow: token: %V, by cookie: %ui",
                   &af_token_statuses[identity->status].word, cookie);

    identity->next = ctx->identities;
    ctx->identities = identity;

    return identity;
}


/*
 * Of several cookies the valid one that was issued last; without any, one that
 * is refused only as cross-site.
 */

static ngx_uint_t
af_identity_is_better(const af_identity_t *a, const af_identity_t *b)
{
    if (a->status == AF_TOKEN_OK && b->status == AF_TOKEN_OK) {
        return a->verified.iat > b->verified.iat;
    }

    return a->status == AF_TOKEN_OK
           || (a->status == AF_TOKEN_CROSS_SITE && b->status != AF_TOKEN_OK);
}


static ngx_int_t
af_identity_verify(ngx_http_request_t *r, af_identity_t *identity)
{
    af_jwt_status_t  status;

    if (identity->token.len == 0) {
        identity->status = AF_TOKEN_MISSING;
        return NGX_OK;
    }

    if (af_identity_judge(r, identity, &status) != NGX_OK) {
        return NGX_ERROR;
    }

    if (af_identity_is_unknown_key(status)
        && af_remotes_missing(identity->conf->remotes))
    {
        identity->status = AF_TOKEN_UNAVAILABLE;

    } else if (status != AF_JWT_OK) {
        identity->status = af_jwt_statuses[status];
    }

    if (identity->status == AF_TOKEN_OK && identity->cookie
        && !af_csrf_passes(r, &identity->session_id))
    {
        identity->status = AF_TOKEN_CROSS_SITE;
    }

    if (identity->status == AF_TOKEN_OK) {
        return NGX_OK;
    }

    af_identity_clear(identity);

    af_identity_log(r, identity);

    return NGX_OK;
}


/*
 * By what the cache has, or else by the token.  After AF_JWT_OK, the identity's
 * status says whether it is revoked.
 */

static ngx_int_t
af_identity_judge(ngx_http_request_t *r, af_identity_t *identity,
    af_jwt_status_t *status)
{
    char            *text;
    af_cache_t      *cache;
    af_verified_t   *cached;
    af_jwt_rules_t   rules;
    af_cache_key_t   key;

    cache = af_main_conf(r)->cache;
    cached = NULL;

    if (cache) {
        af_cache_key(cache, identity->conf, (char *) identity->token.data,
                     identity->token.len, &key);
        cached = af_identity_cached(identity, cache, &key);
    }

    af_count(AF_METRIC_CACHE, cached ? AF_CACHE_HIT : AF_CACHE_MISS);

    af_identity_rules(identity, &rules);

    if (cached) {
        identity->verified = *cached;
        *status = af_jwt_check_times(&rules, &cached->times);

    } else if (af_identity_alloc(r, identity, &text) == NGX_OK) {
        *status = af_identity_verify_token(&rules, identity, text);

    } else {
        return NGX_ERROR;
    }

    if (*status == AF_JWT_ERROR) {
        return NGX_ERROR;
    }

    if (*status != AF_JWT_OK) {
        return NGX_OK;
    }

    if (cached == NULL) {
        af_verified_read(&identity->verified, identity->jwt);
        identity->verified.generation =
            af_remotes_generation(identity->conf->remotes);
    }

    af_identity_set_ids(identity);
    identity->status = af_identity_check_revocation(r, identity);

    if (cached) {
        cached->checked = identity->verified.checked;

    } else if (cache) {
        af_gauge_add(AF_METRIC_CACHE_ENTRIES, 0,
                     af_cache_put(cache, &key, &identity->verified));
    }

    return NGX_OK;
}


static void
af_identity_rules(const af_identity_t *identity, af_jwt_rules_t *rules)
{
    const ngx_http_autoflow_srv_conf_t  *ascf;

    ascf = identity->conf;

    rules->keys = ascf->keys ? ascf->keys->keys : af_no_keys;
    rules->issuer = ascf->issuer.len ? (char *) ascf->issuer.data : NULL;
    rules->audience = ascf->audience ? ascf->audience->elts : NULL;
    rules->now = ngx_time();
    rules->leeway = ascf->leeway;
}


/* for what is decoded; a token that is too long won't be */

static ngx_int_t
af_identity_alloc(ngx_http_request_t *r, af_identity_t *identity, char **text)
{
    *text = ngx_pnalloc(r->pool, ngx_min(identity->token.len, AF_JWT_MAX));

    if (identity->jwt == NULL) {
        identity->jwt = ngx_palloc(r->pool, sizeof(af_jwt_t));

        if (identity->jwt) {
            af_jwt_init(identity->jwt);
        }
    }

    return (*text && identity->jwt) ? NGX_OK : NGX_ERROR;
}


ngx_int_t
af_identity_claims(ngx_http_request_t *r, const af_identity_t *identity,
    af_claims_t **claims)
{
    return af_identity_decode(r, (af_identity_t *) identity, AF_JWT_PAYLOAD,
                              claims);
}


ngx_int_t
af_identity_header(ngx_http_request_t *r, const af_identity_t *identity,
    af_claims_t **header)
{
    return af_identity_decode(r, (af_identity_t *) identity, AF_JWT_HEADER,
                              header);
}


static ngx_int_t
af_identity_decode(ngx_http_request_t *r, af_identity_t *identity,
    af_jwt_half_t half, af_claims_t **object)
{
    char         *text;
    af_claims_t  *decoded;

    *object = NULL;

    if (identity->status != AF_TOKEN_OK) {
        return NGX_OK;
    }

    decoded = af_identity_half(identity, half);

    if (decoded == NULL || decoded->text == NULL) {

        if (af_identity_alloc(r, identity, &text) != NGX_OK) {
            return NGX_ERROR;
        }

        decoded = af_identity_half(identity, half);

        if (af_jwt_read((char *) identity->token.data, identity->token.len,
                        half, text, decoded)
            != AF_JWT_OK)
        {
            return NGX_ERROR;
        }
    }

    *object = decoded;

    return NGX_OK;
}


static af_claims_t *
af_identity_half(const af_identity_t *identity, af_jwt_half_t half)
{
    if (identity->jwt == NULL) {
        return NULL;
    }

    return (half == AF_JWT_HEADER) ? &identity->jwt->header
                                   : &identity->jwt->claims;
}


static void
af_identity_log(ngx_http_request_t *r, const af_identity_t *identity)
{
    char  kid[AF_KID_MAX + 1];

    switch (identity->status) {

    case AF_TOKEN_UNKNOWN_KEY:
        af_jwt_kid((char *) identity->token.data, identity->token.len, kid,
                   sizeof(kid));

        af_request_log(NGX_LOG_INFO, r, "token refused: unknown_key \"%s\"",
                       kid);
        return;

    case AF_TOKEN_CROSS_SITE:
        af_request_log(NGX_LOG_INFO, r,
                       "token refused: it is in a cookie, and \"Origin\" is "
                       "missing or another site's");
        return;

    default:
        af_request_log(NGX_LOG_INFO, r, "token refused: %V",
                       &af_token_statuses[identity->status].word);
    }
}


/*
 * The claims of a token that was refused are not used; nor are any after the
 * request has ended.
 */

static void
af_identity_clear(void *data)
{
    af_identity_t *identity = data;

    if (identity->jwt) {
        af_jwt_close(identity->jwt);
        identity->jwt = NULL;
    }

    ngx_str_null(&identity->user_id);
    ngx_str_null(&identity->session_id);
    identity->first_party = 0;
    identity->superuser = 0;
}


/*
 * With the configured keys first, then with fetched ones.  Of their errors the
 * last one in the enum counts: it is that of the best matching key.
 */

static af_jwt_status_t
af_identity_verify_token(const af_jwt_rules_t *rules, af_identity_t *identity,
    char *text)
{
    size_t             len;
    ngx_uint_t         i, n;
    const char        *token;
    af_remote_t      **remote;
    ngx_array_t       *remotes;
    af_jwt_rules_t     fetched;
    af_jwt_status_t    status, remote_status;

    token = (char *) identity->token.data;
    len = identity->token.len;

    status = af_jwt_verify(rules, token, len, text, identity->jwt);

    remotes = identity->conf->remotes;
    remote = remotes ? remotes->elts : NULL;
    n = remotes ? remotes->nelts : 0;
    fetched = *rules;

    for (i = 0; i < n && af_identity_may_be_remote(status); i++) {

        if (remote[i]->keys == NULL) {
            continue;
        }

        fetched.keys = remote[i]->keys->keys;
        remote_status = af_jwt_verify(&fetched, token, len, text,
                                      identity->jwt);

        if (remote_status > status
            || !af_identity_may_be_remote(remote_status))
        {
            status = remote_status;
        }
    }

    for (i = 0; af_identity_is_unknown_key(status) && i < n; i++) {
        af_remote_refetch(remote[i]);
    }

    return status;
}


/* whether a fetched key may give a better result */

static ngx_uint_t
af_identity_may_be_remote(af_jwt_status_t status)
{
    return af_identity_is_unknown_key(status) || status == AF_JWT_SIGNATURE
           || status == AF_JWT_ISSUER;
}


/* whether it may be signed by a new key */

static ngx_uint_t
af_identity_is_unknown_key(af_jwt_status_t status)
{
    return status == AF_JWT_UNKNOWN_KEY || status == AF_JWT_NO_KID;
}


static af_verified_t *
af_identity_cached(const af_identity_t *identity, af_cache_t *cache,
    const af_cache_key_t *key)
{
    af_verified_t  *verified;

    verified = af_cache_get(cache, key);

    return (verified
            && verified->generation
               == af_remotes_generation(identity->conf->remotes))
           ? verified : NULL;
}


ngx_uint_t
af_identity_said(const af_identity_t *identity, const ngx_str_t *name,
    af_claim_t *claim)
{
    const ngx_str_t  *id;

    if (identity->status != AF_TOKEN_OK) {
        return 0;
    }

    if (af_said_find(&identity->verified.said, (char *) name->data, name->len,
                     claim))
    {
        return 1;
    }

    if (!identity->first_party || !identity->verified.plain_ids
        || name->len != 3 || name->data[0] != 's')
    {
        return 0;
    }

    if (ngx_memcmp(name->data, "sub", 3) == 0) {
        id = &identity->user_id;

    } else if (ngx_memcmp(name->data, "sid", 3) == 0) {
        id = &identity->session_id;

    } else {
        return 0;
    }

    ngx_memzero(claim, sizeof(af_claim_t));

    claim->type = AF_VALUE_STRING;
    claim->text = (char *) id->data;
    claim->len = id->len;

    return 1;
}


static void
af_identity_set_ids(af_identity_t *identity)
{
    const af_verified_t  *verified;

    verified = &identity->verified;

    identity->first_party = verified->first_party;
    identity->superuser = verified->superuser;

    if (!verified->first_party) {
        return;
    }

    af_uuid_write(verified->user_id, identity->ids[0]);
    af_uuid_write(verified->session_id, identity->ids[1]);

    identity->user_id.data = (u_char *) identity->ids[0];
    identity->user_id.len = AF_UUID_SIZE - 1;
    identity->session_id.data = (u_char *) identity->ids[1];
    identity->session_id.len = AF_UUID_SIZE - 1;
}


/*
 * A first-party token is revoked with its session, by a new epoch of its
 * account, or with any of its roles.  As long as nothing was revoked since it
 * was last checked, it isn't looked up again.
 */

static af_token_status_t
af_identity_check_revocation(ngx_http_request_t *r, af_identity_t *identity)
{
    uint64_t                              generation;
    const ngx_http_autoflow_main_conf_t  *amcf;

    amcf = af_main_conf(r);

    if (!identity->first_party || amcf->zone == NULL) {
        return AF_TOKEN_OK;
    }

    if (!af_tokens_trusted(amcf)) {
        return AF_TOKEN_UNAVAILABLE;
    }

    /* before the look-ups: what is revoked meanwhile will be found next time */
    generation = af_revocations_generation(amcf->zone->revocations);

    if (identity->verified.checked == generation) {
        return AF_TOKEN_OK;
    }

    switch (af_identity_is_revoked(r, identity)) {

    case NGX_DECLINED:
        identity->verified.checked = generation;
        return AF_TOKEN_OK;

    case NGX_OK:
        return AF_TOKEN_REVOKED;

    default:
        return AF_TOKEN_UNAVAILABLE;
    }
}


/* NGX_OK: it is; NGX_DECLINED: it isn't; NGX_ERROR: no memory */

static ngx_int_t
af_identity_is_revoked(ngx_http_request_t *r, const af_identity_t *identity)
{
    ngx_uint_t              n;
    af_claim_t              roles, role;
    af_claims_t            *claims;
    af_subject_t            subjects[AF_SUBJECTS];
    af_revocations_t       *table;
    const af_verified_t    *verified;

    table = af_main_conf(r)->zone->revocations;
    verified = &identity->verified;

    if (verified->epoch < 0 || verified->iat < 0) {
        return NGX_OK;
    }

    ngx_memcpy(subjects[0].id, verified->session_id, AF_UUID_OCTETS);
    ngx_memcpy(subjects[1].id, verified->user_id, AF_UUID_OCTETS);
    subjects[0].epoch = verified->epoch;
    subjects[1].epoch = verified->epoch;
    n = 2;

    ngx_memzero(&roles, sizeof(roles));

    if (verified->roles && !af_identity_said(identity, &af_roles, &roles)) {
        if (af_identity_claims(r, identity, &claims) != NGX_OK) {
            return NGX_ERROR;
        }

        af_claims_get(claims, "roles", &roles);
    }

    while (af_claim_next(&roles, &role)) {

        if (role.type != AF_VALUE_STRING) {
            continue;
        }

        if (n == AF_SUBJECTS) {
            if (af_revocations_check(table, subjects, n, verified->iat)) {
                return NGX_OK;
            }

            n = 0;
        }

        af_zone_role_id(role.text, role.len, subjects[n].id);
        subjects[n].epoch = verified->iat;
        n++;
    }

    return af_revocations_check(table, subjects, n, verified->iat)
           ? NGX_OK : NGX_DECLINED;
}


ngx_uint_t
af_identity_is_fresh(const af_identity_t *identity, ngx_uint_t aal,
    time_t within)
{
    int64_t               since, age;
    const af_verified_t  *verified;

    verified = &identity->verified;
    since = (aal > 1) ? verified->mfa_time : verified->auth_time;
    age = ngx_time() - since;

    return identity->status == AF_TOKEN_OK && identity->first_party
           && verified->aal >= aal
           && since > 0
           && age >= -identity->conf->leeway
           && age <= within + identity->conf->leeway;
}


ngx_uint_t
af_tokens_trusted(const ngx_http_autoflow_main_conf_t *amcf)
{
    switch (af_zone_feed_state(amcf->zone, ngx_current_msec, amcf->staleness)) {

    case AF_FEED_FRESH:
        return 1;

    case AF_FEED_STALE:
        return amcf->fail_open;

    default:
        return amcf->fail_open
               && (ngx_msec_t) (ngx_time() - amcf->started) * 1000
                  > amcf->staleness;
    }
}


const ngx_str_t *
af_token_status(af_token_status_t status)
{
    return &af_token_statuses[status].word;
}


af_problem_id_t
af_token_problem(af_token_status_t status)
{
    return af_token_statuses[status].problem;
}
