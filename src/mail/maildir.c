#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mail/maildir.h"


#define AF_PATH_MAX  4096


static int af_maildir_make(const char *path);
static int af_maildir_inherit(const char *folder, const struct stat *maildir);
static int af_maildir_store(const char *file, const char *message, size_t len);
static int af_maildir_write(int fd, const char *message, size_t len);
static int af_maildir_put(int fd, const char *data, size_t len);


af_delivery_t
af_maildir_deliver(const char *path, const char *name, const char *message,
    size_t len, char *error, size_t size)
{
    int   n;
    char  temporary[AF_PATH_MAX], file[AF_PATH_MAX];

    n = snprintf(temporary, sizeof(temporary), "%s/tmp/%s", path, name);
    (void) snprintf(file, sizeof(file), "%s/new/%s", path, name);

    if (n >= (int) sizeof(temporary)) {
        errno = ENAMETOOLONG;

    } else if (af_maildir_make(path) == 0
               && af_maildir_store(temporary, message, len) == 0
               && rename(temporary, file) == 0)
    {
        return AF_DELIVERY_SENT;
    }

    snprintf(error, size, "%s: %s", path, strerror(errno));

    return AF_DELIVERY_UNAVAILABLE;
}


int
af_maildir_check(const char *path)
{
    int   n;
    char  folder[AF_PATH_MAX];

    if (af_maildir_make(path) != 0) {
        return -1;
    }

    n = snprintf(folder, sizeof(folder), "%s/tmp", path);

    if (n >= (int) sizeof(folder)) {
        errno = ENAMETOOLONG;
        return -1;
    }

    if (access(folder, W_OK|X_OK) != 0) {
        return -1;
    }

    memcpy(folder + n - 3, "new", 3);

    return access(folder, W_OK|X_OK);
}


static int
af_maildir_make(const char *path)
{
    char         folder[AF_PATH_MAX];
    size_t       i;
    struct stat  maildir;

    static const char *const  folders[] = { "tmp", "new", "cur" };

    if ((mkdir(path, 0700) != 0 && errno != EEXIST)
        || stat(path, &maildir) != 0)
    {
        return -1;
    }

    for (i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {

        (void) snprintf(folder, sizeof(folder), "%s/%s", path, folders[i]);

        if (mkdir(folder, 0700) == 0) {
            if (af_maildir_inherit(folder, &maildir) != 0) {
                return -1;
            }

        } else if (errno != EEXIST) {
            return -1;
        }
    }

    return 0;
}


/*
 * Whoever may write to the Maildir may write to its folders; on some file
 * systems the mode can't be set.  O_NOFOLLOW: nobody may replace the folder
 * meanwhile.
 */

static int
af_maildir_inherit(const char *folder, const struct stat *maildir)
{
    int  fd, rc;

    fd = open(folder, O_RDONLY|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC);
    if (fd == -1) {
        return -1;
    }

    rc = fchown(fd, (uid_t) -1, maildir->st_gid);

    if (rc == 0 || errno == EPERM) {
        rc = fchmod(fd, maildir->st_mode & 07777);
    }

    (void) close(fd);

    return rc;
}


static int
af_maildir_store(const char *file, const char *message, size_t len)
{
    int  fd, rc, error;

    /*
     * A killed worker's leftover is of no use, and a file that somebody else
     * created there must not receive the mail.
     */

    (void) unlink(file);

    fd = open(file, O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC|O_NOFOLLOW, 0600);
    if (fd == -1) {
        return -1;
    }

    rc = af_maildir_write(fd, message, len);

    if (rc == 0) {
        rc = fsync(fd);
    }

    error = errno;

    if (close(fd) != 0 && rc == 0) {
        rc = -1;
        error = errno;
    }

    if (rc != 0) {
        (void) unlink(file);
        errno = error;
    }

    return rc;
}


static int
af_maildir_write(int fd, const char *message, size_t len)
{
    const char  *cr, *end;

    end = message + len;

    while (message != end) {

        cr = memchr(message, '\r', end - message);

        if (cr == NULL) {
            cr = end;
        }

        if (af_maildir_put(fd, message, cr - message) != 0) {
            return -1;
        }

        message = (cr == end) ? end : cr + 1;
    }

    return 0;
}


static int
af_maildir_put(int fd, const char *data, size_t len)
{
    ssize_t  n;

    for ( /* void */ ; len != 0; data += n, len -= n) {

        n = write(fd, data, len);

        if (n == -1 && errno == EINTR) {
            n = 0;

        } else if (n == -1) {
            return -1;
        }
    }

    return 0;
}
