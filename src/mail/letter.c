#include <string.h>
#include <sodium.h>

#include "mail/letter.h"


/* in the order of af_letter_parts[] */
#define AF_SUBJECT  0
#define AF_TEXT     1
#define AF_HTML     2


static const char *af_letter_link(const af_letters_t *letters,
    const af_letter_kind_t *kind, const char *id, af_buffer_t *link);
static const char *af_letter_compose(const af_letters_t *letters,
    const af_letter_t *letter, size_t kind, const char *link,
    af_buffer_t *parts, af_buffer_t *out);


const af_letter_kind_t  af_letter_kinds[AF_LETTER_KINDS] = {
    { "verify_email", "/verify-email?token=" },
    { "reset_password", "/reset-password?token=" },
    { "email_changed", NULL },
    { "change_email", "/verify-email?token=" },
    { "claim_account", "/reset-password?token=" }
};


const af_letter_part_t  af_letter_parts[AF_LETTER_PARTS] = {
    { ".subject", AF_TEMPLATE_LINE },
    { ".txt", AF_TEMPLATE_TEXT },
    { ".html", AF_TEMPLATE_HTML }
};


const af_template_value_t  af_letter_names[] = {
    { "link", NULL },
    { "email", NULL },
    { "name", NULL },
    { "account", NULL },
    { "since", NULL },
    { NULL, NULL }
};


const char *
af_letter_write(const af_letters_t *letters, const af_letter_t *letter,
    af_buffer_t *out)
{
    size_t        i, kind;
    const char   *why;
    af_buffer_t   link, parts[AF_LETTER_PARTS];

    for (kind = 0; strcmp(af_letter_kinds[kind].name, letter->kind) != 0; ) {
        if (++kind == AF_LETTER_KINDS) {
            return "nobody knows its kind";
        }
    }

    memset(&link, 0, sizeof(link));
    memset(parts, 0, sizeof(parts));

    why = af_letter_link(letters, &af_letter_kinds[kind], letter->id, &link);

    if (why == NULL) {
        why = af_letter_compose(letters, letter, kind, link.data, parts, out);
    }

    af_buffer_free(&link);

    for (i = 0; i < AF_LETTER_PARTS; i++) {
        af_buffer_free(&parts[i]);
    }

    return why;
}


static const char *
af_letter_link(const af_letters_t *letters, const af_letter_kind_t *kind,
    const char *id, af_buffer_t *link)
{
    int   rc;
    char  token[AF_MAIL_TOKEN_SIZE];

    af_buffer_puts(link, letters->link_base);

    if (kind->path != NULL) {
        rc = af_mail_token(letters->keys, kind->name, id, token);

        if (rc != 0) {
            return "the id is none";
        }

        af_buffer_puts(link, kind->path);
        af_buffer_puts(link, token);
        sodium_memzero(token, sizeof(token));
    }

    return link->failed ? "there is no memory" : NULL;
}


static const char *
af_letter_compose(const af_letters_t *letters, const af_letter_t *letter,
    size_t kind, const char *link, af_buffer_t *parts, af_buffer_t *out)
{
    size_t                     i;
    af_message_t               message;
    const af_template_value_t  values[] = {
        { "link", link },
        { "email", letter->recipient },
        { "name", letter->name },
        { "account", letter->account },
        { "since", letter->since },
        { NULL, NULL }
    };

    for (i = 0; i < AF_LETTER_PARTS; i++) {
        af_buffer_puts(&parts[i], "");
        af_template_write(af_letter_parts[i].kind,
                          letters->templates[kind][i].text,
                          letters->templates[kind][i].len, values, &parts[i]);

        if (parts[i].failed) {
            return "there is no memory";
        }
    }

    message.id = letter->id;
    message.date = letter->created;
    message.from = letters->from;
    message.from_name = letters->from_name;
    message.to = letter->recipient;
    message.subject = parts[AF_SUBJECT].data;
    message.text = parts[AF_TEXT].data;
    message.html = parts[AF_HTML].data;

    return af_message_write(&message, out);
}
