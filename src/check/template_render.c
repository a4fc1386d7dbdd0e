#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/template.h"
#include "check/template_tags.h"
#include "check/input.h"


/* a number, as text */
#define AF_NUMBER_SIZE  32


/* what names are looked up in, the innermost first */

typedef struct af_frame_s  af_frame_t;

struct af_frame_s {
    json_t            *value;
    const af_frame_t  *outer;
};


typedef struct {
    af_template_kind_t   kind;
    af_buffer_t         *out;
} af_template_writer_t;


static void af_template_pieces(const af_template_writer_t *writer,
    const af_template_t *template, size_t from, size_t to,
    const af_frame_t *frame);
static void af_template_section(const af_template_writer_t *writer,
    const af_template_t *template, size_t i, const af_frame_t *frame);
static json_t *af_template_value(const af_frame_t *frame, const char *name,
    size_t len);
static json_t *af_template_member(json_t *object, const char **name,
    size_t *len);
static int af_template_is_set(const json_t *value);
static void af_template_write_value(const af_template_writer_t *writer,
    const af_piece_t *piece, const af_frame_t *frame);
static void af_template_write_words(const af_template_writer_t *writer,
    const char *text, const af_frame_t *frame);
static void af_template_write_json(const af_template_writer_t *writer,
    const json_t *value);
static void af_template_literal(const af_template_writer_t *writer,
    const char *text, size_t len);
static void af_template_escape(const af_template_writer_t *writer,
    const char *value, size_t len);
static void af_template_escape_line(const char *value, size_t len,
    af_buffer_t *out);
static void af_template_escape_html(const char *value, size_t len,
    af_buffer_t *out);


void
af_template_render(af_template_kind_t kind, const af_template_t *template,
    json_t *values, af_buffer_t *out)
{
    af_frame_t            frame;
    af_template_writer_t  writer;

    frame.value = values;
    frame.outer = NULL;

    writer.kind = kind;
    writer.out = out;

    af_template_pieces(&writer, template, 0, template->npieces, &frame);
}


static void
af_template_pieces(const af_template_writer_t *writer,
    const af_template_t *template, size_t from, size_t to,
    const af_frame_t *frame)
{
    size_t             i;
    const af_piece_t  *piece;

    for (i = from; i < to; i++) {
        piece = &template->pieces[i];

        switch (piece->kind) {

        case AF_PIECE_TEXT:
            af_template_literal(writer, piece->s, piece->len);
            break;

        case AF_PIECE_VALUE:
            af_template_write_value(writer, piece, frame);
            break;

        case AF_PIECE_PARTIAL:
            af_template_pieces(writer, piece->partial, 0,
                               piece->partial->npieces, frame);
            break;

        case AF_PIECE_SECTION:
        case AF_PIECE_INVERTED:
            af_template_section(writer, template, i, frame);
            i = piece->end;
            break;

        case AF_PIECE_END:
            break;
        }
    }
}


static void
af_template_section(const af_template_writer_t *writer,
    const af_template_t *template, size_t i, const af_frame_t *frame)
{
    size_t             n;
    json_t            *value;
    af_frame_t         inner;
    const af_piece_t  *piece;

    piece = &template->pieces[i];
    value = af_template_value(frame, piece->s, piece->len);

    if (af_template_is_set(value) != (piece->kind == AF_PIECE_SECTION)) {
        return;
    }

    if (piece->kind == AF_PIECE_INVERTED) {
        af_template_pieces(writer, template, i + 1, piece->end, frame);
        return;
    }

    inner.outer = frame;
    inner.value = value;

    if (!json_is_array(value)) {
        af_template_pieces(writer, template, i + 1, piece->end, &inner);
        return;
    }

    for (n = 0; n < json_array_size(value); n++) {
        inner.value = json_array_get(value, n);
        af_template_pieces(writer, template, i + 1, piece->end, &inner);
    }
}


static json_t *
af_template_value(const af_frame_t *frame, const char *name, size_t len)
{
    size_t       rest;
    json_t      *value;
    const char  *next;

    if (len == 1 && *name == '.') {
        return frame->value;
    }

    value = NULL;
    next = name;
    rest = len;

    for ( /* void */ ; value == NULL && frame != NULL; frame = frame->outer) {
        next = name;
        rest = len;
        value = af_template_member(frame->value, &next, &rest);
    }

    while (value != NULL && rest != 0) {
        value = af_template_member(value, &next, &rest);
    }

    return value;
}


/* by the first part of a name, which is removed from it */

