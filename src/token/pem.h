/*
 * Keys in PEM (RFC 7468): PKCS#8, PKCS#1, SEC 1, SPKI, or an X.509 certificate,
 * from which only the key is used.  Pure C: no nginx types.
 */

#ifndef AF_TOKEN_PEM_H
#define AF_TOKEN_PEM_H

#include "token/material.h"


/* Returns 1 if a text looks like PEM, valid or not. */
int af_pem_is(const char *text, size_t len);

/*
 * Reads PEM with one key, and possibly EC parameters.  Returns 0 with the
 * material, to be freed with af_material_free(), or -1, and *error says why.
 */
int af_pem_read(af_material_t *material, const char *text, size_t len,
    const char **error);


#endif /* AF_TOKEN_PEM_H */
