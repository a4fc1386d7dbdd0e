/*
 * What it takes to make an account, whoever makes it.
 */

#ifndef AF_API_AUTH_H
#define AF_API_AUTH_H

#include "flow/flow.h"


#define AF_REGISTRATION_FIELDS                                                \
    { "email", &af_type_email, AF_REQUIRED, NULL },                           \
    { "password", &af_type_password, AF_REQUIRED, NULL },                     \
    { "username", &af_type_username, 0, NULL },                               \
    { "full_name", &af_type_name, 0, NULL },                                  \
    { "name", &af_type_name, 0, NULL },                                       \
    { "first_name", &af_type_name, 0, NULL },                                 \
    { "last_name", &af_type_name, 0, NULL }


/* Their rule: "full_name" becomes whichever of its aliases was sent. */
int af_rule_name(json_t *body, json_t *errors);

/* Hashes "password"; the next step is af_password_set(). */
ngx_int_t af_step_hash(af_ctx_t *ctx);


#endif /* AF_API_AUTH_H */
