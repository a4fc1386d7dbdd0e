#include "mail/templates_conf.h"
#include "conf/secret.h"
#include "mail/outbox.h"


static char *af_mail_own(ngx_conf_t *cf, ngx_http_autoflow_main_conf_t *amcf,
    ngx_array_t *languages);
static char *af_mail_others(ngx_conf_t *cf, const ngx_str_t *folder,
    ngx_array_t *languages);
static char *af_mail_entry(ngx_conf_t *cf, const ngx_str_t *folder,
    ngx_str_t *name, ngx_array_t *languages);
static ngx_int_t af_mail_name(const ngx_str_t *name, ngx_str_t *language,
    ngx_uint_t *kind, ngx_uint_t *part);
static ngx_uint_t af_mail_is_language(const ngx_str_t *language);
static af_compose_language_t *af_mail_slot(ngx_conf_t *cf,
    const ngx_str_t *name, ngx_array_t *languages);
static void af_mail_complete(ngx_array_t *languages);
static char *af_mail_template(ngx_conf_t *cf, const char *path,
    af_compose_language_t *language, ngx_uint_t kind, ngx_uint_t part);


char *
af_mail_templates_load(ngx_conf_t *cf, ngx_http_autoflow_main_conf_t *amcf)
{
    ngx_str_t    folder;
    ngx_array_t  languages;

    if (amcf->mail_templates.data == NULL) {
        ngx_str_set(&amcf->mail_templates, "mail");
    }

    folder = amcf->mail_templates;

    if (ngx_array_init(&languages, cf->pool, 4, sizeof(af_compose_language_t))
        != NGX_OK
        || af_mail_own(cf, amcf, &languages) != NGX_CONF_OK
        || ngx_conf_full_name(cf->cycle, &folder, 1) != NGX_OK
        || af_mail_others(cf, &folder, &languages) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    af_mail_complete(&languages);

    amcf->mail_conf->compose.languages = languages.elts;
    amcf->mail_conf->compose.nlanguages = languages.nelts;

    return NGX_CONF_OK;
}


/* of no language: English, unless there are others that say they are */

static char *
af_mail_own(ngx_conf_t *cf, ngx_http_autoflow_main_conf_t *amcf,
    ngx_array_t *languages)
{
    u_char                  path[NGX_MAX_PATH];
    ngx_uint_t              kind, part;
    af_compose_language_t  *own;

    own = ngx_array_push(languages);
    if (own == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(own, sizeof(af_compose_language_t));
    own->name = "en";

    for (kind = 0; kind < AF_MAIL_KINDS; kind++) {
        for (part = 0; part < AF_MAIL_PARTS; part++) {

            *ngx_snprintf(path, sizeof(path) - 1, "%V/%s%s",
                          &amcf->mail_templates, af_mail_kinds[kind].name,
                          af_mail_parts[part].suffix) = '\0';

            if (af_mail_template(cf, (char *) path, own, kind, part)
                != NGX_CONF_OK)
            {
                ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                              "\"autoflow_mail\" in %s:%ui needs the folder "
                              "of its templates; \"autoflow_mail_templates\" "
                              "says where it is",
                              amcf->mail_line.file, amcf->mail_line.line);
                return NGX_CONF_ERROR;
            }
        }
    }

    return NGX_CONF_OK;
}


static char *
af_mail_others(ngx_conf_t *cf, const ngx_str_t *folder,
    ngx_array_t *languages)
{
    char       *rv;
    ngx_dir_t   dir;
    ngx_str_t   path, name;

    path = *folder;

    if (ngx_open_dir(&path, &dir) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "\"%V\" can't be read", &path);
        return NGX_CONF_ERROR;
    }

    rv = NGX_CONF_OK;

    while (rv == NGX_CONF_OK && ngx_read_dir(&dir) == NGX_OK) {
        name.data = ngx_de_name(&dir);
        name.len = ngx_de_namelen(&dir);

        rv = af_mail_entry(cf, folder, &name, languages);
    }

    ngx_close_dir(&dir);

    return rv;
}


