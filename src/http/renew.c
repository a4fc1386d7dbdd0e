#include "http/csrf.h"
#include "http/login.h"
#include "http/renew.h"


static ngx_uint_t af_renew_applies(ngx_http_request_t *r,
    const af_verdict_t *verdict, af_credential_t *credential);
static af_renew_t *af_renew_create(ngx_http_request_t *r,
    const af_credential_t *credential, af_resume_pt resume);
static void af_renew_cancel(void *data);
static ngx_int_t af_renew_wait(af_renew_t *renew);
static ngx_int_t af_renew_use(af_renew_t *renew);
static ngx_int_t af_renew_refused(af_renew_t *renew, af_verdict_t *verdict);
static ngx_int_t af_renew_header_filter(ngx_http_request_t *r);
static void af_renew_clear_header(ngx_http_request_t *r, const ngx_str_t *name);


static ngx_http_output_header_filter_pt  af_renew_next_filter;


/* sites are for browsers; an API's clients may rely on a 401 */

void
af_renew_merge(ngx_http_autoflow_loc_conf_t *conf)
{
    if (conf->cookies == NULL) {
        return;
    }

    conf->renew = (conf->cookies->renew == AF_RENEW_ON
                   || (conf->cookies->renew == AF_RENEW_UNSET && conf->login));
}


ngx_int_t
af_renew(ngx_http_request_t *r, af_protected_t by, af_verdict_t *verdict,
    af_resume_pt resume)
{
    ngx_int_t                 rc;
    af_renew_t               *renew;
    af_credential_t           credential;
    ngx_http_autoflow_ctx_t  *ctx;

    ctx = af_request_ctx(r);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    if (ctx->renew) {
        return ctx->renew->waiting ? NGX_AGAIN
                                   : af_renew_refused(ctx->renew, verdict);
    }

    if (!af_renew_applies(r, verdict, &credential)) {
        return NGX_DECLINED;
    }

    renew = af_renew_create(r, &credential, resume);
    if (renew == NULL) {
        return NGX_ERROR;
    }

    ctx->renew = renew;
    rc = af_main_conf(r)->renew(renew);

    if (rc == NGX_AGAIN) {
        return af_renew_wait(renew);
    }

    if (rc != NGX_OK || af_renew_use(renew) != NGX_OK) {
        return NGX_ERROR;
    }

    if (renew->problem != AF_PROBLEM_NONE) {
        return af_renew_refused(renew, verdict);
    }

    return af_require_judge(r, by, verdict);
}


/*
 * Signing in would help: so does this.  But nothing is renewed for another
 * site's page; nor a second time, if the new token isn't good enough.
 */

static ngx_uint_t
af_renew_applies(ngx_http_request_t *r, const af_verdict_t *verdict,
    af_credential_t *credential)
{
    ngx_str_t                            session_id;
    const ngx_http_autoflow_ctx_t       *main;
    const ngx_http_autoflow_loc_conf_t  *alcf;

    alcf = af_loc_conf(r);
    main = af_request_find_ctx(r->main);

    if (!alcf->renew || alcf->token || af_main_conf(r)->renew == NULL
        || af_srv_conf(r)->signer == NULL || !af_login_helps(verdict)
        || (main && main->renewed.len))
    {
        return 0;
    }

    af_refresh_credential(r, NULL, credential);

    if (credential->source != AF_SOURCE_COOKIE
        || credential->form != AF_REFRESH_NUMBERED)
    {
        return 0;
    }

    session_id.data = (u_char *) credential->refresh.session_id;
    session_id.len = AF_UUID_SIZE - 1;

    return af_csrf_passes(r, &session_id);
}


static af_renew_t *
af_renew_create(ngx_http_request_t *r, const af_credential_t *credential,
    af_resume_pt resume)
{
    af_renew_t          *renew;
    ngx_http_cleanup_t  *cln;

    renew = ngx_pcalloc(r->pool, sizeof(af_renew_t));
    cln = ngx_http_cleanup_add(r, 0);

    if (renew == NULL || cln == NULL) {
        return NULL;
    }

    cln->handler = af_renew_cancel;
    cln->data = renew;

    renew->request = r;
    renew->resume = resume;
    renew->token = credential->refresh;

    return renew;
}


static void
af_renew_cancel(void *data)
{
    af_renew_t *renew = data;

    if (renew->waiting) {
        renew->waiting = 0;
        ngx_queue_remove(&renew->queue);
    }
}


