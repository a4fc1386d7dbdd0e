/*
 * One-time passwords that depend on the time (RFC 6238), as all apps make them:
 * SHA-1, six digits, steps of 30 seconds.  Pure C: no nginx types.
 */

#ifndef AF_CRYPTO_TOTP_H
#define AF_CRYPTO_TOTP_H

#include <stddef.h>
#include <stdint.h>

#include "check/base32.h"


#define AF_TOTP_DIGITS  6
#define AF_TOTP_STEP    30     /* seconds */

/* octets of a secret, and its size as text with the terminating zero */
#define AF_TOTP_OCTETS  20
#define AF_TOTP_SIZE    AF_BASE32_SIZE(AF_TOTP_OCTETS)


/* A new secret. */
void af_totp_secret(char secret[AF_TOTP_SIZE]);

/* The code of a step; UINT32_MAX if it can't be computed. */
uint32_t af_totp_code(const unsigned char *key, size_t len, uint64_t step);

/*
 * Looks a code up among those of the step at a time, in seconds, and of the
 * steps before and after it.  Returns its step, or -1: the code is wrong, or
 * its step is not after `last`.
 */
int64_t af_totp_verify(const char *secret, const char *code, int64_t time,
    int64_t last);


#endif /* AF_CRYPTO_TOTP_H */
