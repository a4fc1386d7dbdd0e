#include <float.h>

#include "http/claims.h"


/* room for any number as JSON, and a zero */
#define AF_CLAIM_NUMBER_SIZE  32


static ngx_uint_t af_claim_is_plain(const af_claims_t *claims,
    const ngx_str_t *path, ngx_uint_t n, af_claim_t *claim);
static ngx_int_t af_claim_at(af_claims_t *claims, const ngx_str_t *path,
    ngx_uint_t n, const json_t **value);
static ngx_int_t af_claim_plain_text(ngx_http_request_t *r,
    af_claim_t *claim, ngx_str_t *text);
static ngx_uint_t af_claim_plain_scalar(const af_claim_t *claim,
    ngx_str_t *text);
static ngx_int_t af_claim_plain_list(ngx_http_request_t *r,
    af_claim_t *array, ngx_str_t *text);
static ngx_uint_t af_claim_plain_is(const af_claim_t *claim,
    const ngx_str_t *text);
static ngx_int_t af_claim_any_text(ngx_http_request_t *r, const json_t *value,
    ngx_str_t *text);
static ngx_int_t af_claim_one(ngx_http_request_t *r, const json_t *value,
    ngx_str_t *text);
static ngx_int_t af_claim_list(ngx_http_request_t *r, const json_t *array,
    ngx_str_t *text);
static ngx_uint_t af_claim_any_is(const json_t *value, const ngx_str_t *text);
static ngx_uint_t af_claim_scalar(const json_t *value, char *buf,
    ngx_str_t *text);
static size_t af_claim_real(const json_t *value, char *buf);
static ngx_int_t af_claim_json(ngx_http_request_t *r, const json_t *value,
    ngx_str_t *text);
static ngx_int_t af_claim_withhold(ngx_http_request_t *r, ngx_int_t rc,
    const ngx_str_t *name, ngx_str_t *text);
static ngx_uint_t af_claim_holds(const ngx_str_t *text, u_char c);
static ngx_uint_t af_claim_is_unsafe(const ngx_str_t *text);


static const ngx_str_t  af_claim_all = ngx_string("*");


