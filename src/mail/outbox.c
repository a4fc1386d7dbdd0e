#include "mail/outbox.h"
#include "mail/maildir.h"
#include "check/input.h"
#include "shm/counters.h"
#include "queries.h"
#include "conf/transition.h"

#include <curl/curl.h>
#include <time.h>


/* milliseconds until a mark is tried again */
#define AF_MAIL_REMARK    1000

/* how long a worker that quits is sure to wait, again and again */
#define AF_MAIL_HOLD      10000

/* how often a worker that quits tells the database what came of a mail */
#define AF_MAIL_MARKS     10

/* the most values of a statement */
#define AF_MAIL_VALUES    4


typedef enum {
    AF_MAIL_IDLE = 0,
    AF_MAIL_CLAIMING,
    AF_MAIL_SENDING,
    AF_MAIL_MARKING
} af_mail_state_t;


/* what a thread works on: its own while the task is active */

typedef struct {
    const af_mail_conf_t  *conf;
    void                  *curl;       /* a connection that is kept */
    af_outbox_entry_t      entry;      /* the texts are those of a result */
    ngx_uint_t             until;      /* when another one may take the mail */
    ngx_atomic_t           running;

    af_delivery_t          delivery;
    char                   error[600];
} af_mail_task_t;


struct af_mail_s {
    const af_mail_conf_t  *conf;
    af_db_t               *db;
    ngx_thread_pool_t     *io;
    ngx_log_t             *log;

    af_mail_state_t        state;
    ngx_event_t            timer;
    ngx_thread_task_t     *task;
    PGresult              *claimed;    /* the row; NULL: no mail is taken */
    ngx_uint_t             marks;      /* attempts to tell what came of it */
    char                   error[600]; /* why it was not sent, in UTF-8 */
    unsigned               kicked:1;   /* there may be another one */
    unsigned               started:1;

    af_db_op_t             op;
    af_db_call_t           call;
    const char            *values[AF_MAIL_VALUES];
    PGresult              *result;
};


static void af_mail_state(af_mail_t *mail, af_mail_state_t state,
    ngx_msec_t timer);
static void af_mail_timer(ngx_event_t *ev);
static void af_mail_next(af_mail_t *mail);
static void af_mail_query(af_mail_t *mail, const af_statement_t *statement,
    af_mail_state_t state, void (*handler)(af_db_op_t *op));
static ngx_int_t af_mail_failed(af_mail_t *mail);
static void af_mail_claim(af_mail_t *mail);
static void af_mail_claimed(af_db_op_t *op);
static void af_mail_take(af_mail_t *mail);
static const char *af_mail_column(af_mail_t *mail, const char *name);
static void af_mail_say(af_mail_task_t *task, af_delivery_t delivery,
    const char *why);
static void af_mail_send(af_mail_t *mail);
static void af_mail_thread(void *data, ngx_log_t *log);
static af_delivery_t af_mail_deliver(af_mail_task_t *task,
    const af_buffer_t *message);
static ngx_uint_t af_mail_now(void);
static void af_mail_sent(ngx_event_t *ev);
static void af_mail_mark(af_mail_t *mail);
static void af_mail_marked(af_db_op_t *op);
static void af_mail_log(af_mail_t *mail);


af_mail_t *
af_mail_create(ngx_pool_t *pool, const af_mail_conf_t *conf, af_db_t *db)
{
    af_mail_t       *mail;
    af_mail_task_t  *task;

    mail = ngx_pcalloc(pool, sizeof(af_mail_t));
    if (mail == NULL) {
        return NULL;
    }

    mail->task = ngx_thread_task_alloc(pool, sizeof(af_mail_task_t));
    if (mail->task == NULL) {
        return NULL;
    }

    mail->conf = conf;
    mail->db = db;

    mail->task->handler = af_mail_thread;
    mail->task->event.handler = af_mail_sent;
    mail->task->event.data = mail;

    task = mail->task->ctx;
    task->conf = conf;

    mail->timer.handler = af_mail_timer;
    mail->timer.data = mail;

    mail->call.values = mail->values;
    mail->op.calls = &mail->call;
    mail->op.ncalls = 1;
    mail->op.results = &mail->result;
    mail->op.data = mail;

    return mail;
}


