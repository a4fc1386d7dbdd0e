/*
 * What people get of factors that programs get as JSON.
 */

#include "pages/view.h"

#include <sodium.h>


#define AF_VIEW_BASE64  sodium_base64_VARIANT_ORIGINAL

/* how many characters of a secret are read at once */
#define AF_VIEW_GROUP  4


char *
af_view_url(const char *type, const char *text)
{
    char    *url;
    size_t   len, size;

    len = ngx_strlen(text);
    size = sizeof("data:;base64,") + ngx_strlen(type);

    url = malloc(size + sodium_base64_encoded_len(len, AF_VIEW_BASE64));
    if (url == NULL) {
        return NULL;
    }

    (void) ngx_sprintf((u_char *) url, "data:%s;base64,%Z", type);

    (void) sodium_bin2base64(url + size - 1,
                             sodium_base64_encoded_len(len, AF_VIEW_BASE64),
                             (u_char *) text, len, AF_VIEW_BASE64);

    return url;
}


char *
af_view_codes(json_t *codes)
{
    char         *url;
    size_t        i;
    json_t       *code;
    af_buffer_t   text;

    ngx_memzero(&text, sizeof(af_buffer_t));
    af_buffer_puts(&text, "");

    json_array_foreach(codes, i, code) {
        af_buffer_puts(&text, json_string_value(code));
        af_buffer_puts(&text, "\r\n");
    }

    url = text.failed ? NULL : af_view_url("text/plain", text.data);
    af_buffer_free(&text);

    return url;
}


char *
af_view_groups(const char *secret)
{
    af_buffer_t  groups;

    ngx_memzero(&groups, sizeof(af_buffer_t));
    af_buffer_puts(&groups, "");

    for ( /* void */ ; ngx_strlen(secret) > AF_VIEW_GROUP;
          secret += AF_VIEW_GROUP)
    {
        af_buffer_add(&groups, secret, AF_VIEW_GROUP);
        af_buffer_puts(&groups, " ");
    }

    af_buffer_puts(&groups, secret);

    if (groups.failed) {
        af_buffer_free(&groups);
    }

    return groups.data;
}
