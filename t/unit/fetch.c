/*
 * The HTTP client, with a scripted server; and which addresses are public.
 */

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>

#include "unit.h"
#include "net/address.h"
#include "net/fetch.h"


/* an upper bound, in milliseconds */
#define PATIENCE  60000


/* sent after the response; then the connection is closed */
enum { NOTHING, SILENCE, TRICKLE };


typedef struct {
    int          fd;
    int          port;
    const char  *answer;
    int          then;
    pthread_t    thread;
    int          requests;
    char        *request;          /* the last */
    size_t       len;
} server_t;


static const volatile sig_atomic_t  going = 0;
static const volatile sig_atomic_t  stopped = 1;


static void
server_read(server_t *server, int s)
{
    char     *body, *length;
    size_t    size, whole;
    ssize_t   n;

    size = 4 * 1024 * 1024;
    free(server->request);
    server->request = calloc(1, size);
    server->len = 0;
    whole = size - 1;

    while (server->len < whole) {
        n = read(s, server->request + server->len, size - 1 - server->len);

        if (n <= 0) {
            return;
        }

        server->len += n;
        body = strstr(server->request, "\r\n\r\n");

        if (body != NULL && whole == size - 1) {
            body += 4;
            length = strstr(server->request, "Content-Length: ");
            whole = body - server->request
                    + (length != NULL && length < body
                       ? strtoul(length + 16, NULL, 10) : 0);
        }
    }
}


static void *
server_run(void *arg)
{
    int        s;
    char       c;
    server_t  *server = arg;

    while ((s = accept(server->fd, NULL, NULL)) != -1) {
        server->requests++;
        server_read(server, s);

        (void) send(s, server->answer, strlen(server->answer), MSG_NOSIGNAL);

        if (server->then == SILENCE) {
            (void) read(s, &c, 1);
        }

        while (server->then == TRICKLE
               && send(s, "x", 1, MSG_NOSIGNAL) == 1)
        {
            usleep(5000);
        }

        close(s);
    }

    return NULL;
}


static void
server_start(server_t *server, const char *answer, int then)
{
    socklen_t           len;
    struct sockaddr_in  in;

    memset(server, 0, sizeof(server_t));
    server->answer = answer;
    server->then = then;
    server->fd = socket(AF_INET, SOCK_STREAM, 0);

    len = sizeof(in);
    memset(&in, 0, len);
    in.sin_family = AF_INET;
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    assert_int_equal(bind(server->fd, (struct sockaddr *) &in, len), 0);
    assert_int_equal(listen(server->fd, 10), 0);
    assert_int_equal(getsockname(server->fd, (struct sockaddr *) &in, &len),
                     0);
    server->port = ntohs(in.sin_port);

    assert_int_equal(pthread_create(&server->thread, NULL, server_run,
                                    server),
                     0);
}


/* when it has read what was sent */

static void
server_stop(server_t *server)
{
    shutdown(server->fd, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->fd);
}


/* a request to our server, whose response may have a thousand octets */

static int
fetch(server_t *server, af_fetch_t *what, af_fetch_response_t *answer,
    const volatile sig_atomic_t *stop, char *error, size_t size)
{
    char  url[256];

    snprintf(url, sizeof(url), what->url ? what->url
                                         : "http://127.0.0.1:%d/x?y",
             server->port);

    what->url = url;
    what->max = what->max ? what->max : 1000;
    what->timeout = what->timeout ? what->timeout : PATIENCE;

    memset(answer, 0, sizeof(af_fetch_response_t));
    error[0] = '\0';

    return af_fetch(what, answer, stop, error, size);
}


static void
test_get(void **state)
{
    char                 error[256];
    server_t             server;
    af_fetch_t           what = { .plain = 1 };
    af_fetch_response_t  answer;

    (void) state;

    server_start(&server, "HTTP/1.1 404 No\r\nContent-Length: 3\r\n\r\nno!",
                 NOTHING);

    assert_int_equal(fetch(&server, &what, &answer, &going, error,
                           sizeof(error)),
                     0);
    server_stop(&server);

    assert_int_equal(answer.status, 404);
    assert_int_equal(answer.len, 3);
    assert_string_equal(answer.body, "no!");
    assert_memory_equal(server.request, "GET /x?y HTTP/1.1\r\n", 19);
    assert_non_null(strstr(server.request, "\r\nUser-Agent: autoflow\r\n"));

    free(answer.body);
    free(server.request);
}


