#include "keys/remote.h"
#include "net/curl.h"
#include "conf/params.h"
#include "conf/secret.h"
#include "conf/transition.h"


/* milliseconds between refetches, and after a failure */
#define AF_REMOTE_REFETCH  30000
#define AF_REMOTE_RETRY    5000

/* the largest key set, in octets, and milliseconds to fetch it */
#define AF_REMOTE_MAX      262144
#define AF_REMOTE_TIMEOUT  10000


/* what a thread works on; the thread owns it while the task is active */

typedef struct {
    const af_remote_t    *remote;
    af_keyring_t         *keys;
    af_fetch_response_t   response;    /* that the keys were read from */
    char                  error[256];
} af_remote_task_t;


/* shared by all workers, also across reloads */

typedef struct {
    size_t              len;           /* 0: nothing fetched yet */
    char                text[AF_REMOTE_MAX];
} af_remote_shared_t;


static char *af_remote_set_request(ngx_conf_t *cf, af_remote_t *remote);
static ngx_int_t af_remote_add(ngx_conf_t *cf, ngx_array_t **list,
    af_remote_t *remote);
static ngx_int_t af_remote_init(ngx_conf_t *cf, af_remote_t *remote);
static ngx_shm_zone_t *af_remote_zone(ngx_conf_t *cf, af_remote_t *remote);
static ngx_int_t af_remote_zone_init(ngx_shm_zone_t *zone, void *data);
static void af_remote_store(af_remote_t *remote, const char *text,
    size_t len);
static void af_remote_restore(af_remote_t *remote);
static void af_remote_state(af_remote_t *remote, af_remote_state_t state);
static void af_remote_fetch(af_remote_t *remote);
static void af_remote_thread(void *data, ngx_log_t *log);
static af_keyring_t *af_remote_parse(const af_remote_t *remote,
    const char *text, size_t len, char *error, size_t size);
static void af_remote_skip(void *data, const af_keyring_error_t *error);
static void af_remote_fetched(ngx_event_t *ev);


static const af_param_t  af_key_url_params[] = {
    af_param("issuer=", af_param_str, af_remote_t, issuer),
    af_param("ca=", af_param_str, af_remote_t, ca),
    af_param("refresh=", af_param_msec, af_remote_t, refresh),
    { .name = ngx_null_string }
};


char *
af_key_url_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_srv_conf_t *ascf = conf;

    char                           *rv;
    ngx_str_t                      *value;
    af_remote_t                    *remote;
    ngx_http_autoflow_main_conf_t  *amcf;

    amcf = af_conf_main(cf);
    value = cf->args->elts;

    remote = ngx_pcalloc(cf->pool, sizeof(af_remote_t));
    if (remote == NULL) {
        return NGX_CONF_ERROR;
    }

    remote->url = value[1];
    remote->refresh = 10 * 60 * 1000;

    rv = af_params(cf, 2, af_key_url_params, remote);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (remote->issuer.len == 0) {
        return "needs an \"issuer=\", whose tokens the keys verify";
    }

    rv = af_remote_set_request(cf, remote);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (remote->fetch.plain) {
        af_conf_note_insecure(cf, "keys fetched over http", NULL);
    }

    if (af_remote_init(cf, remote) != NGX_OK
        || af_remote_add(cf, &ascf->remotes, remote) != NGX_OK
        || af_remote_add(cf, &amcf->remotes, remote) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (amcf->line.file == NULL) {
        af_conf_line(cf, &amcf->line);
    }

    return NGX_CONF_OK;
}


static char *
af_remote_set_request(ngx_conf_t *cf, af_remote_t *remote)
{
    char               *url;
    const char         *why;
    af_secret_value_t   ca;

    url = (char *) remote->url.data;

    remote->fetch.url = url;
    remote->fetch.plain = (ngx_strncmp(url, "http://", 7) == 0);

    if (!remote->fetch.plain && ngx_strncmp(url, "https://", 8) != 0) {
        return "needs a URL that begins with \"https://\"";
    }

    if (remote->ca.len) {

        if (remote->fetch.plain) {
            return "has a \"ca=\" for a URL without TLS";
        }

        if (af_secret_value_file(cf, &remote->ca, &ca) != NGX_OK) {
            return NGX_CONF_ERROR;
        }

        remote->fetch.ca = (char *) ca.text.data;
        remote->fetch.ca_len = ca.text.len;
    }

    why = af_fetch_check(&remote->fetch);

    if (why) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"autoflow_key_url\" can't be used: %s", why);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
af_remote_add(ngx_conf_t *cf, ngx_array_t **list,
    af_remote_t *remote)
{
    af_remote_t  **slot;

    if (*list == NULL) {
        *list = ngx_array_create(cf->pool, 1, sizeof(af_remote_t *));
        if (*list == NULL) {
            return NGX_ERROR;
        }
    }

    slot = ngx_array_push(*list);
    if (slot == NULL) {
        return NGX_ERROR;
    }

    *slot = remote;

    return NGX_OK;
}


