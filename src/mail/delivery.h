/*
 * What came of delivering a mail.
 */

#ifndef AF_MAIL_DELIVERY_H
#define AF_MAIL_DELIVERY_H


typedef enum {
    AF_DELIVERY_SENT = 0,
    AF_DELIVERY_DEFERRED,      /* later it may work */
    AF_DELIVERY_UNAVAILABLE,   /* the same, and it is not about this mail */
    AF_DELIVERY_FAILED         /* it never will; the last, for counters.h */
} af_delivery_t;


#endif /* AF_MAIL_DELIVERY_H */
