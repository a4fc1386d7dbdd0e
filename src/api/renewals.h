/*
 * A worker's renewals: new access tokens, from the database, for requests that
 * wait in their access phase.
 *
 * A renewal belongs to no request, so that it survives any of those that wait
 * for it.  All with the same refresh token share one; and for some seconds its
 * result, as long as nothing is revoked, since a browser sends further requests
 * before it has the new cookie, and some clients never keep one.
 *
 *   state     next
 *   ASKED     DONE, by the statement's result or the timer: wakes those waiting
 *   DONE      freed by the timer, or to make room
 */

#ifndef AF_API_RENEWALS_H
#define AF_API_RENEWALS_H

#include "http/renew.h"


/*
 * NGX_AGAIN: af_renew_done() will be called, unless the request leaves the
 * queue; NGX_OK: there is a result; NGX_ERROR: no memory.
 */
ngx_int_t af_renewal_ask(af_renew_t *renew);

/* Ends all of them.  For exit_process: nobody waits any more. */
void af_renewals_stop(void);


#endif /* AF_API_RENEWALS_H */
