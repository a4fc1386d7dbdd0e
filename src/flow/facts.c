#include "flow/facts.h"
#include "http/cookies.h"
#include "http/dialect.h"
#include "http/request.h"
#include "http/trace.h"
#include "mail/outbox.h"
#include "token/device.h"


typedef struct {
    ngx_http_request_t                   *request;
    ngx_pool_t                           *pool;
    const ngx_http_autoflow_main_conf_t  *conf;
} af_facts_t;


static ngx_int_t af_fact_seconds(const af_facts_t *of, size_t offset,
    const char **value);
static ngx_int_t af_fact_count(const af_facts_t *of, size_t offset,
    const char **value);
static ngx_int_t af_fact_flag(const af_facts_t *of, size_t offset,
    const char **value);
static ngx_int_t af_fact_refresh_ttl(const af_facts_t *of, size_t offset,
    const char **value);
static ngx_int_t af_fact_mail(const af_facts_t *of, size_t offset,
    const char **value);
static ngx_int_t af_fact_verify_first(const af_facts_t *of, size_t offset,
    const char **value);
static ngx_int_t af_fact_string(const af_facts_t *of, size_t offset,
    const char **value);
static ngx_int_t af_fact_accepted_language(const af_facts_t *of,
    size_t offset, const char **value);
static ngx_int_t af_fact_nonzero(const af_facts_t *of, size_t offset,
    const char **value);
static ngx_int_t af_fact_device_hashes(const af_facts_t *of, size_t offset,
    const char **value);
static ngx_int_t af_fact_version(const af_facts_t *of, size_t offset,
    const char **value);
static ngx_int_t af_fact_node_time(const af_facts_t *of, size_t offset,
    const char **value);
static ngx_int_t af_fact_uptime(const af_facts_t *of, size_t offset,
    const char **value);
static ngx_int_t af_fact_ip_address(const af_facts_t *of, size_t offset,
    const char **value);
static ngx_int_t af_fact_user_agent(const af_facts_t *of, size_t offset,
    const char **value);
static ngx_int_t af_fact_request_id(const af_facts_t *of, size_t offset,
    const char **value);
static ngx_int_t af_fact_trace_id(const af_facts_t *of, size_t offset,
    const char **value);
static ngx_int_t af_fact_dialect(const af_facts_t *of, size_t offset,
    const char **value);
static ngx_int_t af_fact_text(const af_facts_t *of, const ngx_str_t *text,
    const char **value);


/* what is configured is at an offset; names are compared in this order */

#define af_configured(member)  offsetof(ngx_http_autoflow_main_conf_t, member)

static const struct {
    const char  *name;
    ngx_int_t  (*get)(const af_facts_t *of, size_t offset, const char **value);
    size_t       offset;
} af_facts[] = {
    { "dialect", af_fact_dialect, 0 },
    { "access_ttl", af_fact_seconds, af_configured(access_ttl) },
    { "refresh_grace", af_fact_seconds, af_configured(refresh_grace) },
    { "max_sessions", af_fact_count, af_configured(max_sessions) },
    { "session_idle", af_fact_count, af_configured(session_idle) },
    { "session_lifetime", af_fact_count, af_configured(session_lifetime) },
    { "invitation_ttl", af_fact_count, af_configured(invitation_ttl) },
    { "require_verified", af_fact_flag, af_configured(require_verified) },
    { "refresh_ttl", af_fact_refresh_ttl, 0 },
    { "mail", af_fact_mail, 0 },
    { "verify_first", af_fact_verify_first, 0 },
    { "inviters", af_fact_string, af_configured(inviters) },
    { "mfa_required_of", af_fact_string, af_configured(mfa_required_of) },
    { "mfa_remember", af_fact_count, af_configured(mfa_remember) },
    { "mfa_remembers", af_fact_nonzero, af_configured(mfa_remember) },
    { "device_hashes", af_fact_device_hashes, 0 },
    { "accepted_language", af_fact_accepted_language, 0 },
    { "version", af_fact_version, 0 },
    { "node_time", af_fact_node_time, 0 },
    { "uptime", af_fact_uptime, 0 },
    { "ip_address", af_fact_ip_address, 0 },
    { "user_agent", af_fact_user_agent, 0 },
    { "request_id", af_fact_request_id, 0 },
    { "trace_id", af_fact_trace_id, 0 },
    { NULL, NULL, 0 }
};


