#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mail/maildir.h"


#define AF_PATH_MAX  4096


static int af_maildir_make(const char *path);
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
        return AF_MAIL_SENT;
    }

    snprintf(error, size, "%s: %s", path, strerror(errno));

    return AF_MAIL_AWAY;
}


static int
af_maildir_make(const char *path)
{
    char    folder[AF_PATH_MAX];
    size_t  i;

    static const char *const  folders[] = { "", "/tmp", "/new", "/cur" };

    for (i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {

        snprintf(folder, sizeof(folder), "%s%s", path, folders[i]);

        if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
            return -1;
        }
    }

    return 0;
}


static int
af_maildir_store(const char *file, const char *message, size_t len)
{
    int  fd, rc, error;

    /* what is left of a worker that was killed has no use */

    fd = open(file, O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC|O_NOFOLLOW, 0600);
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
