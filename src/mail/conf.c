#include "mail/conf.h"
#include "mail/templates_conf.h"
#include "conf/params.h"
#include "conf/secret.h"
#include "mail/outbox.h"

#include <curl/curl.h>
#include <sodium.h>


typedef struct {
    ngx_str_t  from;
    ngx_str_t  user;
    ngx_str_t  password;
    ngx_str_t  starttls;
    ngx_str_t  ca;
} af_mail_params_t;


static char *af_mail_from(ngx_conf_t *cf, af_mail_conf_t *mail,
    ngx_str_t *from);
static char *af_mail_maildir(ngx_conf_t *cf, af_mail_conf_t *mail,
    ngx_str_t *path);
static char *af_mail_smtp(ngx_conf_t *cf, af_mail_conf_t *mail,
    af_secret_value_t *url, af_mail_params_t *params);
static char *af_mail_smtp_url(ngx_conf_t *cf, af_smtp_t *smtp,
    af_secret_value_t *secret, CURLU *url);
static CURLUcode af_mail_url_part(ngx_conf_t *cf, CURLU *url,
    CURLUPart part, const char **text);
static char *af_mail_smtp_password(ngx_conf_t *cf, af_smtp_t *smtp,
    af_mail_params_t *params);
static char *af_mail_smtp_tls(ngx_conf_t *cf, af_smtp_t *smtp,
    af_mail_params_t *params);


static const af_param_t  af_mail_params[] = {
    af_param("from=", af_param_str, af_mail_params_t, from),
    af_param("user=", af_param_str, af_mail_params_t, user),
    af_param("password=", af_param_str, af_mail_params_t, password),
    af_param("starttls=", af_param_str, af_mail_params_t, starttls),
    af_param("ca=", af_param_str, af_mail_params_t, ca),
    { .name = ngx_null_string }
};


char *
af_mail_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_main_conf_t *amcf = conf;

    char               *rv;
    ngx_str_t          *value, path;
    af_mail_conf_t     *mail;
    af_secret_value_t   secret;
    af_mail_params_t    params;

    static const ngx_str_t  maildir = ngx_string("maildir:");

    if (amcf->mail_line.file) {
        return "is duplicate";
    }

    af_conf_line(cf, &amcf->mail_line);

    value = cf->args->elts;

    if (af_secret_value_read(cf, &value[1], &secret) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (ngx_strcmp(secret.text.data, "off") == 0) {
        return (cf->args->nelts == 2) ? NGX_CONF_OK
                                      : "is \"off\", but has parameters";
    }

    ngx_memzero(&params, sizeof(af_mail_params_t));

    rv = af_params(cf, 2, af_mail_params,
                                  &params);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    mail = ngx_pcalloc(cf->pool, sizeof(af_mail_conf_t));
    if (mail == NULL) {
        return NGX_CONF_ERROR;
    }

    amcf->mail_conf = mail;

    rv = af_mail_from(cf, mail, &params.from);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (ngx_strncmp(secret.text.data, maildir.data, maildir.len) != 0) {
        return af_mail_smtp(cf, mail, &secret, &params);
    }

    if (params.user.len || params.password.len || params.starttls.len
        || params.ca.len)
    {
        return "is a Maildir, which takes no parameter but \"from=\"";
    }

    path.data = secret.text.data + maildir.len;
    path.len = secret.text.len - maildir.len;

    return af_mail_maildir(cf, mail, &path);
}


static char *
af_mail_from(ngx_conf_t *cf, af_mail_conf_t *mail,
    ngx_str_t *from)
{
    u_char  *text;

    static ngx_str_t  localhost = ngx_string("autoflow@localhost");

    if (from->len == 0) {
        from = &localhost;
    }

    /* a copy, which is cut in two */

    text = ngx_pnalloc(cf->pool, from->len + 1);
    if (text == NULL) {
        return NGX_CONF_ERROR;
    }

    (void) ngx_cpystrn(text, from->data, from->len + 1);

    if (af_message_mailbox((char *) text, &mail->compose.from_name,
                           &mail->compose.from)
        != 0)
    {
        return "has a \"from=\" that is neither an address nor "
               "\"Name <address>\"";
    }

    mail->smtp.from = mail->compose.from;

    return NGX_CONF_OK;
}


/* maildir_conf.c creates it */