ngx_int_t
af_claim_text(ngx_http_request_t *r, af_claims_t *claims,
    const ngx_str_t *path, ngx_uint_t n, ngx_str_t *text)
{
    af_claim_t     claim;
    const json_t  *value;

    if (claims == NULL) {
        ngx_str_set(text, "");
        return NGX_OK;
    }

    if (af_claim_is_plain(claims, path, n, &claim)) {
        return af_claim_known_text(r, &claim, path, text);
    }

    if (af_claim_at(claims, path, n, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    return af_claim_withhold(r, af_claim_any_text(r, value, text),
                             &path[n - 1], text);
}


ngx_int_t
af_claim_known_text(ngx_http_request_t *r, af_claim_t *claim,
    const ngx_str_t *name, ngx_str_t *text)
{
    return af_claim_withhold(r, af_claim_plain_text(r, claim, text), name,
                             text);
}


ngx_int_t
af_claims_text(ngx_http_request_t *r, af_claims_t *claims, ngx_str_t *text)
{
    const json_t  *value;

    if (claims == NULL) {
        ngx_str_set(text, "");
        return NGX_OK;
    }

    if (af_claim_at(claims, NULL, 0, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    return af_claim_withhold(r, af_claim_any_text(r, value, text),
                             &af_claim_all, text);
}


ngx_int_t
af_claim_is(af_claims_t *claims, const ngx_str_t *path, ngx_uint_t n,
    const ngx_array_t *values)
{
    ngx_str_t     *text;
    ngx_uint_t     i;
    af_claim_t     claim;
    const json_t  *value;

    if (af_claim_is_plain(claims, path, n, &claim)) {
        return af_claim_known_is(&claim, values);
    }

    if (af_claim_at(claims, path, n, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    text = values->elts;

    for (i = 0; i < values->nelts; i++) {
        if (af_claim_any_is(value, &text[i])) {
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


ngx_int_t
af_claim_known_is(const af_claim_t *claim, const ngx_array_t *values)
{
    ngx_str_t   *text;
    ngx_uint_t   i;

    text = values->elts;

    for (i = 0; i < values->nelts; i++) {
        if (af_claim_plain_is(claim, &text[i])) {
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


/* whether no tree is needed for a claim */

static ngx_uint_t
af_claim_is_plain(const af_claims_t *claims, const ngx_str_t *path,
    ngx_uint_t n, af_claim_t *claim)
{
    if (!claims->plain || n != 1) {
        return 0;
    }

    af_claims_find(claims, (char *) path->data, path->len,
                   af_members_key((char *) path->data, path->len), claim);

    return claim->type != AF_VALUE_OBJECT;
}


/* NULL in *value: there is none */

static ngx_int_t
af_claim_at(af_claims_t *claims, const ngx_str_t *path, ngx_uint_t n,
    const json_t **value)
{
    ngx_uint_t     i;
    const json_t  *object;

    object = af_claims_tree(claims);
    if (object == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        object = json_object_getn(object, (char *) path[i].data, path[i].len);
    }

    *value = object;

    return NGX_OK;
}


/* NGX_DECLINED: there may be no text of it */

static ngx_int_t
af_claim_plain_text(ngx_http_request_t *r, af_claim_t *claim, ngx_str_t *text)
{
    if (claim->type == AF_VALUE_STRINGS) {
        return af_claim_plain_list(r, claim, text);
    }

    if (!af_claim_plain_scalar(claim, text)) {
        ngx_str_set(text, "");
    }

    return NGX_OK;
}


/* 0: null, or missing, or more than one */

static ngx_uint_t
af_claim_plain_scalar(const af_claim_t *claim, ngx_str_t *text)
{
    text->data = (u_char *) claim->text;
    text->len = claim->len;

    return claim->type == AF_VALUE_STRING
           || claim->type == AF_VALUE_INTEGER
           || claim->type == AF_VALUE_TRUE
           || claim->type == AF_VALUE_FALSE;
}


static ngx_int_t
af_claim_plain_list(ngx_http_request_t *r, af_claim_t *array, ngx_str_t *text)
{
    u_char      *p;
    ngx_str_t    element;
    ngx_uint_t   i;
    af_claim_t   string;

    /* shorter than in JSON, which has quotes, too */

    p = ngx_pnalloc(r->pool, array->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    text->data = p;

    for (i = 0; af_claim_next(array, &string); i++) {

        (void) af_claim_plain_scalar(&string, &element);

        if (af_claim_holds(&element, ',')) {
            return NGX_DECLINED;
        }

        if (i > 0) {
            *p++ = ',';
        }

        p = ngx_cpymem(p, element.data, element.len);
    }

    text->len = p - text->data;

    return NGX_OK;
}


static ngx_uint_t
af_claim_plain_is(const af_claim_t *claim, const ngx_str_t *text)
{
    ngx_str_t   scalar;
    af_claim_t  rest, string;

    rest = *claim;

    while (af_claim_next(&rest, &string)) {
        if (af_claim_plain_is(&string, text)) {
            return 1;
        }
    }

    return af_claim_plain_scalar(claim, &scalar)
           && scalar.len == text->len
           && ngx_memcmp(scalar.data, text->data, text->len) == 0;
}


static ngx_int_t
af_claim_any_text(ngx_http_request_t *r, const json_t *value, ngx_str_t *text)
{
    return json_is_array(value) ? af_claim_list(r, value, text)
                                : af_claim_one(r, value, text);
}


/* what may be no text is empty, as is what could forge another value */

static ngx_int_t
af_claim_withhold(ngx_http_request_t *r, ngx_int_t rc, const ngx_str_t *name,
    ngx_str_t *text)
{
    if (rc == NGX_OK && af_claim_is_unsafe(text)) {
        rc = NGX_DECLINED;
    }

    if (rc != NGX_DECLINED) {
        return rc;
    }

    af_request_log(NGX_LOG_WARN, r,
                   "the claim \"%V\" is withheld: it has a character that "
                   "could forge another value", name);

    ngx_str_set(text, "");

    return NGX_OK;
}


static ngx_int_t
af_claim_one(ngx_http_request_t *r, const json_t *value, ngx_str_t *text)
{
    char  *buf;

    if (value == NULL || json_is_null(value)) {
        ngx_str_set(text, "");
        return NGX_OK;
    }

    if (json_is_object(value) || json_is_array(value)) {
        return af_claim_json(r, value, text);
    }

    buf = NULL;

    if (json_is_number(value)) {
        buf = ngx_pnalloc(r->pool, AF_CLAIM_NUMBER_SIZE);
        if (buf == NULL) {
            return NGX_ERROR;
        }
    }

    (void) af_claim_scalar(value, buf, text);

    return NGX_OK;
}


static ngx_int_t
af_claim_list(ngx_http_request_t *r, const json_t *array, ngx_str_t *text)
{
    u_char     *p;
    size_t      i, n, len;
    ngx_str_t  *elements;

    n = json_array_size(array);
    len = n;

    elements = ngx_palloc(r->pool, n * sizeof(ngx_str_t));
    if (elements == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        if (af_claim_one(r, json_array_get(array, i), &elements[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (af_claim_holds(&elements[i], ',')) {
            return NGX_DECLINED;
        }

        len += elements[i].len;
    }

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    text->data = p;

    for (i = 0; i < n; i++) {
        if (i > 0) {
            *p++ = ',';
        }

        p = ngx_cpymem(p, elements[i].data, elements[i].len);
    }

    text->len = p - text->data;

    return NGX_OK;
}


static ngx_uint_t
af_claim_any_is(const json_t *value, const ngx_str_t *text)
{
    char        buf[AF_CLAIM_NUMBER_SIZE];
    size_t      i;
    ngx_str_t   scalar;

    for (i = 0; i < json_array_size(value); i++) {
        if (!json_is_array(json_array_get(value, i))
            && af_claim_any_is(json_array_get(value, i), text))
        {
            return 1;
        }
    }

    return af_claim_scalar(value, buf, &scalar)
           && scalar.len == text->len
           && ngx_memcmp(scalar.data, text->data, text->len) == 0;
}


/* 0 if it is none; `buf`, for numbers, has room for AF_CLAIM_NUMBER_SIZE */

static ngx_uint_t
af_claim_scalar(const json_t *value, char *buf, ngx_str_t *text)
{
    if (json_is_string(value)) {
        text->data = (u_char *) json_string_value(value);
        text->len = json_string_length(value);
        return 1;
    }

    if (json_is_true(value)) {
        ngx_str_set(text, "true");
        return 1;
    }

    if (json_is_false(value)) {
        ngx_str_set(text, "false");
        return 1;
    }

    if (json_is_number(value)) {
        text->data = (u_char *) buf;
        text->len = json_is_real(value)
                    ? af_claim_real(value, buf)
                    : json_dumpb(value, buf, AF_CLAIM_NUMBER_SIZE,
                                 JSON_ENCODE_ANY);
        return 1;
    }

    return 0;
}


/* the shortest text for this number: jansson's own has 17 digits */

static size_t
af_claim_real(const json_t *value, char *buf)
{
    size_t      len;
    ngx_uint_t  digits;

    for (digits = DBL_DIG; /* void */ ; digits++) {

        len = json_dumpb(value, buf, AF_CLAIM_NUMBER_SIZE - 1,
                         JSON_ENCODE_ANY|JSON_REAL_PRECISION(digits));
        buf[len] = '\0';

        if (digits == DBL_DECIMAL_DIG
            || strtod(buf, NULL) == json_real_value(value))
        {
            return len;
        }
    }
}


static ngx_int_t
af_claim_json(ngx_http_request_t *r, const json_t *value, ngx_str_t *text)
{
    text->len = json_dumpb(value, NULL, 0, JSON_COMPACT);

    text->data = ngx_pnalloc(r->pool, text->len);
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    (void) json_dumpb(value, (char *) text->data, text->len, JSON_COMPACT);

    return NGX_OK;
}


static ngx_uint_t
af_claim_holds(const ngx_str_t *text, u_char c)
{
    return ngx_strlchr(text->data, text->data + text->len, c) != NULL;
}


static ngx_uint_t
af_claim_is_unsafe(const ngx_str_t *text)
{
    size_t  i;

    for (i = 0; i < text->len; i++) {
        if (text->data[i] < 0x20 || text->data[i] == 0x7f) {
            return 1;
        }
    }

    return 0;
}
