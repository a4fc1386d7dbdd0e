#include <string.h>

#include "mail/template.h"
#include "check/input.h"


/* a piece of a template: some text, then a variable unless it is the last */

typedef struct {
    const char                 *text;
    size_t                      len;
    const af_template_value_t  *value;
    const char                 *error;
} af_template_piece_t;


static const char *af_template_next(const char *s, const char *end,
    const af_template_value_t *values, af_template_piece_t *piece);
static const char *af_template_find(const char *s, const char *end,
    const char *mark);
static const af_template_value_t *af_template_value(
    const af_template_value_t *values, const char *name, size_t len);
static void af_template_text(af_template_kind_t kind, const char *text,
    size_t len, af_buffer_t *out);
static void af_template_line(const char *value, af_buffer_t *out);
static void af_template_html(const char *value, af_buffer_t *out);


const char *
af_template_check(af_template_kind_t kind, const char *text, size_t len,
    const af_template_value_t *names, size_t *line)
{
    const char           *s, *end, *start;
    af_template_piece_t   piece;

    *line = 1;
    end = text + len;

    if (af_text_length(text, len) < 0 || memchr(text, '\0', len) != NULL) {
        return "is not UTF-8";
    }

    if (kind == AF_TEMPLATE_LINE) {
        while (end != text && (end[-1] == '\n' || end[-1] == '\r')) {
            end--;
        }

        for (s = text; s != end; /* void */ ) {
            if (af_text_is_control(af_text_next(&s, end))) {
                return "is more than one line";
            }
        }

        if (end == text) {
            return "is empty";
        }
    }

    for (start = text; start != NULL; start = s) {

        s = af_template_next(start, end, names, &piece);

        if (piece.error != NULL) {
            for (end = piece.text + piece.len; text != end; text++) {
                *line += (*text == '\n');
            }

            return piece.error;
        }
    }

    return NULL;
}


void
af_template_write(af_template_kind_t kind, const char *text, size_t len,
    const af_template_value_t *values, af_buffer_t *out)
{
    const char           *end;
    af_template_piece_t   piece;

    end = text + len;

    do {
        text = af_template_next(text, end, values, &piece);

        af_template_text(kind, piece.text, piece.len, out);

        if (piece.value == NULL) {
            continue;
        }

        switch (kind) {

        case AF_TEMPLATE_LINE:
            af_template_line(piece.value->value, out);
            break;

        case AF_TEMPLATE_TEXT:
            af_buffer_puts(out, piece.value->value);
            break;

        case AF_TEMPLATE_HTML:
            af_template_html(piece.value->value, out);
            break;
        }

    } while (text != NULL);
}


/* returns where to continue, NULL at the end */

static const char *
af_template_next(const char *s, const char *end,
    const af_template_value_t *values, af_template_piece_t *piece)
{
    const char  *open, *close;

    memset(piece, 0, sizeof(af_template_piece_t));

    open = af_template_find(s, end, "{{");

    piece->text = s;
    piece->len = (open ? open : end) - s;

    if (open == NULL) {
        return NULL;
    }

    open += 2;
    close = af_template_find(open, end, "}}");

    if (close == NULL) {
        piece->error = "has a \"{{\" without its \"}}\"";
        return NULL;
    }

    s = close + 2;

    while (open != close && *open == ' ') {
        open++;
    }

    while (open != close && close[-1] == ' ') {
        close--;
    }

    piece->value = af_template_value(values, open, close - open);

    if (piece->value == NULL) {
        piece->error = "has an unknown variable between \"{{\" and \"}}\"";
    }

    return s;
}


static const char *
af_template_find(const char *s, const char *end, const char *mark)
{
    for ( /* void */ ; end - s >= 2; s++) {
        if (s[0] == mark[0] && s[1] == mark[1]) {
            return s;
        }
    }

    return NULL;
}


static const af_template_value_t *
af_template_value(const af_template_value_t *values, const char *name,
    size_t len)
{
    for ( /* void */ ; values->name != NULL; values++) {
        if (strlen(values->name) == len
            && memcmp(values->name, name, len) == 0)
        {
            return values;
        }
    }

    return NULL;
}


/* lines end with LF, whatever they end with in the file */

static void
af_template_text(af_template_kind_t kind, const char *text, size_t len,
    af_buffer_t *out)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        if (text[i] != '\r' && (text[i] != '\n' || kind != AF_TEMPLATE_LINE)) {
            af_buffer_add(out, text + i, 1);
        }
    }
}


static void
af_template_line(const char *value, af_buffer_t *out)
{
    int32_t      c;
    const char  *end, *start;

    for (end = value + strlen(value); value != end; /* void */ ) {

        start = value;
        c = af_text_next(&value, end);

        if (c == -1) {
            value++;
        }

        if (c == -1 || af_text_is_control(c) || c == 0x2028 || c == 0x2029) {
            af_buffer_puts(out, " ");

        } else {
            af_buffer_add(out, start, value - start);
        }
    }
}


static void
af_template_html(const char *value, af_buffer_t *out)
{
    const char  *special;

    static const char         specials[] = "&<>\"'";
    static const char *const  entities[] = {
        "&amp;", "&lt;", "&gt;", "&quot;", "&#39;"
    };

    for ( /* void */ ; *value != '\0'; value++) {

        special = strchr(specials, *value);

        if (special != NULL) {
            af_buffer_puts(out, entities[special - specials]);

        } else {
            af_buffer_add(out, value, 1);
        }
    }
}