ngx_int_t
af_fact(ngx_http_request_t *r, ngx_pool_t *pool, const char *name,
    const char **value)
{
    ngx_uint_t  i;
    af_facts_t  of = { r, pool, af_main_conf(r) };

    for (i = 0; af_facts[i].name; i++) {
        if (ngx_strcmp(af_facts[i].name, name) == 0) {
            return af_facts[i].get(&of, af_facts[i].offset, value);
        }
    }

    return NGX_DECLINED;
}


const char *
af_fact_name(ngx_uint_t n)
{
    return af_facts[n].name;
}


static ngx_int_t
af_fact_seconds(const af_facts_t *of, size_t offset, const char **value)
{
    const time_t *seconds = (const void *) ((const char *) of->conf + offset);

    return af_fact_number(of->pool, *seconds, value);
}


static ngx_int_t
af_fact_count(const af_facts_t *of, size_t offset, const char **value)
{
    const ngx_uint_t *count = (const void *) ((const char *) of->conf + offset);

    return af_fact_number(of->pool, *count, value);
}


static ngx_int_t
af_fact_flag(const af_facts_t *of, size_t offset, const char **value)
{
    const ngx_flag_t *flag = (const void *) ((const char *) of->conf + offset);

    *value = *flag ? "true" : "false";

    return NGX_OK;
}


/* of a new session, too, which is no longer than any */

static ngx_int_t
af_fact_refresh_ttl(const af_facts_t *of, size_t offset, const char **value)
{
    time_t  ttl, lifetime;

    ttl = of->conf->refresh_ttl;
    lifetime = of->conf->session_lifetime;

    return af_fact_number(of->pool, lifetime ? ngx_min(ttl, lifetime) : ttl,
                          value);
}


/* whether mails are on */

static ngx_int_t
af_fact_mail(const af_facts_t *of, size_t offset, const char **value)
{
    *value = of->conf->outbox ? "true" : "false";

    return NGX_OK;
}


/* whether a new account can only be used once its address is verified */

static ngx_int_t
af_fact_verify_first(const af_facts_t *of, size_t offset, const char **value)
{
    *value = (of->conf->registration == AF_REGISTRATION_VERIFIED) ? "true"
                                                                  : "false";
    return NGX_OK;
}


static ngx_int_t
af_fact_nonzero(const af_facts_t *of, size_t offset, const char **value)
{
    const ngx_uint_t *count = (const void *) ((const char *) of->conf + offset);

    *value = *count ? "true" : "false";

    return NGX_OK;
}


/* an array, of the browser's cookies, some of which may be planted; or null */

static ngx_int_t
af_fact_device_hashes(const af_facts_t *of, size_t offset, const char **value)
{
    char        hash[AF_DEVICE_HASH_SIZE];
    u_char     *p, *text;
    ngx_str_t   values[AF_COOKIE_VALUES];
    ngx_uint_t  i, n;

    *value = NULL;

    n = of->conf->mfa_remember ? af_cookie(of->request, AF_COOKIE_DEVICE,
                                           values)
                               : 0;
    if (n == 0) {
        return NGX_OK;
    }

    text = ngx_pnalloc(of->pool, n * AF_DEVICE_HASH_SIZE + 2);
    if (text == NULL) {
        return NGX_ERROR;
    }

    p = text;

    for (i = 0; i < n; i++) {
        if (af_device_hash((char *) values[i].data, values[i].len, hash)
            == 0)
        {
            p = ngx_sprintf(p, "%c%s", p == text ? '{' : ',', hash);
        }
    }

    if (p != text) {
        (void) ngx_sprintf(p, "}%Z");
        *value = (char *) text;
    }

    return NGX_OK;
}


