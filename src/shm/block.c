/*
 * The head of a block of shared memory.
 */

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include "shm/block.h"


/* attempts to get the lock before yielding, and before sleeping */
#define AF_BLOCK_SPINS   100
#define AF_BLOCK_YIELDS  200


static int af_block_init_mutex(pthread_mutex_t *mutex);
static void af_block_wait(unsigned tries);


int
af_block_format(void *memory, size_t size)
{
    af_block_t  *block = memory;

    if ((uintptr_t) memory % AF_BLOCK_ALIGN != 0) {
        return -1;
    }

    memset(memory, 0, size);
    block->size = size;

    return af_block_init_mutex(&block->mutex);
}


void
af_block_publish(af_block_t *block, uint32_t magic, uint32_t version)
{
    block->version = version;

    atomic_store_explicit(&block->magic, magic, memory_order_release);
}


int
af_block_is_valid(const void *memory, size_t size, uint32_t magic,
    uint32_t version)
{
    const af_block_t  *block = memory;

    return (uintptr_t) memory % AF_BLOCK_ALIGN == 0
           && size >= sizeof(af_block_t)
           && atomic_load_explicit(&block->magic, memory_order_acquire)
              == magic
           && block->version == version
           && block->size == size;
}


af_block_lock_t
af_block_lock(af_block_t *block)
{
    int       rc;
    unsigned  tries;

    /*
     * Nobody sleeps in pthread_mutex_lock(): if the one just woken were killed,
     * and another took the lock meanwhile, the other sleepers would never wake.
     */

    tries = 0;

    while ((rc = pthread_mutex_trylock(&block->mutex)) == EBUSY) {
        af_block_wait(tries++);
    }

    switch (rc) {

    case 0:
        return AF_BLOCK_LOCKED;

    case EOWNERDEAD:
        (void) pthread_mutex_consistent(&block->mutex);
        return AF_BLOCK_RECOVERED;

    default:
        return AF_BLOCK_BROKEN;
    }
}


void
af_block_unlock(af_block_t *block)
{
    (void) pthread_mutex_unlock(&block->mutex);
}


uint32_t
af_block_seconds(time_t t)
{
    if (t < 0) {
        return 0;
    }

    return (uint64_t) t < UINT32_MAX ? (uint32_t) t : UINT32_MAX;
}


static int
af_block_init_mutex(pthread_mutex_t *mutex)
{
    int                  failed;
    pthread_mutexattr_t  attr;

    if (pthread_mutexattr_init(&attr) != 0) {
        return -1;
    }

    failed = pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED) != 0
             || pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST) != 0
             || pthread_mutex_init(mutex, &attr) != 0;

    (void) pthread_mutexattr_destroy(&attr);

    return failed ? -1 : 0;
}


/* it is held for a microsecond, unless its owner was preempted */

static void
af_block_wait(unsigned tries)
{
    static const struct timespec  moment = { 0, 50 * 1000 };

    if (tries < AF_BLOCK_SPINS) {
        return;
    }

    if (tries < AF_BLOCK_YIELDS) {
        (void) sched_yield();
        return;
    }

    (void) nanosleep(&moment, NULL);
}
