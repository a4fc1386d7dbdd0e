/*
 * Mails from any texts: the output is one message with exactly the expected
 * headers, and its parts are the texts.  Zeros in the input separate a
 * template, its value, and other fields.
 */

#include "fuzz.h"
#include "mail/compose.h"


#define ID  "7c5e3f0a-1b2c-4d3e-8f90-a1b2c3d4e5f6"

enum { TEMPLATE, VALUE, TO, FROM, TEXTS };


static void templates(const char *template, size_t len, const char *value,
    af_buffer_t *parts);
static void markup(const char *value);
static void written(const af_message_t *message);
static const char *headers(const char *s, const af_message_t *message);
static const char *part(const char *s, const char *type, const char *text);
static void line_end(const char **s);
static int unquoted(const char **s, const char **start);
static void mailbox(char *text);
static void no_token(const char *text);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char          *input, *texts[TEXTS], *end;
    unsigned       i;
    af_buffer_t    parts[AF_MAIL_PARTS];
    af_message_t   message;

    input = malloc(size + TEXTS + 1);
    af_must(input != NULL);

    memset(input, 0, size + TEXTS + 1);
    memcpy(input, data, size);

    for (i = 0, end = input; i < TEXTS; i++) {
        texts[i] = end;
        end += strlen(end) + 1;
    }

    memset(parts, 0, sizeof(parts));
    templates(texts[TEMPLATE], strlen(texts[TEMPLATE]), texts[VALUE], parts);

    memset(&message, 0, sizeof(message));
    message.id = ID;
    message.date = (int64_t) size * 123456789;
    message.from = "auth@example.com";
    message.from_name = texts[FROM][0] ? texts[FROM] : NULL;
    message.to = texts[TO];
    message.subject = parts[0].data ? parts[0].data : texts[VALUE];
    message.text = parts[1].data ? parts[1].data : texts[VALUE];
    message.html = parts[2].data ? parts[2].data : texts[TEMPLATE];
    written(&message);

    message.to = "ada@example.com";
    written(&message);

    no_token(texts[TEMPLATE]);
    mailbox(texts[FROM]);

    for (i = 0; i < AF_MAIL_PARTS; i++) {
        af_buffer_free(&parts[i]);
    }

    free(input);

    return 0;
}


static void
templates(const char *template, size_t len, const char *value,
    af_buffer_t *parts)
{
    char                       *exact;
    size_t                      line;
    unsigned                    i;
    const af_template_value_t   values[] = {
        { "value", value }, { "v", "" }, { NULL, NULL }
    };

    exact = af_exact(template, len);

    for (i = 0; i < AF_MAIL_PARTS; i++) {

        if (af_template_check(af_mail_parts[i].kind, exact, len, values,
                              &line)
            != NULL)
        {
            af_must(line >= 1 && line <= len + 1);
            continue;
        }

        af_must(af_is_utf8(template, len));

        af_buffer_puts(&parts[i], "");
        af_template_write(af_mail_parts[i].kind, exact, len, values,
                          &parts[i]);

        af_must(!parts[i].failed && strlen(parts[i].data) == parts[i].len);
        af_must(strstr(template, "{{") != NULL || parts[i].len <= len);
    }

    if (parts[0].data != NULL) {
        af_must(af_is_utf8(parts[0].data, parts[0].len));
        af_must(!af_has_controls(parts[0].data, parts[0].len));
    }

    markup(value);
    free(exact);
}


/* no value contains markup, or ends an attribute */

static void
markup(const char *value)
{
    af_buffer_t                out;
    const af_template_value_t  values[] = { { "v", value }, { NULL, NULL } };

    memset(&out, 0, sizeof(out));
    af_buffer_puts(&out, "");
    af_template_write(AF_TEMPLATE_HTML, "{{v}}", 5, values, &out);

    af_must(strpbrk(out.data, "<>\"'") == NULL);
    af_must(out.len >= strlen(value));

    af_buffer_free(&out);
}


