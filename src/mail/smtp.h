/*
 * Sends by SMTP, synchronously: for a thread.  Pure C, with libcurl;
 * af_curl_init() was called before there were threads.
 */

#ifndef AF_MAIL_SMTP_H
#define AF_MAIL_SMTP_H

#include <signal.h>
#include <stddef.h>
#include "mail/delivery.h"


/* milliseconds to connect, and in total */
#define AF_SMTP_CONNECT_TIMEOUT  10000
#define AF_SMTP_TIMEOUT          30000


/* zero-terminated strings; NULL: none */

typedef struct {
    const char  *url;          /* smtp:// or smtps:// */
    const char  *user;
    const char  *password;
    const char  *from;         /* an address */
    const char  *ca;           /* a file; NULL: the system's */
    unsigned     tls:1;        /* required; otherwise opportunistic */
} af_smtp_t;


/*
 * Sends a message of `len` octets to the address `to`.  *curl, initially NULL,
 * keeps the connection and `stop` for the next message; only one thread at a
 * time may use it.  On failure, also when *stop becomes true, `error` says why,
 * without the address.
 */
af_delivery_t af_smtp_send(const af_smtp_t *smtp, void **curl, const char *to,
    const char *message, size_t len, const volatile sig_atomic_t *stop,
    char *error, size_t size);

/* Closes the connection without waiting for the server. */
void af_smtp_close(void **curl);


#endif /* AF_MAIL_SMTP_H */
