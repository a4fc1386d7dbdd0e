/*
 * Claims as text.
 */

#ifndef AF_HTTP_CLAIMS_H
#define AF_HTTP_CLAIMS_H

#include "http/request.h"

#include <jansson.h>


/*
 * Follows the names from an object to its member, that one's member, and so on;
 * returns NULL if there is none.
 */
const json_t *af_claim_find(const json_t *object, const ngx_str_t *names,
    ngx_uint_t n);

/*
 * Converts a value to text: strings are literal, numbers and booleans as in
 * JSON, elements of an array joined by commas, objects are JSON; null and NULL
 * are empty.
 *
 * A value with a control character, which could smuggle in a header line, or an
 * array with a comma in an element, is also empty, and logged under `name`.
 *
 * Returns NGX_ERROR if there is no memory.
 */
ngx_int_t af_claim_text(ngx_http_request_t *r, const json_t *value,
    const ngx_str_t *name, ngx_str_t *text);

/*
 * Returns 1 if the text is that of a string, a number or a boolean, or of such
 * an element of an array; otherwise 0.
 */
ngx_uint_t af_claim_is(const json_t *value, const ngx_str_t *text);


#endif /* AF_HTTP_CLAIMS_H */
