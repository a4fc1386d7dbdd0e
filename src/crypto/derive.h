/*
 * Keys derived from autoflow_secret, one for each purpose: HKDF with SHA-256
 * (RFC 5869), without a salt.  A key that leaks reveals nothing of the others,
 * nor of the secret.  Pure C: no nginx types.
 */

#ifndef AF_CRYPTO_DERIVE_H
#define AF_CRYPTO_DERIVE_H

#include <stddef.h>


#define AF_DERIVED_KEY_SIZE  32


typedef unsigned char  af_derived_key_t[AF_DERIVED_KEY_SIZE];


/*
 * Derives `size` octets, at most 8160, from a secret of `len`; `info` is their
 * purpose, such as "autoflow mail".  Takes some microseconds: derive a key when
 * the configuration is read, and keep it.  Returns 0, or -1 with `out` wiped.
 */
int af_derive(const unsigned char *secret, size_t len, const char *info,
    unsigned char *out, size_t size);


#endif /* AF_CRYPTO_DERIVE_H */
