/*
 * The kinds of mails, and how one is written: templates, the link with its
 * token, MIME.  Pure C: no nginx types.
 */

#ifndef AF_MAIL_COMPOSE_H
#define AF_MAIL_COMPOSE_H

#include "mail/message.h"
#include "mail/template.h"
#include "mail/token.h"


/* of af_mail_kinds[] */
#define AF_MAIL_KINDS  5

/* of a template: the subject, the text, the HTML */
#define AF_MAIL_PARTS  3


typedef struct {
    const char          *name;         /* also of its templates' files */
    const char          *path;         /* of the link; NULL: it has none */
} af_mail_kind_t;


typedef struct {
    const char          *suffix;       /* of the file, with the dot */
    af_template_kind_t   kind;
} af_mail_part_t;


/* the configuration: it must live as long as messages are composed */

typedef struct {
    const char          *from;         /* an address */
    const char          *from_name;    /* NULL: without */
    const char          *link_base;    /* without a '/' at its end */

    const af_purpose_keys_t  *keys;

    struct {
        const char      *text;
        size_t           len;
    } templates[AF_MAIL_KINDS][AF_MAIL_PARTS];
} af_compose_conf_t;


/* a row of the outbox */

typedef struct {
    const char          *id;
    const char          *kind;
    const char          *recipient;
    const char          *name;
    const char          *account;      /* its address, most of it left out */
    const char          *since;        /* the day when it was made */
    int64_t              created;      /* seconds since 1970 */
} af_outbox_entry_t;


extern const af_mail_kind_t  af_mail_kinds[AF_MAIL_KINDS];
extern const af_mail_part_t  af_mail_parts[AF_MAIL_PARTS];

/* the names that templates may use; see docs/mail.md */
extern const af_template_value_t  af_mail_variables[];


/* Writes a mail.  Returns NULL, or says why it can't be written. */
const char *af_compose_message(const af_compose_conf_t *conf,
    const af_outbox_entry_t *entry, af_buffer_t *out);


#endif /* AF_MAIL_COMPOSE_H */
