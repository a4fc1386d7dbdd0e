/*
 * Delivering into a Maildir, synchronously: for a thread.  Pure C.
 */

#ifndef AF_MAIL_MAILDIR_H
#define AF_MAIL_MAILDIR_H

#include <stddef.h>
#include "mail/delivery.h"


/*
 * Makes the folders of a Maildir where they are missing, and sees whether mails
 * can be delivered: 0, or -1 with errno set.  Those within it have its group
 * and mode, since users may share it.
 */
int af_maildir_check(const char *path);

/*
 * Makes PATH/new/NAME, and the folders of a Maildir if they are missing.  The
 * file is whole and on the disk when it is there; one of the same name is
 * replaced.  Lines end with LF in it.  What went wrong is told in `error`.
 */
af_delivery_t af_maildir_deliver(const char *path, const char *name,
    const char *message, size_t len, char *error, size_t size);


#endif /* AF_MAIL_MAILDIR_H */