void
af_mail_start(af_mail_t *mail, ngx_thread_pool_t *io, ngx_log_t *log)
{
    /* before there are threads that use it */
    (void) curl_global_init(CURL_GLOBAL_DEFAULT);

    mail->io = io;
    mail->log = log;
    mail->timer.log = log;
    mail->task->event.log = log;
    mail->started = 1;
}


void
af_mail_stop(af_mail_t *mail)
{
    af_mail_task_t  *task;

    if (!mail->started) {
        return;
    }

    task = mail->task->ctx;

    /* not that of a pool whose queue was full: see af_flow_stop() */

    while (__atomic_load_n(&task->running, __ATOMIC_ACQUIRE)) {
        ngx_msleep(1);
    }

    af_db_cancel(&mail->op);
    af_db_clear(&mail->op);
    PQclear(mail->claimed);
    mail->claimed = NULL;

    af_smtp_close(&task->curl);
}


void
af_mail_kick(af_mail_t *mail)
{
    if (mail == NULL) {
        return;
    }

    mail->kicked = 1;

    af_mail_look(mail);
}


void
af_mail_look(void *data)
{
    af_mail_t *mail = data;

    if (mail->state == AF_MAIL_IDLE) {
        af_mail_claim(mail);
    }
}


int
af_mail_verify(const af_mail_t *mail, const char *kind, const char *token,
    char id[AF_MAIL_ID_SIZE])
{
    return mail
           && af_mail_token_check(mail->conf->compose.keys, kind, token,
                                  ngx_strlen(token), id);
}


static void
af_mail_state(af_mail_t *mail, af_mail_state_t state, ngx_msec_t timer)
{
    /* what may follow each state: CLAIMING itself, too, if it was kicked */
    static const unsigned  next[] = {
        1 << AF_MAIL_CLAIMING,
        1 << AF_MAIL_CLAIMING | 1 << AF_MAIL_SENDING | 1 << AF_MAIL_MARKING
            | 1 << AF_MAIL_IDLE,
        1 << AF_MAIL_MARKING,
        1 << AF_MAIL_MARKING | 1 << AF_MAIL_CLAIMING | 1 << AF_MAIL_IDLE
    };

    af_transition(mail->log, "the outbox", next, mail->state, state);

    mail->state = state;

    if (mail->timer.timer_set) {
        ngx_del_timer(&mail->timer);
    }

    if (state != AF_MAIL_IDLE) {
        ngx_add_timer(&mail->timer, timer);
    }
}


static void
af_mail_timer(ngx_event_t *ev)
{
    af_mail_t *mail = ev->data;

    if (mail->state == AF_MAIL_MARKING && mail->op.state == AF_DB_IDLE) {
        af_mail_mark(mail);
        return;
    }

    ngx_add_timer(ev, AF_MAIL_HOLD);
}


/* others look after what is left of a worker that quits */

static void
af_mail_next(af_mail_t *mail)
{
    if (ngx_exiting && !mail->kicked) {
        af_mail_state(mail, AF_MAIL_IDLE, 0);
        return;
    }

    af_mail_claim(mail);
}


static void
af_mail_query(af_mail_t *mail, const af_statement_t *statement,
    af_mail_state_t state, void (*handler)(af_db_op_t *op))
{
    mail->call.statement = statement;
    mail->op.handler = handler;

    af_mail_state(mail, state, AF_MAIL_HOLD);

    if (af_db_submit(mail->db, &mail->op) != NGX_OK) {
        mail->op.status = AF_DB_UNAVAILABLE;
        handler(&mail->op);
    }
}


