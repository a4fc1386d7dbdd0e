/*
 * Cursors: where the next page of a list begins, for the client to send back.
 * base64url of a version, a key's id, the position and HMAC-SHA256(key,
 * version, id, list, 0, position), truncated to 16 octets.  So a statement gets
 * only positions that the same list's statement wrote.  A cursor is not
 * encrypted: it reveals no more than the row it points to.  Pure C: no nginx
 * types.
 */

#ifndef AF_TOKEN_CURSOR_H
#define AF_TOKEN_CURSOR_H

#include <stddef.h>

#include "crypto/purposes.h"
#include "token/base64url.h"


/* octets before and after the position: version and key id, MAC */
#define AF_CURSOR_HEAD_SIZE  (1 + AF_KEY_ID_SIZE)
#define AF_CURSOR_MAC_SIZE   16

/* a position holds an id and a name at most */
#define AF_POSITION_MAX   1500
#define AF_POSITION_SIZE  (AF_POSITION_MAX + 1)

/* with the terminating zero */
#define AF_CURSOR_SIZE                                                        \
    af_base64url_size(AF_CURSOR_HEAD_SIZE + AF_POSITION_MAX                   \
                      + AF_CURSOR_MAC_SIZE)


/*
 * Makes a cursor; `list` is everything that the position depends on.  Returns
 * 0, or -1 if the position is too long.
 */
int af_cursor_make(const af_purpose_keys_t *keys, const char *list,
    const char *position, char cursor[AF_CURSOR_SIZE]);

/* Verifies a cursor.  Returns 1 with the position, or 0. */
int af_cursor_check(const af_purpose_keys_t *keys, const char *list,
    const char *cursor, size_t len, char position[AF_POSITION_SIZE]);


#endif /* AF_TOKEN_CURSOR_H */
