/*
 * Who has given the password not long ago: a cookie says when, with a MAC that
 * binds it to the session.  Other pages of the host may be able to send forms
 * like ours, but not to find out the password.
 */

#include "pages/pages.h"
#include "http/csrf.h"


/* for so many seconds nobody is asked again */
#define AF_FRESH  600

/* "TIME.MAC", and what the MAC is of: "SESSION TIME" */
#define AF_FRESH_SIZE   (NGX_TIME_T_LEN + AF_CSRF_SIZE)
#define AF_FRESH_SUBJECT  (AF_UUID_SIZE + NGX_TIME_T_LEN + 1)


static ngx_uint_t af_page_fresh_since(const af_ctx_t *ctx,
    const ngx_str_t *value);
static void af_page_fresh_subject(u_char text[AF_FRESH_SUBJECT],
    ngx_str_t *subject, const char *session_id, time_t since);


ngx_uint_t
af_page_is_fresh(const af_ctx_t *ctx)
{
    ngx_str_t   values[AF_COOKIE_VALUES];
    ngx_uint_t  i, n;

    n = af_cookie(ctx->request, AF_COOKIE_FRESH, values);

    for (i = 0; i < n; i++) {
        if (af_page_fresh_since(ctx, &values[i])) {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
af_page_fresh_since(const af_ctx_t *ctx, const ngx_str_t *value)
{
    u_char     *dot, text[AF_FRESH_SUBJECT];
    time_t      since;
    ngx_str_t   subject, mac;

    dot = ngx_strlchr(value->data, value->data + value->len, '.');
    since = dot ? ngx_atotm(value->data, dot - value->data) : NGX_ERROR;

    if (since == NGX_ERROR || since > ngx_time()
        || ngx_time() - since >= AF_FRESH)
    {
        return 0;
    }

    mac.data = dot + 1;
    mac.len = value->data + value->len - mac.data;

    af_page_fresh_subject(text, &subject,
                          (char *) ctx->identity->session_id.data, since);

    return af_csrf_check(&ctx->conf->purpose_keys, subject.data, subject.len,
                         (char *) mac.data, mac.len);
}


ngx_int_t
af_page_refresh(af_ctx_t *ctx, const char *session_id)
{
    char       mac[AF_CSRF_SIZE];
    u_char     text[AF_FRESH_SUBJECT], cookie[AF_FRESH_SIZE];
    time_t     now;
    ngx_str_t  subject, value;

    now = ngx_time();

    af_page_fresh_subject(text, &subject, session_id, now);
    af_csrf_token(ctx->request, &subject, mac);

    value.data = cookie;
    value.len = ngx_snprintf(cookie, sizeof(cookie), "%T.%s", now, mac)
                - cookie;

    return af_cookies_set_page(ctx->request, AF_COOKIE_FRESH, &value, AF_FRESH);
}


/* no session is called so: it is no CSRF token */

static void
af_page_fresh_subject(u_char text[AF_FRESH_SUBJECT], ngx_str_t *subject,
    const char *session_id, time_t since)
{
    subject->data = text;
    subject->len = ngx_snprintf(text, AF_FRESH_SUBJECT, "%s %T", session_id,
                                since)
                   - text;
}
