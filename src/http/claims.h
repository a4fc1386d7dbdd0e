/*
 * What a token says, as text.
 */

#ifndef AF_HTTP_CLAIMS_H
#define AF_HTTP_CLAIMS_H

#include "http/request.h"

#include <jansson.h>


/*
 * What is found by going from an object to the member of the first name, from
 * there to that of the second, and so on; NULL if there is none.
 */
const json_t *af_claim_find(const json_t *object, const ngx_str_t *names,
    ngx_uint_t n);

/*
 * A value as text: strings raw, numbers and booleans as JSON, the elements of
 * an array joined by commas, objects as JSON; empty for null and for NULL.
 *
 * Empty also, and logged under `name`, is what holds a control character, as
 * it could smuggle a header line, or an array with a comma in an element.
 *
 * Returns NGX_ERROR if there is no memory.
 */
ngx_int_t af_claim_text(ngx_http_request_t *r, const json_t *value,
    const ngx_str_t *name, ngx_str_t *text);

/*
 * Returns 1 if a string, a number or a boolean, or such an element of an
 * array, is this text; otherwise 0.
 */
ngx_uint_t af_claim_is(const json_t *value, const ngx_str_t *text);


#endif /* AF_HTTP_CLAIMS_H */
