#include "mail/outbox.h"
#include "mail/maildir.h"
#include "net/curl.h"
#include "check/input.h"
#include "shm/counters.h"
#include "queries.h"
#include "conf/transition.h"

#include <time.h>


/* milliseconds until a result is recorded again */
#define AF_OUTBOX_RECORD_DELAY  1000

/* milliseconds of the timer that holds an exiting worker, which is repeated */
#define AF_OUTBOX_HOLD    10000

/* attempts of an exiting worker to record a result */
#define AF_OUTBOX_RECORD_TRIES  10

/* the most parameters of a statement */
#define AF_OUTBOX_VALUES  4


typedef enum {
    AF_OUTBOX_IDLE = 0,
    AF_OUTBOX_CLAIMING,
    AF_OUTBOX_SENDING,
    AF_OUTBOX_RECORDING
} af_outbox_state_t;


/* what a thread works on; the thread owns it while the task is active */

typedef struct {
    const af_mail_conf_t  *conf;
    void                  *curl;       /* a connection kept open */
    af_outbox_entry_t      entry;      /* its strings are those of `claimed` */
    ngx_uint_t             deadline;   /* when the lease ends */
    ngx_atomic_t           running;

    af_delivery_t          delivery;
    char                   error[600];
} af_outbox_task_t;


struct af_outbox_s {
    const af_mail_conf_t  *conf;
    af_db_t               *db;
    ngx_thread_pool_t     *io;
    ngx_log_t             *log;

    af_outbox_state_t      state;
    ngx_event_t            timer;
    ngx_thread_task_t     *task;
    PGresult              *claimed;    /* the row; NULL: no mail is leased */
    ngx_uint_t             tries;      /* attempts to record the result */
    char                   error[600]; /* why it failed, in UTF-8 */
    unsigned               woken:1;    /* there may be another mail */
    unsigned               started:1;

    af_db_op_t             op;
    af_db_call_t           call;
    const char            *values[AF_OUTBOX_VALUES];
    PGresult              *result;
};


static void af_outbox_state(af_outbox_t *outbox, af_outbox_state_t state,
    ngx_msec_t timer);
static void af_outbox_timer(ngx_event_t *ev);
static void af_outbox_next(af_outbox_t *outbox);
static void af_outbox_query(af_outbox_t *outbox,
    const af_statement_t *statement, af_outbox_state_t state,
    void (*handler)(af_db_op_t *op));
static ngx_int_t af_outbox_result(af_outbox_t *outbox);
static void af_outbox_claim(af_outbox_t *outbox);
static void af_outbox_claimed(af_db_op_t *op);
static void af_outbox_process(af_outbox_t *outbox);
static const char *af_outbox_column(af_outbox_t *outbox, const char *name);
static void af_outbox_fail(af_outbox_task_t *task, af_delivery_t delivery,
    const char *reason);
static void af_outbox_send(af_outbox_t *outbox);
static void af_outbox_thread(void *data, ngx_log_t *log);
static af_delivery_t af_outbox_deliver(af_outbox_task_t *task,
    const af_buffer_t *message);
static ngx_uint_t af_outbox_now(void);
static void af_outbox_sent(ngx_event_t *ev);
static void af_outbox_record(af_outbox_t *outbox);
static void af_outbox_recorded(af_db_op_t *op);
static void af_outbox_log(af_outbox_t *outbox);


af_outbox_t *
af_outbox_create(ngx_pool_t *pool, const af_mail_conf_t *conf, af_db_t *db)
{
    af_outbox_t       *outbox;
    af_outbox_task_t  *task;

    outbox = ngx_pcalloc(pool, sizeof(af_outbox_t));
    if (outbox == NULL) {
        return NULL;
    }

    outbox->task = ngx_thread_task_alloc(pool, sizeof(af_outbox_task_t));
    if (outbox->task == NULL) {
        return NULL;
    }

    outbox->conf = conf;
    outbox->db = db;

    outbox->task->handler = af_outbox_thread;
    outbox->task->event.handler = af_outbox_sent;
    outbox->task->event.data = outbox;

    task = outbox->task->ctx;
    task->conf = conf;

    outbox->timer.handler = af_outbox_timer;
    outbox->timer.data = outbox;

    outbox->call.values = outbox->values;
    outbox->op.calls = &outbox->call;
    outbox->op.ncalls = 1;
    outbox->op.results = &outbox->result;
    outbox->op.data = outbox;

    return outbox;
}


