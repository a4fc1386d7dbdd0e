#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/template.h"
#include "check/input.h"


/* templates within templates, and sections within sections */
#define AF_TEMPLATE_DEPTH  16

/* a number, as text */
#define AF_NUMBER_SIZE  32


typedef struct {
    af_template_t  *template;
    const char     *text;              /* where the rest begins */
    const char     *start;             /* of everything */
    const char     *end;
    const char     *error;
    const char     *place;             /* of the error */
    size_t          open[AF_TEMPLATE_DEPTH];
    size_t          nopen;
} af_template_parser_t;


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


static int af_template_tag(af_template_parser_t *parser, const char *open);
static int af_template_close(af_template_parser_t *parser,
    const af_piece_t *piece);
static int af_template_fail(af_template_parser_t *parser, const char *place,
    const char *error);
static int af_template_add(af_template_parser_t *parser, af_piece_kind_t kind,
    const char *s, size_t len);
static int af_template_line(const af_template_parser_t *parser,
    const char **open, const char **rest);
static int af_template_is_name(const char *s, size_t len);
static const char *af_template_find(const char *s, const char *end,
    const char *mark);
static void af_template_trim(const char **s, size_t *len);
static int af_template_ends(const af_template_t *template, unsigned depth);

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


/* how a tag begins; what begins with any other sign is refused */

static const struct {
    char             sign;
    af_piece_kind_t  kind;
} af_template_signs[] = {
    { '#', AF_PIECE_SECTION },
    { '^', AF_PIECE_INVERTED },
    { '/', AF_PIECE_END },
    { '>', AF_PIECE_PARTIAL },
    { '!', AF_PIECE_TEXT },
    { '\0', AF_PIECE_VALUE }
};


int
af_template_parse(af_template_t *template, const char *text, size_t len,
    const char **error, size_t *line)
{
    const char            *open;
    af_template_parser_t   parser;

    memset(template, 0, sizeof(af_template_t));
    memset(&parser, 0, sizeof(af_template_parser_t));

    parser.template = template;
    parser.text = text;
    parser.start = text;
    parser.end = text + len;

    if (af_text_length(text, len) < 0 || memchr(text, '\0', len) != NULL) {
        (void) af_template_fail(&parser, text, "is not UTF-8");
    }

    while (parser.error == NULL) {

        open = af_template_find(parser.text, parser.end, "{{");

        if (open == NULL) {
            (void) af_template_add(&parser, AF_PIECE_TEXT, parser.text,
                                   parser.end - parser.text);
            break;
        }

        (void) af_template_tag(&parser, open);
    }

    if (parser.error == NULL && parser.nopen != 0) {
        (void) af_template_fail(&parser,
                      template->pieces[parser.open[parser.nopen - 1]].s,
                      "has a section without its end");
    }

    if (parser.error == NULL) {
        return 0;
    }

    *error = parser.error;
    *line = 1;

    for ( /* void */ ; text < parser.place; text++) {
        *line += (*text == '\n');
    }

    af_template_free(template);

    return -1;
}


void
af_template_free(af_template_t *template)
{
    free(template->pieces);
    memset(template, 0, sizeof(af_template_t));
}


/* the text before a tag, and the tag; returns -1 for an error */

static int
af_template_tag(af_template_parser_t *parser, const char *open)
{
    size_t       len;
    unsigned     i;
    af_piece_t   piece;
    const char  *close, *rest, *text;

    close = af_template_find(open + 2, parser->end, "}}");

    if (close == NULL) {
        return af_template_fail(parser, open, "has a \"{{\" without its "
                                "\"}}\"");
    }

    piece.s = open + 2;
    len = close - piece.s;
    af_template_trim(&piece.s, &len);

    for (i = 0; af_template_signs[i].sign != '\0'; i++) {
        if (len != 0 && *piece.s == af_template_signs[i].sign) {
            piece.s++;
            len--;
            break;
        }
    }

    piece.kind = af_template_signs[i].kind;
    af_template_trim(&piece.s, &len);
    piece.len = len;

    if (piece.kind != AF_PIECE_TEXT && !af_template_is_name(piece.s, len)) {
        return af_template_fail(parser, open, "has something unknown between "
                                "\"{{\" and \"}}\"");
    }

    text = parser->text;
    rest = close + 2;

    if (piece.kind != AF_PIECE_VALUE) {
        (void) af_template_line(parser, &open, &rest);
    }

    parser->text = rest;

    if (af_template_add(parser, AF_PIECE_TEXT, text, open - text) != 0) {
        return -1;
    }

    switch (piece.kind) {

    case AF_PIECE_TEXT:
        return 0;

    case AF_PIECE_END:
        return af_template_close(parser, &piece);

    case AF_PIECE_SECTION:
    case AF_PIECE_INVERTED:

        if (parser->nopen == AF_TEMPLATE_DEPTH) {
            return af_template_fail(parser, piece.s,
                                    "has too many sections in one another");
        }

        parser->open[parser->nopen++] = parser->template->npieces;
        break;

    default:
        break;
    }

    return af_template_add(parser, piece.kind, piece.s, piece.len);
}


