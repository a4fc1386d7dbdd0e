/*
 * Request bodies into JSON objects.  Pure C: no nginx types.
 */

#ifndef AF_CHECK_INPUT_H
#define AF_CHECK_INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <jansson.h>


/* arrays and objects within each other */
#define AF_JSON_DEPTH  16


/* the reason that says nothing of the text */
extern const char  af_no_memory[];


/*
 * Parses one JSON object (RFC 8259).  Duplicate names, invalid UTF-8,
 * \u0000, anything behind the object and nesting beyond AF_JSON_DEPTH are
 * refused.  Returns a new reference, or NULL with the reason in `why`.
 */
json_t *af_json_parse(const char *text, size_t len, const char **error);

/*
 * Parses application/x-www-form-urlencoded into an object of strings, none
 * for an empty text.  Broken escapes, %00, invalid UTF-8, duplicate or empty
 * names are refused.
 * Returns a new reference, or NULL with the reason in `why`.
 */
json_t *af_form_parse(const char *text, size_t len, const char **error);

/*
 * Copies `len` octets of anything into `dst`, which has room for `size`
 * octets: valid UTF-8, without control characters ('?' in their place), cut
 * at a character's end.  Returns the length; there is no terminating zero.
 */
size_t af_text_clean(char *dst, size_t size, const char *src, size_t len);

/*
 * Returns the code point at *s, before `end`, and moves *s behind it; or -1,
 * with *s left alone, if it is not valid UTF-8.
 */
int32_t af_text_next(const char **s, const char *end);

/* Returns 1 for a control character, of ASCII or of Unicode's second row. */
int af_text_is_control(int32_t c);

/* Returns the number of code points, or -1 if `s` is not valid UTF-8. */
long af_text_length(const char *s, size_t len);


#endif /* AF_CHECK_INPUT_H */
