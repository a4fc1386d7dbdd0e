#include "db/audit_log.h"
#include "conf/params.h"

#include <sys/stat.h>


/* octets of a position */
#define AF_AUDIT_LOG_POSITION  128


struct af_audit_log_s {
    ngx_open_file_t  *file;        /* reopened by nginx on USR1 */
    const char       *values[1];   /* the position, or NULL */
    char              position[AF_AUDIT_LOG_POSITION];
    unsigned          failing:1;
    unsigned          torn:1;      /* a line of the file isn't complete */
};


static ngx_int_t af_audit_log_append(af_audit_log_t *log,
    const PGresult *batch);
static void af_audit_log_failed(af_audit_log_t *log, ssize_t written);
static ngx_uint_t af_audit_log_take_back(ngx_fd_t fd, ssize_t written);


char *
af_audit_log_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_main_conf_t *amcf = conf;

    ngx_str_t  *value;

    if (amcf->audit_log_line.file) {
        return "is duplicate";
    }

    af_conf_line(cf, &amcf->audit_log_line);
    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        return NGX_CONF_OK;
    }

    if (ngx_strncmp(value[1].data, "syslog:", sizeof("syslog:") - 1) == 0) {
        return "needs a file, not syslog";
    }

    amcf->audit_log = ngx_pcalloc(cf->pool, sizeof(af_audit_log_t));
    if (amcf->audit_log == NULL) {
        return NGX_CONF_ERROR;
    }

    amcf->audit_log->file = ngx_conf_open_file(cf->cycle, &value[1]);

    return amcf->audit_log->file ? NGX_CONF_OK : NGX_CONF_ERROR;
}


char *
af_audit_log_check(ngx_conf_t *cf, const ngx_http_autoflow_main_conf_t *amcf)
{
    return (amcf->audit_log && amcf->database == NULL)
           ? af_conf_needs(cf, "autoflow_audit_log",
                           "an \"autoflow_database\"", &amcf->audit_log_line)
           : NGX_CONF_OK;
}


ngx_int_t
af_audit_log_write(void *data, const PGresult *batch,
    const char *const **values)
{
    af_audit_log_t *log = data;

    int  column;

    *values = log->values;

    if (batch == NULL) {
        log->values[0] = NULL;
        return NGX_OK;
    }

    if (PQgetvalue(batch, 0, PQfnumber(batch, "more"))[0] != 't') {
        return NGX_DONE;
    }

    if (af_audit_log_append(log, batch) != NGX_OK) {
        return NGX_ERROR;
    }

    column = PQfnumber(batch, "position");

    (void) ngx_cpystrn((u_char *) log->position,
                       (u_char *) PQgetvalue(batch, 0, column),
                       sizeof(log->position));

    log->values[0] = log->position;

    return NGX_OK;
}


static ngx_int_t
af_audit_log_append(af_audit_log_t *log, const PGresult *batch)
{
    int      column;
    char    *lines;
    size_t   len;
    ssize_t  n;

    column = PQfnumber(batch, "lines");
    lines = PQgetvalue(batch, 0, column);
    len = PQgetlength(batch, 0, column);

    if (log->torn) {
        if (ngx_write_fd(log->file->fd, "\n", 1) != 1) {
            return NGX_ERROR;
        }

        log->torn = 0;
    }

    n = ngx_write_fd(log->file->fd, lines, len);

    if (n != (ssize_t) len) {
        af_audit_log_failed(log, n);
        return NGX_ERROR;
    }

    if (log->failing) {
        log->failing = 0;
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "autoflow: \"%V\" is written again", &log->file->name);
    }

    return NGX_OK;
}


/* a write of a part, of which the error is that of the next write */

static void
af_audit_log_failed(af_audit_log_t *log, ssize_t written)
{
    ngx_err_t  err;

    err = (written < 0) ? ngx_errno : NGX_ENOSPC;

    if (written > 0 && !af_audit_log_take_back(log->file->fd, written)) {
        log->torn = 1;
    }

    if (!log->failing) {
        log->failing = 1;
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, err,
                      "autoflow: can't write to \"%V\": events wait in the "
                      "database", &log->file->name);
    }
}


/* only of a file, whose end this is: nobody else writes to it */

static ngx_uint_t
af_audit_log_take_back(ngx_fd_t fd, ssize_t written)
{
    struct stat  status;

    return fstat(fd, &status) == 0
           && S_ISREG(status.st_mode)
           && status.st_size >= written
           && ftruncate(fd, status.st_size - written) == 0;
}
