#include "http/credential.h"
#include "http/csrf.h"
#include "http/identity.h"
#include "keys/remote.h"
#include "check/schema.h"
#include "check/uuid.h"
#include "shm/counters.h"
#include "shm/zone.h"
#include "token/cache.h"
#include "token/jwt.h"


/* a verified token, as the cache keeps it, and the subjects of revocations */

typedef struct {
    json_t        *claims;
    json_t        *header;
    ngx_uint_t     generation;     /* of the fetched keys */
    uint64_t       checked;        /* the revocations' generation then */
    unsigned       external:1;
    ngx_uint_t     nsubjects;      /* 0 for an external token */
    af_subject_t   subjects[];
} af_verified_t;


/* not checked yet */
#define AF_UNCHECKED  UINT64_MAX

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
static af_jwt_status_t af_identity_verify_token(
    ngx_http_autoflow_srv_conf_t *ascf, af_jwt_rules_t *rules,
    af_identity_t *identity);
static af_jwt_status_t af_identity_verify_with(const af_jwt_rules_t *rules,
    af_identity_t *identity);
static void af_identity_log(ngx_http_request_t *r,
    const af_identity_t *identity);
static ngx_uint_t af_identity_is_unknown_key(af_jwt_status_t status);
static ngx_uint_t af_identity_may_be_remote(af_jwt_status_t status);
static af_verified_t *af_identity_cached(af_cache_t *cache,
    const af_cache_key_t *key, af_identity_t *identity);
static af_verified_t *af_identity_make_verified(ngx_http_request_t *r,
    const af_identity_t *identity);
static ngx_uint_t af_identity_subjects(const af_identity_t *identity,
    af_subject_t *subjects);
static void af_identity_cache(af_cache_t *cache, const af_cache_key_t *key,
    const af_verified_t *verified);
static void af_verified_free(void *data);
static void af_identity_set_first_party(af_identity_t *identity);
static af_token_status_t af_identity_check_revocation(ngx_http_request_t *r,
    const af_identity_t *identity, af_verified_t *verified);
static ngx_uint_t af_identity_is_revoked(const af_zone_t *zone,
    const af_verified_t *verified);
static void af_identity_clear(void *data);
static ngx_int_t af_identity_uuid(json_t *claims, const char *name,
    ngx_str_t *value);


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
    { ngx_string("unavailable"), AF_UNAVAILABLE }
};


_Static_assert(sizeof(af_token_statuses) / sizeof(af_token_statuses[0])
               == AF_VERIFICATION_VALUES, "values");


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

    cln = ngx_pool_cleanup_add(r->pool, sizeof(af_identity_t));
    if (cln == NULL) {
        return NULL;
    }

    identity = cln->data;
    ngx_memzero(identity, sizeof(af_identity_t));

    cln->handler = af_identity_clear;

    identity->conf = ascf;
    identity->location = location;
    identity->token = *token;
    identity->cookie = cookie;

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
        return json_integer_value(json_object_get(a->claims, "iat"))
               > json_integer_value(json_object_get(b->claims, "iat"));
    }

    return a->status == AF_TOKEN_OK
           || (a->status == AF_TOKEN_CROSS_SITE && b->status != AF_TOKEN_OK);
}