static void
test_post(void **state)
{
    int                  failed = 0;
    char                 error[256], *large;
    size_t               i;
    server_t             server;
    af_fetch_response_t  answer;

    const char *const  headers[] = {
        "Content-Type: application/json", "X-Two: 2", NULL
    };

    static const size_t  lengths[] = { 0, 3, 2 * 1024 * 1024 };

    (void) state;

    large = calloc(1, lengths[2]);

    for (i = 0; i < af_nelts(lengths); i++) {
        af_fetch_t  what = {
            .plain = 1, .body = large, .body_len = lengths[i],
            .headers = i ? headers : NULL
        };

        server_start(&server, "HTTP/1.1 204 Fine\r\n\r\n", NOTHING);

        af_row(fetch(&server, &what, &answer, &going, error, sizeof(error))
               == 0, "%zu octets", lengths[i]);
        server_stop(&server);

        af_row(answer.status == 204, "%zu octets", lengths[i]);
        af_row(strncmp(server.request, "POST /x?y HTTP/1.1\r\n", 20) == 0,
               "%zu octets", lengths[i]);
        af_row(!strstr(server.request, "Expect"), "%zu octets", lengths[i]);
        af_row(!i == !strstr(server.request, "\r\nX-Two: 2\r\n"),
               "%zu octets", lengths[i]);
        af_row(!i == !strstr(server.request, "Type: application/json\r\n"),
               "%zu octets", lengths[i]);
        af_row(server.len >= lengths[i]
               && memcmp(server.request + server.len - lengths[i], large,
                         lengths[i])
                  == 0, "%zu octets", lengths[i]);

        free(answer.body);
        free(server.request);
    }

    free(large);
    assert_int_equal(failed, 0);
}


static void
test_redirects_are_not_followed(void **state)
{
    char                 error[256];
    server_t             server;
    af_fetch_t           what = { .plain = 1 };
    af_fetch_response_t  answer;

    (void) state;

    server_start(&server, "HTTP/1.1 302 There\r\nLocation: /y\r\n"
                          "Content-Length: 0\r\n\r\n", NOTHING);

    assert_int_equal(fetch(&server, &what, &answer, &going, error,
                           sizeof(error)),
                     0);
    server_stop(&server);

    assert_int_equal(answer.status, 302);
    assert_int_equal(server.requests, 1);

    free(answer.body);
    free(server.request);
}


static void
test_what_is_refused(void **state)
{
    int                  failed = 0;
    char                 error[256];
    size_t               i;
    server_t             server;
    af_fetch_response_t  answer;

    static const struct {
        const char                   *name;
        const char                   *answer;
        int                           then;
        af_fetch_t                    what;
        const volatile sig_atomic_t  *stop;
        const char                   *error;
    } rows[] = {
        { "ten octets are no more than ten",
          "HTTP/1.1 200 Fine\r\nContent-Length: 10\r\n\r\n0123456789",
          NOTHING, { .plain = 1, .max = 10 }, &going, NULL },

        { "eleven are",
          "HTTP/1.1 200 Fine\r\nContent-Length: 11\r\n\r\n0123456789a",
          NOTHING, { .plain = 1, .max = 10 }, &going, "too large" },

        { "whatever length they say they have",
          "HTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\n\r\n"
          "9\r\n012345678\r\n9\r\n012345678\r\n0\r\n\r\n",
          NOTHING, { .plain = 1, .max = 10 }, &going, "too large" },

        { "no answer in time", "",
          SILENCE, { .plain = 1, .timeout = 200 }, &going, "timed out" },

        { "nor the whole of it",
          "HTTP/1.1 200 Fine\r\nContent-Length: 1000\r\n\r\n",
          TRICKLE, { .plain = 1, .timeout = 200 }, &going, "timed out" },

        { "a worker that is told to end", "",
          SILENCE, { .plain = 1 }, &stopped, "aborted" },

        { "http where it must be https", "HTTP/1.1 204 Fine\r\n\r\n",
          NOTHING, { .plain = 0 }, &going, "rotocol" },

        { "another protocol", "",
          NOTHING, { .plain = 1, .url = "ftp://127.0.0.1:%d/x" }, &going,
          "rotocol" },

        { "an answer that breaks off",
          "HTTP/1.1 200 Fine\r\nContent-Length: 11\r\n\r\n0123456789",
          NOTHING, { .plain = 1 }, &going, "closed" },
    };

    (void) state;

    for (i = 0; i < af_nelts(rows); i++) {
        af_fetch_t  what = rows[i].what;

        server_start(&server, rows[i].answer, rows[i].then);

        if (rows[i].error == NULL) {
            af_row(fetch(&server, &what, &answer, rows[i].stop, error,
                         sizeof(error))
                   == 0, "%s", rows[i].name);

        } else {
            af_row(fetch(&server, &what, &answer, rows[i].stop, error,
                         sizeof(error))
                   == -1, "%s", rows[i].name);
            af_row(answer.body == NULL, "%s", rows[i].name);
            af_row(strstr(error, rows[i].error), "%s (%s)", rows[i].name,
                   error);
        }

        server_stop(&server);

        free(answer.body);
        free(server.request);
    }

    assert_int_equal(failed, 0);
}


