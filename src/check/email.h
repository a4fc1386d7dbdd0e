/*
 * Email addresses: which are valid, and which are the same.  Pure C: no nginx
 * types.
 */

#ifndef AF_CHECK_EMAIL_H
#define AF_CHECK_EMAIL_H

#include <stddef.h>
#include "check/schema.h"


/* octets (RFC 5321, section 4.5.3.1.3, without <>) */
#define AF_EMAIL_MAX  254


/* as af_type_t.check: NULL, or what is wrong */
const char *af_email_check(const char *s, size_t len);

/*
 * Writes the key by which addresses are compared: its ASCII letters in lower
 * case, and the domain in its ASCII form (IDNA: UTS 46, non-transitional), so
 * that one mailbox has one key.  `s` is zero-terminated, and may be anything
 * that someone typed.  With an ASCII domain it is converted to lower case only,
 * as the database's autoflow.email_key() does.
 *
 * Returns 0, or -1 if there is no "@", the domain has no ASCII form, or the key
 * would be longer than AF_EMAIL_MAX.
 */
int af_email_key(const char *s, size_t len, char key[AF_TYPE_KEY_SIZE]);


#endif /* AF_CHECK_EMAIL_H */
