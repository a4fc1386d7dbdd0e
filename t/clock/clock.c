/*
 * A clock for a test to move, preloaded into a program: it runs ahead of the
 * system's by what a file says, or stands still.  Who waits for an event until
 * some time notices soon when that has come.
 *
 *     cc -shared -fPIC -o clock.so clock.c
 *     LD_PRELOAD=./clock.so AUTOFLOW_CLOCK=FILE COMMAND
 */

#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>


#define SECOND  INT64_C(1000000000)

/* milliseconds that the clock may have been moved unnoticed */
#define NOTICED  5


/*
 * The file is two numbers of nanoseconds.  An even first one is how far the
 * clock is ahead; an odd one is what it stands at.  Both are of
 * CLOCK_MONOTONIC.  The second one is how far the date alone is ahead of that.
 */

static const volatile int64_t  *setting;

/* what the date is more than that */
static int64_t                  epoch;


static int64_t
system_clock(clockid_t id)
{
    struct timespec  at;

    (void) syscall(SYS_clock_gettime, id, &at);

    return at.tv_sec * SECOND + at.tv_nsec;
}


__attribute__((constructor))
static void
open_setting(void)
{
    int          fd;
    const char  *file;

    epoch = system_clock(CLOCK_REALTIME) - system_clock(CLOCK_MONOTONIC);

    file = getenv("AUTOFLOW_CLOCK");
    fd = file ? open(file, O_RDONLY | O_CLOEXEC) : -1;

    if (fd == -1) {
        return;
    }

    setting = mmap(NULL, 2 * sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
    (void) close(fd);

    if (setting == MAP_FAILED) {
        abort();
    }
}


static int64_t
monotonic(void)
{
    int64_t  value;

    value = setting ? *setting : 0;

    return value % 2 ? value : system_clock(CLOCK_MONOTONIC) + value;
}


static int64_t
moved_clock(clockid_t id)
{
    switch (id) {

    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
        return monotonic() + epoch + (setting ? setting[1] : 0);

    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_BOOTTIME:
        return monotonic();

    default:
        return system_clock(id);
    }
}


int
clock_gettime(clockid_t id, struct timespec *at)
{
    int64_t  now;

    now = moved_clock(id);

    at->tv_sec = now / SECOND;
    at->tv_nsec = now % SECOND;

    return 0;
}


int
gettimeofday(struct timeval *restrict at, void *restrict zone)
{
    int64_t  now;

    (void) zone;

    now = moved_clock(CLOCK_REALTIME);

    at->tv_sec = now / SECOND;
    at->tv_usec = now % SECOND / 1000;

    return 0;
}


time_t
time(time_t *at)
{
    time_t  now;

    now = moved_clock(CLOCK_REALTIME) / SECOND;

    if (at) {
        *at = now;
    }

    return now;
}


/* Waits in short steps, until something has happened or it is that time. */

typedef int (*step_pt)(void *data, int timeout);


static int
in_steps(step_pt step, void *data, int timeout)
{
    int      n;
    int64_t  left, until;

    until = monotonic() / 1000000 + timeout;

    for ( ;; ) {
        left = until - monotonic() / 1000000;

        if (timeout >= 0 && left <= 0) {
            return step(data, 0);
        }

        n = step(data, timeout < 0 || left > NOTICED ? NOTICED : (int) left);

        if (n != 0) {
            return n;
        }
    }
}


typedef struct {
    int                  fd;
    struct epoll_event  *events;
    int                  n;
} epoll_step_t;


static int
epoll_step(void *data, int timeout)
{
    epoll_step_t *wait = data;

    return syscall(SYS_epoll_pwait, wait->fd, wait->events, wait->n, timeout,
                   NULL, 8);
}


int
epoll_wait(int fd, struct epoll_event *events, int n, int timeout)
{
    epoll_step_t  wait = { fd, events, n };

    return in_steps(epoll_step, &wait, timeout);
}


typedef struct {
    struct pollfd  *fds;
    nfds_t          n;
} poll_step_t;


static int
poll_step(void *data, int timeout)
{
    poll_step_t      *wait = data;
    struct timespec   at = { timeout / 1000, timeout % 1000 * 1000000L };

    return syscall(SYS_ppoll, wait->fds, wait->n, &at, NULL, 8);
}


int
poll(struct pollfd *fds, nfds_t n, int timeout)
{
    poll_step_t  wait = { fds, n };

    return in_steps(poll_step, &wait, timeout);
}


/* what poll() is where the compiler knows the size of an array */

int
__poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t size)
{
    (void) size;

    return poll(fds, n, timeout);
}
