/*
 * A block of memory shared by processes: its head, with a lock.  Pure C: no
 * nginx types.
 *
 * The lock survives its owner: if a process is killed while holding it, the
 * next one gets it, and knows.  So a block's contents must be consistent after
 * every single store.
 */

#ifndef AF_SHM_BLOCK_H
#define AF_SHM_BLOCK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>


/* separates what different processes write often */
#define AF_BLOCK_ALIGN  64

/* these must be lock-free, in every process */
#if ATOMIC_INT_LOCK_FREE != 2 || ATOMIC_LLONG_LOCK_FREE != 2
#error "atomic 64-bit integers are needed"
#endif


/* the head of a block */
typedef struct {
    _Atomic uint32_t   magic;
    uint32_t           version;
    uint64_t           size;
    pthread_mutex_t    mutex;
} af_block_t;


typedef enum {
    AF_BLOCK_LOCKED,
    AF_BLOCK_RECOVERED,        /* locked; its previous owner was killed */
    AF_BLOCK_BROKEN            /* not locked: the mutex is unusable */
} af_block_lock_t;


/*
 * Zeroes the memory and initializes the lock; the block is valid once it is
 * published.  Returns -1 if the memory is not aligned to AF_BLOCK_ALIGN, or if
 * the system has no robust, process-shared mutexes.
 */
int af_block_format(void *memory, size_t size);

/* The last step of formatting. */
void af_block_publish(af_block_t *block, uint32_t magic, uint32_t version);

/* Whether this memory was completely formatted as such a block. */
int af_block_is_valid(const void *memory, size_t size, uint32_t magic,
    uint32_t version);

af_block_lock_t af_block_lock(af_block_t *block);
void af_block_unlock(af_block_t *block);

/* A time as blocks keep it, an unsigned 32-bit number; saturates. */
uint32_t af_block_seconds(time_t t);


#endif /* AF_SHM_BLOCK_H */
