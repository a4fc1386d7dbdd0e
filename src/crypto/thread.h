/*
 * Threads that compute for long.  Pure C: no nginx types.
 */

#ifndef AF_CRYPTO_THREAD_H
#define AF_CRYPTO_THREAD_H


/*
 * Makes the calling thread one that whoever wakes up may interrupt, such as an
 * event loop or a process of PostgreSQL, for as long as it exists.  It has as
 * much of the processor as before, in longer turns.  Where the kernel can't do
 * that, nothing happens.
 */
void af_thread_yields(void);


#endif /* AF_CRYPTO_THREAD_H */
