/*
 * Sealed texts: what the database keeps but can't read, such as the hash of a
 * password.  "$sealed$", and base64url of a key's id, a random nonce and the
 * text, encrypted and authenticated by XChaCha20-Poly1305.  Pure C: no nginx
 * types.
 */

#ifndef AF_TOKEN_SEAL_H
#define AF_TOKEN_SEAL_H

#include <stddef.h>
#include <sodium.h>

#include "crypto/purposes.h"
#include "token/base64url.h"


#define AF_SEAL_PREFIX  "$sealed$"

/* octets before the encrypted text, and all that are added to it */
#define AF_SEAL_HEAD_SIZE                                                     \
    (AF_KEY_ID_SIZE + crypto_aead_xchacha20poly1305_ietf_NPUBBYTES)
#define AF_SEAL_EXTRA_SIZE                                                    \
    (AF_SEAL_HEAD_SIZE + crypto_aead_xchacha20poly1305_ietf_ABYTES)

/* the longest text, with and without the terminating zero */
#define AF_SEAL_TEXT_MAX   255
#define AF_SEAL_TEXT_SIZE  (AF_SEAL_TEXT_MAX + 1)

/* with the terminating zero */
#define AF_SEALED_SIZE                                                        \
    (sizeof(AF_SEAL_PREFIX) - 1                                               \
     + af_base64url_size(AF_SEAL_EXTRA_SIZE + AF_SEAL_TEXT_MAX))


/*
 * Seals a text with the first key.  Returns 0, or -1 if the text is too long.
 */
int af_seal(const af_purpose_keys_t *keys, af_purpose_t purpose,
    const char *text, char sealed[AF_SEALED_SIZE]);

/* Whether a text is sealed, or claims to be. */
int af_sealed(const char *text);

/*
 * Opens a sealed text.  Returns the index of the key that it names, which is
 * the only one tried, or -1.
 */
ptrdiff_t af_unseal(const af_purpose_keys_t *keys, af_purpose_t purpose,
    const char *sealed, size_t len, char text[AF_SEAL_TEXT_SIZE]);


#endif /* AF_TOKEN_SEAL_H */
