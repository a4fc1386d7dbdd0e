/*
 * JSON Web Keys (RFC 7517; their members: RFC 7518, section 6, and RFC 8037,
 * section 2).  Pure C: no nginx types.
 */

#ifndef AF_TOKEN_JWK_H
#define AF_TOKEN_JWK_H

#include "token/keys.h"
#include "token/material.h"


typedef enum {
    AF_JWK_OK = 0,
    AF_JWK_UNSUPPORTED,        /* valid, but of no use to us */
    AF_JWK_INVALID
} af_jwk_status_t;


/*
 * Reads a key.  On AF_JWK_OK *material is to be freed with af_material_free(),
 * and *options are the JWK's own, valid as long as `jwk`; otherwise *error says
 * why.
 *
 * Members with certificates (x5c, x5t, x5u) are never read.
 */
af_jwk_status_t af_jwk_read(const json_t *jwk, af_material_t *material,
    af_key_options_t *options, const char **error);


#endif /* AF_TOKEN_JWK_H */