static char *
af_mail_entry(ngx_conf_t *cf, const ngx_str_t *folder, ngx_str_t *name,
    ngx_array_t *languages)
{
    u_char                  path[NGX_MAX_PATH];
    ngx_str_t               named;
    ngx_uint_t              kind, part;
    af_compose_language_t  *language;

    if (af_mail_name(name, &named, &kind, &part) != NGX_OK) {
        return NGX_CONF_OK;
    }

    language = af_mail_slot(cf, &named, languages);
    if (language == NULL) {
        return NGX_CONF_ERROR;
    }

    *ngx_snprintf(path, sizeof(path) - 1, "%V/%V", folder, name) = '\0';

    return af_mail_template(cf, (char *) path, language, kind, part);
}


/* KIND.LANGUAGE.PART; whatever else is there isn't ours */

static ngx_int_t
af_mail_name(const ngx_str_t *name, ngx_str_t *language, ngx_uint_t *kind,
    ngx_uint_t *part)
{
    size_t  before, after;

    for (*kind = 0; *kind < AF_MAIL_KINDS; (*kind)++) {
        for (*part = 0; *part < AF_MAIL_PARTS; (*part)++) {

            before = ngx_strlen(af_mail_kinds[*kind].name);
            after = ngx_strlen(af_mail_parts[*part].suffix);

            if (name->len <= before + 1 + after
                || ngx_strncmp(name->data, af_mail_kinds[*kind].name, before)
                   != 0
                || name->data[before] != '.'
                || ngx_strncmp(name->data + name->len - after,
                               af_mail_parts[*part].suffix, after)
                   != 0)
            {
                continue;
            }

            language->data = name->data + before + 1;
            language->len = name->len - before - 1 - after;

            return af_mail_is_language(language) ? NGX_OK : NGX_DECLINED;
        }
    }

    return NGX_DECLINED;
}


/* "pt-BR": what is stored with accounts */

static ngx_uint_t
af_mail_is_language(const ngx_str_t *language)
{
    size_t  i;
    u_char  c;

    if (language->len > 35) {
        return 0;
    }

    for (i = 0; i < language->len; i++) {
        c = language->data[i] | 0x20;

        if ((c < 'a' || c > 'z')
            && (i == 0 || ((c < '0' || c > '9') && language->data[i] != '-')))
        {
            return 0;
        }
    }

    return 1;
}


static af_compose_language_t *
af_mail_slot(ngx_conf_t *cf, const ngx_str_t *name, ngx_array_t *languages)
{
    u_char                 *copy;
    ngx_uint_t              i;
    af_compose_language_t  *language;

    language = languages->elts;

    if (ngx_strncmp(language->name, name->data, name->len) == 0
        && language->name[name->len] == '\0')
    {
        language->name = "";
    }

    for (i = 1; i < languages->nelts; i++) {
        if (ngx_strncmp(language[i].name, name->data, name->len) == 0
            && language[i].name[name->len] == '\0')
        {
            return &language[i];
        }
    }

    language = ngx_array_push(languages);
    copy = ngx_pnalloc(cf->pool, name->len + 1);

    if (language == NULL || copy == NULL) {
        return NULL;
    }

    ngx_memzero(language, sizeof(af_compose_language_t));
    language->name = (char *) copy;

    (void) ngx_cpystrn(copy, name->data, name->len + 1);

    return language;
}


/* what a language lacks is as for those who have no other */

static void
af_mail_complete(ngx_array_t *languages)
{
    ngx_uint_t              i, kind, part;
    af_compose_language_t  *language;

    language = languages->elts;

    for (i = 1; i < languages->nelts; i++) {
        for (kind = 0; kind < AF_MAIL_KINDS; kind++) {
            for (part = 0; part < AF_MAIL_PARTS; part++) {
                if (language[i].templates[kind][part].text == NULL) {
                    language[i].templates[kind][part] =
                                             language->templates[kind][part];
                }
            }
        }
    }
}


static char *
af_mail_template(ngx_conf_t *cf, const char *path,
    af_compose_language_t *language, ngx_uint_t kind, ngx_uint_t part)
{
    size_t             line;
    ngx_str_t          name;
    const char        *error;
    af_secret_value_t  secret;

    name.data = (u_char *) path;
    name.len = ngx_strlen(path);

    if (af_secret_value_file(cf, &name, &secret) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    error = af_template_check(af_mail_parts[part].kind,
                              (char *) secret.text.data, secret.text.len,
                              af_mail_variables, &line);
    if (error) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "the template %s in %V:%uz",
                      error, &secret.file, line);
        return NGX_CONF_ERROR;
    }

    language->templates[kind][part].text = (char *) secret.text.data;
    language->templates[kind][part].len = secret.text.len;

    return NGX_CONF_OK;
}
