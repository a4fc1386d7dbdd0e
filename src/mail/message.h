/*
 * Mails in the format of RFC 5322 and MIME.  Pure C: no nginx types.
 */

#ifndef AF_MAIL_MESSAGE_H
#define AF_MAIL_MESSAGE_H

#include <stdint.h>
#include "check/buffer.h"


/* all UTF-8, zero-terminated */

typedef struct {
    const char  *id;           /* unique: letters, digits, hyphens */
    int64_t      date;         /* seconds since 1970 */
    const char  *from;         /* an address */
    const char  *from_name;    /* NULL: none */
    const char  *to;           /* an address */
    const char  *subject;
    const char  *text;
    const char  *html;
} af_message_t;


/*
 * Writes a message with lines that end with CR LF.  The same message is written
 * identically each time, Message-ID included, so that duplicates can be
 * recognized.  Returns NULL, or a phrase that says why it can't be written: a
 * control character in a header, an invalid address, invalid UTF-8, no memory.
 */
const char *af_message_write(const af_message_t *message, af_buffer_t *out);

/*
 * Splits "Name <address>", or an address alone, in place; in the latter case
 * *name is NULL.  Returns 0, or -1 if it has no valid address.
 */
int af_message_mailbox(char *text, const char **name, const char **address);


#endif /* AF_MAIL_MESSAGE_H */
