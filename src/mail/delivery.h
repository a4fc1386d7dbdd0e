/*
 * The outcome of a delivery.
 */

#ifndef AF_MAIL_DELIVERY_H
#define AF_MAIL_DELIVERY_H


typedef enum {
    AF_DELIVERY_SENT = 0,
    AF_DELIVERY_DEFERRED,      /* temporary failure, of this mail */
    AF_DELIVERY_UNAVAILABLE,   /* temporary failure, of all mails */
    AF_DELIVERY_FAILED         /* permanent; the last one, for counters.h */
} af_delivery_t;


#endif /* AF_MAIL_DELIVERY_H */