/* as in ngx_http_limit_req_module: a body is not read yet */

static ngx_int_t
af_renew_wait(af_renew_t *renew)
{
    ngx_event_t         *rev;
    ngx_http_request_t  *r;

    r = renew->request;
    rev = r->connection->read;

    renew->asked = af_microseconds();

    /* detects clients that disconnect; without it, we just go on */

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    if (rev->ready) {
        ngx_post_event(rev, &ngx_posted_events);

    } else {
        (void) ngx_handle_read_event(rev, 0);
    }

    return NGX_AGAIN;
}


void
af_renew_done(af_renew_t *renew)
{
    ngx_connection_t         *c;
    ngx_http_request_t       *r;
    ngx_http_autoflow_ctx_t  *ctx;

    r = renew->request;
    c = r->connection;

    renew->waiting = 0;

    ngx_http_set_log_request(c->log, r);

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, c->log, 0,
                   "autoflow: renewed: problem %d", renew->problem);

    if (af_renew_use(renew) != NGX_OK) {
        renew->problem = AF_INTERNAL_ERROR;
    }

    ctx = af_request_ctx(r);

    if (ctx) {
        ctx->db_time += af_microseconds() - renew->asked;
    }

    r->read_event_handler = ngx_http_block_reading;

    renew->resume(r);

    ngx_http_run_posted_requests(c);
}


/* from now on the new token is the request's, and that of its subrequests */

static ngx_int_t
af_renew_use(af_renew_t *renew)
{
    ngx_http_request_t       *r;
    ngx_http_autoflow_ctx_t  *ctx, *main;

    r = renew->request;

    if (renew->problem != AF_PROBLEM_NONE) {
        return NGX_OK;
    }

    ctx = af_request_ctx(r);
    main = af_request_ctx(r->main);

    if (ctx == NULL || main == NULL) {
        return NGX_ERROR;
    }

    main->renewed = renew->access;
    main->identity = NULL;
    ctx->identity = NULL;

    return af_cookies_renew(r, &renew->access);
}


static ngx_int_t
af_renew_refused(af_renew_t *renew, af_verdict_t *verdict)
{
    u_char              *text;
    ngx_http_request_t  *r;

    r = renew->request;

    if (renew->problem == AF_PROBLEM_NONE
        || af_problems[renew->problem].status == NGX_HTTP_UNAUTHORIZED)
    {
        return NGX_DECLINED;
    }

    verdict->problem = renew->problem;
    verdict->status = AF_TOKEN_UNAVAILABLE;

    if (renew->retry_after) {
        text = ngx_pnalloc(r->pool, NGX_INT_T_LEN);

        if (text == NULL
            || af_set_header(r, "Retry-After", text,
                             ngx_sprintf(text, "%ui", renew->retry_after)
                             - text, NULL)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        renew->retry_after = 0;
    }

    return NGX_DECLINED;
}


void
af_renew_filter_add(void)
{
    af_renew_next_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = af_renew_header_filter;
}


/*
 * The response has a cookie for one client alone, whatever it is.  Caches that
 * have a header of their own don't look at Cache-Control (RFC 9213).
 */

static ngx_int_t
af_renew_header_filter(ngx_http_request_t *r)
{
    const ngx_str_t          *name;
    ngx_http_autoflow_ctx_t  *ctx;

    static const ngx_str_t  caching[] = {
        ngx_string("Cache-Control"), ngx_string("Expires"),
        ngx_string("CDN-Cache-Control"),
        ngx_string("Cloudflare-CDN-Cache-Control"),
        ngx_string("Surrogate-Control"), ngx_string("X-Accel-Expires"),
        ngx_null_string
    };

    static u_char  private[] = "private, no-store";

    ctx = (r == r->main) ? af_request_find_ctx(r) : NULL;

    if (ctx && ctx->renewed.len) {
        for (name = caching; name->len; name++) {
            af_renew_clear_header(r, name);
        }

        if (af_set_header(r, "Cache-Control", private, sizeof(private) - 1,
                          NULL)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return af_renew_next_filter(r);
}


static void
af_renew_clear_header(ngx_http_request_t *r, const ngx_str_t *name)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (part = &r->headers_out.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].key.len == name->len
                && ngx_strncasecmp(h[i].key.data, name->data, name->len) == 0)
            {
                h[i].hash = 0;
            }
        }
    }
}
