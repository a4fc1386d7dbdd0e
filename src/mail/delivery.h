/*
 * What came of delivering a mail.
 */

#ifndef AF_MAIL_DELIVERY_H
#define AF_MAIL_DELIVERY_H


typedef enum {
    AF_MAIL_SENT = 0,
    AF_MAIL_RETRY,             /* later it may work */
    AF_MAIL_AWAY,              /* the same, and it is not about this mail */
    AF_MAIL_REFUSED            /* it never will; the last, for counters.h */
} af_delivery_t;


#endif /* AF_MAIL_DELIVERY_H */
