/*
 * Steps' halves for passwords: the one hands the work to a thread, the next
 * step asks what came of it.
 */

#ifndef AF_API_PASSWORD_H
#define AF_API_PASSWORD_H

#include "flow/flow.h"


/* autoflow_password: what a hash costs, and what a new password must be */

typedef struct af_password_conf_s {
    size_t       memory;       /* octets */
    ngx_uint_t   time;         /* passes */
    ngx_uint_t   strength;     /* in bits */
} af_password_conf_t;


extern const af_password_conf_t  af_password_defaults;

char *af_password_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


/* what an account is called by */
#define AF_PASSWORD_NAMES  3


/*
 * Makes the NULL-ended words of the columns "email", "username", "full_name"
 * that the last query returned.
 */
ngx_int_t af_password_names(af_ctx_t *ctx,
    const char *words[AF_PASSWORD_NAMES + 1]);

/*
 * Hashes the body's field `field` as a new password that shall be none of
 * the NULL-ended words.  The next step calls af_password_set().
 */
ngx_int_t af_new_password(af_ctx_t *ctx, const char *field,
    const char *const *words);

/*
 * Binds "password_hash", or ends the flow: the password is too weak, or there
 * was no memory.
 */
ngx_int_t af_password_set(af_ctx_t *ctx);

/*
 * Compares the body's field `field` with a stored hash, which is NULL if
 * there is no account.  The next step calls af_password_right().
 */
ngx_int_t af_check_password(af_ctx_t *ctx, const char *field,
    const char *hash);

/*
 * NGX_OK: the password is right, "password_hash" is bound to what it was
 * compared with and "new_password_hash" to what shall replace it, or to null.
 * NGX_DECLINED: it is wrong.  Else the flow has ended.
 */
ngx_int_t af_password_right(af_ctx_t *ctx);

/* Whether its hash shall be replaced. */
ngx_uint_t af_password_upgrades(af_ctx_t *ctx);


#endif /* AF_API_PASSWORD_H */
