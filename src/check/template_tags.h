/*
 * What is looked for in a template as it is parsed, and again in texts as they
 * are written.  For template.c and template_render.c alone.
 */

#ifndef AF_CHECK_TEMPLATE_TAGS_H
#define AF_CHECK_TEMPLATE_TAGS_H

/* The first mark, of two characters, or NULL. */
const char *af_template_find(const char *s, const char *end, const char *mark);

/* Removes spaces on both sides. */
void af_template_trim(const char **s, size_t *len);


#endif /* AF_CHECK_TEMPLATE_TAGS_H */
