/*
 * The kinds of mails, and how a message is composed: from templates, with a
 * link that has a token, as MIME.  Pure C: no nginx types.
 */

#ifndef AF_MAIL_COMPOSE_H
#define AF_MAIL_COMPOSE_H

#include "mail/message.h"
#include "mail/template.h"
#include "mail/token.h"


/* rows of af_mail_kinds[] */
#define AF_MAIL_KINDS  12

/* rows of af_mail_parts[]: the subject, the text, the HTML */
#define AF_MAIL_PARTS  3


typedef struct {
    const char          *name;         /* of its templates' files, too */
    const char          *path;         /* of the link; NULL: it has none */
} af_mail_kind_t;


typedef struct {
    const char          *suffix;       /* of the file, with the dot */
    af_template_kind_t   kind;
} af_mail_part_t;


/* the templates of a language */

typedef struct {
    const char          *name;         /* "de"; "": unknown */

    struct {
        const char      *text;
        size_t           len;
    } templates[AF_MAIL_KINDS][AF_MAIL_PARTS];
} af_compose_language_t;


/* the configuration, which must outlive its uses */

typedef struct {
    const char          *from;         /* an address */
    const char          *from_name;    /* NULL: none */
    const char          *link_base;    /* without a '/' at its end */

    const af_purpose_keys_t  *keys;

    /* complete; the first one is that of whoever has no other */
    const af_compose_language_t  *languages;
    size_t                        nlanguages;
} af_compose_conf_t;


/* a row of the outbox */

typedef struct {
    const char          *id;
    const char          *kind;
    const char          *recipient;
    const char          *name;
    const char          *account;      /* the account's, mostly elided */
    const char          *since;        /* the account's day of creation */
    const char          *language;     /* NULL: unknown */
    int64_t              created;      /* seconds since 1970 */
} af_outbox_entry_t;


extern const af_mail_kind_t  af_mail_kinds[AF_MAIL_KINDS];
extern const af_mail_part_t  af_mail_parts[AF_MAIL_PARTS];

/* the variables of templates; see docs/mail.md */
extern const af_template_value_t  af_mail_variables[];


/*
 * Which language the value of an Accept-Language header likes best, or the name
 * of a language; NULL: none.
 */
const af_compose_language_t *af_compose_language(
    const af_compose_conf_t *conf, const char *accept, size_t len);

/* Composes a message.  Returns NULL, or a phrase that says why it can't. */
const char *af_compose_message(const af_compose_conf_t *conf,
    const af_outbox_entry_t *entry, af_buffer_t *out);


#endif /* AF_MAIL_COMPOSE_H */