void
af_outbox_start(af_outbox_t *outbox, ngx_thread_pool_t *io, ngx_log_t *log)
{
    af_curl_init();

    outbox->io = io;
    outbox->log = log;
    outbox->timer.log = log;
    outbox->task->event.log = log;
    outbox->started = 1;
}


void
af_outbox_stop(af_outbox_t *outbox)
{
    af_outbox_task_t  *task;

    if (!outbox->started) {
        return;
    }

    task = outbox->task->ctx;

    /* not that of a pool whose queue was full: see af_flow_stop() */

    while (__atomic_load_n(&task->running, __ATOMIC_ACQUIRE)) {
        ngx_msleep(1);
    }

    af_db_cancel(&outbox->op);
    af_db_clear(&outbox->op);
    PQclear(outbox->claimed);
    outbox->claimed = NULL;

    af_smtp_close(&task->curl);
}


void
af_outbox_wake(af_outbox_t *outbox)
{
    if (outbox == NULL) {
        return;
    }

    outbox->woken = 1;

    af_outbox_poll(outbox);
}


void
af_outbox_poll(void *data)
{
    af_outbox_t *outbox = data;

    if (outbox->state == AF_OUTBOX_IDLE) {
        af_outbox_claim(outbox);
    }
}


int
af_outbox_check_token(const af_outbox_t *outbox, const char *kind,
    const char *token, char id[AF_MAIL_ID_SIZE])
{
    return outbox
           && af_mail_token_check(outbox->conf->compose.keys, kind, token,
                                  ngx_strlen(token), id);
}


static void
af_outbox_state(af_outbox_t *outbox, af_outbox_state_t state, ngx_msec_t timer)
{
    /* the states that may follow each state: CLAIMING itself, if woken */
    static const unsigned  next[] = {
        1 << AF_OUTBOX_CLAIMING,
        1 << AF_OUTBOX_CLAIMING | 1 << AF_OUTBOX_SENDING
            | 1 << AF_OUTBOX_RECORDING | 1 << AF_OUTBOX_IDLE,
        1 << AF_OUTBOX_RECORDING,
        1 << AF_OUTBOX_RECORDING | 1 << AF_OUTBOX_CLAIMING | 1 << AF_OUTBOX_IDLE
    };

    af_transition(outbox->log, "the outbox", next, outbox->state, state);

    outbox->state = state;

    if (outbox->timer.timer_set) {
        ngx_del_timer(&outbox->timer);
    }

    if (state != AF_OUTBOX_IDLE) {
        ngx_add_timer(&outbox->timer, timer);
    }
}


static void
af_outbox_timer(ngx_event_t *ev)
{
    af_outbox_t *outbox = ev->data;

    if (outbox->state == AF_OUTBOX_RECORDING
        && outbox->op.state == AF_DB_IDLE)
    {
        af_outbox_record(outbox);
        return;
    }

    ngx_add_timer(ev, AF_OUTBOX_HOLD);
}


/* an exiting worker leaves the rest to others */

static void
af_outbox_next(af_outbox_t *outbox)
{
    if (ngx_exiting && !outbox->woken) {
        af_outbox_state(outbox, AF_OUTBOX_IDLE, 0);
        return;
    }

    af_outbox_claim(outbox);
}


static void
af_outbox_query(af_outbox_t *outbox, const af_statement_t *statement,
    af_outbox_state_t state, void (*handler)(af_db_op_t *op))
{
    outbox->call.statement = statement;
    outbox->op.handler = handler;

    af_outbox_state(outbox, state, AF_OUTBOX_HOLD);

    if (af_db_submit(outbox->db, &outbox->op) != NGX_OK) {
        outbox->op.status = AF_DB_UNAVAILABLE;
        handler(&outbox->op);
    }
}


/* an unavailable database is logged by its connection */

static ngx_int_t
af_outbox_result(af_outbox_t *outbox)
{
    const char  *message;

    if (outbox->op.status == AF_DB_OK) {
        return NGX_OK;
    }

    if (outbox->op.status == AF_DB_ERROR) {
        message = PQresultErrorField(outbox->op.error, PG_DIAG_MESSAGE_PRIMARY);

        ngx_log_error(NGX_LOG_ERR, outbox->log, 0,
                      "autoflow: \"%s\" failed: %s",
                      outbox->call.statement->name, message ? message : "");
    }

    af_db_clear(&outbox->op);

    return NGX_ERROR;
}


