#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "db/hosts.h"


/* milliseconds of silence after which the next host is tried, too */
#define AF_DB_NEXT_HOST  250

/* milliseconds between checks of *stop */
#define AF_DB_POLL_INTERVAL  100

#define AF_DB_HOSTS_MAX     16
#define AF_DB_ATTEMPTS_MAX  64
#define AF_DB_OPTIONS_MAX   128

/* octets of an address as text, with the name of an interface */
#define AF_DB_ADDRESS_SIZE  64


typedef struct {
    PGconn                     *pg;        /* NULL: it has failed */
    PostgresPollingStatusType   status;
} af_db_attempt_t;


typedef struct {
    const char        *name;
    PQconninfoOption  *options;
    size_t             lists[3];  /* the number of elements of each */
    size_t             split;     /* into so many hosts, or 0 */
    unsigned           standby:1; /* is preferred */

    /* hosts in order, and perhaps again: standbys first, then any */
    size_t             number;
    size_t             host;      /* the next one */
    struct addrinfo   *addresses; /* of the one before it, and of these */
    struct addrinfo   *address;   /* the next one; NULL: there is no more */

    af_db_attempt_t    attempts[AF_DB_ATTEMPTS_MAX];
    size_t             started;
    size_t             live;
    long               next;      /* when to start another one */

    char              *error;
    size_t             size;
} af_db_hosts_t;


static void af_db_hosts_init(af_db_hosts_t *hosts);
static char *af_db_hosts_option(const af_db_hosts_t *hosts,
    const char *keyword);
static size_t af_db_hosts_count(const char *list);
static void af_db_hosts_split(char *list);
static int af_db_hosts_more(const af_db_hosts_t *hosts);
static void af_db_hosts_start(af_db_hosts_t *hosts);
static int af_db_hosts_resolve(af_db_hosts_t *hosts);
static int af_db_hosts_next_address(af_db_hosts_t *hosts,
    char text[AF_DB_ADDRESS_SIZE]);
static size_t af_db_hosts_options(const af_db_hosts_t *hosts,
    const char **keywords, const char **values);
static const char *af_db_hosts_value(const af_db_hosts_t *hosts,
    const PQconninfoOption *option);
static PGconn *af_db_hosts_poll(af_db_hosts_t *hosts,
    const af_db_timeout_t *timeout);
static PGconn *af_db_hosts_go_on(af_db_hosts_t *hosts,
    af_db_attempt_t *attempt);
static void af_db_hosts_notice(void *arg, const char *message);


static const char *const  af_db_lists[] = { "host", "hostaddr", "port", NULL };


PGconn *
af_db_open(const char *conninfo, const char *name,
    const af_db_timeout_t *timeout, char *error, size_t size)
{
    size_t          i;
    PGconn         *pg;
    af_db_hosts_t   hosts;

    memset(&hosts, 0, sizeof(af_db_hosts_t));

    hosts.name = name;
    hosts.error = error;
    hosts.size = size;
    hosts.options = PQconninfoParse(conninfo, NULL);

    if (hosts.options == NULL) {
        af_db_error(error, size, "no memory");
        return NULL;
    }

    af_db_hosts_init(&hosts);

    do {
        if (af_db_hosts_more(&hosts)
            && (hosts.live == 0 || af_db_now() >= hosts.next))
        {
            af_db_hosts_start(&hosts);
        }

        pg = af_db_hosts_poll(&hosts, timeout);

    } while (pg == NULL && (hosts.live || af_db_hosts_more(&hosts))
             && af_db_left(timeout) > 0);

    if (pg) {
        error[0] = '\0';

    } else if (hosts.live) {
        af_db_error(error, size, "");
    }

    for (i = 0; i < hosts.started; i++) {
        if (hosts.attempts[i].pg != pg) {
            PQfinish(hosts.attempts[i].pg);
        }
    }

    if (hosts.addresses) {
        freeaddrinfo(hosts.addresses);
    }

    PQconninfoFree(hosts.options);

    return pg;
}


/*
 * Each of several hosts, and each address of a name, is tried by itself, since
 * libpq would wait for a silent one.  What is wrong with lists of different
 * lengths is for libpq to say.
 */

