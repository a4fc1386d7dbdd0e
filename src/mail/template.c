#include <string.h>

#include "mail/template.h"
#include "check/input.h"


static const char *af_template_check_line(const char *text, size_t len);
static const af_piece_t *af_template_unknown(const af_template_t *template,
    const af_template_value_t *names);
static int af_template_has(const af_template_value_t *values,
    const af_piece_t *piece);
static json_t *af_template_values(const af_template_value_t *values);


const char *
af_template_check(af_template_kind_t kind, const char *text, size_t len,
    const af_template_value_t *names, size_t *line)
{
    const char        *error;
    af_template_t      template;
    const af_piece_t  *piece;

    if (af_template_parse(&template, text, len, &error, line) != 0) {
        return error;
    }

    *line = 1;
    error = (kind == AF_TEMPLATE_LINE) ? af_template_check_line(text, len)
                                       : NULL;

    piece = error ? NULL : af_template_unknown(&template, names);

    if (piece != NULL) {
        error = "has an unknown variable between \"{{\" and \"}}\"";

        for ( /* void */ ; text != piece->s; text++) {
            *line += (*text == '\n');
        }
    }

    af_template_free(&template);

    return error;
}


static const char *
af_template_check_line(const char *text, size_t len)
{
    const char  *s, *end;

    for (end = text + len; end != text; end--) {
        if (end[-1] != '\n' && end[-1] != '\r') {
            break;
        }
    }

    for (s = text; s != end; /* void */ ) {
        if (af_text_is_control(af_text_next(&s, end))) {
            return "is more than one line";
        }
    }

    return (end == text) ? "is empty" : NULL;
}


static const af_piece_t *
af_template_unknown(const af_template_t *template,
    const af_template_value_t *names)
{
    size_t             i;
    const af_piece_t  *piece;

    for (i = 0; i < template->npieces; i++) {
        piece = &template->pieces[i];

        if (piece->kind != AF_PIECE_TEXT && !af_template_has(names, piece)) {
            return piece;
        }
    }

    return NULL;
}


/* a template of others is not one of mails */

static int
af_template_has(const af_template_value_t *values, const af_piece_t *piece)
{
    for ( /* void */ ; values->name != NULL; values++) {
        if (strlen(values->name) == piece->len
            && memcmp(values->name, piece->s, piece->len) == 0)
        {
            return piece->kind != AF_PIECE_PARTIAL;
        }
    }

    return 0;
}


void
af_template_write(af_template_kind_t kind, const char *text, size_t len,
    const af_template_value_t *values, af_buffer_t *out)
{
    json_t         *object;
    size_t          line;
    const char     *error;
    af_template_t   template;

    object = af_template_values(values);

    if (object == NULL
        || af_template_parse(&template, text, len, &error, &line) != 0)
    {
        json_decref(object);
        out->failed = 1;
        return;
    }

    af_template_render(kind, &template, object, out);

    af_template_free(&template);
    json_decref(object);
}


/* a value that is missing is as one that is empty */

static json_t *
af_template_values(const af_template_value_t *values)
{
    json_t  *object;

    object = json_object();

    for ( /* void */ ; values->name != NULL; values++) {
        if (json_object_set_new_nocheck(object, values->name,
                                        json_string_nocheck(values->value
                                                            ? values->value
                                                            : ""))
            != 0)
        {
            json_decref(object);
            return NULL;
        }
    }

    return object;
}
