/*
 * A name for a test, preloaded into a program: "several.test" has the addresses
 * of an environment variable, in that order.
 *
 *     cc -shared -fPIC -o names.so names.c
 *     LD_PRELOAD=./names.so AUTOFLOW_NAMES='127.0.0.2 127.0.0.1' COMMAND
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


typedef int (*getaddrinfo_pt)(const char *node, const char *service,
    const struct addrinfo *hints, struct addrinfo **res);


/* nginx's workers have no environment of their own */

static char  addresses[256];


__attribute__((constructor))
static void
read_addresses(void)
{
    const char  *text = getenv("AUTOFLOW_NAMES");

    (void) snprintf(addresses, sizeof(addresses), "%s", text ? text : "");
}


int
getaddrinfo(const char *node, const char *service,
    const struct addrinfo *hints, struct addrinfo **res)
{
    int               rc;
    char              names[sizeof(addresses)], *name, *rest;
    struct addrinfo  *next;
    getaddrinfo_pt    system_getaddrinfo;

    system_getaddrinfo = (getaddrinfo_pt) dlsym(RTLD_NEXT, "getaddrinfo");

    if (node == NULL || strcmp(node, "several.test") != 0) {
        return system_getaddrinfo(node, service, hints, res);
    }

    memcpy(names, addresses, sizeof(names));

    *res = NULL;
    rc = EAI_NONAME;

    for (rest = names; (name = strsep(&rest, " ")) != NULL; /* void */ ) {

        rc = system_getaddrinfo(name, service, hints, &next);

        if (rc != 0) {
            break;
        }

        /* freeaddrinfo() frees one after the other */

        for (*res = next; *res; /* void */ ) {
            res = &(*res)->ai_next;
        }
    }

    return rc;
}
