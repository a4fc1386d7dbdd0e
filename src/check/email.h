/*
 * E-mail addresses: which are ones, and which are the same.  Pure C: no nginx
 * types.
 */

#ifndef AF_CHECK_EMAIL_H
#define AF_CHECK_EMAIL_H

#include <stddef.h>
#include "check/schema.h"


/* octets (RFC 5321, section 4.5.3.1.3, less <>) */
#define AF_EMAIL_MAX  254


/* as af_type_t has it: NULL, or what is wrong */
const char *af_email_check(const char *s, size_t len);

/*
 * Writes what an address is compared by: all of it in lower case, as far as it
 * is ASCII, and the domain in its ASCII form (IDNA: UTS 46, non-transitional),
 * so that one mailbox has one key.  `s` ends with a zero, and need not be an
 * address: someone may have typed anything.  Whatever has an ASCII domain is
 * only lowered, and that is what autoflow.email_key() of the database does.
 *
 * Returns 0, or -1 if there is no "@", the domain has no ASCII form, or the
 * key would be longer than AF_EMAIL_MAX.
 */
int af_email_key(const char *s, size_t len, char key[AF_TYPE_KEY_SIZE]);


#endif /* AF_CHECK_EMAIL_H */