static ngx_int_t
af_identity_verify(ngx_http_request_t *r, af_identity_t *identity)
{
    af_verified_t                 *verified;
    af_jwt_rules_t                 rules;
    af_cache_key_t                 key;
    af_jwt_status_t                status;
    ngx_http_autoflow_srv_conf_t  *ascf;

    if (identity->token.len == 0) {
        identity->status = AF_TOKEN_MISSING;
        return NGX_OK;
    }

    ascf = af_srv_conf(r);

    rules.issuer = ascf->issuer.len ? (char *) ascf->issuer.data : NULL;
    rules.audience = ascf->audience ? ascf->audience->elts : NULL;
    rules.now = ngx_time();
    rules.leeway = ascf->leeway;

    key.scope = ascf;
    key.token = (char *) identity->token.data;
    key.len = identity->token.len;

    verified = af_identity_cached(af_main_conf(r)->cache, &key, identity);

    af_count(AF_METRIC_CACHE, verified ? AF_CACHE_HIT : AF_CACHE_MISS);

    if (verified) {
        status = af_jwt_times(&rules, identity->claims);

    } else {
        status = af_identity_verify_token(ascf, &rules, identity);
    }

    if (status == AF_JWT_ERROR) {
        return NGX_ERROR;
    }

    identity->status = (af_identity_is_unknown_key(status)
                        && af_remotes_missing(ascf->remotes))
                       ? AF_TOKEN_UNAVAILABLE : af_jwt_statuses[status];

    if (identity->status == AF_TOKEN_OK) {
        af_identity_set_first_party(identity);

        if (verified == NULL) {
            verified = af_identity_make_verified(r, identity);
            if (verified == NULL) {
                af_identity_clear(identity);
                return NGX_ERROR;
            }

            af_identity_cache(af_main_conf(r)->cache, &key, verified);
        }

        identity->status = af_identity_check_revocation(r, identity, verified);
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

    json_decref(identity->claims);
    json_decref(identity->header);
    identity->claims = NULL;
    identity->header = NULL;

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
af_identity_verify_token(ngx_http_autoflow_srv_conf_t *ascf,
    af_jwt_rules_t *rules, af_identity_t *identity)
{
    ngx_uint_t         i, n;
    af_remote_t      **remote;
    af_jwt_status_t    status, remote_status;

    rules->keys = ascf->keys ? ascf->keys->keys : af_no_keys;
    status = af_identity_verify_with(rules, identity);

    remote = ascf->remotes ? ascf->remotes->elts : NULL;
    n = ascf->remotes ? ascf->remotes->nelts : 0;

    for (i = 0; i < n && af_identity_may_be_remote(status); i++) {

        if (remote[i]->keys == NULL) {
            continue;
        }

        rules->keys = remote[i]->keys->keys;
        remote_status = af_identity_verify_with(rules, identity);

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


static af_jwt_status_t
af_identity_verify_with(const af_jwt_rules_t *rules, af_identity_t *identity)
{
    const af_key_t   *key;
    af_jwt_status_t   status;

    status = af_jwt_verify(rules, (char *) identity->token.data,
                           identity->token.len, &identity->claims,
                           &identity->header, &key);

    identity->external = (key && af_key_issuer(key));

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
af_identity_cached(af_cache_t *cache, const af_cache_key_t *key,
    af_identity_t *identity)
{
    af_verified_t  *verified;

    verified = cache ? af_cache_get(cache, key) : NULL;

    if (verified == NULL
        || verified->generation
           != af_remotes_generation(identity->conf->remotes))
    {
        return NULL;
    }

    identity->claims = json_incref(verified->claims);
    identity->header = json_incref(verified->header);
    identity->external = verified->external;

    return verified;
}


/* allocated for the request; the identity still owns the claims */

static af_verified_t *
af_identity_make_verified(ngx_http_request_t *r, const af_identity_t *identity)
{
    size_t          roles;
    af_verified_t  *verified;

    roles = json_array_size(json_object_get(identity->claims, "roles"));

    verified = ngx_palloc(r->pool, sizeof(af_verified_t)
                                   + (2 + roles) * sizeof(af_subject_t));
    if (verified == NULL) {
        return NULL;
    }

    verified->claims = identity->claims;
    verified->header = identity->header;
    verified->external = identity->external;
    verified->checked = AF_UNCHECKED;
    verified->generation = af_remotes_generation(identity->conf->remotes);
    verified->nsubjects = af_identity_subjects(identity, verified->subjects);

    return verified;
}


/* the token's session, account and roles; returns their number */

static ngx_uint_t
af_identity_subjects(const af_identity_t *identity,
    af_subject_t *subjects)
{
    size_t       i;
    json_t      *role, *roles;
    json_int_t   epoch, iat;
    ngx_uint_t   n;

    epoch = json_integer_value(json_object_get(identity->claims, "epoch"));
    iat = json_integer_value(json_object_get(identity->claims, "iat"));

    if (!identity->first_party || epoch < 0 || iat < 0
        || af_uuid_read((char *) identity->session_id.data,
                        identity->session_id.len, subjects[0].id)
           != 0
        || af_uuid_read((char *) identity->user_id.data,
                        identity->user_id.len, subjects[1].id)
           != 0)
    {
        return 0;
    }

    subjects[0].epoch = epoch;
    subjects[1].epoch = epoch;
    n = 2;

    roles = json_object_get(identity->claims, "roles");

    json_array_foreach(roles, i, role) {

        if (json_is_string(role)) {
            af_zone_role_id(json_string_value(role), json_string_length(role),
                            subjects[n].id);
            subjects[n].epoch = iat;
            n++;
        }
    }

    return n;
}


/* a copy, for further requests */

static void
af_identity_cache(af_cache_t *cache, const af_cache_key_t *key,
    const af_verified_t *verified)
{
    size_t          size;
    af_verified_t  *copy;

    size = sizeof(af_verified_t) + verified->nsubjects * sizeof(af_subject_t);

    copy = cache ? ngx_alloc(size, ngx_cycle->log) : NULL;

    if (copy == NULL) {
        return;
    }

    ngx_memcpy(copy, verified, size);
    json_incref(copy->claims);
    json_incref(copy->header);

    if (af_cache_put(cache, key, copy, af_verified_free) != 0) {
        af_verified_free(copy);
    }
}


static void
af_verified_free(void *data)
{
    af_verified_t *verified = data;

    json_decref(verified->claims);
    json_decref(verified->header);

    ngx_free(verified);
}


/*
 * A token is first-party if one of our own keys signed it, and it has the
 * claims that only we set, which the API requires.  Other issuers' claims don't
 * matter.
 */

static void
af_identity_set_first_party(af_identity_t *identity)
{
    json_t  *claims;

    claims = identity->claims;

    if (identity->external
        || af_identity_uuid(claims, "sub", &identity->user_id) != NGX_OK
        || af_identity_uuid(claims, "sid", &identity->session_id) != NGX_OK
        || !json_is_integer(json_object_get(claims, "epoch")))
    {
        ngx_str_null(&identity->user_id);
        ngx_str_null(&identity->session_id);
        return;
    }

    identity->first_party = 1;
    identity->superuser = json_is_true(json_object_get(claims,
                                                       "is_superuser"));
}


/*
 * A first-party token is revoked with its session, by a new epoch of its
 * account, or with any of its roles.  As long as nothing was revoked since it
 * was last checked, it isn't looked up again.
 */

static af_token_status_t
af_identity_check_revocation(ngx_http_request_t *r,
    const af_identity_t *identity, af_verified_t *verified)
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

    if (verified->checked == generation) {
        return AF_TOKEN_OK;
    }

    if (af_identity_is_revoked(amcf->zone, verified)) {
        return AF_TOKEN_REVOKED;
    }

    verified->checked = generation;

    return AF_TOKEN_OK;
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


static ngx_uint_t
af_identity_is_revoked(const af_zone_t *zone, const af_verified_t *verified)
{
    json_int_t  iat;

    iat = json_integer_value(json_object_get(verified->claims, "iat"));

    return verified->nsubjects == 0
           || af_revocations_check(zone->revocations, verified->subjects,
                                   verified->nsubjects, iat);
}


static ngx_int_t
af_identity_uuid(json_t *claims, const char *name, ngx_str_t *value)
{
    json_t  *claim;

    claim = json_object_get(claims, name);

    if (!json_is_string(claim)) {
        return NGX_DECLINED;
    }

    value->data = (u_char *) json_string_value(claim);
    value->len = json_string_length(claim);

    return af_is_uuid((char *) value->data, value->len) ? NGX_OK
                                                        : NGX_DECLINED;
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