/* while the database is away, it says so itself */

static ngx_int_t
af_mail_failed(af_mail_t *mail)
{
    const char  *message;

    if (mail->op.status == AF_DB_OK) {
        return NGX_OK;
    }

    if (mail->op.status == AF_DB_ERROR) {
        message = PQresultErrorField(mail->op.error, PG_DIAG_MESSAGE_PRIMARY);

        ngx_log_error(NGX_LOG_ERR, mail->log, 0, "autoflow: \"%s\" failed: %s",
                      mail->call.statement->name, message ? message : "");
    }

    af_db_clear(&mail->op);

    return NGX_ERROR;
}


static void
af_mail_claim(af_mail_t *mail)
{
    af_mail_task_t  *task;

    mail->kicked = 0;

    task = mail->task->ctx;
    task->until = af_mail_now() + AF_MAIL_LEASE;

    af_mail_query(mail, &af_sql_mail_claim, AF_MAIL_CLAIMING, af_mail_claimed);
}


static void
af_mail_claimed(af_db_op_t *op)
{
    af_mail_t  *mail;

    mail = op->data;

    if (af_mail_failed(mail) != NGX_OK) {
        af_mail_state(mail, AF_MAIL_IDLE, 0);
        return;
    }

    if (PQntuples(mail->result) > 0) {
        mail->claimed = mail->result;
        mail->result = NULL;

        af_mail_take(mail);
        return;
    }

    af_db_clear(&mail->op);

    if (mail->kicked) {
        af_mail_claim(mail);

    } else {
        af_mail_state(mail, AF_MAIL_IDLE, 0);
    }
}


/* its texts are those of the result, which is kept until it is marked */

static void
af_mail_take(af_mail_t *mail)
{
    const char      *created, *why;
    af_mail_task_t  *task;

    task = mail->task->ctx;

    task->entry.id = af_mail_column(mail, "id");
    task->entry.kind = af_mail_column(mail, "kind");
    task->entry.recipient = af_mail_column(mail, "recipient");
    task->entry.name = af_mail_column(mail, "name");
    task->entry.account = af_mail_column(mail, "account");
    task->entry.since = af_mail_column(mail, "since");

    created = af_mail_column(mail, "created");
    task->entry.created = ngx_atotm((u_char *) created, ngx_strlen(created));

    mail->marks = 0;
    why = af_mail_column(mail, "void");

    if (why == NULL) {
        af_mail_send(mail);
        return;
    }

    af_mail_say(task, AF_MAIL_REFUSED, why);
    af_mail_mark(mail);
}


static const char *
af_mail_column(af_mail_t *mail, const char *name)
{
    int  n;

    n = PQfnumber(mail->claimed, name);

    return PQgetisnull(mail->claimed, 0, n) ? NULL
                                            : PQgetvalue(mail->claimed, 0, n);
}


static void
af_mail_say(af_mail_task_t *task, af_delivery_t delivery, const char *why)
{
    task->delivery = delivery;

    (void) ngx_cpystrn((u_char *) task->error, (u_char *) why,
                       sizeof(task->error));
}


static void
af_mail_send(af_mail_t *mail)
{
    af_mail_task_t  *task;

    task = mail->task->ctx;
    task->running = 1;
    task->error[0] = '\0';

    if (ngx_thread_task_post(mail->io, mail->task) == NGX_OK) {
        af_mail_state(mail, AF_MAIL_SENDING, AF_MAIL_HOLD);
        return;
    }

    task->running = 0;

    af_mail_say(task, AF_MAIL_AWAY, "the queue of the threads is full");
    af_mail_mark(mail);
}


