/*
 * Mails as RFC 5322 and MIME write them.  Pure C: no nginx types.
 */

#ifndef AF_MAIL_MESSAGE_H
#define AF_MAIL_MESSAGE_H

#include <stdint.h>
#include "mail/buffer.h"


/* all UTF-8, ending with a zero */

typedef struct {
    const char  *id;           /* unique: letters, digits, hyphens */
    int64_t      date;         /* seconds since 1970 */
    const char  *from;         /* an address */
    const char  *from_name;    /* NULL: without */
    const char  *to;           /* an address */
    const char  *subject;
    const char  *text;
    const char  *html;
} af_message_t;


/*
 * Writes a message, its lines ending with CR LF.  The same message is written
 * the same way each time, Message-ID and all, so that one that came twice can
 * be recognized.  Returns NULL, or says why it can't be written: a control
 * character where a header's line would end, no address, no UTF-8, no memory.
 */
const char *af_message_write(const af_message_t *message, af_buffer_t *out);

/*
 * Splits "Name <address>", or an address alone, in place: *name is NULL then.
 * Returns 0, or -1 if there is no address that a message can be from.
 */
int af_message_mailbox(char *text, const char **name, const char **address);


#endif /* AF_MAIL_MESSAGE_H */
