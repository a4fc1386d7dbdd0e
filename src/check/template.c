#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/template.h"
#include "check/template_tags.h"
#include "check/input.h"


/* templates within templates, and sections within sections */
#define AF_TEMPLATE_DEPTH  16


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
static int af_template_ends(const af_template_t *template, unsigned depth);


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


const char *
af_template_find(const char *s, const char *end, const char *mark)
{
    for ( /* void */ ; end - s >= 2; s++) {
        if (s[0] == mark[0] && s[1] == mark[1]) {
            return s;
        }
    }

    return NULL;
}


void
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
