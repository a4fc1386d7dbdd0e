/*
 * Origins: those that a regular expression matches are accepted, and a pattern
 * matches an origin with the same canonical text (RFC 6454, section 6.2).  The
 * first line is a pattern, the rest an origin.
 */

#include <regex.h>
#include <strings.h>

#include "fuzz.h"
#include "check/origin.h"


#define SCHEME  "([A-Za-z][A-Za-z0-9+.-]*)://"
#define LABEL   "[A-Za-z0-9_-]+"
#define NAME    "(\\*\\.)?(" LABEL "(\\." LABEL ")*)"
#define ADDR    "\\[[0-9A-Fa-f:.]+\\]"
#define PORT    "(:([1-9][0-9]{0,4}))?"

/* of the expression's groups */
#define GROUP_STAR  3
#define GROUP_NAME  4
#define GROUP_PORT  7
#define GROUPS      8


static int should_be_read(const char *text, size_t len);
static int is_here(const char *text, size_t len);
static int should_match(const af_origin_t *pattern, const af_origin_t *origin);
static void canonical(const af_origin_t *origin, const char *host, size_t len,
    unsigned port, char *dst);


static regex_t  compiled;


int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void) argc;
    (void) argv;

    af_must(regcomp(&compiled, "^" SCHEME "(" NAME "|" ADDR ")" PORT "$",
                    REG_EXTENDED)
            == 0);

    return 0;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int            good;
    char          *texts[2];
    size_t         i, lens[2];
    const void    *lf;
    af_origin_t    origins[2];

    lf = memchr(data, '\n', size);

    lens[0] = (lf != NULL) ? (size_t) ((const uint8_t *) lf - data) : size;
    lens[1] = (lf != NULL) ? size - lens[0] - 1 : 0;

    texts[0] = af_exact(data, lens[0]);
    texts[1] = af_exact(data + size - lens[1], lens[1]);

    good = 0;

    for (i = 0; i < 2; i++) {
        if (af_origin_parse(texts[i], lens[i], &origins[i]) == NULL) {
            af_must(should_be_read(texts[i], lens[i]));
            good++;

        } else {
            af_must(!should_be_read(texts[i], lens[i]));
        }
    }

    if (good == 2) {
        af_must(af_origin_matches(&origins[0], &origins[1])
                == should_match(&origins[0], &origins[1]));
    }

    free(texts[0]);
    free(texts[1]);

    return 0;
}


static int
should_be_read(const char *text, size_t len)
{
    int          read;
    char        *copy, *name;
    size_t       name_len;
    regmatch_t   groups[GROUPS];

    if (len > 2 && memcmp(text + len - 2, ":*", 2) == 0) {
        return is_here(text, len - 2) && should_be_read(text, len - 2);
    }

    copy = malloc(len + 1);
    af_must(copy != NULL);

    memcpy(copy, text, len);
    copy[len] = '\0';

    read = strlen(copy) == len
           && regexec(&compiled, copy, GROUPS, groups, 0) == 0;

    if (read && groups[GROUP_PORT].rm_so != -1) {
        read = atoi(copy + groups[GROUP_PORT].rm_so) <= 65535;
    }

    if (read && groups[GROUP_NAME].rm_so != -1) {
        name = copy + groups[GROUP_NAME].rm_so;
        name_len = groups[GROUP_NAME].rm_eo - groups[GROUP_NAME].rm_so;

        read = name_len <= 253
               && (groups[GROUP_STAR].rm_so == -1
                   || memchr(name, '.', name_len) != NULL
                   || (name_len == 9
                       && strncasecmp(name, "localhost", 9) == 0));
    }

    free(copy);

    return read;
}


/* whether a text without a port is an origin of a loopback host */

static int
is_here(const char *text, size_t len)
{
    size_t       i, n;
    const char  *host;

    static const char *const  names[] = {
        "://localhost", "://127.0.0.1", "://[::1]", ".localhost"
    };

    host = memchr(text, ':', len);

    for (i = 0; host != NULL && i < 4; i++) {
        n = strlen(names[i]);

        if (len >= n && strncasecmp(text + len - n, names[i], n) == 0
            && (names[i][0] == '.' || text + len - n == host))
        {
            return 1;
        }
    }

    return 0;
}


static int
should_match(const af_origin_t *pattern, const af_origin_t *origin)
{
    int          same;
    char        *one, *two;
    size_t       len;
    const char  *host, *dot;

    host = origin->host;
    len = origin->host_len;

    if (pattern->wildcard) {
        dot = memchr(host, '.', len);

        if (dot == NULL || host[0] == '.') {
            return 0;
        }

        len -= dot - host;
        host = dot;
    }

    one = malloc(pattern->scheme_len + pattern->host_len + 16);
    two = malloc(origin->scheme_len + len + 16);
    af_must(one != NULL && two != NULL);

    canonical(pattern, pattern->host, pattern->host_len,
              pattern->any_port ? origin->port : pattern->port, one);
    canonical(origin, host, len, origin->port, two);

    same = strcasecmp(one, two) == 0;

    free(one);
    free(two);

    return same && !origin->wildcard && !origin->any_port;
}


static void
canonical(const af_origin_t *origin, const char *host, size_t len,
    unsigned port, char *dst)
{
    sprintf(dst, "%.*s://%.*s:%u", (int) origin->scheme_len, origin->scheme,
            (int) len, host, port);
}
