/*
 * Claims as text.
 */

#ifndef AF_HTTP_CLAIMS_H
#define AF_HTTP_CLAIMS_H

#include "http/request.h"
#include "token/claims.h"


/*
 * A claim is found by the names on its path: that of a member of the claims,
 * that one's member, and so on.  The functions return NGX_ERROR if there is no
 * memory.
 */


/*
 * Converts a claim to text: strings are literal, numbers and booleans as in
 * JSON, elements of an array joined by commas, objects are JSON; null and what
 * is missing, or is of no claims at all, are empty.
 *
 * A value with a control character, which could smuggle in a header line, or an
 * array with a comma in an element, is also empty, and logged.
 */
ngx_int_t af_claim_text(ngx_http_request_t *r, af_claims_t *claims,
    const ngx_str_t *path, ngx_uint_t n, ngx_str_t *text);

/* Likewise of all claims, as an object. */
ngx_int_t af_claims_text(ngx_http_request_t *r, af_claims_t *claims,
    ngx_str_t *text);

/*
 * Returns NGX_OK if one of the values is the text of a string, a number or a
 * boolean, or of such an element of an array; otherwise NGX_DECLINED.
 */
ngx_int_t af_claim_is(af_claims_t *claims, const ngx_str_t *path, ngx_uint_t n,
    const ngx_array_t *values);

/* Likewise of a claim that is known, in plain claims. */
ngx_int_t af_claim_known_text(ngx_http_request_t *r, af_claim_t *claim,
    const ngx_str_t *name, ngx_str_t *text);
ngx_int_t af_claim_known_is(const af_claim_t *claim,
    const ngx_array_t *values);


#endif /* AF_HTTP_CLAIMS_H */
