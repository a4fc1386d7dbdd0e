/*
 * Finds memory that is freed with a secret in it, preloaded into a program: it
 * reports the secret, and who freed it, to FILE.freed.
 *
 *     cc -shared -fPIC -o freed.so freed.c
 *     LD_PRELOAD=./freed.so AUTOFLOW_SECRETS=FILE COMMAND
 */

#define _GNU_SOURCE
#include <execinfo.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>


#define SECRETS  64
#define SIZE     64
#define FRAMES   16


/* glibc's own */
void __libc_free(void *p);
void *__libc_realloc(void *p, size_t size);

/* the file: so many texts, zero-terminated; a test adds to them */
static const volatile char  (*secrets)[SIZE];

static int                    report = -1;
static __thread int           busy;


__attribute__((constructor))
static void
open_secrets(void)
{
    int          fd;
    char         name[4096];
    void        *frame[1], *map;
    const char  *file;

    file = getenv("AUTOFLOW_SECRETS");
    fd = file ? open(file, O_RDONLY | O_CLOEXEC) : -1;

    if (fd == -1) {
        return;
    }

    /* allocates memory when it is first called */
    (void) backtrace(frame, 1);

    map = mmap(NULL, SECRETS * SIZE, PROT_READ, MAP_SHARED, fd, 0);
    (void) close(fd);

    (void) snprintf(name, sizeof(name), "%s.freed", file);
    report = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

    if (map == MAP_FAILED || report == -1) {
        abort();
    }

    secrets = map;
}


/* the secret that a block has, or -1 */

static int
look(const void *p)
{
    int     i;
    char    secret[SIZE];
    size_t  size;

    if (p == NULL || secrets == NULL || busy) {
        return -1;
    }

    size = malloc_usable_size((void *) p);

    for (i = 0; i < SECRETS && secrets[i][0] != '\0'; i++) {

        memcpy(secret, (const char *) secrets[i], SIZE);
        secret[SIZE - 1] = '\0';

        if (memmem(p, size, secret, strlen(secret)) != NULL) {
            return i;
        }
    }

    return -1;
}


static void
tell(int secret)
{
    int    n;
    char   line[2 * SIZE];
    void  *frames[FRAMES];

    if (secret == -1) {
        return;
    }

    busy = 1;

    n = snprintf(line, sizeof(line), "freed: %s\n",
                 (const char *) secrets[secret]);
    (void) !write(report, line, n);

    n = backtrace(frames, FRAMES);
    backtrace_symbols_fd(frames, n, report);

    busy = 0;
}


void
free(void *p)
{
    tell(look(p));
    __libc_free(p);
}


/* a block that moves leaves a copy behind */

void *
realloc(void *p, size_t size)
{
    int    secret;
    void  *moved;

    secret = look(p);
    moved = __libc_realloc(p, size);

    if (moved != p) {
        tell(secret);
    }

    return moved;
}
