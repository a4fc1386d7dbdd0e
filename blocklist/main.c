/*
 * blocklist [--passwords | --sha1] FILE OUT: makes the filter that
 * autoflow_password_blocklist reads from a list of passwords, or of SHA-1
 * digests of them, "DIGEST" or "DIGEST:COUNT", one per line.  It keeps 8 octets
 * of each, and less than 40 more while it makes the filter.
 */

#include <errno.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "crypto/blocklist.h"
#include "filter.h"


/* nobody can choose a longer one */
#define AF_LINE_MAX        1024

#define AF_SHA1_DIGITS     40

/* those of the first 64 bits */
#define AF_KEY_DIGITS      16

/* of MD5 and NTLM */
#define AF_OTHER_DIGITS    32

#define AF_TRIALS          200000


typedef enum {
    AF_GUESS = 0,
    AF_PASSWORDS,
    AF_SHA1
} af_kind_t;


typedef struct {
    uint64_t            *keys;
    size_t               n;
    size_t               room;

    unsigned long long   line;         /* of the file */
    unsigned long long   too_long;
    af_kind_t            kind;
} af_list_t;


static void fail(const char *format, ...)
    __attribute__((format(printf, 1, 2), noreturn));
static af_kind_t read_kind(const char *option);
static void read_list(af_list_t *list, FILE *file);
static long read_line(FILE *file, char *line);
static void add_line(af_list_t *list, const char *line, size_t len);
static void add_key(af_list_t *list, uint64_t key);
static size_t digits_of(const char *line, size_t len);
static af_kind_t guess(const char *line, size_t len);
static uint64_t digest_key(const af_list_t *list, const char *line,
    size_t len);
static void write_file(const char *name, const unsigned char *data,
    size_t size);
static void report(const char *name, const af_list_t *list,
    const unsigned char *data, size_t size);
static size_t refused(const af_blocklist_t *filter);
static double look_up_time(const af_blocklist_t *filter);
static size_t random_password(size_t number, char text[32]);


int
main(int argc, char **argv)
{
    FILE           *file;
    size_t          size;
    af_list_t       list;
    unsigned char  *data;

    memset(&list, 0, sizeof(af_list_t));

    if (argc == 4) {
        list.kind = read_kind(argv[1]);
        argv++;
        argc--;
    }

    if (argc != 3) {
        fail("usage: blocklist [--passwords | --sha1] FILE OUT");
    }

    if (sodium_init() == -1) {
        fail("can't initialize libsodium");
    }

    file = fopen(argv[1], "r");
    if (file == NULL) {
        fail("%s: %s", argv[1], strerror(errno));
    }

    read_list(&list, file);

    if (ferror(file)) {
        fail("%s: %s", argv[1], strerror(errno));
    }

    fclose(file);

    if (list.n == 0) {
        fail("%s has no passwords", argv[1]);
    }

    list.n = af_filter_sort(list.keys, list.n);

    data = af_filter_make(list.keys, list.n, &size);
    if (data == NULL) {
        fail("no memory for a filter of %zu passwords", list.n);
    }

    write_file(argv[2], data, size);
    report(argv[2], &list, data, size);

    free(data);
    free(list.keys);

    return 0;
}


static void
fail(const char *format, ...)
{
    va_list  arguments;

    va_start(arguments, format);
    (void) fputs("blocklist: ", stderr);
    (void) vfprintf(stderr, format, arguments);
    (void) fputc('\n', stderr);
    va_end(arguments);

    exit(1);
}


static af_kind_t
read_kind(const char *option)
{
    if (strcmp(option, "--passwords") == 0) {
        return AF_PASSWORDS;
    }

    if (strcmp(option, "--sha1") == 0) {
        return AF_SHA1;
    }

    fail("unknown option %s", option);
}


static void
read_list(af_list_t *list, FILE *file)
{
    long  len;
    char  line[AF_LINE_MAX + 1];

    for ( ;; ) {
        len = read_line(file, line);

        if (len == -1) {
            return;
        }

        list->line++;

        if (len > AF_LINE_MAX) {
            list->too_long++;

        } else if (len > 0) {
            add_line(list, line, (size_t) len);
        }
    }
}


/* the length without an end of CR LF, which may exceed the buffer's; or -1 */

static long
read_line(FILE *file, char *line)
{
    int   c;
    long  len;

    for (len = 0; (c = getc_unlocked(file)) != EOF && c != '\n'; len++) {
        if (len < AF_LINE_MAX + 1) {
            line[len] = (char) c;
        }
    }

    if (c == EOF && len == 0) {
        return -1;
    }

    if (len > 0 && len <= AF_LINE_MAX + 1 && line[len - 1] == '\r') {
        len--;
    }

    return len;
}


static void
add_line(af_list_t *list, const char *line, size_t len)
{
    uint64_t  key;

    if (list->kind == AF_GUESS) {
        list->kind = guess(line, len);
    }

    if (list->kind == AF_SHA1) {
        key = digest_key(list, line, len);

    } else if (af_blocklist_password_key(line, len, &key) != 0) {
        fail("no memory");
    }

    add_key(list, key);
}


