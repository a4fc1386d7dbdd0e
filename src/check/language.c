#include <string.h>
#include <strings.h>

#include "check/language.h"


typedef struct {
    const char  *range;
    size_t       len;
    unsigned     weight;
} af_language_t;


static int af_language_next(const char **s, const char *end,
    af_language_t *language);
static unsigned af_language_quality(const char *s, const char *end);
static size_t af_language_match(const af_language_t *language,
    const char *name, size_t len);
static int af_language_begins(const char *longer, size_t len,
    const char *shorter, size_t n);


unsigned
af_language_weight(const char *accept, size_t len, const char *language,
    size_t language_len)
{
    size_t         match, best;
    unsigned       weight;
    const char    *end;
    af_language_t  next;

    best = 0;
    weight = 0;
    end = accept + len;

    while (af_language_next(&accept, end, &next)) {
        match = af_language_match(&next, language, language_len);

        /* another region's: a little less than its own */

        if (next.len > language_len && next.weight > 0) {
            next.weight--;
        }

        if (match > best
            || (match == best && match != 0 && next.weight > weight))
        {
            best = match;
            weight = next.weight;
        }
    }

    return weight;
}


/* an element of the list: "de-AT;q=0.8" */

static int
af_language_next(const char **s, const char *end, af_language_t *language)
{
    const char  *p, *semicolon, *stop;

    if (*s >= end) {
        return 0;
    }

    p = memchr(*s, ',', end - *s);
    stop = p ? p : end;

    semicolon = memchr(*s, ';', stop - *s);

    for (p = *s; p != stop && (*p == ' ' || *p == '\t'); p++) {
        /* void */
    }

    language->range = p;

    while (p != stop && *p != ' ' && *p != '\t' && *p != ';') {
        p++;
    }

    language->len = p - language->range;
    language->weight = semicolon ? af_language_quality(semicolon + 1, stop)
                                 : 1000;
    *s = stop + 1;

    return 1;
}


/* "q=0.875" */

static unsigned
af_language_quality(const char *s, const char *end)
{
    unsigned  weight, digit;

    while (s != end && (*s == ' ' || *s == '\t')) {
        s++;
    }

    if (end - s < 3 || (*s != 'q' && *s != 'Q') || s[1] != '=') {
        return 1000;
    }

    s += 2;

    if (*s == '1') {
        return 1000;
    }

    if (*s++ != '0' || s == end || *s++ != '.') {
        return 0;
    }

    weight = 0;

    for (digit = 100; digit != 0; digit /= 10) {
        if (s != end && *s >= '0' && *s <= '9') {
            weight += digit * (*s++ - '0');
        }
    }

    return weight;
}


/* how well: more is better, 0 is not at all */

static size_t
af_language_match(const af_language_t *language, const char *name, size_t len)
{
    if (language->len == 1 && *language->range == '*') {
        return 1;
    }

    if (af_language_begins(name, len, language->range, language->len)
        || af_language_begins(language->range, language->len, name, len))
    {
        return 1 + ((language->len < len) ? language->len : len);
    }

    return 0;
}


static int
af_language_begins(const char *longer, size_t len, const char *shorter,
    size_t n)
{
    return n != 0 && n <= len
           && strncasecmp(longer, shorter, n) == 0
           && (n == len || longer[n] == '-');
}
