#include "conf/params.h"


static ngx_uint_t af_param_matches(const af_param_t *param,
    const ngx_str_t *value);
static const char *af_param_bounds(const af_param_t *param,
    const void *member);


char *
af_params(ngx_conf_t *cf, ngx_uint_t first, const af_param_t *params,
    void *conf)
{
    void              *member;
    ngx_str_t         *value, rest;
    ngx_uint_t         i;
    const char        *error;
    const af_param_t  *param;

    value = cf->args->elts;

    for (i = first; i < cf->args->nelts; i++) {

        for (param = params; param->name.len; param++) {
            if (af_param_matches(param, &value[i])) {
                break;
            }
        }

        rest.data = value[i].data + param->name.len;
        rest.len = value[i].len - param->name.len;
        member = (char *) conf + param->offset;

        if (param->name.len == 0
            || param->set(param, &rest, member) != NGX_OK)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        error = af_param_bounds(param, member);

        if (error) {
            return (char *) error;
        }
    }

    return NGX_CONF_OK;
}


static ngx_uint_t
af_param_matches(const af_param_t *param, const ngx_str_t *value)
{
    size_t  len;

    len = param->name.len;

    return ((param->name.data[len - 1] == '=') ? value->len > len
                                               : value->len == len)
           && ngx_strncmp(value->data, param->name.data, len) == 0;
}


/* numbers, sizes and times all have the size of a pointer */

static const char *
af_param_bounds(const af_param_t *param, const void *member)
{
    const ngx_uint_t *number = member;

    if (param->too_small && *number < param->min) {
        return param->too_small;
    }

    return (param->too_large && *number > param->max) ? param->too_large : NULL;
}


ngx_int_t
af_param_str(const af_param_t *param, ngx_str_t *value, void *member)
{
    *(ngx_str_t *) member = *value;

    return NGX_OK;
}


ngx_int_t
af_param_msec(const af_param_t *param, ngx_str_t *value, void *member)
{
    ngx_int_t  ms;

    ms = ngx_parse_time(value, 0);

    if (ms == NGX_ERROR || ms == 0) {
        return NGX_ERROR;
    }

    *(ngx_msec_t *) member = ms;

    return NGX_OK;
}


ngx_int_t
af_param_sec(const af_param_t *param, ngx_str_t *value, void *member)
{
    ngx_int_t  seconds;

    seconds = ngx_parse_time(value, 1);

    if (seconds == NGX_ERROR) {
        return NGX_ERROR;
    }

    *(ngx_uint_t *) member = seconds;

    return NGX_OK;
}


ngx_int_t
af_param_size(const af_param_t *param, ngx_str_t *value, void *member)
{
    ssize_t  size;

    size = ngx_parse_size(value);

    if (size == NGX_ERROR) {
        return NGX_ERROR;
    }

    *(size_t *) member = size;

    return NGX_OK;
}


ngx_int_t
af_param_count(const af_param_t *param, ngx_str_t *value, void *member)
{
    ngx_int_t  n;

    n = ngx_atoi(value->data, value->len);

    if (n < 1 || n > 65535) {
        return NGX_ERROR;
    }

    *(ngx_uint_t *) member = n;

    return NGX_OK;
}


ngx_int_t
af_param_enum(const af_param_t *param, ngx_str_t *value, void *member)
{
    const ngx_conf_enum_t  *row;

    row = af_conf_enum(param->values, value);

    if (row == NULL) {
        return NGX_ERROR;
    }

    *(ngx_uint_t *) member = row->value;

    return NGX_OK;
}


ngx_int_t
af_param_word(const af_param_t *param, ngx_str_t *value, void *member)
{
    *(ngx_uint_t *) member = 1;

    return NGX_OK;
}


/* zero-terminated, as all strings of the configuration */

ngx_int_t
af_param_text(const af_param_t *param, ngx_str_t *value, void *member)
{
    const char  **text = member;

    if (*text) {
        return NGX_ERROR;
    }

    *text = (char *) value->data;

    return NGX_OK;
}


const ngx_conf_enum_t *
af_conf_enum(const ngx_conf_enum_t *row, const ngx_str_t *value)
{
    for ( /* void */ ; row->name.len; row++) {
        if (row->name.len == value->len
            && ngx_strncmp(row->name.data, value->data, value->len) == 0)
        {
            return row;
        }
    }

    return NULL;
}


void
af_conf_line(ngx_conf_t *cf, af_conf_line_t *line)
{
    line->file = cf->conf_file->file.name.data;
    line->line = cf->conf_file->line;
}


char *
af_conf_needs(ngx_conf_t *cf, const char *directive, const char *what,
    const af_conf_line_t *line)
{
    ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "\"%s\" needs %s in %s:%ui",
                  directive, what, line->file, line->line);

    return NGX_CONF_ERROR;
}


void
af_conf_note_insecure(ngx_conf_t *cf, const char *what, const ngx_str_t *file)
{
    ngx_http_autoflow_main_conf_t  *amcf;

    amcf = af_conf_main(cf);

    if (amcf->insecure) {
        return;
    }

    amcf->insecure = what;
    af_conf_line(cf, &amcf->insecure_line);

    if (file) {
        amcf->insecure_file = *file;
    }
}


char *
af_conf_check_insecure(ngx_conf_t *cf,
    const ngx_http_autoflow_main_conf_t *amcf)
{
    if (amcf->environment != AF_PRODUCTION || amcf->insecure == NULL) {
        return NGX_CONF_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "\"autoflow_environment production\" refuses %s%V in %s:%ui",
                  amcf->insecure, &amcf->insecure_file,
                  amcf->insecure_line.file, amcf->insecure_line.line);

    return NGX_CONF_ERROR;
}


ngx_http_complex_value_t *
af_conf_complex(ngx_conf_t *cf, ngx_str_t *value)
{
    ngx_http_compile_complex_value_t  ccv;

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = value;
    ccv.complex_value = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));

    return (ccv.complex_value && ngx_http_compile_complex_value(&ccv) == NGX_OK)
           ? ccv.complex_value : NULL;
}
