#include <stddef.h>
#include <string.h>

#include "check/device.h"


typedef struct {
    const char  *token;        /* in the User-Agent; the first row counts */
    const char  *name;
    const char  *kind;
} af_device_row_t;


static const af_device_row_t *af_device_find(const af_device_row_t *row,
    const char *user_agent);


/* most browsers claim to be others, too: these come first */

static const af_device_row_t  af_device_browsers[] = {
    { "Edg", "Edge", "computer" },
    { "OPR/", "Opera", "computer" },
    { "SamsungBrowser/", "Samsung Internet", "computer" },
    { "Vivaldi/", "Vivaldi", "computer" },
    { "FxiOS/", "Firefox", "computer" },
    { "Firefox/", "Firefox", "computer" },
    { "CriOS/", "Chrome", "computer" },
    { "Chromium/", "Chromium", "computer" },
    { "Chrome/", "Chrome", "computer" },
    { "Safari/", "Safari", "computer" },
    { "curl/", "curl", "program" },
    { "Wget/", "Wget", "program" },
    { "python-requests/", "Python", "program" },
    { "python-httpx/", "Python", "program" },
    { "okhttp/", "Android app", "phone" },
    { "CFNetwork/", "Apple app", "phone" },
    { "Go-http-client/", "Go", "program" },
    { "Mojolicious", "Perl", "program" },
    { "node", "Node.js", "program" },
    { NULL, NULL, "program" }
};


static const af_device_row_t  af_device_systems[] = {
    { "iPhone", "iPhone", "phone" },
    { "iPad", "iPad", "phone" },
    { "Android", "Android", "phone" },
    { "Windows", "Windows", NULL },
    { "CrOS", "ChromeOS", NULL },
    { "Mac OS X", "macOS", NULL },
    { "FreeBSD", "FreeBSD", NULL },
    { "Linux", "Linux", NULL },
    { NULL, NULL, NULL }
};


void
af_device(const char *user_agent, af_device_t *device)
{
    const af_device_row_t  *browser, *system;

    browser = af_device_find(af_device_browsers, user_agent);
    system = af_device_find(af_device_systems, user_agent);

    device->browser = browser->name;
    device->system = system->name;
    device->kind = system->kind ? system->kind : browser->kind;
}


static const af_device_row_t *
af_device_find(const af_device_row_t *row, const char *user_agent)
{
    while (row->token != NULL && strstr(user_agent, row->token) == NULL) {
        row++;
    }

    return row;
}
