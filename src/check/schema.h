/*
 * What bodies and answers look like, as data: requests are checked against
 * it, and the OpenAPI document is made from it.  Pure C: no nginx types.
 */

#ifndef AF_CHECK_SCHEMA_H
#define AF_CHECK_SCHEMA_H

#include <stddef.h>
#include <jansson.h>


/* the room that a type's key needs, with the terminating zero */
#define AF_TYPE_KEY_SIZE  255


/* a field's flags */
#define AF_REQUIRED  0x01
#define AF_NULLABLE  0x02      /* of an answer, or a change: it may be null */
#define AF_PAGING    0x04      /* of a list's query: where in it, not what */


typedef struct af_type_s    af_type_t;
typedef struct af_field_s   af_field_t;
typedef struct af_schema_s  af_schema_t;


/* One kind of value.  The field rules are rows of these; see types.c. */
struct af_type_s {
    const char  *name;         /* of the rule: "e-mail address" */
    json_type    json;         /* JSON_TRUE stands for either boolean */
    const char  *format;       /* OpenAPI's, or NULL */
    const char  *pattern;      /* a regular expression for people, or NULL */

    /* all that a string may be, NULL-ended; or NULL */
    const char *const  *values;

    /*
     * strings: characters; integers: the value; arrays: elements; max 0: no
     * upper limit
     */
    long         min;
    long         max;

    /* of an array's elements that are strings, or NULL */
    const af_type_t  *element;

    unsigned     trim:1;       /* strip white space around it first */
    unsigned     normalize:1;  /* likewise: NFC */
    unsigned     octets:1;     /* of a string: min and max count octets */
    unsigned     secret:1;     /* wiped by af_schema_wipe() */

    /* what min and max can't say: NULL if `s` is right, else what is wrong */
    const char  *(*check)(const char *s, size_t len);

    /*
     * what values that `check` has found right are compared by, where that is
     * not the value itself: 0, or -1 if there is no memory
     */
    int          (*key)(const char *s, size_t len, char key[AF_TYPE_KEY_SIZE]);
};


struct af_field_s {
    const char         *name;
    const af_type_t    *type;
    unsigned            flags;
    const af_schema_t  *nested;  /* of an object, or of an array's objects */
};


struct af_schema_s {
    const char        *name;
    const af_field_t  *fields; /* ends with a field without a name */

    /*
     * what concerns more than one field; adds to `errors`.  It is called
     * whatever was wrong so far: a field may be missing or of any type.
     * Returns 0, or -1 if there is no memory.
     */
    int              (*rule)(json_t *body, json_t *errors);
};


extern const af_type_t  af_type_email;        /* trimmed, RFC 5321 lengths */
extern const af_type_t  af_type_password;     /* one that is being set */
extern const af_type_t  af_type_credential;   /* at login: 1 to 1024 octets */
extern const af_type_t  af_type_token;        /* to be looked up */
extern const af_type_t  af_type_username;
extern const af_type_t  af_type_role;         /* its name */
extern const af_type_t  af_type_name;         /* 1 to 255 characters */
extern const af_type_t  af_type_text;         /* at most 10000 characters */
extern const af_type_t  af_type_uuid;
extern const af_type_t  af_type_time;         /* RFC 3339 */
extern const af_type_t  af_type_string;       /* of an answer: any */
extern const af_type_t  af_type_integer;
extern const af_type_t  af_type_number;
extern const af_type_t  af_type_boolean;
extern const af_type_t  af_type_array;
extern const af_type_t  af_type_object;


/*
 * Checks a request's body.  A null counts as absent and is taken out; trimmed
 * and normalized values replace what was sent.  For each wrong field, in the
 * schema's order, a {"field","code","message"} is added to `errors`, then what
 * the rule says; codes: required, type, length, range, format.  A field within
 * another is named "outer.inner", one of an array's elements "outer.0.inner".
 *
 * Returns the number of errors in `errors`, or -1 if there is no memory.
 */
int af_schema_check(const af_schema_t *schema, json_t *body, json_t *errors);

/*
 * The same for a change of something that is there: what isn't named stays as
 * it is, and a null clears a field that is AF_NULLABLE, but no other one.
 */
int af_schema_check_change(const af_schema_t *schema, json_t *body,
    json_t *errors);

/*
 * Gives what came as text, all strings, the schema's types: numbers and
 * booleans.  What can't be one stays a string, for af_schema_check() to tell.
 * Returns 0, or -1 if there is no memory.
 */
int af_schema_convert(const af_schema_t *schema, json_t *input);

/*
 * Adds an error.  `message` goes on where the field's name begins: "is
 * required".  Returns 0, or -1 if there is no memory.
 */
int af_schema_error(json_t *errors, const char *field, const char *code,
    const char *message);

/* Overwrites what the schema's own fields hold of secrets, after use. */
void af_schema_wipe(const af_schema_t *schema, json_t *body);

/* Returns 1 if `s` is a UUID in its usual form, in any case of letters. */
int af_is_uuid(const char *s, size_t len);


#endif /* AF_CHECK_SCHEMA_H */
