#include "api/registration.h"
#include "conf/params.h"
#include "check/email.h"


typedef struct {
    ngx_str_t   domains;
    ngx_str_t   inviters;
    ngx_uint_t  expires;
} af_registration_params_t;


static char *af_registration_role(const ngx_str_t *role);
static char *af_registration_domains(ngx_conf_t *cf,
    ngx_http_autoflow_main_conf_t *amcf, const ngx_str_t *list);
static ngx_int_t af_registration_domain(ngx_conf_t *cf, ngx_str_t *text,
    ngx_str_t *domain);
static ngx_uint_t af_domain_matches(const ngx_str_t *allowed,
    const ngx_str_t *domain);


static const ngx_conf_enum_t  af_registration_modes[] = {
    { ngx_string("open"), AF_REGISTRATION_OPEN },
    { ngx_string("verified"), AF_REGISTRATION_VERIFIED },
    { ngx_string("invite"), AF_REGISTRATION_INVITE },
    { ngx_string("closed"), AF_REGISTRATION_CLOSED },
    { ngx_null_string, 0 }
};


static const af_param_t  af_registration_params[] = {
    af_param("domains=", af_param_str, af_registration_params_t, domains),
    af_param("inviters=", af_param_str, af_registration_params_t, inviters),
    af_param("expires=", af_param_sec, af_registration_params_t, expires,
             .min = 60,
             .too_small = "has invitations that last less than a minute",
             .max = 30 * 86400,
             .too_large = "has invitations that last more than 30 days"),
    { .name = ngx_null_string }
};


char *
af_registration_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_main_conf_t *amcf = conf;

    char                      *rv;
    ngx_str_t                 *value;
    const ngx_conf_enum_t     *mode;
    af_registration_params_t   params;

    if (amcf->registration_line.file) {
        return "is duplicate";
    }

    af_conf_line(cf, &amcf->registration_line);

    value = cf->args->elts;
    mode = af_conf_enum(af_registration_modes, &value[1]);

    if (mode == NULL) {
        return "must begin with \"open\", \"verified\", \"invite\" or "
               "\"closed\"";
    }

    ngx_memzero(&params, sizeof(af_registration_params_t));
    params.expires = amcf->invitation_ttl;

    rv = af_params(cf, 2, af_registration_params, &params);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    amcf->registration = mode->value;
    amcf->invitation_ttl = params.expires;

    if (params.inviters.len) {
        amcf->inviters = (char *) params.inviters.data;

        rv = af_registration_role(&params.inviters);
    }

    if (rv == NGX_CONF_OK && params.domains.len) {
        rv = af_registration_domains(cf, amcf, &params.domains);
    }

    return rv;
}


static char *
af_registration_role(const ngx_str_t *role)
{
    return (role->len <= (size_t) af_type_role.max
            && af_type_role.check((char *) role->data, role->len) == NULL)
           ? NGX_CONF_OK : "has \"inviters\" that are not the name of a role";
}


/* "example.com,*.example.org" */

static char *
af_registration_domains(ngx_conf_t *cf, ngx_http_autoflow_main_conf_t *amcf,
    const ngx_str_t *list)
{
    u_char     *comma, *end;
    ngx_str_t   text, *domain;

    amcf->domain_list = (char *) list->data;
    amcf->domains = ngx_array_create(cf->pool, 4, sizeof(ngx_str_t));
    if (amcf->domains == NULL) {
        return NGX_CONF_ERROR;
    }

    text.data = list->data;
    end = list->data + list->len;

    for ( ;; ) {
        comma = ngx_strlchr(text.data, end, ',');
        text.len = (comma ? comma : end) - text.data;

        domain = ngx_array_push(amcf->domains);
        if (domain == NULL) {
            return NGX_CONF_ERROR;
        }

        if (af_registration_domain(cf, &text, domain) != NGX_OK) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" is not a domain of addresses", &text);
            return NGX_CONF_ERROR;
        }

        if (comma == NULL) {
            return NGX_CONF_OK;
        }

        text.data = comma + 1;
    }
}


/* as in addresses' keys; ".example.org" for the subdomains of one */