static void
test_only_public_addresses(void **state)
{
    int                  failed = 0;
    char                 error[256];
    size_t               i;
    server_t             server;
    af_fetch_response_t  answer;

    static const char *const  urls[] = {
        "http://127.0.0.1:%d/", "http://127.1:%d/", "http://2130706433:%d/",
        "http://0:%d/", "http://localhost:%d/", "http://[::1]:%d/",
        "http://[::ffff:127.0.0.1]:%d/"
    };

    (void) state;

    server_start(&server, "HTTP/1.1 204 Fine\r\n\r\n", NOTHING);

    for (i = 0; i < af_nelts(urls); i++) {
        af_fetch_t  what = { .plain = 1, .public = 1, .url = urls[i] };

        af_row(fetch(&server, &what, &answer, &going, error, sizeof(error))
               == -1, "%s", urls[i]);
        af_row(strstr(error, "its address is not public"), "%s (%s)", urls[i],
               error);
    }

    server_stop(&server);

    af_row(server.requests == 0, "nobody was connected to");
    assert_int_equal(failed, 0);
}


static void
test_addresses(void **state)
{
    int                  failed = 0;
    size_t               i;
    struct sockaddr_in   in;
    struct sockaddr_in6  in6;
    struct sockaddr     *address;

    static const struct {
        const char  *text;
        int          public;
    } rows[] = {
        { "1.1.1.1", 1 }, { "9.255.255.255", 1 }, { "11.0.0.0", 1 },
        { "100.63.255.255", 1 }, { "100.128.0.0", 1 },
        { "126.255.255.255", 1 }, { "128.0.0.0", 1 },
        { "169.253.255.255", 1 }, { "169.255.0.0", 1 },
        { "172.15.255.255", 1 }, { "172.32.0.0", 1 },
        { "192.167.255.255", 1 }, { "192.169.0.0", 1 },
        { "198.17.255.255", 1 }, { "198.20.0.0", 1 },
        { "223.255.255.255", 1 },

        { "0.0.0.0", 0 }, { "0.255.255.255", 0 },
        { "10.0.0.0", 0 }, { "10.255.255.255", 0 },
        { "100.64.0.0", 0 }, { "100.127.255.255", 0 },
        { "127.0.0.1", 0 }, { "127.255.255.255", 0 },
        { "169.254.169.254", 0 },
        { "172.16.0.0", 0 }, { "172.31.255.255", 0 },
        { "192.0.0.1", 0 }, { "192.0.2.1", 0 }, { "192.88.99.1", 0 },
        { "192.168.0.1", 0 }, { "192.168.255.255", 0 },
        { "198.18.0.0", 0 }, { "198.19.255.255", 0 },
        { "198.51.100.1", 0 }, { "203.0.113.1", 0 },
        { "224.0.0.1", 0 }, { "240.0.0.1", 0 }, { "255.255.255.255", 0 },

        { "2606:4700:4700::1111", 1 }, { "2001:200::", 1 },
        { "2003::1", 1 }, { "3ffe::1", 1 }, { "2001:db9::1", 1 },
        { "::ffff:1.1.1.1", 1 }, { "64:ff9b::1.1.1.1", 1 },

        { "::", 0 }, { "::1", 0 }, { "::1.1.1.1", 0 },
        { "::ffff:127.0.0.1", 0 }, { "::ffff:10.1.2.3", 0 },
        { "64:ff9b::192.168.1.1", 0 }, { "64:ff9b:1::1.1.1.1", 0 },
        { "64:ff9b::1:1.1.1.1", 0 },
        { "100::1", 0 }, { "1fff::1", 0 }, { "4000::1", 0 },
        { "2001::1", 0 }, { "2001:1ff::1", 0 }, { "2001:db8::1", 0 },
        { "2002:101:101::1", 0 }, { "3fff::1", 0 }, { "3fff:fff::1", 0 },
        { "fc00::1", 0 }, { "fd12::1", 0 }, { "fe80::1", 0 },
        { "fec0::1", 0 }, { "ff02::1", 0 },
    };

    (void) state;

    memset(&in, 0, sizeof(in));
    memset(&in6, 0, sizeof(in6));
    in.sin_family = AF_INET;
    in6.sin6_family = AF_INET6;

    for (i = 0; i < af_nelts(rows); i++) {

        if (inet_pton(AF_INET, rows[i].text, &in.sin_addr) == 1) {
            address = (struct sockaddr *) &in;

        } else {
            assert_int_equal(inet_pton(AF_INET6, rows[i].text,
                                       &in6.sin6_addr),
                             1);
            address = (struct sockaddr *) &in6;
        }

        af_row(af_address_is_public(address) == rows[i].public, "%s",
               rows[i].text);
    }

    in.sin_family = AF_UNIX;
    af_row(!af_address_is_public((struct sockaddr *) &in), "no address");

    assert_int_equal(failed, 0);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get),
        cmocka_unit_test(test_post),
        cmocka_unit_test(test_redirects_are_not_followed),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_only_public_addresses),
        cmocka_unit_test(test_addresses),
    };

    (void) curl_global_init(CURL_GLOBAL_DEFAULT);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
