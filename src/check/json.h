/*
 * JSON as jansson reads it, which takes a lack of memory for an error of the
 * text, or even leaves a character out.  Pure C: no nginx types.
 */

#ifndef AF_CHECK_JSON_H
#define AF_CHECK_JSON_H

#include <stddef.h>
#include <jansson.h>


/*
 * As json_loadb(), but if there is no memory it is NULL in any case, and the
 * error's code json_error_out_of_memory.  Another thread's lack of memory may
 * be taken for ours.
 */
json_t *af_json_load(const char *text, size_t len, size_t flags,
    json_error_t *error);


#endif /* AF_CHECK_JSON_H */
