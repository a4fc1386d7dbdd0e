#include <stdio.h>
#include <string.h>
#include <time.h>
#include <sodium.h>

#include "mail/message.h"
#include "check/input.h"


/* octets of a line without its end: recommended, and allowed */
#define AF_LINE_MAX   76       /* RFC 2045, section 6.7 */
#define AF_PLAIN_MAX  998      /* RFC 5322, section 2.1.1 */

/* octets in an encoded word that starts at a column (RFC 2047, section 2) */
#define af_encoded_word_max(column)                                          \
    ((AF_LINE_MAX - (column) - (sizeof("=?UTF-8?B?" "?=") - 1)) / 4 * 3)
#define AF_ENCODED_WORD_MAX  af_encoded_word_max(1)

#define CRLF  "\r\n"


static const char *af_message_check(const af_message_t *message);
static int af_message_is_line(const char *s);
static int af_message_is_address(const char *s);
static int af_message_is_ascii(const char *s);
static void af_message_headers(const af_message_t *message, af_buffer_t *out);
static void af_message_date(int64_t seconds, af_buffer_t *out);
static void af_message_name(const char *name, af_buffer_t *out);
static void af_message_words(const char *text, size_t column,
    af_buffer_t *out);
static void af_message_word(const char *text, size_t len, af_buffer_t *out);
static void af_message_part(const af_message_t *message, const char *type,
    const char *text, af_buffer_t *out);
static int af_message_is_plain(const char *text);
static void af_message_plain(const char *text, af_buffer_t *out);
static void af_message_quoted(const char *text, af_buffer_t *out);


const char *
af_message_write(const af_message_t *message, af_buffer_t *out)
{
    const char  *error;

    error = af_message_check(message);

    if (error != NULL) {
        return error;
    }

    af_message_headers(message, out);
    af_message_part(message, "text/plain", message->text, out);
    af_message_part(message, "text/html", message->html, out);

    af_buffer_puts(out, "--=_");
    af_buffer_puts(out, message->id);
    af_buffer_puts(out, "--" CRLF);

    return out->failed ? "out of memory" : NULL;
}


static const char *
af_message_check(const af_message_t *message)
{
    size_t       i;
    const char  *texts[] = {
        message->from_name ? message->from_name : "", message->subject,
        message->text, message->html
    };

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (af_text_length(texts[i], strlen(texts[i])) < 0) {
            return "a text is not UTF-8";
        }
    }

    if (message->id[0] == '\0'
        || strspn(message->id, "abcdefghijklmnopqrstuvwxyz"
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")
           != strlen(message->id))
    {
        return "the id is invalid";
    }

    if (!af_message_is_address(message->from)) {
        return "the sender is not an address";
    }

    if (!af_message_is_address(message->to)) {
        return "the recipient is not an address";
    }

    if (!af_message_is_line(texts[0]) || !af_message_is_line(texts[1])) {
        return "a header contains a control character";
    }

    return NULL;
}


static int
af_message_is_line(const char *s)
{
    int32_t      c;
    const char  *end;

    for (end = s + strlen(s); s != end; /* void */ ) {

        c = af_text_next(&s, end);

        if (c == -1 || af_text_is_control(c) || c == 0x2028 || c == 0x2029) {
            return 0;
        }
    }

    return 1;
}


/* only as far as it matters here: nothing special in a header */

static int
af_message_is_address(const char *s)
{
    const char  *at;

    at = strchr(s, '@');

    return at != NULL && at != s && at[1] != '\0'
           && strchr(at + 1, '@') == NULL
           && strlen(s) <= 254
           && strpbrk(s, " \"(),:;<>[\\]") == NULL
           && af_message_is_line(s);
}


static int
af_message_is_ascii(const char *s)
{
    for ( /* void */ ; *s != '\0'; s++) {
        if ((unsigned char) *s >= 0x80) {
            return 0;
        }
    }

    return 1;
}


