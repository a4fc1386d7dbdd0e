#include "conf/blocklist.h"
#include "crypto/blocklist.h"

#include <sys/mman.h>


typedef struct {
    void    *start;
    size_t   size;
} af_memory_t;


static ngx_int_t af_blocklist_load(ngx_conf_t *cf, ngx_str_t *path,
    af_blocklist_t *list);
static ngx_int_t af_blocklist_size(ngx_conf_t *cf, ngx_str_t *path,
    ngx_fd_t fd, size_t *size);
static u_char *af_blocklist_allocate(ngx_conf_t *cf, size_t size);
static ngx_int_t af_blocklist_read(ngx_conf_t *cf, ngx_str_t *path,
    ngx_fd_t fd, u_char *data, size_t size);
static void af_memory_unmap(void *data);


char *
af_blocklist_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_main_conf_t *amcf = conf;

    ngx_str_t       *value;
    af_blocklist_t  *list;

    if (amcf->blocklist != NULL) {
        return "is duplicate";
    }

    list = ngx_pcalloc(cf->pool, sizeof(af_blocklist_t));
    if (list == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    if (ngx_conf_full_name(cf->cycle, &value[1], 1) != NGX_OK
        || af_blocklist_load(cf, &value[1], list) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    amcf->blocklist = list;

    return NGX_CONF_OK;
}


/*
 * Reads the file into memory that workers inherit and nobody writes to, so that
 * they share it.  They don't map the file itself: they would be killed if it
 * were truncated.
 */

static ngx_int_t
af_blocklist_load(ngx_conf_t *cf, ngx_str_t *path, af_blocklist_t *list)
{
    size_t       size;
    u_char      *data;
    ngx_fd_t     fd;
    ngx_int_t    rc;
    const char  *wrong;

    fd = ngx_open_file(path->data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", path);
        return NGX_ERROR;
    }

    data = NULL;
    rc = af_blocklist_size(cf, path, fd, &size);

    if (rc == NGX_OK) {
        data = af_blocklist_allocate(cf, size);
        rc = data ? af_blocklist_read(cf, path, fd, data, size) : NGX_ERROR;
    }

    (void) ngx_close_file(fd);

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    wrong = af_blocklist_open(list, data, size);

    if (wrong != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" %s", path, wrong);
        return NGX_ERROR;
    }

    (void) mprotect(data, size, PROT_READ);

    return NGX_OK;
}


static ngx_int_t
af_blocklist_size(ngx_conf_t *cf, ngx_str_t *path, ngx_fd_t fd, size_t *size)
{
    ngx_file_info_t  fi;

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_fd_info_n " \"%V\" failed", path);
        return NGX_ERROR;
    }

    if (!ngx_is_file(&fi) || ngx_file_size(&fi) == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is empty, or not a regular file", path);
        return NGX_ERROR;
    }

    *size = (size_t) ngx_file_size(&fi);

    return NGX_OK;
}


static u_char *
af_blocklist_allocate(ngx_conf_t *cf, size_t size)
{
    void                *start;
    af_memory_t         *memory;
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(cf->pool, sizeof(af_memory_t));
    if (cln == NULL) {
        return NULL;
    }

    start = mmap(NULL, size, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS,
                 -1, 0);

    if (start == MAP_FAILED) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "mmap(%uz) failed", size);
        return NULL;
    }

    memory = cln->data;
    memory->start = start;
    memory->size = size;
    cln->handler = af_memory_unmap;

    return start;
}


static ngx_int_t
af_blocklist_read(ngx_conf_t *cf, ngx_str_t *path, ngx_fd_t fd, u_char *data,
    size_t size)
{
    size_t   done;
    ssize_t  n;

    for (done = 0; done < size; done += (size_t) n) {

        n = ngx_read_fd(fd, data + done, size - done);

        if (n == -1) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                               ngx_read_fd_n " \"%V\" failed", path);
            return NGX_ERROR;
        }

        if (n == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" was truncated while it was read", path);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static void
af_memory_unmap(void *data)
{
    af_memory_t *memory = data;

    (void) munmap(memory->start, memory->size);
}