static json_t *
af_template_member(json_t *object, const char **name, size_t *len)
{
    size_t       n;
    json_t      *value;
    const char  *dot;

    dot = memchr(*name, '.', *len);
    n = dot ? (size_t) (dot - *name) : *len;

    value = json_object_getn(object, *name, n);

    *name += dot ? n + 1 : n;
    *len -= dot ? n + 1 : n;

    return value;
}


static int
af_template_is_set(const json_t *value)
{
    switch (value ? json_typeof(value) : JSON_NULL) {

    case JSON_NULL:
    case JSON_FALSE:
        return 0;

    case JSON_STRING:
        return json_string_length(value) != 0;

    case JSON_INTEGER:
        return json_integer_value(value) != 0;

    case JSON_ARRAY:
        return json_array_size(value) != 0;

    default:
        return 1;
    }
}


static void
af_template_write_value(const af_template_writer_t *writer,
    const af_piece_t *piece, const af_frame_t *frame)
{
    json_t  *value;

    value = af_template_value(frame, piece->s, piece->len);

    if (piece->len > 2 && piece->s[0] == 't' && piece->s[1] == '.'
        && json_is_string(value))
    {
        af_template_write_words(writer, json_string_value(value), frame);
        return;
    }

    af_template_write_json(writer, value);
}


/* a text: its {{names}} are values, which are not texts themselves */

static void
af_template_write_words(const af_template_writer_t *writer, const char *text,
    const af_frame_t *frame)
{
    size_t       len;
    const char  *end, *open, *close, *name;

    end = text + strlen(text);

    for ( ;; ) {
        open = af_template_find(text, end, "{{");
        close = open ? af_template_find(open + 2, end, "}}") : NULL;

        if (close == NULL) {
            af_template_escape(writer, text, end - text);
            return;
        }

        af_template_escape(writer, text, open - text);

        name = open + 2;
        len = close - name;
        af_template_trim(&name, &len);

        af_template_write_json(writer, af_template_value(frame, name, len));
        text = close + 2;
    }
}


static void
af_template_write_json(const af_template_writer_t *writer, const json_t *value)
{
    char  number[AF_NUMBER_SIZE];

    switch (value ? json_typeof(value) : JSON_NULL) {

    case JSON_STRING:
        af_template_escape(writer, json_string_value(value),
                           json_string_length(value));
        break;

    case JSON_INTEGER:
        snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT,
                 json_integer_value(value));
        af_buffer_puts(writer->out, number);
        break;

    case JSON_REAL:
        snprintf(number, sizeof(number), "%g", json_real_value(value));
        af_buffer_puts(writer->out, number);
        break;

    case JSON_TRUE:
        af_buffer_puts(writer->out, "true");
        break;

    case JSON_FALSE:
        af_buffer_puts(writer->out, "false");
        break;

    default:
        break;
    }
}


/* lines end with LF, whatever they end with in the file */

static void
af_template_literal(const af_template_writer_t *writer, const char *text,
    size_t len)
{
    size_t  i, from;

    for (i = from = 0; i < len; i++) {

        if (text[i] == '\r'
            || (text[i] == '\n' && writer->kind == AF_TEMPLATE_LINE))
        {
            af_buffer_add(writer->out, text + from, i - from);
            from = i + 1;
        }
    }

    af_buffer_add(writer->out, text + from, len - from);
}


static void
af_template_escape(const af_template_writer_t *writer, const char *value,
    size_t len)
{
    switch (writer->kind) {

    case AF_TEMPLATE_LINE:
        af_template_escape_line(value, len, writer->out);
        break;

    case AF_TEMPLATE_TEXT:
        af_buffer_add(writer->out, value, len);
        break;

    case AF_TEMPLATE_HTML:
        af_template_escape_html(value, len, writer->out);
        break;
    }
}


static void
af_template_escape_line(const char *value, size_t len, af_buffer_t *out)
{
    int32_t      c;
    const char  *end, *start;

    for (end = value + len; value != end; /* void */ ) {

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
af_template_escape_html(const char *value, size_t len, af_buffer_t *out)
{
    size_t       i, from;
    const char  *special;

    static const char         specials[] = "&<>\"'";
    static const char *const  entities[] = {
        "&amp;", "&lt;", "&gt;", "&quot;", "&#39;"
    };

    for (i = from = 0; i < len; i++) {

        special = memchr(specials, value[i], sizeof(specials) - 1);

        if (special != NULL) {
            af_buffer_add(out, value + from, i - from);
            af_buffer_puts(out, entities[special - specials]);
            from = i + 1;
        }
    }

    af_buffer_add(out, value + from, len - from);
}
