#include <string.h>
#include <sodium.h>

#include "mail/compose.h"
#include "check/language.h"


/* in the order of af_mail_parts[] */
#define AF_MAIL_SUBJECT  0
#define AF_MAIL_TEXT     1
#define AF_MAIL_HTML     2


static const char *af_compose_link(const af_compose_conf_t *conf,
    const af_mail_kind_t *kind, const char *id, af_buffer_t *link);
static const char *af_compose_parts(const af_compose_conf_t *conf,
    const af_outbox_entry_t *entry, size_t kind, const char *link,
    af_buffer_t *parts, af_buffer_t *out);


const af_mail_kind_t  af_mail_kinds[AF_MAIL_KINDS] = {
    { "verify_email", "/verify-email?token=" },
    { "reset_password", "/reset-password?token=" },
    { "email_changed", NULL },
    { "change_email", "/verify-email?token=" },
    { "claim_account", "/reset-password?token=" },
    { "invitation", "/accept-invitation?token=" },
    { "factor_added", NULL },
    { "factor_removed", NULL },
    { "recovery_codes", NULL },
    { "passkey_cloned", NULL },
    { "new_device", NULL },
    { "password_changed", NULL }
};


const af_mail_part_t  af_mail_parts[AF_MAIL_PARTS] = {
    { ".subject", AF_TEMPLATE_LINE },
    { ".txt", AF_TEMPLATE_TEXT },
    { ".html", AF_TEMPLATE_HTML }
};


const af_template_value_t  af_mail_variables[] = {
    { "link", NULL },
    { "email", NULL },
    { "name", NULL },
    { "account", NULL },
    { "since", NULL },
    { NULL, NULL }
};


const af_compose_language_t *
af_compose_language(const af_compose_conf_t *conf, const char *accept,
    size_t len)
{
    size_t                        i;
    unsigned                      weight, best;
    const af_compose_language_t  *language, *found;

    best = 0;
    found = NULL;

    for (i = 0; i < conf->nlanguages; i++) {
        language = &conf->languages[i];
        weight = af_language_weight(accept, len, language->name,
                                    strlen(language->name));
        if (weight > best) {
            best = weight;
            found = language;
        }
    }

    return found;
}


const char *
af_compose_message(const af_compose_conf_t *conf,
    const af_outbox_entry_t *entry, af_buffer_t *out)
{
    size_t        i, kind;
    const char   *error;
    af_buffer_t   link, parts[AF_MAIL_PARTS];

    for (kind = 0; strcmp(af_mail_kinds[kind].name, entry->kind) != 0; ) {
        if (++kind == AF_MAIL_KINDS) {
            return "its kind is unknown";
        }
    }

    memset(&link, 0, sizeof(link));
    memset(parts, 0, sizeof(parts));

    error = af_compose_link(conf, &af_mail_kinds[kind], entry->id, &link);

    if (error == NULL) {
        error = af_compose_parts(conf, entry, kind, link.data, parts, out);
    }

    af_buffer_free(&link);

    for (i = 0; i < AF_MAIL_PARTS; i++) {
        af_buffer_free(&parts[i]);
    }

    return error;
}


static const char *
af_compose_link(const af_compose_conf_t *conf, const af_mail_kind_t *kind,
    const char *id, af_buffer_t *link)
{
    int   rc;
    char  token[AF_MAIL_TOKEN_SIZE];

    af_buffer_puts(link, conf->link_base);

    if (kind->path != NULL) {
        rc = af_mail_token_make(conf->keys, kind->name, id, token);

        if (rc != 0) {
            return "the id is invalid";
        }

        af_buffer_puts(link, kind->path);
        af_buffer_puts(link, token);
        sodium_memzero(token, sizeof(token));
    }

    return link->failed ? "out of memory" : NULL;
}


static const char *
af_compose_parts(const af_compose_conf_t *conf, const af_outbox_entry_t *entry,
    size_t kind, const char *link, af_buffer_t *parts, af_buffer_t *out)
{
    size_t                        i;
    af_message_t                  message;
    const af_compose_language_t  *language;
    const af_template_value_t     values[] = {
        { "link", link },
        { "email", entry->recipient },
        { "name", entry->name },
        { "account", entry->account },
        { "since", entry->since },
        { NULL, NULL }
    };

    language = entry->language
               ? af_compose_language(conf, entry->language,
                                     strlen(entry->language)) : NULL;
    if (language == NULL) {
        language = conf->languages;
    }

    for (i = 0; i < AF_MAIL_PARTS; i++) {
        af_buffer_puts(&parts[i], "");
        af_template_write(af_mail_parts[i].kind,
                          language->templates[kind][i].text,
                          language->templates[kind][i].len, values,
                          &parts[i]);

        if (parts[i].failed) {
            return "out of memory";
        }
    }

    message.id = entry->id;
    message.date = entry->created;
    message.from = conf->from;
    message.from_name = conf->from_name;
    message.to = entry->recipient;
    message.subject = parts[AF_MAIL_SUBJECT].data;
    message.text = parts[AF_MAIL_TEXT].data;
    message.html = parts[AF_MAIL_HTML].data;

    return af_message_write(&message, out);
}
