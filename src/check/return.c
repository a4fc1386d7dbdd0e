/*
 * Browsers read more than RFC 3986 allows (https://url.spec.whatwg.org): they
 * skip tabs and line breaks, trim blanks, and take a backslash for a slash.
 * With none of these in it, a text that begins with one slash is a path.
 */

#include <string.h>
#include <strings.h>

#include "check/return.h"


static int af_return_is_clean(const char *text, size_t len);
static size_t af_return_origin_end(const char *text, size_t len);
static int af_return_is_web(const af_origin_t *origin);


af_return_t
af_return_check(const char *text, size_t len, af_origin_t *origin)
{
    size_t  end;

    if (len == 0 || len > AF_RETURN_MAX || !af_return_is_clean(text, len)) {
        return AF_RETURN_REFUSED;
    }

    if (text[0] == '/') {
        return (len > 1 && text[1] == '/') ? AF_RETURN_REFUSED
                                           : AF_RETURN_LOCAL;
    }

    end = af_return_origin_end(text, len);

    if (af_origin_parse(text, end, origin) != NULL
        || origin->wildcard || origin->any_port || !af_return_is_web(origin))
    {
        return AF_RETURN_REFUSED;
    }

    return AF_RETURN_ABSOLUTE;
}


/* visible ASCII: anything else has to be escaped in a URL */

static int
af_return_is_clean(const char *text, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        if (text[i] <= ' ' || text[i] >= 0x7f || text[i] == '\\') {
            return 0;
        }
    }

    return 1;
}


/* where a path, a query or a fragment begins, after "scheme://" */

static size_t
af_return_origin_end(const char *text, size_t len)
{
    size_t       i;
    const char  *colon;

    colon = memchr(text, ':', len);

    if (colon == NULL) {
        return len;
    }

    for (i = colon - text + 3; i < len; i++) {
        if (strchr("/?#", text[i]) != NULL) {
            return i;
        }
    }

    return len;
}


static int
af_return_is_web(const af_origin_t *origin)
{
    return (origin->scheme_len == 4 || origin->scheme_len == 5)
           && strncasecmp(origin->scheme, "https", origin->scheme_len) == 0;
}
