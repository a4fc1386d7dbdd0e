/*
 * The claims of a token, or the parameters of its header: a JSON object, of
 * which usually no tree is needed.  Pure C: no nginx types.
 */

#ifndef AF_TOKEN_CLAIMS_H
#define AF_TOKEN_CLAIMS_H

#include <jansson.h>

#include "token/members.h"


typedef struct {
    const char    *text;       /* not copied; NULL: there are none */
    size_t         len;
    json_t        *tree;       /* NULL: not needed yet */
    af_members_t   members;    /* unless there was a tree from the start */
    unsigned       plain:1;    /* `members` is valid */
} af_claims_t;


typedef struct {
    af_value_type_t   type;
    const char       *text;    /* of a string; or, in plain claims, as is */
    size_t            len;
    int64_t           integer; /* of an AF_VALUE_INTEGER, otherwise 0 */
    double            number;  /* of that and an AF_VALUE_REAL, otherwise 0 */

    /* of an array: the rest that af_claim_next() has not returned */
    const json_t     *json;
    size_t            index;
} af_claim_t;


/*
 * Reads an object, whose text must remain.  Returns 0; -1 if it is none, has a
 * name twice or is otherwise malformed: jansson decides; -2 if there is no
 * memory.
 */
int af_claims_read(af_claims_t *claims, const char *text, size_t len);

/* Makes them empty: only what says so, not all of the memory. */
void af_claims_init(af_claims_t *claims);

void af_claims_free(af_claims_t *claims);

/* Returns all of it, still owned by the claims, or NULL: no memory. */
const json_t *af_claims_tree(af_claims_t *claims);

/*
 * Finds a claim; without one the type is AF_VALUE_NONE.  `key` is
 * af_members_key() of the name.
 */
void af_claims_find(const af_claims_t *claims, const char *name, size_t len,
    uint64_t key, af_claim_t *claim);

/* likewise, with a literal name */
#define af_claims_get(claims, name, claim)                                   \
    af_claims_find(claims, name, sizeof(name) - 1,                           \
                   af_members_key(name, sizeof(name) - 1), claim)

/* Returns 1 and an array's next element, or 0 at its end, or if it is none. */
int af_claim_next(af_claim_t *array, af_claim_t *element);

/* Whether it is a string, and this one. */
int af_claim_equals(const af_claim_t *claim, const char *string);


#endif /* AF_TOKEN_CLAIMS_H */
