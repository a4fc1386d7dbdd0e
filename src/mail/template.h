/*
 * The templates of mails (check/template.h), which have few variables, and no
 * partials.  Pure C: no nginx types.
 */

#ifndef AF_MAIL_TEMPLATE_H
#define AF_MAIL_TEMPLATE_H

#include "check/template.h"


/* a variable; a list of them ends with a NULL name */

typedef struct {
    const char  *name;
    const char  *value;
} af_template_value_t;


/*
 * Checks a template of `len` octets: it must be UTF-8 without zeros, and have
 * only names of variables between {{ and }} (values are ignored);
 * AF_TEMPLATE_LINE is a single line.  Returns NULL, or a phrase that says what
 * is wrong, with the line's number in *line.
 */
const char *af_template_check(af_template_kind_t kind, const char *text,
    size_t len, const af_template_value_t *names, size_t *line);

/* Writes a template that was checked, with the variables' values. */
void af_template_write(af_template_kind_t kind, const char *text, size_t len,
    const af_template_value_t *values, af_buffer_t *out);


#endif /* AF_MAIL_TEMPLATE_H */
