#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "mail/smtp.h"
#include "net/curl.h"


/* what libcurl's callbacks work on */

typedef struct {
    const char  *message;
    size_t       len;
    char         reply[256];           /* the last error */
} af_smtp_transfer_t;


static void af_smtp_redact(char *reply);
static int af_smtp_set_up(CURL *curl, const af_smtp_t *smtp);
static int af_smtp_set_message(CURL *curl, af_smtp_transfer_t *transfer,
    const struct curl_slist *recipients);
static af_delivery_t af_smtp_classify(CURLcode code,
    const af_smtp_transfer_t *transfer, char *error, size_t size);
static size_t af_smtp_read(char *data, size_t size, size_t n, void *arg);
static size_t af_smtp_reply(char *line, size_t size, size_t n, void *arg);


af_delivery_t
af_smtp_send(const af_smtp_t *smtp, void **curl, const char *to,
    const char *message, size_t len, const volatile sig_atomic_t *stop,
    char *error, size_t size)
{
    char                 rcpt[256 + sizeof("<>")];
    CURLcode             code;
    struct curl_slist   *recipients;
    af_smtp_transfer_t   transfer;

    memset(&transfer, 0, sizeof(transfer));
    transfer.message = message;
    transfer.len = len;

    code = CURLE_OUT_OF_MEMORY;
    snprintf(error, size, "%s", curl_easy_strerror(code));

    snprintf(rcpt, sizeof(rcpt), "<%s>", to);
    recipients = curl_slist_append(NULL, rcpt);

    if (*curl == NULL) {
        *curl = af_curl_create("smtp,smtps", smtp->url, AF_SMTP_TIMEOUT, stop);

        if (*curl != NULL && af_smtp_set_up(*curl, smtp) != 0) {
            af_smtp_close(curl);
        }
    }

    if (recipients != NULL && *curl != NULL
        && af_smtp_set_message(*curl, &transfer, recipients) == 0)
    {
        code = af_curl_perform(*curl, error, size);
    }

    curl_slist_free_all(recipients);

    if (code == CURLE_OK) {
        return AF_DELIVERY_SENT;
    }

    af_smtp_redact(transfer.reply);

    return af_smtp_classify(code, &transfer, error, size);
}


/*
 * Servers like to repeat the address they refuse, and the reply is logged:
 * whatever looks like an address is masked, however they have changed it.
 */

static void
af_smtp_redact(char *reply)
{
    size_t  len;

    static const char  around[] = " \"(),:;<>[]";

    while (*reply != '\0') {

        len = strcspn(reply, around);

        if (memchr(reply, '@', len) != NULL) {
            memset(reply, '*', len);
        }

        reply += len;
        reply += strspn(reply, around);
    }
}


static int
af_smtp_set_up(CURL *curl, const af_smtp_t *smtp)
{
    char  from[256 + sizeof("<>")];
    long  verify;

    snprintf(from, sizeof(from), "<%s>", smtp->from);

    /* who can prevent optional TLS needs no forged certificate */

    verify = smtp->tls || strncmp(smtp->url, "smtps:", 6) == 0;

    return curl_easy_setopt(curl, CURLOPT_PROXY, "") != CURLE_OK
           || curl_easy_setopt(curl, CURLOPT_USERNAME, smtp->user) != CURLE_OK
           || curl_easy_setopt(curl, CURLOPT_PASSWORD, smtp->password)
              != CURLE_OK
           || curl_easy_setopt(curl, CURLOPT_MAIL_FROM, from) != CURLE_OK
           || curl_easy_setopt(curl, CURLOPT_USE_SSL,
                               (long) (smtp->tls ? CURLUSESSL_ALL
                                                 : CURLUSESSL_TRY))
              != CURLE_OK
           || curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, verify)
              != CURLE_OK
           || curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2 * verify)
              != CURLE_OK
           || (smtp->ca != NULL
               && curl_easy_setopt(curl, CURLOPT_CAINFO, smtp->ca)
                  != CURLE_OK)
           || curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                               (long) AF_SMTP_CONNECT_TIMEOUT)
              != CURLE_OK
           || curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L) != CURLE_OK
           || curl_easy_setopt(curl, CURLOPT_READFUNCTION, af_smtp_read)
              != CURLE_OK
           || curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, af_smtp_reply)
              != CURLE_OK;
}


static int
af_smtp_set_message(CURL *curl, af_smtp_transfer_t *transfer,
    const struct curl_slist *recipients)
{
    return curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, recipients) != CURLE_OK
           || curl_easy_setopt(curl, CURLOPT_READDATA, transfer) != CURLE_OK
           || curl_easy_setopt(curl, CURLOPT_HEADERDATA, transfer)
              != CURLE_OK;
}


/*
 * A 5xx is permanent if the recipient or the message is refused, but not if it
 * is about our configuration (AUTH, MAIL FROM), which may be corrected.
 */

static af_delivery_t
af_smtp_classify(CURLcode code, const af_smtp_transfer_t *transfer, char *error,
    size_t size)
{
    int     ours;
    size_t  len;

    if (transfer->reply[0] == '\0') {
        return AF_DELIVERY_UNAVAILABLE;
    }

    ours = (code != CURLE_SEND_ERROR && code != CURLE_WEIRD_SERVER_REPLY)
           || strncmp(error, "MAIL ", 5) == 0;

    len = strlen(error);
    snprintf(error + len, size - len, " (%s)", transfer->reply);

    if (ours) {
        return AF_DELIVERY_UNAVAILABLE;
    }

    return (transfer->reply[0] == '5') ? AF_DELIVERY_FAILED
                                       : AF_DELIVERY_DEFERRED;
}


static size_t
af_smtp_read(char *data, size_t size, size_t n, void *arg)
{
    af_smtp_transfer_t *transfer = arg;

    n *= size;

    if (n > transfer->len) {
        n = transfer->len;
    }

    memcpy(data, transfer->message, n);
    transfer->message += n;
    transfer->len -= n;

    return n;
}


/* libcurl passes the server's replies as headers */

static size_t
af_smtp_reply(char *line, size_t size, size_t n, void *arg)
{
    af_smtp_transfer_t *transfer = arg;

    size_t  i;

    n *= size;

    if (n > 0 && (line[0] == '4' || line[0] == '5')) {

        for (i = 0; i < n && i < sizeof(transfer->reply) - 1; i++) {
            if (line[i] == '\r' || line[i] == '\n') {
                break;
            }

            /* it is logged, and stored in the database */
            transfer->reply[i] = (line[i] >= 0x20 && line[i] < 0x7f)
                                 ? line[i] : '?';
        }

        transfer->reply[i] = '\0';
    }

    return n;
}


/* libcurl sends QUIT and waits for the reply, unless it can't */

void
af_smtp_close(void **curl)
{
    curl_socket_t  s;

    if (*curl == NULL) {
        return;
    }

    if (curl_easy_getinfo(*curl, CURLINFO_ACTIVESOCKET, &s) == CURLE_OK
        && s != CURL_SOCKET_BAD)
    {
        (void) shutdown(s, SHUT_RDWR);
    }

    curl_easy_cleanup(*curl);
    *curl = NULL;
}