static void
af_db_hosts_init(af_db_hosts_t *hosts)
{
    char    *list;
    size_t   i, n, *counts;

    counts = hosts->lists;

    for (i = 0; af_db_lists[i]; i++) {
        list = af_db_hosts_option(hosts, af_db_lists[i]);
        counts[i] = list ? af_db_hosts_count(list) : 0;
    }

    hosts->number = 1;

    n = counts[0] ? counts[0] : counts[1];

    n = n ? n : 1;

    if (n > AF_DB_HOSTS_MAX || (counts[1] && counts[1] != n)
        || (counts[2] > 1 && counts[2] != n))
    {
        return;
    }

    for (i = 0; af_db_lists[i]; i++) {
        if (counts[i] > 1) {
            af_db_hosts_split(af_db_hosts_option(hosts, af_db_lists[i]));
        }
    }

    hosts->split = n;
    hosts->number = n;

    list = af_db_hosts_option(hosts, "target_session_attrs");

    if (list && strcmp(list, "prefer-standby") == 0) {
        hosts->standby = 1;
        hosts->number = 2 * n;
    }
}


static char *
af_db_hosts_option(const af_db_hosts_t *hosts, const char *keyword)
{
    PQconninfoOption  *option;

    for (option = hosts->options; option->keyword; option++) {
        if (strcmp(option->keyword, keyword) == 0) {
            return option->val;
        }
    }

    return NULL;
}


static size_t
af_db_hosts_count(const char *list)
{
    size_t  n;

    for (n = 1; (list = strchr(list, ',')) != NULL; list++) {
        n++;
    }

    return n;
}


static void
af_db_hosts_split(char *list)
{
    while ((list = strchr(list, ',')) != NULL) {
        *list++ = '\0';
    }
}


static int
af_db_hosts_more(const af_db_hosts_t *hosts)
{
    return hosts->started < AF_DB_ATTEMPTS_MAX
           && (hosts->address || hosts->host < hosts->number);
}


static void
af_db_hosts_start(af_db_hosts_t *hosts)
{
    char              address[AF_DB_ADDRESS_SIZE];
    size_t            n;
    const char       *keywords[AF_DB_OPTIONS_MAX], *values[AF_DB_OPTIONS_MAX];
    af_db_attempt_t  *attempt;

    if (hosts->address == NULL) {
        hosts->host++;

        if (af_db_hosts_resolve(hosts) != 0) {
            hosts->next = af_db_now();
            return;
        }
    }

    n = af_db_hosts_options(hosts, keywords, values);

    if (af_db_hosts_next_address(hosts, address)) {
        keywords[n] = "hostaddr";
        values[n++] = address;
    }

    keywords[n] = NULL;

    /* "behave as if it last returned PGRES_POLLING_WRITING" (libpq) */

    attempt = &hosts->attempts[hosts->started++];
    attempt->pg = PQconnectStartParams(keywords, values, 0);
    attempt->status = PGRES_POLLING_WRITING;

    (void) PQsetNoticeProcessor(attempt->pg, af_db_hosts_notice, NULL);

    hosts->live++;
    hosts->next = af_db_now() + AF_DB_NEXT_HOST;

    if (PQstatus(attempt->pg) == CONNECTION_BAD) {
        attempt->status = PGRES_POLLING_FAILED;
        (void) af_db_hosts_go_on(hosts, attempt);
    }
}


/* a path or a default is no name, and without a split it may be a list */

static int
af_db_hosts_resolve(af_db_hosts_t *hosts)
{
    int                      rc;
    char                     error[AF_DB_ADDRESS_SIZE + NI_MAXHOST];
    const char              *name;
    PQconninfoOption        *option;
    const struct addrinfo    hints = { .ai_socktype = SOCK_STREAM };

    name = NULL;

    for (option = hosts->options; option->keyword; option++) {
        if (option->val && strcmp(option->keyword, "host") == 0) {
            name = af_db_hosts_value(hosts, option);
        }
    }

    if (name == NULL || strchr("/@", name[0]) || hosts->split == 0
        || hosts->lists[1])
    {
        return 0;
    }

    rc = getaddrinfo(name, NULL, &hints, &hosts->addresses);

    if (rc != 0) {
        hosts->addresses = NULL;
        (void) snprintf(error, sizeof(error), "\"%s\" has no address: %s",
                        name, gai_strerror(rc));
        af_db_error(hosts->error, hosts->size, error);
        return -1;
    }

    hosts->address = hosts->addresses;

    return 0;
}


static int
af_db_hosts_next_address(af_db_hosts_t *hosts, char text[AF_DB_ADDRESS_SIZE])
{
    int  rc;

    if (hosts->address == NULL) {
        return 0;
    }

    rc = getnameinfo(hosts->address->ai_addr, hosts->address->ai_addrlen, text,
                     AF_DB_ADDRESS_SIZE, NULL, 0, NI_NUMERICHOST);

    hosts->address = hosts->address->ai_next;

    if (hosts->address == NULL) {
        freeaddrinfo(hosts->addresses);
        hosts->addresses = NULL;
    }

    return rc == 0;
}


