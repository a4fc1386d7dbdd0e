/*
 * Templates of any text with any values: what is parsed is rendered, no value
 * becomes markup.  Zeros in the input separate a template, a part of it, and a
 * value.
 */

#include "fuzz.h"
#include "check/language.h"
#include "check/template.h"


enum { TEMPLATE, PART, VALUE, TEXTS };


static const af_template_t *part(void *data, const char *name, size_t len);
static json_t *values(const char *value);
static void rendered(const af_template_t *template, const char *value);
static void language(const char *accept);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char           *input, *texts[TEXTS], *end;
    size_t          i, line;
    const char     *error;
    af_template_t   templates[2];

    input = malloc(size + TEXTS + 1);
    af_must(input != NULL);

    memset(input, 0, size + TEXTS + 1);
    memcpy(input, data, size);

    for (i = 0, end = input; i < TEXTS; i++) {
        texts[i] = end;
        end += strlen(end) + 1;
    }

    language(texts[TEMPLATE]);

    for (i = 0; i < 2; i++) {
        if (af_template_parse(&templates[i], texts[i], strlen(texts[i]),
                              &error, &line)
            != 0)
        {
            af_must(line >= 1 && line <= strlen(texts[i]) + 1);
            memset(&templates[i], 0, sizeof(af_template_t));
        }
    }

    if (af_template_link(&templates[1], part, &templates[1]) == NULL
        && af_template_link(&templates[0], part, &templates[1]) == NULL
        && af_template_nests(&templates[0]))
    {
        rendered(&templates[0], texts[VALUE]);
    }

    af_template_free(&templates[0]);
    af_template_free(&templates[1]);
    free(input);

    return 0;
}


static const af_template_t *
part(void *data, const char *name, size_t len)
{
    return (len == 1 && *name == 'p') ? data : NULL;
}


/* "v" is a value that would be markup, "l" a list with it, "t.v" a text */

static json_t *
values(const char *value)
{
    json_t  *object;

    object = json_pack("{ss* s[{ss*}{si}] s{ss*} sb}", "v", value,
                       "l", "v", value, "n", 7, "t", "v", value, "b", 1);

    return object ? object : json_object();
}


static void
rendered(const af_template_t *template, const char *value)
{
    size_t              i, n, tags;
    json_t             *object;
    af_buffer_t         out;
    const af_piece_t   *piece;

    object = values(value);
    memset(&out, 0, sizeof(out));
    af_buffer_puts(&out, "");

    af_template_render(AF_TEMPLATE_HTML, template, object, &out);
    af_must(!out.failed && strlen(out.data) == out.len);

    /* markup is the template's own, unless it repeats parts */

    tags = 0;

    for (i = 0; i < template->npieces; i++) {
        piece = &template->pieces[i];

        if (piece->kind == AF_PIECE_SECTION || piece->kind == AF_PIECE_PARTIAL)
        {
            tags = SIZE_MAX / 2;
        }

        for (n = 0; piece->kind == AF_PIECE_TEXT && n < piece->len; n++) {
            tags += (piece->s[n] == '<');
        }
    }

    for (i = 0; i < out.len; i++) {
        if (out.data[i] == '<') {
            af_must(tags-- != 0);
        }
    }

    af_buffer_free(&out);
    json_decref(object);
}


static void
language(const char *accept)
{
    char    *exact;
    size_t   len;

    len = strlen(accept);
    exact = af_exact(accept, len);

    af_must(af_language_weight(exact, len, "de", 2) <= 1000);
    af_must(af_language_weight(exact, len, "pt-BR", 5) <= 1000);

    free(exact);
}