static void
af_message_headers(const af_message_t *message, af_buffer_t *out)
{
    af_buffer_puts(out, "Date: ");
    af_message_date(message->date, out);

    af_buffer_puts(out, CRLF "From: ");

    if (message->from_name != NULL) {
        af_message_name(message->from_name, out);
        af_buffer_puts(out, CRLF " <");
        af_buffer_puts(out, message->from);
        af_buffer_puts(out, ">");

    } else {
        af_buffer_puts(out, message->from);
    }

    af_buffer_puts(out, CRLF "To: ");
    af_buffer_puts(out, message->to);

    af_buffer_puts(out, CRLF "Subject: ");
    af_message_words(message->subject, sizeof("Subject: ") - 1, out);

    af_buffer_puts(out, CRLF "Message-ID: <");
    af_buffer_puts(out, message->id);
    af_buffer_puts(out, strchr(message->from, '@'));

    /* RFC 3834, section 5: no vacation replies */

    af_buffer_puts(out, ">" CRLF
                        "Auto-Submitted: auto-generated" CRLF
                        "MIME-Version: 1.0" CRLF
                        "Content-Type: multipart/alternative;" CRLF
                        " boundary=\"=_");
    af_buffer_puts(out, message->id);
    af_buffer_puts(out, "\"" CRLF CRLF);
}


/* not strftime(), which depends on the locale */

static void
af_message_date(int64_t seconds, af_buffer_t *out)
{
    char        text[64];
    time_t      t;
    struct tm   tm;

    static const char *const  days[] = {
        "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"
    };
    static const char *const  months[] = {
        "Jan", "Feb", "Mar", "Apr", "May", "Jun",
        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
    };

    t = (time_t) seconds;

    if (gmtime_r(&t, &tm) == NULL) {
        t = 0;
        (void) gmtime_r(&t, &tm);
    }

    snprintf(text, sizeof(text), "%s, %02d %s %04d %02d:%02d:%02d +0000",
             days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon],
             tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);

    af_buffer_puts(out, text);
}


/* a display name: a quoted string (RFC 5322, section 3.2.4) if possible */

static void
af_message_name(const char *name, af_buffer_t *out)
{
    if (!af_message_is_ascii(name) || strlen(name) > AF_ENCODED_WORD_MAX
        || strstr(name, "=?") != NULL)
    {
        af_message_words(name, sizeof("From: ") - 1, out);
        return;
    }

    af_buffer_puts(out, "\"");

    for ( /* void */ ; *name != '\0'; name++) {
        if (*name == '"' || *name == '\\') {
            af_buffer_puts(out, "\\");
        }

        af_buffer_add(out, name, 1);
    }

    af_buffer_puts(out, "\"");
}


/*
 * Unstructured text: as it is if it fits on the line, or else encoded words
 * (RFC 2047), none of which splits a character.
 */

static void
af_message_words(const char *text, size_t column, af_buffer_t *out)
{
    size_t       max;
    const char  *s, *end, *start;

    end = text + strlen(text);

    if (af_message_is_ascii(text)
        && column + (end - text) <= AF_LINE_MAX
        && strstr(text, "=?") == NULL)
    {
        af_buffer_puts(out, text);
        return;
    }

    max = af_encoded_word_max(column);

    for (s = text, start = text; s != end; /* void */ ) {

        text = s;
        (void) af_text_next(&s, end);

        if ((size_t) (s - start) > max) {
            af_message_word(start, text - start, out);
            af_buffer_puts(out, CRLF " ");
            start = text;
            max = AF_ENCODED_WORD_MAX;
        }
    }

    af_message_word(start, end - start, out);
}


static void
af_message_word(const char *text, size_t len, af_buffer_t *out)
{
    char  word[4 * ((AF_ENCODED_WORD_MAX + 2) / 3) + 1];

    sodium_bin2base64(word, sizeof(word), (const unsigned char *) text, len,
                      sodium_base64_VARIANT_ORIGINAL);

    af_buffer_puts(out, "=?UTF-8?B?");
    af_buffer_puts(out, word);
    af_buffer_puts(out, "?=");
}


