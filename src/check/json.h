/*
 * JSON by jansson, which reports a lack of memory as a syntax error, or even
 * loses a character.  Pure C: no nginx types.
 */

#ifndef AF_CHECK_JSON_H
#define AF_CHECK_JSON_H

#include <stddef.h>
#include <jansson.h>


/*
 * As json_loadb(), but reliably returns NULL with json_error_out_of_memory if
 * there is no memory.  Another thread's lack of memory may be mistaken for
 * ours.
 */
json_t *af_json_load(const char *text, size_t len, size_t flags,
    json_error_t *error);


#endif /* AF_CHECK_JSON_H */