/* what a worker needs */

static ngx_int_t
af_remote_init(ngx_conf_t *cf, af_remote_t *remote)
{
    af_remote_task_t  *task;

    remote->zone = af_remote_zone(cf, remote);
    remote->task = ngx_thread_task_alloc(cf->pool, sizeof(af_remote_task_t));

    if (remote->zone == NULL || remote->task == NULL) {
        return NGX_ERROR;
    }

    remote->fetch.max = AF_REMOTE_MAX;
    remote->fetch.timeout = AF_REMOTE_TIMEOUT;

    remote->task->handler = af_remote_thread;
    remote->task->event.handler = af_remote_fetched;
    remote->task->event.data = remote;

    task = remote->task->ctx;
    task->remote = remote;

    return NGX_OK;
}


/* one for each URL and its trusted CAs */

static ngx_shm_zone_t *
af_remote_zone(ngx_conf_t *cf, af_remote_t *remote)
{
    size_t           len;
    uint32_t         crc;
    ngx_str_t        name;
    ngx_shm_zone_t  *zone;

    len = sizeof("autoflow_key_url ffffffff ") + remote->url.len;

    name.data = ngx_pnalloc(cf->pool, len);
    if (name.data == NULL) {
        return NULL;
    }

    crc = ngx_crc32_long((u_char *) remote->fetch.ca, remote->fetch.ca_len);
    name.len = ngx_sprintf(name.data, "autoflow_key_url %08xD %V", crc,
                           &remote->url)
               - name.data;

    zone = ngx_shared_memory_add(cf, &name, sizeof(af_remote_shared_t)
                                            + 16 * ngx_pagesize,
                                 &ngx_http_autoflow_module);
    if (zone) {
        zone->init = af_remote_zone_init;
        zone->data = remote;
    }

    return zone;
}


static ngx_int_t
af_remote_zone_init(ngx_shm_zone_t *zone, void *data)
{
    ngx_slab_pool_t  *pool;

    pool = (ngx_slab_pool_t *) zone->shm.addr;

    if (data || zone->shm.exists) {
        return NGX_OK;
    }

    pool->data = ngx_slab_calloc(pool, sizeof(af_remote_shared_t));

    return pool->data ? NGX_OK : NGX_ERROR;
}


/* a worker that is killed in between leaves nothing rather than a part */

static void
af_remote_store(af_remote_t *remote, const char *text, size_t len)
{
    ngx_slab_pool_t     *pool;
    af_remote_shared_t  *shared;

    pool = (ngx_slab_pool_t *) remote->zone->shm.addr;
    shared = pool->data;

    ngx_shmtx_lock(&pool->mutex);

    shared->len = 0;
    ngx_memory_barrier();
    ngx_memcpy(shared->text, text, len);
    ngx_memory_barrier();
    shared->len = len;

    ngx_shmtx_unlock(&pool->mutex);
}


static void
af_remote_restore(af_remote_t *remote)
{
    char                *text, error[256];
    size_t               len;
    ngx_slab_pool_t     *pool;
    af_remote_shared_t  *shared;

    pool = (ngx_slab_pool_t *) remote->zone->shm.addr;
    shared = pool->data;

    ngx_shmtx_lock(&pool->mutex);

    len = shared->len;
    text = len ? ngx_alloc(len, remote->task->event.log) : NULL;

    if (text) {
        ngx_memcpy(text, shared->text, len);
    }

    ngx_shmtx_unlock(&pool->mutex);

    if (text) {
        remote->keys = af_remote_parse(remote, text, len, error,
                                       sizeof(error));
        ngx_free(text);
    }
}


void
af_remotes_start(ngx_array_t *remotes, ngx_thread_pool_t *io, ngx_log_t *log)
{
    ngx_uint_t     i;
    af_remote_t  **remote;

    af_curl_init();

    remote = remotes->elts;

    for (i = 0; i < remotes->nelts; i++) {
        remote[i]->io = io;
        remote[i]->task->event.log = log;

        af_remote_restore(remote[i]);
        af_remote_fetch(remote[i]);
    }
}


void
af_remotes_stop(ngx_array_t *remotes)
{
    ngx_uint_t          i;
    af_remote_t       **remote;
    af_remote_task_t   *task;

    remote = remotes->elts;

    /* the thread pools have exited: a task is done, or never started */

    for (i = 0; i < remotes->nelts; i++) {
        task = remote[i]->task->ctx;

        af_keyring_free(task->keys);
        af_keyring_free(remote[i]->keys);
        free(task->response.body);

        task->keys = NULL;
        task->response.body = NULL;
        remote[i]->keys = NULL;
    }
}


void
af_remote_refetch(af_remote_t *remote)
{
    if (ngx_current_msec - remote->attempted > AF_REMOTE_REFETCH) {
        af_remote_fetch(remote);
    }
}