/* those for the current host; returns how many */

static size_t
af_db_hosts_options(const af_db_hosts_t *hosts, const char **keywords,
    const char **values)
{
    size_t             n;
    PQconninfoOption  *option;

    /* a conninfo may override these: the last one counts */

    static const char *const  defaults[][2] = {
        { "keepalives_idle", "30" },
        { "keepalives_interval", "5" },
        { "tcp_user_timeout", "5000" }
    };

    keywords[0] = "fallback_application_name";
    values[0] = hosts->name;

    for (n = 1; n <= sizeof(defaults) / sizeof(defaults[0]); n++) {
        keywords[n] = defaults[n - 1][0];
        values[n] = defaults[n - 1][1];
    }

    for (option = hosts->options;
         option->keyword && n < AF_DB_OPTIONS_MAX - 2;
         option++)
    {
        if (option->val) {
            keywords[n] = option->keyword;
            values[n++] = af_db_hosts_value(hosts, option);
        }
    }

    return n;
}


static const char *
af_db_hosts_value(const af_db_hosts_t *hosts, const PQconninfoOption *option)
{
    size_t       i, skip, host;
    const char  *value;

    host = hosts->host - 1;

    if (hosts->standby
        && strcmp(option->keyword, "target_session_attrs") == 0)
    {
        return (host < hosts->split) ? "standby" : "any";
    }

    for (i = 0; af_db_lists[i]; i++) {
        if (strcmp(option->keyword, af_db_lists[i]) == 0) {
            break;
        }
    }

    /* one port may be that of all hosts: what isn't a list has one element */

    value = option->val;

    if (af_db_lists[i] && hosts->lists[i] > 1 && hosts->split) {
        for (skip = host % hosts->split; skip; skip--) {
            value += strlen(value) + 1;
        }
    }

    return value;
}


/* waits for a moment; returns a connection that is ready */

static PGconn *
af_db_hosts_poll(af_db_hosts_t *hosts, const af_db_timeout_t *timeout)
{
    int               rc;
    long              left;
    size_t            i;
    PGconn           *pg;
    struct pollfd     pfds[AF_DB_ATTEMPTS_MAX];
    af_db_attempt_t  *attempt;

    left = af_db_left(timeout);

    if (af_db_hosts_more(hosts) && hosts->next - af_db_now() < left) {
        left = hosts->next - af_db_now();
    }

    for (i = 0; i < hosts->started; i++) {
        attempt = &hosts->attempts[i];

        pfds[i].fd = attempt->pg ? PQsocket(attempt->pg) : -1;
        pfds[i].events = (attempt->status == PGRES_POLLING_READING) ? POLLIN
                                                                    : POLLOUT;
        pfds[i].revents = 0;
    }

    if (hosts->live == 0 || left <= 0) {
        return NULL;
    }

    rc = poll(pfds, hosts->started, (int) left);

    for (i = 0; rc > 0 && i < hosts->started; i++) {
        attempt = &hosts->attempts[i];

        if (pfds[i].revents) {
            attempt->status = PQconnectPoll(attempt->pg);
            pg = af_db_hosts_go_on(hosts, attempt);

            if (pg) {
                return pg;
            }
        }
    }

    return NULL;
}


static PGconn *
af_db_hosts_go_on(af_db_hosts_t *hosts, af_db_attempt_t *attempt)
{
    if (attempt->status == PGRES_POLLING_OK) {
        return attempt->pg;
    }

    if (attempt->status == PGRES_POLLING_FAILED) {
        af_db_error(hosts->error, hosts->size, PQerrorMessage(attempt->pg));
        PQfinish(attempt->pg);

        attempt->pg = NULL;
        hosts->live--;
        hosts->next = af_db_now();
    }

    return NULL;
}


/* libpq would print them to stderr */

static void
af_db_hosts_notice(void *arg, const char *message)
{
    (void) arg;
    (void) message;
}


long
af_db_left(const af_db_timeout_t *timeout)
{
    long  left;

    left = timeout->stop() ? 0 : timeout->deadline - af_db_now();

    return (left > AF_DB_POLL_INTERVAL) ? AF_DB_POLL_INTERVAL : left;
}


long
af_db_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}


void
af_db_error(char *error, size_t size, const char *message)
{
    size_t  used;

    used = strlen(error);

    if (message[0] == '\0') {
        message = "timed out";
    }

    (void) snprintf(error + used, size - used, "%s%.*s", used ? "; " : "",
                    (int) strcspn(message, "\n"), message);
}
