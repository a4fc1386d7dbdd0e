/*
 * The members of a JSON object, found without building a tree.  Pure C: no
 * nginx types.
 *
 * It understands only what tokens usually have, and says so if there is
 * anything else: who needs the verdict of a complete parser asks one.
 */

#ifndef AF_TOKEN_MEMBERS_H
#define AF_TOKEN_MEMBERS_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>


/* of one object */
#define AF_MEMBERS_MAX    32

/* of objects and arrays within the object */
#define AF_MEMBERS_DEPTH  8


typedef enum {
    AF_VALUE_NONE = 0,         /* there is no such member */
    AF_VALUE_STRING,
    AF_VALUE_INTEGER,
    AF_VALUE_REAL,
    AF_VALUE_TRUE,
    AF_VALUE_FALSE,
    AF_VALUE_NULL,
    AF_VALUE_STRINGS,          /* an array of strings, or an empty one */
    AF_VALUE_ARRAY,            /* any other array */
    AF_VALUE_OBJECT
} af_value_type_t;


/* positions in the object's text; of strings, without their quotes */

typedef struct {
    uint64_t   key;            /* the first octets of the name, and zeros */
    uint16_t   name;
    uint16_t   name_len;
    uint16_t   value;
    uint16_t   value_len;
    uint8_t    type;           /* af_value_type_t, neither REAL nor ARRAY */
} af_member_t;


typedef struct {
    const char    *text;       /* not copied */
    uint64_t       seen;       /* a bit for each key, perhaps several keys' */
    unsigned       n;
    af_member_t    members[AF_MEMBERS_MAX];
} af_members_t;


/*
 * Reads an object.  Returns 1 if it has members without duplicates, at any
 * depth, and if all its names and strings are valid UTF-8 without escapes, its
 * numbers integers of at most 18 digits, its own arrays ones of strings: all
 * parsers agree on it, and what is in the text is the value.  Otherwise 0: it
 * may be valid or not.
 */
int af_members_read(af_members_t *members, const char *text, size_t len);

/* Returns NULL if there is none; `key` is af_members_key() of the name. */
const af_member_t *af_members_find(const af_members_t *members,
    const char *name, size_t len, uint64_t key);

/* a constant, if the name is one */

static inline uint64_t
af_members_key(const char *name, size_t len)
{
    uint64_t  key;

    key = 0;
    memcpy(&key, name, len < sizeof(key) ? len : sizeof(key));
    key = le64toh(key);

    return key;
}

/*
 * The next string of an AF_VALUE_STRINGS, in the rest of its text from *p to
 * `end`.  Returns 1 and advances *p, or 0 at the end.
 */
int af_members_string(const char **p, const char *end, const char **string,
    size_t *len);


#endif /* AF_TOKEN_MEMBERS_H */
