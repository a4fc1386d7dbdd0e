/*
 * Sending the mails of autoflow.outbox, by each worker, one at a time.
 *
 *   state      what is pending                    goes to
 *   IDLE       nothing: af_outbox_poll() ends it    CLAIMING
 *   CLAIMING   the statement that takes a mail    SENDING; IDLE if none is due
 *   SENDING    a task in a thread                 MARKING
 *   MARKING    the statement that says what       CLAIMING; IDLE if it is no
 *              came of it; or a timer, to ask     use to go on; MARKING again
 *              again                              if the database is away
 *
 * A worker that quits waits unless it is IDLE.  A mail whose worker was killed
 * is due again when its lease is over; one that was sent is sent again only
 * if nobody could tell the database in that time.
 */

#ifndef AF_MAIL_OUTBOX_H
#define AF_MAIL_OUTBOX_H

#include "db/pool.h"
#include "mail/compose.h"
#include "mail/smtp.h"


/* the lease of queries/mail/claim.sql, in milliseconds, and a little less */
#define AF_OUTBOX_LEASE  110000


typedef struct af_mail_conf_s {
    af_compose_conf_t    compose;
    ngx_str_t            maildir;      /* a path; empty: by SMTP */
    af_smtp_t            smtp;
} af_mail_conf_t;


typedef struct af_outbox_s  af_outbox_t;


/* Allocates what a worker needs; `conf` lives as long. */
af_outbox_t *af_outbox_create(ngx_pool_t *pool, const af_mail_conf_t *conf,
    af_db_t *db);

/* Makes ready to send mails.  For init_process. */
void af_outbox_start(af_outbox_t *outbox, ngx_thread_pool_t *io,
    ngx_log_t *log);

/* For exit_process, when the threads have ended. */
void af_outbox_stop(af_outbox_t *outbox);

/*
 * Looks for mails that are due, of whatever worker: a job (db/jobs.h) that is
 * given an af_outbox_t.
 */
void af_outbox_poll(void *data);

/*
 * `mail` is NULL where mails are off, for these two.
 *
 * A statement may have written a row of the outbox: send it.
 */
void af_outbox_wake(af_outbox_t *outbox);

/*
 * Checks a token that someone presents.  Returns 1 with the id of its row,
 * or 0; the row says whether it counts.
 */
int af_outbox_check_token(const af_outbox_t *outbox, const char *kind,
    const char *token, char id[AF_MAIL_ID_SIZE]);


#endif /* AF_MAIL_OUTBOX_H */