void
af_remotes_poll(void *data)
{
    ngx_array_t *remotes = data;

    ngx_uint_t     i;
    af_remote_t  **remote;

    remote = remotes->elts;

    for (i = 0; i < remotes->nelts; i++) {
        if ((ngx_msec_int_t) (ngx_current_msec - remote[i]->due) >= 0) {
            af_remote_fetch(remote[i]);
        }
    }
}


ngx_uint_t
af_remotes_missing(const ngx_array_t *remotes)
{
    ngx_uint_t     i;
    af_remote_t  **remote;

    if (remotes == NULL) {
        return 0;
    }

    remote = remotes->elts;

    for (i = 0; i < remotes->nelts; i++) {
        if (remote[i]->keys == NULL) {
            return 1;
        }
    }

    return 0;
}


ngx_uint_t
af_remotes_generation(const ngx_array_t *remotes)
{
    ngx_uint_t     i, generation;
    af_remote_t  **remote;

    if (remotes == NULL) {
        return 0;
    }

    generation = 0;
    remote = remotes->elts;

    for (i = 0; i < remotes->nelts; i++) {
        generation += remote[i]->generation;
    }

    return generation;
}


static void
af_remote_state(af_remote_t *remote, af_remote_state_t state)
{
    /* the states that may follow each state */
    static const unsigned  next[] = {
        1 << AF_REMOTE_FETCHING,
        1 << AF_REMOTE_FETCHED | 1 << AF_REMOTE_FAILED,
        1 << AF_REMOTE_FETCHING,
        1 << AF_REMOTE_FETCHING
    };

    af_transition(remote->task->event.log, remote->fetch.url, next,
                  remote->state, state);

    remote->state = state;
}


/*
 * unless a thread takes it; if the threads' queue is full, the next poll
 * retries
 */

static void
af_remote_fetch(af_remote_t *remote)
{
    if (remote->state == AF_REMOTE_FETCHING) {
        return;
    }

    remote->attempted = ngx_current_msec;
    remote->due = ngx_current_msec + AF_REMOTE_RETRY;

    if (ngx_thread_task_post(remote->io, remote->task) == NGX_OK) {
        af_remote_state(remote, AF_REMOTE_FETCHING);
    }
}


/* a response other than 200, such as a redirect, has no keys */

static void
af_remote_thread(void *data, ngx_log_t *log)
{
    af_remote_task_t *task = data;

    af_fetch_response_t  *response;

    response = &task->response;

    if (af_fetch(&task->remote->fetch, response, &ngx_terminate, task->error,
                 sizeof(task->error))
        != 0)
    {
        return;
    }

    if (response->status != 200) {
        (void) ngx_snprintf((u_char *) task->error, sizeof(task->error),
                            "The requested URL returned %l, not 200%Z",
                            response->status);
        return;
    }

    task->keys = af_remote_parse(task->remote, response->body, response->len,
                                 task->error, sizeof(task->error));
}


static af_keyring_t *
af_remote_parse(const af_remote_t *remote, const char *text, size_t len,
    char *error, size_t size)
{
    af_keyring_t        *keys;
    af_key_options_t     options;
    af_keyring_error_t   why;

    ngx_memzero(&options, sizeof(af_key_options_t));
    options.issuer = (char *) remote->issuer.data;
    options.use = AF_USE_VERIFY;

    keys = af_keyring_create();

    if (keys == NULL) {
        (void) ngx_snprintf((u_char *) error, size, "no memory%Z");
        return NULL;
    }

    if (af_keyring_add_published(keys, text, len, &options, af_remote_skip,
                                 NULL, &why)
        != 0)
    {
        (void) ngx_snprintf((u_char *) error, size, "%s%Z", why.reason);
        af_keyring_free(keys);
        return NULL;
    }

    return keys;
}


/* issuers publish keys for other purposes, too */

static void
af_remote_skip(void *data, const af_keyring_error_t *error)
{
}


static void
af_remote_fetched(ngx_event_t *ev)
{
    ngx_uint_t         level;
    af_remote_t       *remote;
    af_remote_task_t  *task;

    remote = ev->data;
    task = remote->task->ctx;

    af_remote_state(remote, task->keys ? AF_REMOTE_FETCHED : AF_REMOTE_FAILED);

    if (task->keys) {
        af_remote_store(remote, task->response.body, task->response.len);
    }

    free(task->response.body);
    task->response.body = NULL;

    if (task->keys == NULL) {

        /* once, not at each attempt */
        level = remote->failing ? NGX_LOG_INFO : NGX_LOG_ERR;

        ngx_log_error(level, ev->log, 0, "autoflow: can't fetch the keys of "
                      "\"%V\": %s", &remote->url, task->error);

        remote->failing = 1;
        remote->due = ngx_current_msec + ngx_min(remote->refresh,
                                                 AF_REMOTE_RETRY);
        return;
    }

    remote->failing = 0;

    af_keyring_free(remote->keys);
    remote->keys = task->keys;
    remote->generation++;

    task->keys = NULL;

    remote->due = ngx_current_msec + remote->refresh;
}