static void
add_key(af_list_t *list, uint64_t key)
{
    if (list->n == list->room) {

        if (list->n == AF_FILTER_MAX) {
            fail("more than %llu passwords", AF_FILTER_MAX);
        }

        list->room = list->room ? list->room + list->room / 2 : 1024;
        list->keys = realloc(list->keys, list->room * sizeof(uint64_t));

        if (list->keys == NULL) {
            fail("no memory for %zu passwords", list->room);
        }
    }

    list->keys[list->n++] = key;
}


static af_kind_t
guess(const char *line, size_t len)
{
    return digits_of(line, len) >= AF_OTHER_DIGITS ? AF_SHA1 : AF_PASSWORDS;
}


/* the digits of "DIGEST" or "DIGEST:COUNT"; 0 for any other line */

static size_t
digits_of(const char *line, size_t len)
{
    size_t  digits, i;

    for (digits = 0; digits < len; digits++) {
        if (strchr("0123456789ABCDEFabcdef", line[digits]) == NULL) {
            break;
        }
    }

    for (i = digits + 1; i < len && line[i] >= '0' && line[i] <= '9'; i++) {
        /* void */
    }

    return (digits == len || (line[digits] == ':' && i == len)) ? digits : 0;
}


/* NTLM's are as long as MD5's, and a list of these would block nothing */

static uint64_t
digest_key(const af_list_t *list, const char *line, size_t len)
{
    size_t         digits;
    unsigned char  digest[AF_SHA1_DIGITS / 2];

    digits = digits_of(line, len);

    if (digits == AF_OTHER_DIGITS) {
        fail("line %llu is a digest of NTLM or MD5; only SHA-1 can be used",
             list->line);
    }

    if (digits < AF_KEY_DIGITS || digits > AF_SHA1_DIGITS
        || sodium_hex2bin(digest, sizeof(digest), line, digits & ~(size_t) 1,
                          NULL, NULL, NULL)
           != 0)
    {
        fail("line %llu is not a digest of SHA-1, of %d to %d digits; if the "
             "list has passwords, say --passwords", list->line, AF_KEY_DIGITS,
             AF_SHA1_DIGITS);
    }

    return af_blocklist_key(digest);
}


/* nginx may read the name at any time: a whole file replaces it */

static void
write_file(const char *name, const unsigned char *data, size_t size)
{
    FILE  *file;
    char   temporary[4096];

    if (snprintf(temporary, sizeof(temporary), "%s.new", name)
        >= (int) sizeof(temporary))
    {
        fail("%s: the name is too long", name);
    }

    file = fopen(temporary, "w");

    if (file == NULL || fwrite(data, 1, size, file) != size
        || fflush(file) != 0 || fsync(fileno(file)) != 0
        || fchmod(fileno(file), 0644) != 0 || fclose(file) != 0
        || rename(temporary, name) != 0)
    {
        fail("%s: %s", temporary, strerror(errno));
    }
}


/* reads what was made, as nginx does, and measures it */

static void
report(const char *name, const af_list_t *list, const unsigned char *data,
    size_t size)
{
    size_t           i;
    const char      *wrong;
    af_blocklist_t   filter;

    wrong = af_blocklist_open(&filter, data, size);
    if (wrong != NULL) {
        fail("%s %s", name, wrong);
    }

    for (i = 0; i < list->n; i++) {
        if (!af_blocklist_has(&filter, list->keys[i])) {
            fail("%s lacks a password", name);
        }
    }

    printf("%llu lines of %s, %llu of them longer than %d octets\n"
           "%s: %zu passwords in %.1f MB\n"
           "it refuses %zu of %d random passwords; a look-up takes %.2f us\n",
           list->line, list->kind == AF_SHA1 ? "SHA-1 digests" : "passwords",
           list->too_long, AF_LINE_MAX, name, list->n, (double) size / 1e6,
           refused(&filter), AF_TRIALS, look_up_time(&filter));
}


static size_t
refused(const af_blocklist_t *filter)
{
    char    text[32];
    size_t  i, n, len;

    for (i = 0, n = 0; i < AF_TRIALS; i++) {
        len = random_password(i, text);
        n += (size_t) (af_blocklist_blocks(filter, text, len) == 1);
    }

    return n;
}


/* of processor time, in microseconds */

static double
look_up_time(const af_blocklist_t *filter)
{
    size_t           i;
    volatile int     found;
    struct timespec  start, end;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);

    for (i = 0; i < AF_TRIALS; i++) {
        found = af_blocklist_has(filter, i * 0x9e3779b97f4a7c15);
    }

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);

    (void) found;

    return ((double) (end.tv_sec - start.tv_sec)
            + (double) (end.tv_nsec - start.tv_nsec) / 1e9) * 1e6 / AF_TRIALS;
}


/* the same for the same number, and in no list */

static size_t
random_password(size_t number, char text[32])
{
    uint64_t  seed;

    seed = (number + 1) * 0x9e3779b97f4a7c15;

    return (size_t) snprintf(text, 32, "%zx-Not-in-a-list-%08x", number,
                             (unsigned) (seed >> 32));
}