static void
af_outbox_claim(af_outbox_t *outbox)
{
    af_outbox_task_t  *task;

    outbox->woken = 0;

    task = outbox->task->ctx;
    task->deadline = af_outbox_now() + AF_OUTBOX_LEASE;

    af_outbox_query(outbox, &af_sql_mail_claim, AF_OUTBOX_CLAIMING,
                    af_outbox_claimed);
}


static void
af_outbox_claimed(af_db_op_t *op)
{
    af_outbox_t  *outbox;

    outbox = op->data;

    if (af_outbox_result(outbox) != NGX_OK) {
        af_outbox_state(outbox, AF_OUTBOX_IDLE, 0);
        return;
    }

    if (PQntuples(outbox->result) > 0) {
        outbox->claimed = outbox->result;
        outbox->result = NULL;

        af_outbox_process(outbox);
        return;
    }

    af_db_clear(&outbox->op);

    if (outbox->woken) {
        af_outbox_claim(outbox);

    } else {
        af_outbox_state(outbox, AF_OUTBOX_IDLE, 0);
    }
}


/* the entry's strings are those of the result, kept until it is recorded */

static void
af_outbox_process(af_outbox_t *outbox)
{
    const char        *created, *reason;
    af_outbox_task_t  *task;

    task = outbox->task->ctx;

    task->entry.id = af_outbox_column(outbox, "id");
    task->entry.kind = af_outbox_column(outbox, "kind");
    task->entry.recipient = af_outbox_column(outbox, "recipient");
    task->entry.name = af_outbox_column(outbox, "name");
    task->entry.account = af_outbox_column(outbox, "account");
    task->entry.since = af_outbox_column(outbox, "since");
    task->entry.language = af_outbox_column(outbox, "language");

    created = af_outbox_column(outbox, "created");
    task->entry.created = ngx_atotm((u_char *) created, ngx_strlen(created));

    outbox->tries = 0;
    reason = af_outbox_column(outbox, "void");

    if (reason == NULL) {
        af_outbox_send(outbox);
        return;
    }

    af_outbox_fail(task, AF_DELIVERY_FAILED, reason);
    af_outbox_record(outbox);
}


static const char *
af_outbox_column(af_outbox_t *outbox, const char *name)
{
    int  n;

    n = PQfnumber(outbox->claimed, name);

    return PQgetisnull(outbox->claimed, 0, n) ? NULL
                                              : PQgetvalue(outbox->claimed, 0,
                                                           n);
}


static void
af_outbox_fail(af_outbox_task_t *task, af_delivery_t delivery,
    const char *reason)
{
    task->delivery = delivery;

    (void) ngx_cpystrn((u_char *) task->error, (u_char *) reason,
                       sizeof(task->error));
}


static void
af_outbox_send(af_outbox_t *outbox)
{
    af_outbox_task_t  *task;

    task = outbox->task->ctx;
    task->running = 1;
    task->error[0] = '\0';

    if (ngx_thread_task_post(outbox->io, outbox->task) == NGX_OK) {
        af_outbox_state(outbox, AF_OUTBOX_SENDING, AF_OUTBOX_HOLD);
        return;
    }

    task->running = 0;

    af_outbox_fail(task, AF_DELIVERY_UNAVAILABLE,
                   "the thread queue is full");
    af_outbox_record(outbox);
}


static void
af_outbox_thread(void *data, ngx_log_t *log)
{
    af_outbox_task_t *task = data;

    const char   *reason;
    af_buffer_t   message;

    ngx_memzero(&message, sizeof(af_buffer_t));

    if (ngx_terminate) {
        af_outbox_fail(task, AF_DELIVERY_UNAVAILABLE,
                       "the worker is terminating");

    } else if (task->deadline < af_outbox_now() + AF_SMTP_TIMEOUT) {
        af_outbox_fail(task, AF_DELIVERY_UNAVAILABLE,
                       "no thread was free in time");

    } else if ((reason = af_compose_message(&task->conf->compose, &task->entry,
                                            &message))
               != NULL)
    {
        /* a worker of another version may know this kind */
        af_outbox_fail(task, AF_DELIVERY_DEFERRED, reason);

    } else {
        task->delivery = af_outbox_deliver(task, &message);
    }

    af_buffer_free(&message);

    __atomic_store_n(&task->running, 0, __ATOMIC_RELEASE);
}


