/*
 * The objects of API.md, for the answers of more than one section.
 */

#ifndef AF_API_SCHEMAS_H
#define AF_API_SCHEMAS_H

#include "check/schema.h"


extern const af_schema_t  af_schema_user;
extern const af_schema_t  af_schema_token_pair;


#endif /* AF_API_SCHEMAS_H */
