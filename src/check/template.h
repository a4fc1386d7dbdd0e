/*
 * Templates: a subset of Mustache, for mails and pages.  Pure C: no nginx
 * types.
 *
 *   {{name}}               a value, always escaped; {{a.b}}; {{.}}: the
 *                          innermost one
 *   {{#name}}…{{/name}}    for a value that is neither missing, null, false, 0,
 *                          "" nor empty: once within it, or once for each
 *                          element of an array
 *   {{^name}}…{{/name}}    for any other value
 *   {{>name}}              another template
 *   {{! a comment }}
 *
 * The first part of a name is looked for in the innermost object, then in those
 * around it.  A tag that isn't a value, alone on its line, takes the line with
 * it.
 */

#ifndef AF_CHECK_TEMPLATE_H
#define AF_CHECK_TEMPLATE_H

#include <jansson.h>

#include "check/buffer.h"


typedef enum {
    AF_TEMPLATE_LINE,          /* of a header: line ends become spaces */
    AF_TEMPLATE_TEXT,
    AF_TEMPLATE_HTML           /* values are escaped */
} af_template_kind_t;


typedef enum {
    AF_PIECE_TEXT,
    AF_PIECE_VALUE,
    AF_PIECE_SECTION,
    AF_PIECE_INVERTED,
    AF_PIECE_END,
    AF_PIECE_PARTIAL
} af_piece_kind_t;


typedef struct af_template_s  af_template_t;

typedef struct {
    af_piece_kind_t       kind;
    const char           *s;           /* text, or a name, in the original */
    size_t                len;
    size_t                end;         /* of a section: the index of its end */
    const af_template_t  *partial;     /* set by af_template_link() */
} af_piece_t;

struct af_template_s {
    af_piece_t           *pieces;
    size_t                npieces;
    size_t                size;
};


/* A template by its name, or NULL. */
typedef const af_template_t *(*af_template_find_pt)(void *data,
    const char *name, size_t len);


/*
 * Parses `len` octets, which the template refers to: UTF-8 without zeros.
 * Returns 0; or -1 with a phrase that says what is wrong, and its line: nothing
 * need be freed then.
 */
int af_template_parse(af_template_t *template, const char *text, size_t len,
    const char **error, size_t *line);
void af_template_free(af_template_t *template);

/*
 * Finds the partials.  Returns NULL, or the piece whose partial is unknown.
 * When all templates are linked, af_template_nests() returns whether this one
 * ends: none includes itself.
 */
const af_piece_t *af_template_link(af_template_t *template,
    af_template_find_pt find, void *data);
int af_template_nests(const af_template_t *template);

/*
 * Writes a template with the values of an object.  A string that is found by a
 * name beginning with "t." is a text, which may have {{names}} itself.
 */
void af_template_render(af_template_kind_t kind, const af_template_t *template,
    json_t *values, af_buffer_t *out);


#endif /* AF_CHECK_TEMPLATE_H */
