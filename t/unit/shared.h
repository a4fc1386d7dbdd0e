/*
 * Shared memory and processes for tests.
 */

#ifndef AF_UNIT_SHARED_H
#define AF_UNIT_SHARED_H

#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"
#include "shm/block.h"


/* filled with what is not a table */

static inline void *
af_share(size_t size)
{
    void  *memory;

    memory = mmap(NULL, size, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS,
                  -1, 0);
    assert_true(memory != MAP_FAILED);
    memset(memory, 0xa5, size);

    return memory;
}


/* runs this in a process that exits; the result is its exit status */

static inline pid_t
af_spawn(int (*run)(void *data), void *data)
{
    pid_t  pid;

    pid = fork();
    assert_true(pid != -1);

    if (pid == 0) {
        _exit(run(data));
    }

    return pid;
}


/* the exit status, or -1 if it was killed */

static inline int
af_reap(pid_t pid)
{
    int  status;

    assert_int_equal(waitpid(pid, &status, 0), pid);

    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}


/* a process that is killed while holding the block's lock */

static inline int
af_take_lock_along(void *block)
{
    return af_block_lock(block) == AF_BLOCK_LOCKED ? 0 : 1;
}


#endif /* AF_UNIT_SHARED_H */
