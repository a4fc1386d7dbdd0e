/*
 * Texts with {{names}} in them.  Pure C: no nginx types.
 */

#ifndef AF_MAIL_TEMPLATE_H
#define AF_MAIL_TEMPLATE_H

#include "mail/buffer.h"


typedef enum {
    AF_TEMPLATE_LINE,          /* a header: line ends and the like are blanks */
    AF_TEMPLATE_TEXT,
    AF_TEMPLATE_HTML           /* values can't be markup, nor end attributes */
} af_template_kind_t;


/* what a name stands for; a list of them ends with a NULL name */

typedef struct {
    const char  *name;
    const char  *value;
} af_template_value_t;


/*
 * Checks a template of `len` octets: it is UTF-8 without zeros, each {{ has
 * its }}, with a name of the list between them (their values don't count),
 * blanks around it or not; a line has one line.  Returns NULL, or what is
 * wrong, with the number of the line in *line.
 */
const char *af_template_check(af_template_kind_t kind, const char *text,
    size_t len, const af_template_value_t *names, size_t *line);

/* Writes a template that was checked, with the values in their places. */
void af_template_write(af_template_kind_t kind, const char *text, size_t len,
    const af_template_value_t *values, af_buffer_t *out);


#endif /* AF_MAIL_TEMPLATE_H */
