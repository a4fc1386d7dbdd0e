/*
 * Sending by SMTP, synchronously: for a thread.  Pure C, by libcurl;
 * curl_global_init() has been called before there were threads.
 */

#ifndef AF_MAIL_SMTP_H
#define AF_MAIL_SMTP_H

#include <signal.h>
#include <stddef.h>
#include "mail/delivery.h"


/* milliseconds to connect, and for all of it */
#define AF_SMTP_CONNECT_TIMEOUT  10000
#define AF_SMTP_TIMEOUT          30000


/* texts that end with a zero, NULL for none */

typedef struct {
    const char  *url;          /* smtp:// or smtps:// */
    const char  *user;
    const char  *password;
    const char  *from;         /* an address */
    const char  *ca;           /* a file; NULL: the system's */
    unsigned     tls:1;        /* demanded; else whatever the server has */
} af_smtp_t;


/*
 * Sends a message of `len` octets to the address `to`.  *curl, NULL at first,
 * keeps the connection for the next one, and `stop`; one thread at a time may
 * use it.
 * What was not sent is told in `error`, also when *stop becomes true; the
 * address is not.
 */
af_delivery_t af_smtp_send(const af_smtp_t *smtp, void **curl, const char *to,
    const char *message, size_t len, const volatile sig_atomic_t *stop,
    char *error, size_t size);

/* Closes the connection, without waiting for anybody. */
void af_smtp_close(void **curl);


#endif /* AF_MAIL_SMTP_H */
