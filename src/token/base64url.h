/*
 * base64url without padding (RFC 4648, section 5; RFC 7515, section 2).
 * Pure C: no nginx types.
 */

#ifndef AF_TOKEN_BASE64URL_H
#define AF_TOKEN_BASE64URL_H

#include <stddef.h>
#include <stdint.h>
#include <sodium.h>


#define AF_BASE64URL  sodium_base64_VARIANT_URLSAFE_NO_PADDING

/* the size of the text for `n` octets, with the terminating zero */
#define af_base64url_size(n)  sodium_base64_ENCODED_LEN(n, AF_BASE64URL)


/*
 * Decodes all `len` characters to `dst`, which has room for `size` octets.
 * Accepts only what an encoder writes: no padding, no white space, no excess
 * bits. Returns 1 with the number of octets in *n, or 0.
 */
int af_base64url_decode(unsigned char *dst, size_t size, size_t *n,
    const char *src, size_t len);


#endif /* AF_TOKEN_BASE64URL_H */
