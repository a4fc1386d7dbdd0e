#include <string.h>
#include <idn2.h>

#include "check/email.h"
#include "check/input.h"


#define AF_LOCAL_MAX   64      /* RFC 5321, section 4.5.3.1.1 */
#define AF_LABEL_MAX   63      /* RFC 1035, section 2.3.4 */
#define AF_DOMAIN_MAX  253     /* likewise, less the root label */

#define AF_ALNUM       "abcdefghijklmnopqrstuvwxyz"                           \
                       "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

/* RFC 5322, section 3.2.3 */
#define AF_ATEXT       AF_ALNUM "!#$%&'*+-/=?^_`{|}~"


static int af_email_is_dot_atom(const char *s, size_t len);
static int af_email_is_domain(const char *s, size_t len);
static int af_email_is_label(const char *s, size_t len);
static int af_is_ascii(const char *s);
static void af_email_lower(char *dst, const char *src, size_t len);


_Static_assert(AF_TYPE_KEY_SIZE == AF_EMAIL_MAX + 1, "size");


const char *
af_email_check(const char *s, size_t len)
{
    size_t       local;
    char         key[AF_TYPE_KEY_SIZE];
    const char  *at;

    at = memchr(s, '@', len);

    if (at != NULL) {
        local = at - s;

        if (local <= AF_LOCAL_MAX && af_email_is_dot_atom(s, local)
            && af_email_is_domain(at + 1, len - local - 1)
            && af_email_key(s, len, key) == 0)
        {
            return NULL;
        }
    }

    return "must be an e-mail address";
}


int
af_email_key(const char *s, size_t len, char key[AF_TYPE_KEY_SIZE])
{
    int          fits;
    char        *ascii;
    size_t       n, local;
    const char  *at;

    at = strrchr(s, '@');

    if (at == NULL || len > AF_EMAIL_MAX) {
        return -1;
    }

    if (af_is_ascii(at)) {
        af_email_lower(key, s, len + 1);
        return 0;
    }

    ascii = NULL;

    if (idn2_to_ascii_8z(at + 1, &ascii, IDN2_NFC_INPUT|IDN2_NONTRANSITIONAL)
        != IDN2_OK)
    {
        return -1;
    }

    /*
     * UTS 46 maps some characters to ones that a domain can't have: U+FF20 to
     * "@".  (Asked to check for these, libidn2 drops them instead.)
     */

    n = strlen(ascii);
    local = at + 1 - s;

    fits = (n <= AF_DOMAIN_MAX && local + n <= AF_EMAIL_MAX
            && af_is_ascii(ascii) && af_email_is_domain(ascii, n));

    if (fits) {
        af_email_lower(key, s, local);
        af_email_lower(key + local, ascii, n + 1);
    }

    idn2_free(ascii);

    return fits ? 0 : -1;
}


static int
af_email_is_dot_atom(const char *s, size_t len)
{
    size_t  n;

    for ( ;; ) {
        n = strspn(s, AF_ATEXT);

        if (n == 0 || n == len) {
            return n != 0;
        }

        if (s[n] != '.') {
            return 0;
        }

        s += n + 1;
        len -= n + 1;
    }
}


static int
af_email_is_domain(const char *s, size_t len)
{
    size_t       labels, n;
    const char  *dot;

    for (labels = 1; /* void */ ; labels++) {
        dot = memchr(s, '.', len);
        n = (dot != NULL) ? (size_t) (dot - s) : len;

        if (!af_email_is_label(s, n)) {
            return 0;
        }

        if (dot == NULL) {
            return labels >= 2;
        }

        s += n + 1;
        len -= n + 1;
    }
}


static int
af_email_is_label(const char *s, size_t len)
{
    int32_t      c;
    const char  *end;

    if (len == 0 || len > AF_LABEL_MAX || s[0] == '-' || s[len - 1] == '-') {
        return 0;
    }

    end = s + len;

    while (s < end) {
        c = af_text_next(&s, end);

        /* U+00A0 is a space; -1 is less than any code point */

        if (c <= 0xa0 && (c <= 0 || strchr(AF_ALNUM "-", c) == NULL)) {
            return 0;
        }
    }

    return 1;
}


static int
af_is_ascii(const char *s)
{
    while (*s != '\0' && (unsigned char) *s < 0x80) {
        s++;
    }

    return *s == '\0';
}


static void
af_email_lower(char *dst, const char *src, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        dst[i] = (src[i] >= 'A' && src[i] <= 'Z') ? src[i] + ('a' - 'A')
                                                  : src[i];
    }
}
