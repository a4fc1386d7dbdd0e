/*
 * Sends the mails of autoflow.outbox, in each worker, one at a time.
 *
 *   state       what is pending                   next
 *   IDLE        nothing                           CLAIMING by af_outbox_poll()
 *   CLAIMING    the statement that leases a mail  SENDING; IDLE if none is due
 *   SENDING     a task in a thread                RECORDING
 *   RECORDING   the statement that records the    CLAIMING; IDLE if others
 *               result, or a timer to retry it    would fail, too; RECORDING
 *                                                 again, if the database is
 *                                                 unavailable
 *
 * An exiting worker waits until it is IDLE.  A mail whose worker was killed is
 * due again when its lease has expired; one that was sent is sent again only if
 * the result couldn't be recorded in that time.
 */

#ifndef AF_MAIL_OUTBOX_H
#define AF_MAIL_OUTBOX_H

#include "db/pool.h"
#include "mail/compose.h"
#include "mail/smtp.h"


/* the lease of queries/mail/claim.sql in milliseconds, minus a margin */
#define AF_OUTBOX_LEASE  110000


typedef struct af_mail_conf_s {
    af_compose_conf_t    compose;
    ngx_str_t            maildir;      /* a path; empty: SMTP */
    af_smtp_t            smtp;
} af_mail_conf_t;


typedef struct af_outbox_s  af_outbox_t;


/* Allocates a worker's outbox; `conf` must outlive it. */
af_outbox_t *af_outbox_create(ngx_pool_t *pool, const af_mail_conf_t *conf,
    af_db_t *db);

/* Prepares for sending.  For init_process. */
void af_outbox_start(af_outbox_t *outbox, ngx_thread_pool_t *io,
    ngx_log_t *log);

/* For exit_process, when the threads have exited. */
void af_outbox_stop(af_outbox_t *outbox);

/*
 * Sends mails that are due, any worker's: a job (db/jobs.h), whose argument is
 * an af_outbox_t.
 */
void af_outbox_poll(void *data);

/*
 * In these two `outbox` may be NULL: mails are off.
 *
 * Sends what a statement may have just inserted into the outbox.
 */
void af_outbox_wake(af_outbox_t *outbox);

/*
 * Verifies a token.  Returns 1 with the id of its row, or 0; whether it is
 * still usable only the row tells.
 */
int af_outbox_check_token(const af_outbox_t *outbox, const char *kind,
    const char *token, char id[AF_MAIL_ID_SIZE]);


#endif /* AF_MAIL_OUTBOX_H */
