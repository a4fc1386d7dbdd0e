/*
 * Parameters of directives: "name=value", or a word alone.  A directive has a
 * table of them, which ends with a row without a name.
 */

#ifndef AF_CONF_PARAMS_H
#define AF_CONF_PARAMS_H

#include "conf/conf.h"


typedef struct af_param_s  af_param_t;

struct af_param_s {
    ngx_str_t               name;      /* including the '=' */
    ngx_int_t             (*set)(const af_param_t *param, ngx_str_t *value,
                                 void *member);
    size_t                  offset;    /* of the member */
    const ngx_conf_enum_t  *values;    /* for af_param_enum */

    /* for a number: limits, and the error beyond each, or NULL */
    ngx_uint_t              min;
    const char             *too_small;
    ngx_uint_t              max;
    const char             *too_large;
};


/* a row, for a member of a type; .values or limits may follow */

#define af_param(name, set, type, member, ...)                                \
    { ngx_string(name), set, .offset = offsetof(type, member), ##__VA_ARGS__ }


/* Parses a directive's arguments, starting with `first`, into `conf`. */
char *af_params(ngx_conf_t *cf, ngx_uint_t first, const af_param_t *params,
    void *conf);

/* parsers of values, for members of nginx's usual types */
ngx_int_t af_param_str(const af_param_t *param, ngx_str_t *value,
    void *member);
ngx_int_t af_param_msec(const af_param_t *param, ngx_str_t *value,
    void *member);
ngx_int_t af_param_sec(const af_param_t *param, ngx_str_t *value,
    void *member);
ngx_int_t af_param_size(const af_param_t *param, ngx_str_t *value,
    void *member);

/* from 1 to 65535, as ngx_uint_t */
ngx_int_t af_param_count(const af_param_t *param, ngx_str_t *value,
    void *member);

/* one of param->values; and 1 for a word alone; both as ngx_uint_t */
ngx_int_t af_param_enum(const af_param_t *param, ngx_str_t *value,
    void *member);
ngx_int_t af_param_word(const af_param_t *param, ngx_str_t *value,
    void *member);

/* const char *, at most once */
ngx_int_t af_param_text(const af_param_t *param, ngx_str_t *value,
    void *member);

/* Returns the row of a word, or NULL. */
const ngx_conf_enum_t *af_conf_enum(const ngx_conf_enum_t *row,
    const ngx_str_t *value);

/* Compiles a value with variables; returns NULL on failure. */
ngx_http_complex_value_t *af_conf_complex(ngx_conf_t *cf, ngx_str_t *value);

/* Stores the position of the current directive. */
void af_conf_line(ngx_conf_t *cf, af_conf_line_t *line);

/* Logs what a directive requires; returns NGX_CONF_ERROR. */
char *af_conf_needs(ngx_conf_t *cf, const char *directive, const char *what,
    const af_conf_line_t *line);

/*
 * The first remembers an insecure setting, as the environment may be configured
 * later; `file` may be NULL.  The second logs it in production, and returns
 * NGX_CONF_ERROR, or else NGX_CONF_OK.
 */
void af_conf_note_insecure(ngx_conf_t *cf, const char *what,
    const ngx_str_t *file);
char *af_conf_check_insecure(ngx_conf_t *cf,
    const ngx_http_autoflow_main_conf_t *amcf);


#endif /* AF_CONF_PARAMS_H */
