#include "crypto/thread.h"

#if (__linux__)

#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>


/*
 * The length of a turn, in nanoseconds.  Since version 6.12 of Linux a thread
 * may ask for one, from 0.1 to 100 ms; one that wakes up interrupts another at
 * once if its own are shorter, as everybody's are by default (3 ms or less).
 * Otherwise it waits for the end of the other's turn.
 */
#define AF_THREAD_TURN  20000000


/* struct sched_attr: headers of the kernel and the C library don't agree */

typedef struct {
    uint32_t  size;
    uint32_t  policy;
    uint64_t  flags;
    int32_t   nice;
    uint32_t  priority;
    uint64_t  turn;            /* "runtime" */
    uint64_t  deadline;
    uint64_t  period;
} af_thread_attr_t;


/* its policy and priority remain what they are */

void
af_thread_yields(void)
{
    af_thread_attr_t           attr;

    static __thread unsigned   done;

    if (done) {
        return;
    }

    done = 1;

    memset(&attr, 0, sizeof(attr));

    if (syscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 0) != 0
        || attr.policy != SCHED_OTHER)
    {
        return;
    }

    attr.turn = AF_THREAD_TURN;

    (void) syscall(SYS_sched_setattr, 0, &attr, 0);
}

#else

void
af_thread_yields(void)
{
}

#endif