/* or null */

static ngx_int_t
af_fact_string(const af_facts_t *of, size_t offset, const char **value)
{
    const char *const *string = (const void *)
                                ((const char *) of->conf + offset);

    *value = *string;

    return NGX_OK;
}


/* in which a mail that the request causes is written; NULL: none of ours */

static ngx_int_t
af_fact_accepted_language(const af_facts_t *of, size_t offset,
    const char **value)
{
    ngx_table_elt_t              *h;
    const af_compose_language_t  *language;

    *value = NULL;

    h = af_header_in(of->request, "accept-language", 0);

    if (h == NULL || of->conf->mail_conf == NULL) {
        return NGX_OK;
    }

    language = af_compose_language(&of->conf->mail_conf->compose,
                                   (char *) h->value.data, h->value.len);

    if (language && *language->name) {
        *value = language->name;
    }

    return NGX_OK;
}


static ngx_int_t
af_fact_version(const af_facts_t *of, size_t offset, const char **value)
{
    *value = AUTOFLOW_VERSION;

    return NGX_OK;
}


/* so that nothing is dated by a database alone whose clock is ahead */

static ngx_int_t
af_fact_node_time(const af_facts_t *of, size_t offset, const char **value)
{
    return af_fact_number(of->pool, ngx_time(), value);
}


static ngx_int_t
af_fact_uptime(const af_facts_t *of, size_t offset, const char **value)
{
    return af_fact_number(of->pool, ngx_time() - of->conf->started, value);
}


static ngx_int_t
af_fact_ip_address(const af_facts_t *of, size_t offset, const char **value)
{
    ngx_str_t  text;

    return (af_request_address(of->request, &text) == NGX_OK)
           ? af_fact_text(of, &text, value) : NGX_ERROR;
}


static ngx_int_t
af_fact_user_agent(const af_facts_t *of, size_t offset, const char **value)
{
    ngx_str_t  text;

    return (af_request_user_agent(of->request, &text) == NGX_OK)
           ? af_fact_text(of, &text, value) : NGX_ERROR;
}


static ngx_int_t
af_fact_request_id(const af_facts_t *of, size_t offset, const char **value)
{
    ngx_str_t  id;

    id = af_request_id(of->request);

    return id.len ? af_fact_text(of, &id, value) : NGX_ERROR;
}


static ngx_int_t
af_fact_trace_id(const af_facts_t *of, size_t offset, const char **value)
{
    const af_request_trace_t  *trace;

    trace = af_request_trace(of->request);

    return trace ? af_fact_text(of, &trace->trace_id, value) : NGX_ERROR;
}


/* the format of accounts, for user_as() */

static ngx_int_t
af_fact_dialect(const af_facts_t *of, size_t offset, const char **value)
{
    const af_dialect_t  *dialect;

    dialect = af_loc_conf(of->request)->dialect;
    *value = dialect->accounts ? dialect->accounts : dialect->name;

    return NGX_OK;
}


/* empty: null */

static ngx_int_t
af_fact_text(const af_facts_t *of, const ngx_str_t *text, const char **value)
{
    u_char  *copy;

    *value = NULL;

    if (text->len == 0) {
        return NGX_OK;
    }

    copy = ngx_pnalloc(of->pool, text->len + 1);
    if (copy == NULL) {
        return NGX_ERROR;
    }

    *ngx_cpymem(copy, text->data, text->len) = '\0';
    *value = (char *) copy;

    return NGX_OK;
}


ngx_int_t
af_fact_number(ngx_pool_t *pool, int64_t number, const char **value)
{
    u_char  *text;

    text = ngx_pnalloc(pool, NGX_INT64_LEN + 1);
    if (text == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(text, "%L%Z", number);
    *value = (char *) text;

    return NGX_OK;
}