static int
af_template_close(af_template_parser_t *parser, const af_piece_t *piece)
{
    af_piece_t  *section;

    section = (parser->nopen != 0)
              ? &parser->template->pieces[parser->open[parser->nopen - 1]]
              : NULL;

    if (section == NULL || section->len != piece->len
        || memcmp(section->s, piece->s, piece->len) != 0)
    {
        return af_template_fail(parser, piece->s,
                                "has an end that is not that of the section "
                                "before it");
    }

    parser->nopen--;
    section->end = parser->template->npieces;

    return af_template_add(parser, AF_PIECE_END, piece->s, piece->len);
}


static int
af_template_fail(af_template_parser_t *parser, const char *place,
    const char *error)
{
    parser->error = error;
    parser->place = place;

    return -1;
}


static int
af_template_add(af_template_parser_t *parser, af_piece_kind_t kind,
    const char *s, size_t len)
{
    size_t          size;
    af_piece_t     *pieces;
    af_template_t  *template;

    template = parser->template;

    if (kind == AF_PIECE_TEXT && len == 0) {
        return 0;
    }

    if (template->npieces == template->size) {
        size = template->size ? 2 * template->size : 16;
        pieces = realloc(template->pieces, size * sizeof(af_piece_t));

        if (pieces == NULL) {
            return af_template_fail(parser, s, af_no_memory);
        }

        template->pieces = pieces;
        template->size = size;
    }

    template->pieces[template->npieces++] = (af_piece_t) {
        .kind = kind, .s = s, .len = len
    };

    return 0;
}


/* whether a tag has a line for itself, which then begins and ends there */

static int
af_template_line(const af_template_parser_t *parser, const char **open,
    const char **rest)
{
    const char  *from, *to;

    for (from = *open; from != parser->text; from--) {
        if (from[-1] != ' ' && from[-1] != '\t') {
            break;
        }
    }

    if ((from == parser->text) ? (from != parser->start && from[-1] != '\n')
                               : (from[-1] != '\n'))
    {
        return 0;
    }

    for (to = *rest; to != parser->end && *to != '\n'; to++) {
        if (*to != ' ' && *to != '\t' && *to != '\r') {
            return 0;
        }
    }

    *open = from;
    *rest = (to != parser->end) ? to + 1 : to;

    return 1;
}


static int
af_template_is_name(const char *s, size_t len)
{
    static const char  letters[] = "abcdefghijklmnopqrstuvwxyz"
                                   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.";

    return len != 0 && strspn(s, letters) >= len;
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


static void
af_template_trim(const char **s, size_t *len)
{
    while (*len != 0 && **s == ' ') {
        (*s)++;
        (*len)--;
    }

    while (*len != 0 && (*s)[*len - 1] == ' ') {
        (*len)--;
    }
}


const af_piece_t *
af_template_link(af_template_t *template, af_template_find_pt find, void *data)
{
    size_t       i;
    af_piece_t  *piece;

    for (i = 0; i < template->npieces; i++) {
        piece = &template->pieces[i];

        if (piece->kind != AF_PIECE_PARTIAL) {
            continue;
        }

        piece->partial = find(data, piece->s, piece->len);

        if (piece->partial == NULL) {
            return piece;
        }
    }

    return NULL;
}


int
af_template_nests(const af_template_t *template)
{
    return af_template_ends(template, 0);
}


static int
af_template_ends(const af_template_t *template, unsigned depth)
{
    size_t  i;

    for (i = 0; i < template->npieces; i++) {
        if (template->pieces[i].kind == AF_PIECE_PARTIAL
            && (depth == AF_TEMPLATE_DEPTH
                || !af_template_ends(template->pieces[i].partial, depth + 1)))
        {
            return 0;
        }
    }

    return 1;
}


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