/* the name of a file is the same each time, too */

static af_delivery_t
af_outbox_deliver(af_outbox_task_t *task, const af_buffer_t *message)
{
    char                   name[NGX_INT64_LEN + AF_MAIL_ID_SIZE
                                + sizeof("..autoflow")];
    const af_mail_conf_t  *conf;

    conf = task->conf;

    if (conf->maildir.len == 0) {
        return af_smtp_send(&conf->smtp, &task->curl, task->entry.recipient,
                            message->data, message->len, &ngx_terminate,
                            task->error, sizeof(task->error));
    }

    (void) ngx_sprintf((u_char *) name, "%L.%s.autoflow%Z",
                       task->entry.created, task->entry.id);

    return af_maildir_deliver((char *) conf->maildir.data, name, message->data,
                              message->len, task->error, sizeof(task->error));
}


/* milliseconds of the monotonic clock; for threads, too */

static ngx_uint_t
af_outbox_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (ngx_uint_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}


static void
af_outbox_sent(ngx_event_t *ev)
{
    af_outbox_record(ev->data);
}


static void
af_outbox_record(af_outbox_t *outbox)
{
    size_t                 len;
    af_outbox_task_t      *task;
    const af_statement_t  *statement;

    task = outbox->task->ctx;

    len = af_text_clean(outbox->error, sizeof(outbox->error) - 1, task->error,
                        ngx_strlen(task->error));
    outbox->error[len] = '\0';

    outbox->values[0] = task->entry.id;
    outbox->values[1] = outbox->error;
    outbox->values[2] = (task->delivery == AF_DELIVERY_FAILED) ? "true"
                                                               : "false";
    outbox->values[3] = af_outbox_column(outbox, "attempt");

    statement = (task->delivery == AF_DELIVERY_SENT) ? &af_sql_mail_sent
                                                     : &af_sql_mail_failed;

    af_outbox_query(outbox, statement, AF_OUTBOX_RECORDING, af_outbox_recorded);
}


static void
af_outbox_recorded(af_db_op_t *op)
{
    af_outbox_t       *outbox;
    af_outbox_task_t  *task;

    outbox = op->data;
    task = outbox->task->ctx;

    if (af_outbox_result(outbox) != NGX_OK) {

        if (!ngx_exiting || ++outbox->tries < AF_OUTBOX_RECORD_TRIES) {
            af_outbox_state(outbox, AF_OUTBOX_RECORDING,
                            AF_OUTBOX_RECORD_DELAY);
            return;
        }

        ngx_log_error(NGX_LOG_ERR, outbox->log, 0,
                      "autoflow: the result of mail %s was not recorded",
                      task->entry.id);

    } else {
        af_count(AF_METRIC_MAILS, task->delivery);
        af_outbox_log(outbox);
    }

    af_db_clear(&outbox->op);
    PQclear(outbox->claimed);
    outbox->claimed = NULL;

    if (task->delivery == AF_DELIVERY_UNAVAILABLE && !outbox->woken) {
        af_outbox_state(outbox, AF_OUTBOX_IDLE, 0);

    } else {
        af_outbox_next(outbox);
    }
}


/* the recipient is nobody's business who reads a log */

static void
af_outbox_log(af_outbox_t *outbox)
{
    af_outbox_task_t  *task;

    task = outbox->task->ctx;

    if (task->delivery == AF_DELIVERY_SENT) {
        ngx_log_error(NGX_LOG_INFO, outbox->log, 0,
                      "autoflow: sent mail %s (%s)",
                      task->entry.id, task->entry.kind);

    } else if (PQntuples(outbox->result) > 0
               && PQgetvalue(outbox->result, 0, 0)[0] == 't')
    {
        ngx_log_error(NGX_LOG_ERR, outbox->log, 0,
                      "autoflow: gave up mail %s (%s): %s",
                      task->entry.id, task->entry.kind, outbox->error);

    } else {
        ngx_log_error(NGX_LOG_WARN, outbox->log, 0,
                      "autoflow: could not send mail %s (%s) yet: %s",
                      task->entry.id, task->entry.kind, outbox->error);
    }
}
