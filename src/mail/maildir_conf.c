/*
 * The folder of "autoflow_mail maildir:".  nginx would chown a path of its own
 * to the workers' user, whoever owns it (ngx_create_paths()), and so take it
 * from another nginx.  This folder is created if it is missing; otherwise the
 * workers must be able to write to it as it is.
 */

#include "conf/conf.h"
#include "mail/maildir.h"
#include "mail/outbox.h"

#include <grp.h>
#include <pwd.h>


static char *af_maildir_init(ngx_cycle_t *cycle, void *conf);
static ngx_err_t af_maildir_prepare(const char *path, ngx_core_conf_t *ccf);
static ngx_err_t af_maildir_try(const char *path, ngx_core_conf_t *ccf);
static void af_maildir_worker(const char *path, ngx_core_conf_t *ccf);
static void af_maildir_refused(ngx_log_t *log, ngx_err_t err,
    ngx_core_conf_t *ccf, ngx_http_autoflow_main_conf_t *amcf);


/* a core module: the workers' user is known when everything has been read */

static ngx_core_module_t  ngx_http_autoflow_maildir_module_ctx = {
    ngx_string("autoflow_maildir"),
    NULL,
    af_maildir_init
};


ngx_module_t  ngx_http_autoflow_maildir_module = {
    NGX_MODULE_V1,
    &ngx_http_autoflow_maildir_module_ctx, /* module context */
    NULL,                                  /* module directives */
    NGX_CORE_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static char *
af_maildir_init(ngx_cycle_t *cycle, void *conf)
{
    ngx_err_t                       err;
    ngx_core_conf_t                *ccf;
    ngx_http_autoflow_main_conf_t  *amcf;

    amcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_autoflow_module);

    /* "nginx -s quit" reads the configuration too */

    if (ngx_process == NGX_PROCESS_SIGNALLER || amcf == NULL
        || amcf->mail_conf == NULL || amcf->mail_conf->maildir.len == 0)
    {
        return NGX_CONF_OK;
    }

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    err = af_maildir_prepare((char *) amcf->mail_conf->maildir.data, ccf);
    if (err == 0) {
        return NGX_CONF_OK;
    }

    af_maildir_refused(cycle->log, err, ccf, amcf);

    return NGX_CONF_ERROR;
}


/*
 * Only root can be another user than the workers; and whoever else tests a
 * configuration can't tell what root's workers may do.
 */

static ngx_err_t
af_maildir_prepare(const char *path, ngx_core_conf_t *ccf)
{
    ngx_err_t  err;

    if (geteuid() != 0) {

        if (ngx_test_config) {
            return 0;
        }

        return (af_maildir_check(path) == 0) ? 0 : ngx_errno;
    }

    if (mkdir(path, 0700) == 0) {
        if (lchown(path, ccf->user, (gid_t) -1) != 0) {
            err = ngx_errno;
            (void) rmdir(path);
            return err;
        }

    } else if (ngx_errno != NGX_EEXIST) {
        return ngx_errno;
    }

    return af_maildir_try(path, ccf);
}


/*
 * Checks in a process that has become what workers will be: permissions are
 * more than an owner and a mode, and root has them all.  Its exit status is an
 * errno.
 */

static ngx_err_t
af_maildir_try(const char *path, ngx_core_conf_t *ccf)
{
    int        status;
    pid_t      pid, ended;
    sigset_t   set, old;
    ngx_err_t  err;

    /* nginx's handler would take its exit for that of a worker */

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);

    if (sigprocmask(SIG_BLOCK, &set, &old) == -1) {
        return ngx_errno;
    }

    pid = fork();

    if (pid == 0) {
        af_maildir_worker(path, ccf);
    }

    err = ngx_errno;

    if (pid != -1) {

        do {
            ended = waitpid(pid, &status, 0);
        } while (ended == -1 && ngx_errno == NGX_EINTR);

        err = (ended == -1) ? ngx_errno
              : WIFEXITED(status) ? WEXITSTATUS(status) : NGX_EPERM;
    }

    (void) sigprocmask(SIG_SETMASK, &old, NULL);

    return err;
}


static void
af_maildir_worker(const char *path, ngx_core_conf_t *ccf)
{
    if (setgid(ccf->group) == 0
        && initgroups(ccf->username, ccf->group) == 0
        && setuid(ccf->user) == 0
        && af_maildir_check(path) == 0)
    {
        _exit(0);
    }

    _exit(ngx_errno);
}


/* the first folder with another owner is the likely reason */

static void
af_maildir_refused(ngx_log_t *log, ngx_err_t err,
    ngx_core_conf_t *ccf, ngx_http_autoflow_main_conf_t *amcf)
{
    u_char           folder[NGX_MAX_PATH];
    ngx_uid_t        user;
    ngx_uint_t       i;
    struct stat      st;
    struct passwd   *owner;
    af_conf_line_t  *line;

    static const char *const  folders[] = { "", "/tmp", "/new" };

    user = (geteuid() == 0) ? ccf->user : geteuid();
    line = &amcf->mail_line;

    for (i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {

        (void) ngx_snprintf(folder, sizeof(folder), "%V%s%Z",
                            &amcf->mail_conf->maildir, folders[i]);

        if (stat((char *) folder, &st) == 0 && st.st_uid != user
            && (owner = getpwuid(st.st_uid)) != NULL)
        {
            ngx_log_error(NGX_LOG_EMERG, log, err,
                          "the workers can't write to \"%s\", which belongs "
                          "to user \"%s\", in %s:%ui", folder,
                          owner->pw_name, line->file, line->line);
            return;
        }
    }

    ngx_log_error(NGX_LOG_EMERG, log, err,
                  "the workers can't write to \"%V\" in %s:%ui",
                  &amcf->mail_conf->maildir, line->file, line->line);
}
