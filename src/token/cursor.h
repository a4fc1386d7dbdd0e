/*
 * Cursors: where the next page of a list begins, for its caller to bring back.
 * base64url of a version, a key's id, the position and HMAC-SHA256(key,
 * version, id, list, 0, position), cut to 16 octets.  So a position comes to a
 * statement as another one wrote it, and only in the list that it is of.  It is
 * not encrypted: it says no more than the row that it is of.  Pure C: no nginx
 * types.
 */

#ifndef AF_TOKEN_CURSOR_H
#define AF_TOKEN_CURSOR_H

#include <stddef.h>

#include "crypto/purposes.h"
#include "token/base64url.h"


/* octets beside the position: the version and the key's id, the code */
#define AF_CURSOR_HEAD_SIZE  (1 + AF_KEY_ID_SIZE)
#define AF_CURSOR_MAC_SIZE   16

/* of positions; they hold an id and a name at most */
#define AF_POSITION_MAX   1500
#define AF_POSITION_SIZE  (AF_POSITION_MAX + 1)

/* with the terminating zero */
#define AF_CURSOR_SIZE                                                        \
    af_base64url_size(AF_CURSOR_HEAD_SIZE + AF_POSITION_MAX                   \
                      + AF_CURSOR_MAC_SIZE)


/*
 * Makes the cursor of a position; `list` says all that the position depends
 * on.  Returns 0, or -1 if the position is too long.
 */
int af_cursor_make(const af_purpose_keys_t *keys, const char *list,
    const char *position, char cursor[AF_CURSOR_SIZE]);

/* Checks a cursor that someone presents.  Returns 1 with the position, or 0. */
int af_cursor_check(const af_purpose_keys_t *keys, const char *list,
    const char *cursor, size_t len, char position[AF_POSITION_SIZE]);


#endif /* AF_TOKEN_CURSOR_H */
