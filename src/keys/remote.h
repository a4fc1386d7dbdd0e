/*
 * Keys that another issuer publishes (autoflow_key_url): each worker fetches
 * them in a thread, and keeps them until it has newer ones.  They are also kept
 * in shared memory, for workers started by a reload.
 *
 * While there are no keys, tokens that need them are `unavailable`.  In every
 * state, the keys that there are verify tokens.
 */

#ifndef AF_KEYS_REMOTE_H
#define AF_KEYS_REMOTE_H

#include "conf/conf.h"
#include "net/fetch.h"
#include "token/keyring.h"


typedef enum {
    AF_REMOTE_NEW = 0,
    AF_REMOTE_FETCHING,                /* a thread has the task */
    AF_REMOTE_FETCHED,
    AF_REMOTE_FAILED
} af_remote_state_t;


typedef struct {
    ngx_str_t            url;          /* zero-terminated */
    ngx_str_t            issuer;       /* zero-terminated */
    ngx_str_t            ca;           /* the name of a file */
    ngx_msec_t           refresh;
    af_fetch_t           fetch;
    ngx_shm_zone_t      *zone;

    /* a worker's own */
    af_keyring_t        *keys;         /* NULL: not fetched yet */
    ngx_uint_t           generation;   /* of the keys */
    ngx_thread_pool_t   *io;
    ngx_thread_task_t   *task;
    ngx_msec_t           attempted;    /* of the last attempt */
    ngx_msec_t           due;          /* the next attempt */
    af_remote_state_t    state;
    unsigned             failing:1;    /* the last fetch failed */
} af_remote_t;


char *af_key_url_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * Restores the keys of a list from shared memory, and starts to fetch all of
 * them, in threads of `io`.  For init_process.
 */
void af_remotes_start(ngx_array_t *remotes, ngx_thread_pool_t *io,
    ngx_log_t *log);

/*
 * Fetches those that are due: a job (db/jobs.h), whose argument is an array of
 * af_remote_t *.
 */
void af_remotes_poll(void *data);

/* Frees all keys.  For exit_process. */
void af_remotes_stop(ngx_array_t *remotes);

/*
 * A token was signed by none of the keys, and its kid is none of theirs: there
 * may be new ones.  They are fetched, but at most every 30 seconds.
 */
void af_remote_refetch(af_remote_t *remote);


/*
 * Of a list, which may be NULL: whether some keys have never been fetched; and
 * a number that changes whenever any keys do.
 */
ngx_uint_t af_remotes_missing(const ngx_array_t *remotes);
ngx_uint_t af_remotes_generation(const ngx_array_t *remotes);


#endif /* AF_KEYS_REMOTE_H */