static void
af_mail_thread(void *data, ngx_log_t *log)
{
    af_mail_task_t *task = data;

    const char   *why;
    af_buffer_t   message;

    ngx_memzero(&message, sizeof(af_buffer_t));

    if (ngx_terminate) {
        af_mail_say(task, AF_MAIL_AWAY, "the worker is ending");

    } else if (task->until < af_mail_now() + AF_SMTP_TIMEOUT) {
        af_mail_say(task, AF_MAIL_AWAY, "no thread had time for it");

    } else if ((why = af_compose_message(&task->conf->compose, &task->entry,
                                         &message))
               != NULL)
    {
        /* one of another version may know how */
        af_mail_say(task, AF_MAIL_RETRY, why);

    } else {
        task->delivery = af_mail_deliver(task, &message);
    }

    af_buffer_free(&message);

    __atomic_store_n(&task->running, 0, __ATOMIC_RELEASE);
}


/* a file's name is the same each time, too */

static af_delivery_t
af_mail_deliver(af_mail_task_t *task, const af_buffer_t *message)
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


/* milliseconds of a clock that nobody sets; for threads, too */

static ngx_uint_t
af_mail_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (ngx_uint_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}


static void
af_mail_sent(ngx_event_t *ev)
{
    af_mail_mark(ev->data);
}


static void
af_mail_mark(af_mail_t *mail)
{
    size_t                 len;
    af_mail_task_t        *task;
    const af_statement_t  *statement;

    task = mail->task->ctx;

    len = af_text_clean(mail->error, sizeof(mail->error) - 1, task->error,
                        ngx_strlen(task->error));
    mail->error[len] = '\0';

    mail->values[0] = task->entry.id;
    mail->values[1] = mail->error;
    mail->values[2] = (task->delivery == AF_MAIL_REFUSED) ? "true" : "false";
    mail->values[3] = af_mail_column(mail, "attempt");

    statement = (task->delivery == AF_MAIL_SENT) ? &af_sql_mail_sent
                                                 : &af_sql_mail_failed;

    af_mail_query(mail, statement, AF_MAIL_MARKING, af_mail_marked);
}


static void
af_mail_marked(af_db_op_t *op)
{
    af_mail_t       *mail;
    af_mail_task_t  *task;

    mail = op->data;
    task = mail->task->ctx;

    if (af_mail_failed(mail) != NGX_OK) {

        if (!ngx_exiting || ++mail->marks < AF_MAIL_MARKS) {
            af_mail_state(mail, AF_MAIL_MARKING, AF_MAIL_REMARK);
            return;
        }

        ngx_log_error(NGX_LOG_ERR, mail->log, 0,
                      "autoflow: nobody knows what came of mail %s",
                      task->entry.id);

    } else {
        af_count(AF_MAILS, task->delivery);
        af_mail_log(mail);
    }

    af_db_clear(&mail->op);
    PQclear(mail->claimed);
    mail->claimed = NULL;

    if (task->delivery == AF_MAIL_AWAY && !mail->kicked) {
        af_mail_state(mail, AF_MAIL_IDLE, 0);

    } else {
        af_mail_next(mail);
    }
}


/* who it was for is nobody's business who reads a log */

static void
af_mail_log(af_mail_t *mail)
{
    af_mail_task_t  *task;

    task = mail->task->ctx;

    if (task->delivery == AF_MAIL_SENT) {
        ngx_log_error(NGX_LOG_INFO, mail->log, 0,
                      "autoflow: sent mail %s (%s)",
                      task->entry.id, task->entry.kind);

    } else if (PQntuples(mail->result) > 0
               && PQgetvalue(mail->result, 0, 0)[0] == 't')
    {
        ngx_log_error(NGX_LOG_ERR, mail->log, 0,
                      "autoflow: gave up mail %s (%s): %s",
                      task->entry.id, task->entry.kind, mail->error);

    } else {
        ngx_log_error(NGX_LOG_WARN, mail->log, 0,
                      "autoflow: could not send mail %s (%s) yet: %s",
                      task->entry.id, task->entry.kind, mail->error);
    }
}