static void
written(const af_message_t *message)
{
    const char   *s;
    af_buffer_t   out;

    memset(&out, 0, sizeof(out));

    if (af_message_write(message, &out) != NULL) {
        af_must(out.len == 0);
        return;
    }

    af_must(strlen(out.data) == out.len);

    s = headers(out.data, message);
    s = part(s, "text/plain", message->text);
    s = part(s, "text/html", message->html);
    af_must(strcmp(s, "--=_" ID "--\r\n") == 0);

    af_buffer_free(&out);
}


/* exactly these headers, in this order, validly folded */

static const char *
headers(const char *s, const af_message_t *message)
{
    unsigned     i;
    const char  *end, *to;

    static const char *const  names[] = {
        "Date: ", "From: ", "To: ", "Subject: ", "Message-ID: <" ID "@",
        "Auto-Submitted: ", "MIME-Version: ", "Content-Type: "
    };

    for (i = 0; i < af_nelts(names); i++) {
        af_must(strncmp(s, names[i], strlen(names[i])) == 0);
        to = s + strlen(names[i]);

        do {
            end = strstr(s, "\r\n");
            af_must(end != NULL && end != s && end - s <= 998);
            af_must(!af_has_controls(s, end - s));
            s = end + 2;
        } while (*s == ' ');

        if (i == 2) {
            af_must((size_t) (end - to) == strlen(message->to)
                    && memcmp(to, message->to, end - to) == 0);
        }
    }

    af_must(strncmp(s, "\r\n", 2) == 0);

    return s + 2;
}


/* decoded, it is the text */

static const char *
part(const char *s, const char *type, const char *text)
{
    int          quoted;
    char         head[200];
    size_t       len;
    const char  *start;

    len = snprintf(head, sizeof(head), "--=_" ID "\r\nContent-Type: %s; "
                   "charset=utf-8\r\nContent-Transfer-Encoding: ", type);
    af_must(strncmp(s, head, len) == 0);
    s += len;

    quoted = strncmp(s, "quoted-printable\r\n\r\n", 20) == 0;
    af_must(quoted || strncmp(s, "7bit\r\n\r\n", 8) == 0);
    s += quoted ? 20 : 8;

    for (start = s; *text != '\0'; text++) {

        af_must((unsigned char) *s < 0x7f);
        af_must(s != start || strncmp(s, "--=_", 4) != 0);

        if (*text == '\n') {
            line_end(&s);
            start = s;

        } else {
            af_must(*s != '\r' && *s != '\n');
            af_must((quoted ? unquoted(&s, &start) : *s++)
                    == (quoted ? (unsigned char) *text : *text));
        }

        af_must(s - start <= (quoted ? 76 : 998));
    }

    line_end(&s);

    return s;
}


static void
line_end(const char **s)
{
    af_must(strncmp(*s, "\r\n", 2) == 0);
    *s += 2;
}


static int
unquoted(const char **s, const char **start)
{
    unsigned  c;

    while (strncmp(*s, "=\r\n", 3) == 0) {
        *s += 3;
        *start = *s;
    }

    if (**s != '=') {
        return (unsigned char) *(*s)++;
    }

    af_must(sscanf(*s + 1, "%2X", &c) == 1);
    *s += 3;

    return (int) c;
}


static void
mailbox(char *text)
{
    const char  *name, *address;

    if (af_message_mailbox(text, &name, &address) == 0) {
        af_must(strchr(address, '@') != NULL);
        af_must(strpbrk(address, "<> ,\r\n") == NULL);
        af_must(name == NULL || !af_has_controls(name, strlen(name)));
    }
}


static void
no_token(const char *text)
{
    char  id[AF_MAIL_ID_SIZE];

    static af_secret_keys_t         made[2];
    static const af_purpose_keys_t  keys = { made, 2 };

    /* a token that texts might contain */

    memcpy(made[1].keys[AF_PURPOSE_MAIL].id, "\0\0\0", AF_KEY_ID_SIZE);
    memset(made[0].keys[AF_PURPOSE_MAIL].id, 0xff, AF_KEY_ID_SIZE);

    af_must(!af_mail_token_check(&keys, "reset_password", text, strlen(text),
                                 id));
}
