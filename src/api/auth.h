/*
 * Registration and tokens, shared by dialects.
 */

#ifndef AF_API_AUTH_H
#define AF_API_AUTH_H

#include "flow/flow.h"


#define AF_REGISTRATION_FIELDS                                                \
    { "email", &af_type_email, AF_REQUIRED, NULL },                           \
    AF_ACCOUNT_FIELDS

#define AF_ACCOUNT_FIELDS                                                     \
    { "password", &af_type_password, AF_REQUIRED, NULL },                     \
    AF_PERSON_FIELDS

#define AF_PERSON_FIELDS                                                      \
    { "username", &af_type_username, 0, NULL },                               \
    { "full_name", &af_type_name, 0, NULL },                                  \
    { "name", &af_type_name, 0, NULL },                                       \
    { "first_name", &af_type_name, 0, NULL },                                 \
    { "last_name", &af_type_name, 0, NULL }


/* Their rule: sets "full_name" from the alias that was sent. */
int af_rule_name(json_t *body, json_t *errors);

/* Hashes "password"; the next step is af_password_hashed(). */
ngx_int_t af_step_hash(af_ctx_t *ctx);


/* For auth/register, with AF_REGISTRATION_FIELDS. */
extern const af_step_pt  af_register_steps[];

/* a token pair; without tokens while an address or a factor is missing */
extern const af_schema_t  af_schema_registered;


/*
 * From a password to a session, for auth/login after auth/lock_account: the
 * body has "email" or "username", and "password".
 */
extern const af_step_pt  af_login_steps[];

/* From a refresh token to the next one, for auth/refresh. */
extern const af_step_pt  af_refresh_steps[];


#endif /* AF_API_AUTH_H */
