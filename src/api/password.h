/*
 * Each operation is split in two: a function that starts it in a thread, and
 * one by which the next step gets its result.
 */

#ifndef AF_API_PASSWORD_H
#define AF_API_PASSWORD_H

#include "flow/flow.h"


/* autoflow_password: the cost of hashes, and demands on new passwords */

typedef struct af_password_conf_s {
    size_t       memory;       /* octets */
    ngx_uint_t   time;         /* passes */
    ngx_uint_t   strength;     /* in bits */
} af_password_conf_t;


extern const af_password_conf_t  af_password_defaults;

char *af_password_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


/* how many names an account has */
#define AF_PASSWORD_NAMES  3


/*
 * Collects the columns "email", "username" and "full_name" of the last query, a
 * NULL-ended array.
 */
ngx_int_t af_password_names(af_ctx_t *ctx,
    const char *words[AF_PASSWORD_NAMES + 1]);

/*
 * Hashes the body's field `field` as a new password, which must not be similar
 * to any of the NULL-ended words.  The next step calls af_password_hashed().
 */
ngx_int_t af_hash_password(af_ctx_t *ctx, const char *field,
    const char *const *words);

/*
 * Binds "password_hash", or ends the flow: the password is too weak, or there
 * was no memory.
 */
ngx_int_t af_password_hashed(af_ctx_t *ctx);

/*
 * Verifies the body's field `field` against a stored hash, or NULL if there is
 * no account.  The next step calls af_password_verified().
 */
ngx_int_t af_verify_password(af_ctx_t *ctx, const char *field,
    const char *hash);

/*
 * NGX_OK: the password is valid, "password_hash" is bound to the stored hash,
 * and "new_password_hash" to its replacement or null.  NGX_DECLINED: it is
 * invalid.  Otherwise the flow has ended.
 */
ngx_int_t af_password_verified(af_ctx_t *ctx);

/* Whether the stored hash should be replaced. */
ngx_uint_t af_password_rehashed(af_ctx_t *ctx);


#endif /* AF_API_PASSWORD_H */