static ngx_int_t
af_registration_domain(ngx_conf_t *cf, ngx_str_t *text, ngx_str_t *domain)
{
    char        key[AF_TYPE_KEY_SIZE];
    u_char     *p;
    ngx_str_t   address;
    ngx_uint_t  below;

    below = text->len > 2 && ngx_strncmp(text->data, "*.", 2) == 0;

    address.data = ngx_pnalloc(cf->pool, text->len + 3);
    if (address.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(address.data, "a@", 2);
    p = ngx_cpymem(p, text->data + 2 * below, text->len - 2 * below);
    *p = '\0';
    address.len = p - address.data;

    if (af_email_check((char *) address.data, address.len) != NULL
        || af_email_key((char *) address.data, address.len, key) != 0)
    {
        return NGX_ERROR;
    }

    /* the key's domain, with a dot instead of the "@" before it */

    key[1] = '.';
    domain->len = ngx_strlen(key) - 2 + below;
    domain->data = ngx_pnalloc(cf->pool, domain->len);
    if (domain->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(domain->data, key + 2 - below, domain->len);

    return NGX_OK;
}


char *
af_registration_init(ngx_conf_t *cf, ngx_http_autoflow_main_conf_t *amcf)
{
    ngx_conf_init_uint_value(amcf->registration,
                             amcf->site_used ? AF_REGISTRATION_INVITE
                                             : AF_REGISTRATION_OPEN);

    /* anybody may say that theirs is anyone's address */

    if (amcf->registration == AF_REGISTRATION_OPEN && amcf->domains
        && !amcf->require_verified)
    {
        return af_conf_needs(cf, "autoflow_registration open domains=",
                             "its addresses to be verified, by \"verified\" "
                             "instead of \"open\",", &amcf->registration_line);
    }

    /* nobody could ever log in */

    if (amcf->registration == AF_REGISTRATION_VERIFIED
        && amcf->mail_conf == NULL && amcf->environment == AF_PRODUCTION)
    {
        return af_conf_needs(cf, "autoflow_registration verified",
                             "\"autoflow_mail\" in "
                             "\"autoflow_environment production\"",
                             &amcf->registration_line);
    }

    return NGX_CONF_OK;
}


ngx_int_t
af_step_open_door(af_ctx_t *ctx)
{
    return af_registration_is_open(ctx->conf)
           ? NGX_OK : af_problem(ctx, AF_CLOSED_REGISTRATION, NULL);
}


ngx_int_t
af_step_invited_door(af_ctx_t *ctx)
{
    return (ctx->conf->registration != AF_REGISTRATION_CLOSED)
           ? NGX_OK : af_problem(ctx, AF_CLOSED_REGISTRATION, NULL);
}


ngx_int_t
af_step_domain(af_ctx_t *ctx)
{
    u_char            *message, *last;
    ngx_str_t          domain, *allowed;
    ngx_uint_t         i;
    const char        *key;
    const ngx_array_t *domains;

    domains = ctx->conf->domains;

    if (domains == NULL) {
        return NGX_OK;
    }

    if (af_value(ctx, "email_key", &key) != NGX_OK) {
        return NGX_ERROR;
    }

    domain.data = (u_char *) strchr(key, '@') + 1;
    domain.len = ngx_strlen(domain.data);
    allowed = domains->elts;

    for (i = 0; i < domains->nelts; i++) {
        if (af_domain_matches(&allowed[i], &domain)) {
            return NGX_OK;
        }
    }

    message = ngx_pnalloc(ctx->request->pool,
                          sizeof("must be an address of ")
                          + ngx_strlen(ctx->conf->domain_list));
    if (message == NULL) {
        return NGX_ERROR;
    }

    last = ngx_sprintf(message, "must be an address of %s",
                       ctx->conf->domain_list);
    *last = '\0';

    return af_invalid(ctx, "email", "domain", (char *) message);
}


static ngx_uint_t
af_domain_matches(const ngx_str_t *allowed, const ngx_str_t *domain)
{
    if (allowed->data[0] != '.') {
        return domain->len == allowed->len
               && ngx_strncmp(domain->data, allowed->data, allowed->len) == 0;
    }

    return domain->len > allowed->len
           && ngx_strncmp(domain->data + domain->len - allowed->len,
                          allowed->data, allowed->len)
              == 0;
}
