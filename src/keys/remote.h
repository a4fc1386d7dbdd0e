/*
 * Keys that another issuer publishes (autoflow_key_url): fetched by each
 * worker in a thread, kept until better ones have come.  What was fetched is
 * in shared memory as well: a worker that a reload starts begins with it.
 *
 * While there are no keys, tokens that need them are `unavailable`.  Those that
 * there are verify in every state.
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
    ngx_str_t            ca;           /* the name of its file */
    ngx_msec_t           refresh;
    af_fetch_t           fetch;
    ngx_shm_zone_t      *zone;

    /* a worker's */
    af_keyring_t        *keys;         /* NULL: none yet */
    ngx_uint_t           generation;   /* of the keys */
    ngx_thread_pool_t   *io;
    ngx_thread_task_t   *task;
    ngx_msec_t           attempted;    /* when it was last tried */
    ngx_msec_t           due;          /* when it is to be tried again */
    af_remote_state_t    state;
    unsigned             failing:1;    /* the last fetch did, which is logged */
} af_remote_t;


char *af_key_url_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * Takes what was fetched before, and begins to fetch all of a list, in threads
 * of `io`.  For init_process.
 */
void af_remotes_start(ngx_array_t *remotes, ngx_thread_pool_t *io,
    ngx_log_t *log);

/*
 * Fetches those that are due: a job (db/jobs.h) that is given the list, for an
 * array of af_remote_t *.
 */
void af_remotes_poll(void *data);

/* Frees the keys of all.  For exit_process. */
void af_remotes_stop(ngx_array_t *remotes);

/*
 * A token came that none of the keys has signed, and that names none of them:
 * there may be new ones.  They are fetched, but not more often than every 30
 * seconds.
 */
void af_remote_refetch(af_remote_t *remote);


/*
 * Of a list, which may be NULL: whether any of its keys have never been
 * fetched; and what changes when any of its keys do.
 */
ngx_uint_t af_remotes_missing(const ngx_array_t *remotes);
ngx_uint_t af_remotes_generation(const ngx_array_t *remotes);


#endif /* AF_KEYS_REMOTE_H */
