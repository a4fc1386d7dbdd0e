#include "conf/threads.h"
#include "conf/params.h"


static ngx_thread_pool_t *af_thread_pool(ngx_conf_t *cf, ngx_str_t *name,
    const af_conf_line_t *line);
static ngx_thread_pool_t *af_connect_pool(ngx_conf_t *cf,
    ngx_http_autoflow_main_conf_t *amcf);


static const af_param_t  af_threads_params[] = {
    af_param("hash=", af_param_str, ngx_http_autoflow_main_conf_t, hash_name),
    af_param("io=", af_param_str, ngx_http_autoflow_main_conf_t, io_name),
    af_param("connect=", af_param_str,
             ngx_http_autoflow_main_conf_t, connect_name),
    { .name = ngx_null_string }
};


char *
af_threads_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_main_conf_t *amcf = conf;

    if (amcf->hash_name.data || amcf->io_name.data || amcf->connect_name.data)
    {
        return "is duplicate";
    }

    return af_params(cf, 1, af_threads_params, amcf);
}


char *
af_threads_init(ngx_conf_t *cf, ngx_http_autoflow_main_conf_t *amcf)
{
    if (amcf->hash_name.data == NULL) {
        ngx_str_set(&amcf->hash_name, "autoflow_hash");
    }

    if (amcf->io_name.data == NULL) {
        ngx_str_set(&amcf->io_name, "autoflow_io");
    }

    if (amcf->database) {
        amcf->hash = af_thread_pool(cf, &amcf->hash_name, &amcf->line);
    }

    if (amcf->database || amcf->remotes) {
        amcf->io = af_thread_pool(cf, &amcf->io_name, &amcf->line);

        if (amcf->io == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    if (amcf->database == NULL) {
        return NGX_CONF_OK;
    }

    amcf->connect = af_connect_pool(cf, amcf);

    return (amcf->hash && amcf->connect) ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static ngx_thread_pool_t *
af_thread_pool(ngx_conf_t *cf, ngx_str_t *name,
    const af_conf_line_t *line)
{
    if (ngx_thread_pool_get(cf->cycle, name) == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "a thread pool is needed: add "
                      "\"thread_pool %V threads=2 max_queue=256;\" "
                      "above the \"http\" block in %s:%ui",
                      name, line->file, line->line);
        return NULL;
    }

    return ngx_thread_pool_add(cf, name);
}


/* optional, for configurations older than this pool */

static ngx_thread_pool_t *
af_connect_pool(ngx_conf_t *cf,
    ngx_http_autoflow_main_conf_t *amcf)
{
    ngx_str_t  *name;

    name = &amcf->connect_name;

    if (name->data) {
        return af_thread_pool(cf, name, &amcf->line);
    }

    ngx_str_set(name, "autoflow_connect");

    if (ngx_thread_pool_get(cf->cycle, name)) {
        return ngx_thread_pool_add(cf, name);
    }

    ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                  "connections to the database wait for mails and keys that "
                  "are fetched: add "
                  "\"thread_pool %V threads=2 max_queue=256;\" "
                  "above the \"http\" block in %s:%ui",
                  name, amcf->line.file, amcf->line.line);

    return amcf->io;
}
