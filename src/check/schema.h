/*
 * Schemas of requests and responses: requests are checked against them, and the
 * OpenAPI document is made from them.  Pure C: no nginx types.
 */

#ifndef AF_CHECK_SCHEMA_H
#define AF_CHECK_SCHEMA_H

#include <stddef.h>
#include <jansson.h>


/* the size of a type's comparison key, with the terminating zero */
#define AF_TYPE_KEY_SIZE  255


/* a field's flags */
#define AF_REQUIRED  0x01
#define AF_NULLABLE  0x02      /* in a response, or a change: may be null */
#define AF_PAGING    0x04      /* in a list's query: selects a page, not rows */


typedef struct af_type_s    af_type_t;
typedef struct af_field_s   af_field_t;
typedef struct af_schema_s  af_schema_t;


/* A type of values.  The field rules are rows of these; see types.c. */
struct af_type_s {
    const char  *name;         /* in texts: "e-mail address" */
    json_type    json;         /* JSON_TRUE stands for booleans */
    const char  *format;       /* OpenAPI's, or NULL */
    const char  *pattern;      /* a regular expression, informative; or NULL */

    /* the values that a string may have, NULL-ended; or NULL */
    const char *const  *values;

    const char  *preset;       /* what a query has without it, or NULL */

    /*
     * of strings: characters; of integers: the value; of arrays: elements; max
     * 0: unlimited
     */
    long         min;
    long         max;

    /* of an array's strings, or NULL */
    const af_type_t  *element;

    unsigned     order:1;      /* a "-" may be before each of its values */
    unsigned     trim:1;       /* strip surrounding white space first */
    unsigned     normalize:1;  /* likewise convert to NFC */
    unsigned     octets:1;     /* a string's min and max count octets */
    unsigned     secret:1;     /* the database must not see it */

    /* beyond min and max: returns NULL, or what is wrong with `s` */
    const char  *(*check)(const char *s, size_t len);

    /*
     * writes the key by which valid values are compared, if it isn't the value
     * itself: 0, or -1 if there is no memory
     */
    int          (*key)(const char *s, size_t len, char key[AF_TYPE_KEY_SIZE]);
};


struct af_field_s {
    const char         *name;
    const af_type_t    *type;
    unsigned            flags;
    const af_schema_t  *nested;  /* of an object, or an array's objects */
};


struct af_schema_s {
    const char        *name;
    const af_field_t  *fields; /* ends with a field without a name */

    /*
     * Checks across fields; adds to `errors`.  It is called even after other
     * errors: a field may be missing, or of any type.  Returns 0, or -1 if
     * there is no memory.
     */
    int              (*rule)(json_t *body, json_t *errors);
};


extern const af_type_t  af_type_email;        /* trimmed, RFC 5321 lengths */
extern const af_type_t  af_type_password;     /* a new one */
extern const af_type_t  af_type_credential;   /* at login: 1 to 1024 octets */
extern const af_type_t  af_type_token;        /* any token */
extern const af_type_t  af_type_username;
extern const af_type_t  af_type_role;         /* a role's name */
extern const af_type_t  af_type_language;     /* "pt-BR" */
extern const af_type_t  af_type_name;         /* 1 to 255, not blank */
extern const af_type_t  af_type_label;        /* likewise, 1 to 100 */
extern const af_type_t  af_type_text;         /* at most 10000 characters */
extern const af_type_t  af_type_content;      /* likewise, and not empty */
extern const af_type_t  af_type_uuid;
extern const af_type_t  af_type_time;         /* RFC 3339 */
extern const af_type_t  af_type_date;
extern const af_type_t  af_type_url;          /* http or https */
extern const af_type_t  af_type_string;       /* in responses: any */
extern const af_type_t  af_type_integer;
extern const af_type_t  af_type_number;
extern const af_type_t  af_type_boolean;
extern const af_type_t  af_type_array;
extern const af_type_t  af_type_object;


/*
 * Checks a request's body.  A null counts as absent and is removed; trimmed and
 * normalized values replace the original ones.  For each invalid field, in the
 * schema's order, a {"field","code","message"} is added to `errors`, then those
 * of the rule; codes: required, type, length, range, format.  A nested field is
 * named "outer.inner", an array's element "outer.0.inner".
 *
 * Returns the number of errors in `errors`, or -1 if there is no memory.
 */
int af_schema_check(const af_schema_t *schema, json_t *body, json_t *errors);

/*
 * Likewise checks a change of something that exists: a null clears a field that
 * is AF_NULLABLE, and no other one.
 */
int af_schema_check_change(const af_schema_t *schema, json_t *body,
    json_t *errors);

/*
 * Converts strings, from a form or a query, to the schema's numbers and
 * booleans.  What can't be converted stays a string, for af_schema_check() to
 * report.  Returns 0, or -1 if there is no memory.
 */
int af_schema_convert(const af_schema_t *schema, json_t *input);

/*
 * A rule: the body has exactly one of these fields, whose names are NULL-ended.
 * Without any, the first is reported; of several, the second.  Returns 0, or -1
 * if there is no memory.
 */
int af_schema_one_of(json_t *body, json_t *errors, const char *const *names);

/*
 * Adds an error.  `message` continues after the field's name: "is required".
 * Returns 0, or -1 if there is no memory.
 */
int af_schema_error(json_t *errors, const char *field, const char *code,
    const char *message);

/* Returns 1 if `s` is a UUID in the usual form, in upper or lower case. */
int af_is_uuid(const char *s, size_t len);


#endif /* AF_CHECK_SCHEMA_H */
