/*
 * Keys in PEM (RFC 7468): PKCS#8, PKCS#1, SEC 1, SPKI, or an X.509
 * certificate, of which only the key counts.  Pure C: no nginx types.
 */

#ifndef AF_TOKEN_PEM_H
#define AF_TOKEN_PEM_H

#include "token/material.h"


/* Returns 1 if a text is PEM of any kind, right or wrong. */
int af_pem_is(const char *text, size_t len);

/*
 * Reads a text that holds one key and perhaps the parameters of its curve.
 * Returns 0 with the material, to be freed with af_material_free(), or -1
 * with a phrase that says why in *error.
 */
int af_pem_read(af_material_t *material, const char *text, size_t len,
    const char **error);


#endif /* AF_TOKEN_PEM_H */
