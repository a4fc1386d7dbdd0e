/*
 * Parses and compares origins.
 */

#include <string.h>
#include <strings.h>

#include "check/origin.h"


/* RFC 1035, section 2.3.4 */
#define AF_HOST_MAX  253

#define AF_ALPHA  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define AF_DIGIT  "0123456789"


static int af_origin_is_scheme(const char *text, size_t len);
static const char *af_origin_authority(const char *text, size_t len,
    af_origin_t *origin);
static const char *af_origin_host(const char *text, size_t len,
    af_origin_t *origin);
static int af_origin_is_name(const char *text, size_t len);
static int af_origin_is_loopback(const char *text, size_t len);
static const char *af_origin_port(const char *text, size_t len,
    af_origin_t *origin);
static unsigned af_origin_default_port(const af_origin_t *origin);
static int af_origin_consists_of(const char *text, size_t len, const char *set);
static int af_origin_same(const char *a, size_t alen, const char *b,
    size_t blen);


const char *
af_origin_parse(const char *text, size_t len, af_origin_t *origin)
{
    size_t       rest;
    const char  *colon;

    colon = memchr(text, ':', len);
    rest = (colon != NULL) ? text + len - colon : 0;

    if (rest < 3 || memcmp(colon, "://", 3) != 0
        || !af_origin_is_scheme(text, colon - text))
    {
        return "it does not begin with a scheme, such as https://";
    }

    origin->scheme = text;
    origin->scheme_len = colon - text;

    return af_origin_authority(colon + 3, rest - 3, origin);
}


const char *
af_origin_parse_host(const char *scheme, const char *text, size_t len,
    af_origin_t *origin)
{
    origin->scheme = scheme;
    origin->scheme_len = strlen(scheme);

    return af_origin_authority(text, len, origin);
}


/* RFC 3986, section 3.1 */

static int
af_origin_is_scheme(const char *text, size_t len)
{
    return len > 0
           && af_origin_consists_of(text, 1, AF_ALPHA)
           && af_origin_consists_of(text, len, AF_ALPHA AF_DIGIT "+-.");
}


static const char *
af_origin_authority(const char *text, size_t len, af_origin_t *origin)
{
    size_t       host_len;
    const char  *end;

    if (memchr(text, '/', len) != NULL) {
        return "an origin has no path, not even a trailing slash";
    }

    /* an IPv6 address has colons inside its brackets */

    end = (len > 0 && text[0] == '[') ? memchr(text, ']', len) : text;
    end = (end != NULL) ? memchr(end, ':', text + len - end) : NULL;

    host_len = (end != NULL) ? (size_t) (end - text) : len;

    origin->port = af_origin_default_port(origin);
    origin->any_port = (end != NULL && len - host_len == 2 && end[1] == '*');

    if (origin->any_port && !af_origin_is_loopback(text, host_len)) {
        return "only loopback hosts, such as localhost, may have any port";
    }

    if (end != NULL && !origin->any_port) {
        end = af_origin_port(end + 1, len - host_len - 1, origin);

        if (end != NULL) {
            return end;
        }
    }

    return af_origin_host(text, host_len, origin);
}


static const char *
af_origin_host(const char *text, size_t len, af_origin_t *origin)
{
    int          local;
    const char  *name;
    size_t       name_len;

    origin->wildcard = (len > 1 && memcmp(text, "*.", 2) == 0);
    origin->host = text + origin->wildcard;
    origin->host_len = len - origin->wildcard;

    if (len > 2 && text[0] == '[' && text[len - 1] == ']') {
        return af_origin_consists_of(text + 1, len - 2,
                                     AF_DIGIT "abcdefABCDEF:.")
               ? NULL : "its address is not valid";
    }

    name = text + 2 * origin->wildcard;
    name_len = len - 2 * origin->wildcard;

    if (memchr(name, '*', name_len) != NULL) {
        return "a wildcard must be the whole first label, as in "
               "https://*.example.com";
    }

    if (!af_origin_is_name(name, name_len)) {
        return "its host is not valid";
    }

    /* a top-level domain such as "com" is not one site */

    local = af_origin_same(name, name_len, "localhost", strlen("localhost"));

    if (origin->wildcard && !local && memchr(name, '.', name_len) == NULL) {
        return "a wildcard must be followed by two labels";
    }

    return NULL;
}


static int
af_origin_is_name(const char *text, size_t len)
{
    size_t  i;

    if (len > AF_HOST_MAX
        || !af_origin_consists_of(text, len, AF_ALPHA AF_DIGIT "-_."))
    {
        return 0;
    }

    /* no label may be empty */

    for (i = 0; i <= len; i++) {
        if ((i == len || text[i] == '.') && (i == 0 || text[i - 1] == '.')) {
            return 0;
        }
    }

    return 1;
}


static int
af_origin_is_loopback(const char *text, size_t len)
{
    size_t              i, n;

    static const char  *names[] = { "127.0.0.1", "[::1]", "localhost", NULL };

    for (i = 0; names[i] != NULL; i++) {
        if (af_origin_same(text, len, names[i], strlen(names[i]))) {
            return 1;
        }
    }

    n = strlen(".localhost");

    return len > n && af_origin_same(text + len - n, n, ".localhost", n);
}


static const char *
af_origin_port(const char *text, size_t len, af_origin_t *origin)
{
    size_t    i;
    unsigned  port;

    if (len < 1 || len > 5 || text[0] == '0'
        || !af_origin_consists_of(text, len, AF_DIGIT))
    {
        return "its port is not valid";
    }

    port = 0;

    for (i = 0; i < len; i++) {
        port = port * 10 + (text[i] - '0');
    }

    if (port > 65535) {
        return "its port is not valid";
    }

    origin->port = port;

    return NULL;
}


static unsigned
af_origin_default_port(const af_origin_t *origin)
{
    if (af_origin_same(origin->scheme, origin->scheme_len, "http", 4)) {
        return 80;
    }

    if (af_origin_same(origin->scheme, origin->scheme_len, "https", 5)) {
        return 443;
    }

    return 0;
}


/* RFC 6454, section 5; case-insensitive as in section 4 */

int
af_origin_matches(const af_origin_t *pattern, const af_origin_t *origin)
{
    const char  *host;
    size_t       label, host_len;

    host = origin->host;
    host_len = origin->host_len;

    if (pattern->wildcard) {
        if (host_len <= pattern->host_len) {
            return 0;
        }

        label = host_len - pattern->host_len;

        if (memchr(host, '.', label) != NULL) {
            return 0;
        }

        host += label;
        host_len -= label;
    }

    return !origin->wildcard
           && !origin->any_port
           && (pattern->any_port || pattern->port == origin->port)
           && af_origin_same(pattern->scheme, pattern->scheme_len,
                             origin->scheme, origin->scheme_len)
           && af_origin_same(pattern->host, pattern->host_len,
                             host, host_len);
}


static int
af_origin_consists_of(const char *text, size_t len, const char *set)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        if (text[i] == '\0' || strchr(set, text[i]) == NULL) {
            return 0;
        }
    }

    return 1;
}


static int
af_origin_same(const char *a, size_t alen, const char *b, size_t blen)
{
    return alen == blen && strncasecmp(a, b, alen) == 0;
}