static void
af_message_part(const af_message_t *message, const char *type,
    const char *text, af_buffer_t *out)
{
    int  plain;

    plain = af_message_is_plain(text);

    af_buffer_puts(out, "--=_");
    af_buffer_puts(out, message->id);
    af_buffer_puts(out, CRLF "Content-Type: ");
    af_buffer_puts(out, type);
    af_buffer_puts(out, "; charset=utf-8" CRLF "Content-Transfer-Encoding: ");
    af_buffer_puts(out, plain ? "7bit" : "quoted-printable");
    af_buffer_puts(out, CRLF CRLF);

    if (plain) {
        af_message_plain(text, out);

    } else {
        af_message_quoted(text, out);
    }

    af_buffer_puts(out, CRLF);
}


/*
 * Text that needs no encoding stays legible: its links are for programs, too,
 * and for those who see nothing else of the mail.
 */

static int
af_message_is_plain(const char *text)
{
    size_t       len;
    const char  *s;

    for (s = text; *s != '\0'; s++) {
        if ((unsigned char) *s >= 0x7f
            || ((unsigned char) *s < 0x20 && *s != '\n' && *s != '\t'))
        {
            return 0;
        }
    }

    for ( /* void */ ; *text != '\0'; text += len + (text[len] == '\n')) {

        len = strcspn(text, "\n");

        /* trailing blanks get lost; such lines have a special meaning */

        if (len > AF_PLAIN_MAX
            || (len != 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
            || strncmp(text, "From ", 5) == 0
            || strncmp(text, "--=_", 4) == 0)
        {
            return 0;
        }
    }

    return 1;
}


static void
af_message_plain(const char *text, af_buffer_t *out)
{
    size_t  len;

    for ( /* void */ ; *text != '\0'; text += len) {

        len = strcspn(text, "\n");
        af_buffer_add(out, text, len);

        if (text[len] == '\n') {
            af_buffer_puts(out, CRLF);
            len++;
        }
    }
}


/* RFC 2045, section 6.7 */

static void
af_message_quoted(const char *text, af_buffer_t *out)
{
    char           code[4];
    size_t         column, len;
    unsigned char  c;

    for (column = 0; *text != '\0'; text++) {

        c = (unsigned char) *text;

        if (c == '\n') {
            af_buffer_puts(out, CRLF);
            column = 0;
            continue;
        }

        snprintf(code, sizeof(code), "=%02X", c);

        if ((c > 0x20 && c < 0x7f && c != '=' && !(c == '.' && column == 0)
             && !(c == 'F' && column == 0))
            || (c == ' ' && text[1] != '\n' && text[1] != '\0'))
        {
            code[0] = (char) c;
            code[1] = '\0';
        }

        len = strlen(code);

        /* leaves room for the = of a soft line break */

        if (column + len > AF_LINE_MAX - 1) {
            af_buffer_puts(out, "=" CRLF);
            column = 0;
        }

        af_buffer_add(out, code, len);
        column += len;
    }
}


int
af_message_mailbox(char *text, const char **name, const char **address)
{
    char    *open;
    size_t   len;

    *name = NULL;
    *address = text;

    open = strrchr(text, '<');
    len = strlen(text);

    if (open != NULL && text[len - 1] == '>') {
        text[len - 1] = '\0';
        *address = open + 1;

        while (open != text && open[-1] == ' ') {
            open--;
        }

        *open = '\0';

        if (open - text >= 2 && text[0] == '"' && open[-1] == '"') {
            open[-1] = '\0';
            text++;
        }

        if (*text != '\0') {
            *name = text;
        }
    }

    return (af_message_is_address(*address)
            && (*name == NULL || af_message_is_line(*name))) ? 0 : -1;
}