static char *
af_mail_maildir(ngx_conf_t *cf, af_mail_conf_t *mail,
    ngx_str_t *path)
{
    while (path->len > 1 && path->data[path->len - 1] == '/') {
        path->data[--path->len] = '\0';
    }

    if (path->len == 0) {
        return "has no path after \"maildir:\"";
    }

    if (ngx_conf_full_name(cf->cycle, path, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    mail->maildir = *path;

    return NGX_CONF_OK;
}


static char *
af_mail_smtp(ngx_conf_t *cf, af_mail_conf_t *mail,
    af_secret_value_t *secret, af_mail_params_t *params)
{
    char       *rv;
    CURLU      *url;
    af_smtp_t  *smtp;

    smtp = &mail->smtp;

    if (ngx_strncmp(secret->text.data, "smtp://", 7) != 0
        && ngx_strncmp(secret->text.data, "smtps://", 8) != 0)
    {
        return "must begin with \"smtp://\", \"smtps://\" or \"maildir:\", "
               "or be \"off\"";
    }

    if (params->from.len == 0) {
        return "needs a \"from=\", the address of the sender";
    }

    url = curl_url();
    if (url == NULL) {
        return NGX_CONF_ERROR;
    }

    rv = af_mail_smtp_url(cf, smtp, secret, url);

    curl_url_cleanup(url);

    if (rv == NGX_CONF_OK) {
        rv = af_mail_smtp_password(cf, smtp, params);
    }

    if (rv == NGX_CONF_OK) {
        rv = af_mail_smtp_tls(cf, smtp, params);
    }

    return rv;
}


/* it may have a user and a password: "smtp://user:password@host:587" */

static char *
af_mail_smtp_url(ngx_conf_t *cf, af_smtp_t *smtp,
    af_secret_value_t *secret, CURLU *url)
{
    const char  *rest;

    rest = NULL;

    if (curl_url_set(url, CURLUPART_URL, (char *) secret->text.data, 0)
        != CURLUE_OK
        || af_mail_url_part(cf, url, CURLUPART_USER, &smtp->user)
           != CURLUE_OK
        || af_mail_url_part(cf, url, CURLUPART_PASSWORD,
                                      &smtp->password)
           != CURLUE_OK
        || af_mail_url_part(cf, url, CURLUPART_QUERY, &rest)
           != CURLUE_OK
        || af_mail_url_part(cf, url, CURLUPART_OPTIONS, &rest)
           != CURLUE_OK
        || rest != NULL
        || curl_url_set(url, CURLUPART_USER, NULL, 0) != CURLUE_OK
        || curl_url_set(url, CURLUPART_PASSWORD, NULL, 0) != CURLUE_OK
        || af_mail_url_part(cf, url, CURLUPART_URL, &smtp->url)
           != CURLUE_OK)
    {
        return "has an invalid URL";
    }

    if (smtp->password) {
        af_secret_value_note_exposed(cf, secret);
    }

    return NGX_CONF_OK;
}


/* NULL if the URL has no such part */

static CURLUcode
af_mail_url_part(ngx_conf_t *cf, CURLU *url, CURLUPart part,
    const char **text)
{
    char       *s;
    size_t      len;
    u_char     *copy;
    CURLUcode   rc;

    rc = curl_url_get(url, part, &s,
                      (part == CURLUPART_URL) ? 0 : CURLU_URLDECODE);

    if (rc == CURLUE_NO_USER || rc == CURLUE_NO_PASSWORD
        || rc == CURLUE_NO_QUERY || rc == CURLUE_NO_OPTIONS)
    {
        return CURLUE_OK;
    }

    if (rc != CURLUE_OK) {
        return rc;
    }

    len = ngx_strlen(s);
    copy = ngx_pnalloc(cf->pool, len + 1);

    if (copy) {
        (void) ngx_cpystrn(copy, (u_char *) s, len + 1);
        *text = (char *) copy;
    }

    sodium_memzero(s, len);
    curl_free(s);

    return copy ? CURLUE_OK : CURLUE_OUT_OF_MEMORY;
}


static char *
af_mail_smtp_password(ngx_conf_t *cf, af_smtp_t *smtp,
    af_mail_params_t *params)
{
    af_secret_value_t  secret;

    if (params->user.len) {
        smtp->user = (char *) params->user.data;
    }

    if (params->password.len) {

        if (af_secret_value_read(cf, &params->password, &secret)
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }

        af_secret_value_note_exposed(cf, &secret);
        smtp->password = (char *) secret.text.data;
    }

    if ((smtp->user == NULL) != (smtp->password == NULL)) {
        return "needs both \"user=\" and \"password=\", or neither";
    }

    return NGX_CONF_OK;
}


static char *
af_mail_smtp_tls(ngx_conf_t *cf, af_smtp_t *smtp,
    af_mail_params_t *params)
{
    ngx_uint_t  implicit;

    implicit = ngx_strncmp(smtp->url, "smtps://", 8) == 0;

    if (params->starttls.len) {

        if (ngx_strcmp(params->starttls.data, "required") != 0) {
            return "has a \"starttls=\" that is not \"required\"";
        }

        if (implicit) {
            return "has implicit TLS: \"starttls=\" is for \"smtp://\"";
        }

        smtp->tls = 1;
    }

    smtp->tls |= implicit;

    if (params->ca.len == 0) {
        return NGX_CONF_OK;
    }

    if (!smtp->tls) {
        return "has a \"ca=\", which needs \"starttls=required\"";
    }

    if (ngx_conf_full_name(cf->cycle, &params->ca, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (access((char *) params->ca.data, R_OK) != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "\"%V\" can't be read", &params->ca);
        return NGX_CONF_ERROR;
    }

    smtp->ca = (char *) params->ca.data;

    return NGX_CONF_OK;
}


/* it is put into attributes of HTML, and a path and a query are appended */

char *
af_link_base_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_main_conf_t *amcf = conf;

    u_char     *p;
    ngx_str_t  *value, base;

    if (amcf->link_base.data) {
        return "is duplicate";
    }

    value = cf->args->elts;
    base = value[1];

    if (ngx_strncmp(base.data, "http://", 7) != 0
        && ngx_strncmp(base.data, "https://", 8) != 0)
    {
        return "must be a URL that begins with \"https://\" or \"http://\"";
    }

    for (p = base.data; *p; p++) {
        if (*p <= ' ' || *p >= 0x7f || ngx_strchr("\"'<>\\^`{|}?#@", *p)) {
            return "must have only a host and a path, without "
                   "\"?\", \"#\", \"@\", quotes or spaces";
        }
    }

    while (base.data[base.len - 1] == '/') {
        base.data[--base.len] = '\0';
    }

    if (base.data[base.len - 1] == ':') {
        return "has no host";
    }

    amcf->link_base = base;

    return NGX_CONF_OK;
}


char *
af_require_verified_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_autoflow_main_conf_t *amcf = conf;

    af_conf_line(cf, &amcf->verified_line);

    return ngx_conf_set_flag_slot(cf, cmd, conf);
}


/* when everything else is known, for init_main_conf */

char *
af_mail_init(ngx_conf_t *cf, ngx_http_autoflow_main_conf_t *amcf)
{
    const char      *missing;
    af_mail_conf_t  *mail;

    mail = amcf->mail_conf;

    if (mail == NULL) {

        /* nobody could ever log in */

        if (amcf->require_verified && amcf->environment == AF_PRODUCTION) {
            return af_conf_needs(cf, "autoflow_require_verified_email",
                                 "\"autoflow_mail\" in "
                                 "\"autoflow_environment production\"",
                                 &amcf->verified_line);
        }

        return NGX_CONF_OK;
    }

    missing = NULL;

    if (amcf->db == NULL) {
        missing = "an \"autoflow_database\"";

    } else if (amcf->link_base.data == NULL) {
        missing = "an \"autoflow_link_base\" for the links in mails";

    } else if (amcf->environment == AF_PRODUCTION && mail->smtp.user
               && !mail->smtp.tls)
    {
        missing = "\"starttls=required\" or \"smtps://\" in "
                "\"autoflow_environment production\", where passwords "
                "are sent over TLS only,";
    }

    if (missing) {
        return af_conf_needs(cf, "autoflow_mail", missing, &amcf->mail_line);
    }

    mail->compose.link_base = (char *) amcf->link_base.data;
    mail->compose.keys = &amcf->purpose_keys;

    if (af_mail_templates_load(cf, amcf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    amcf->outbox = af_outbox_create(cf->pool, mail, amcf->db);

    return amcf->outbox ? NGX_CONF_OK : NGX_CONF_ERROR;
}
