/*
 * Delivers to a Maildir, synchronously: for a thread.  Pure C.
 */

#ifndef AF_MAIL_MAILDIR_H
#define AF_MAIL_MAILDIR_H

#include <stddef.h>
#include "mail/delivery.h"


/*
 * Creates the folders of a Maildir that are missing, and checks that mails can
 * be delivered: 0, or -1 with errno set.  The folders get the group and mode of
 * the Maildir, since users may share it.
 */
int af_maildir_check(const char *path);

/*
 * Creates PATH/new/NAME, and the Maildir's folders if they are missing.  The
 * file appears when it is complete and on disk, and replaces one of the same
 * name.  Its lines end with LF.  On failure `error` says why.
 */
af_delivery_t af_maildir_deliver(const char *path, const char *name,
    const char *message, size_t len, char *error, size_t size);


#endif /* AF_MAIL_MAILDIR_H */
