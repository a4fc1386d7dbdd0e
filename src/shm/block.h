/*
 * A block of memory that processes share: what it is, and its lock.
 * Pure C: no nginx types.
 *
 * The lock outlives its owner: if a process is killed while it holds it, the
 * next one gets it, and is told.  So what a block holds has to be whole after
 * each single store.
 */

#ifndef AF_SHM_BLOCK_H
#define AF_SHM_BLOCK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>


/* what two processes write often lies as far apart as this */
#define AF_BLOCK_ALIGN  64

/* no lock is taken for these, in whatever process */
#if ATOMIC_INT_LOCK_FREE != 2 || ATOMIC_LLONG_LOCK_FREE != 2
#error "atomic 64-bit integers are needed"
#endif


/* begins the block */
typedef struct {
    _Atomic uint32_t   magic;
    uint32_t           version;
    uint64_t           size;
    pthread_mutex_t    mutex;
} af_block_t;


typedef enum {
    AF_BLOCK_LOCKED,
    AF_BLOCK_RECOVERED,        /* locked, and the owner before was killed */
    AF_BLOCK_BROKEN            /* not locked: this is no lock any more */
} af_block_lock_t;


/*
 * Zeroes the memory and initializes the lock; the block is valid once it is
 * published.  Returns -1 if the memory is not aligned to AF_BLOCK_ALIGN, or if
 * the system has no robust, process-shared mutexes.
 */
int af_block_format(void *memory, size_t size);

/* The last step of formatting. */
void af_block_publish(af_block_t *block, uint32_t magic, uint32_t version);

/* Tells whether this memory was formatted, to the end, as such a block. */
int af_block_is_valid(const void *memory, size_t size, uint32_t magic,
    uint32_t version);

af_block_lock_t af_block_lock(af_block_t *block);
void af_block_unlock(af_block_t *block);

/* A time as blocks keep it: 32 bits without a sign; beyond, the nearest. */
uint32_t af_block_seconds(time_t t);


#endif /* AF_SHM_BLOCK_H */
