/*
 * Parses request bodies into JSON objects.  Pure C: no nginx types.
 */

#ifndef AF_CHECK_INPUT_H
#define AF_CHECK_INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <jansson.h>


/* maximal nesting of arrays and objects */
#define AF_JSON_DEPTH  16


/* the only error that isn't the text's */
extern const char  af_no_memory[];


/*
 * Parses one JSON object (RFC 8259).  Rejects duplicate names, invalid UTF-8,
 * \u0000, anything after the object, and nesting beyond AF_JSON_DEPTH.  Returns
 * a new reference, or NULL with a phrase in *error.
 */
json_t *af_json_parse(const char *text, size_t len, const char **error);

/*
 * Parses application/x-www-form-urlencoded into an object of strings, which is
 * empty for an empty text.  Rejects malformed escapes, %00, invalid UTF-8,
 * duplicate or empty names.  Returns a new reference, or NULL with a phrase in
 * *error.
 */
json_t *af_form_parse(const char *text, size_t len, const char **error);

/*
 * Copies `len` octets of any kind to `dst`, which has room for `size`, as valid
 * UTF-8 without control characters (replaced by '?'), cut at a character's end.
 * Returns the length; there is no terminating zero.
 */
size_t af_text_clean(char *dst, size_t size, const char *src, size_t len);

/*
 * Returns the code point at *s, before `end`, and advances *s; or -1, with *s
 * unchanged, if it is not valid UTF-8.
 */
int32_t af_text_next(const char **s, const char *end);

/* Returns 1 for a control character: C0, DEL or C1. */
int af_text_is_control(int32_t c);

/* Returns the number of code points, or -1 if `s` is not valid UTF-8. */
long af_text_length(const char *s, size_t len);


#endif /* AF_CHECK_INPUT_H */
