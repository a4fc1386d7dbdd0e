/*
 * The languages of pages, and of the mails that a page may choose.
 */

#include "pages/pages.h"
#include "pages/view.h"
#include "check/language.h"
#include "http/cookies.h"
#include "mail/outbox.h"


/* seconds for which a browser keeps what was chosen */
#define AF_PAGE_CHOSEN  (365 * 24 * 60 * 60)


static const af_page_file_t *af_page_wanted(ngx_http_request_t *r);
static const af_page_file_t *af_page_chosen(ngx_http_request_t *r);
static ngx_int_t af_page_accept(ngx_http_request_t *r,
    const ngx_str_t *language);
static json_t *af_page_tongue(const af_pages_t *pages, const char *name);
static json_t *af_page_args(af_ctx_t *ctx);


const af_page_file_t *
af_page_language(ngx_http_request_t *r, const af_pages_t *pages)
{
    unsigned           weight, best;
    ngx_uint_t         i;
    ngx_array_t       *languages;
    af_page_file_t    *file, *found;
    ngx_table_elt_t   *h;

    languages = pages->files[AF_PAGES_TEXTS];
    file = languages->elts;

    found = af_pages_file(pages, AF_PAGES_TEXTS, "en", 2);
    h = af_header_in(r, "accept-language", 0);

    if (h == NULL) {
        return found;
    }

    best = af_language_weight((char *) h->value.data, h->value.len, "en", 2);

    for (i = 0; i < languages->nelts; i++) {
        weight = af_language_weight((char *) h->value.data, h->value.len,
                                    (char *) file[i].name.data,
                                    file[i].name.len);
        if (weight > best) {
            best = weight;
            found = &file[i];
        }
    }

    return found;
}


/*
 * What was chosen by a link is what the browser accepts from now on: also for
 * mails, and for the account.
 */

ngx_int_t
af_page_choose_language(ngx_http_request_t *r)
{
    const af_page_file_t  *file;

    file = af_page_wanted(r);

    if (file && af_cookies_set_one(r, AF_COOKIE_LANGUAGE, &file->name,
                                   AF_PAGE_CHOSEN)
                != NGX_OK)
    {
        return NGX_ERROR;
    }

    file = file ? file : af_page_chosen(r);

    return file ? af_page_accept(r, &file->name) : NGX_OK;
}


static const af_page_file_t *
af_page_wanted(ngx_http_request_t *r)
{
    ngx_str_t  value;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))
        || ngx_http_arg(r, (u_char *) "lang", sizeof("lang") - 1, &value)
           != NGX_OK)
    {
        return NULL;
    }

    return af_pages_file(af_loc_conf(r)->pages, AF_PAGES_TEXTS,
                         (char *) value.data, value.len);
}


static const af_page_file_t *
af_page_chosen(ngx_http_request_t *r)
{
    ngx_str_t  values[AF_COOKIE_VALUES];

    if (af_cookie(r, AF_COOKIE_LANGUAGE, values) == 0) {
        return NULL;
    }

    return af_pages_file(af_loc_conf(r)->pages, AF_PAGES_TEXTS,
                         (char *) values[0].data, values[0].len);
}


static ngx_int_t
af_page_accept(ngx_http_request_t *r, const ngx_str_t *language)
{
    ngx_table_elt_t  *h;

    h = af_header_in(r, "accept-language", 0);

    if (h == NULL) {
        h = ngx_list_push(&r->headers_in.headers);
        if (h == NULL) {
            return NGX_ERROR;
        }

        ngx_memzero(h, sizeof(ngx_table_elt_t));
        h->hash = 1;
        ngx_str_set(&h->key, "Accept-Language");
        h->lowcase_key = (u_char *) "accept-language";
    }

    h->value = *language;

    return NGX_OK;
}


/* links to this page in the others that there are; to what a form is answered
   with there are none, as it may be shown only once */

ngx_int_t
af_page_languages(af_ctx_t *ctx, json_t *data)
{
    int                    rc;
    char                  *place;
    json_t                *args, *links, *link;
    ngx_uint_t             i;
    const af_route_t      *form;
    const af_pages_t      *pages;
    const af_page_file_t  *file, *current;

    pages = af_loc_conf(ctx->request)->pages;
    current = af_page_language(ctx->request, pages);
    file = pages->files[AF_PAGES_TEXTS]->elts;

    form = (ctx->match.route->method == NGX_HTTP_GET)
           ? af_pages_form(af_page_of(ctx->match.route)) : NULL;
    place = form ? af_page_url(ctx, af_page_of(form)->path) : NULL;
    args = af_page_args(ctx);
    links = json_array();
    rc = json_object_set_new(data, "languages", links);

    for (i = 0; place && i < pages->files[AF_PAGES_TEXTS]->nelts; i++) {

        if (&file[i] == current) {
            continue;
        }

        link = af_page_tongue(pages, (char *) file[i].name.data);

        rc |= json_object_set(args, "lang", json_object_get(link, "name"));
        rc |= json_object_set_new(link, "href",
                               json_string(af_page_with(ctx, place, args)));
        rc |= json_array_append_new(links, link);
    }

    json_decref(args);

    return rc == 0 ? NGX_OK : NGX_ERROR;
}


/* what the page was asked for, or what its form has of that */

static json_t *
af_page_args(af_ctx_t *ctx)
{
    json_t                 *args;
    ngx_uint_t              i;
    const char             *value;
    const af_page_state_t  *state;

    static const char *const  kept[] = { "return", "token", NULL };

    state = ctx->page;

    if (state->refused == NULL
        || state->refused->method == NGX_HTTP_GET)
    {
        args = json_copy(state->args);
        (void) json_object_del(args, "done");
        return args;
    }

    args = json_object();

    for (i = 0; kept[i]; i++) {
        value = af_page_sent(ctx, kept[i]);

        if (value) {
            (void) json_object_set_new(args, kept[i], json_string(value));
        }
    }

    return args;
}


/* as it calls itself, unless its texts don't say */

static json_t *
af_page_tongue(const af_pages_t *pages, const char *name)
{
    json_t                *text;
    const af_page_file_t  *file, *english;

    static const char  key[] = "language_name";

    english = af_pages_file(pages, AF_PAGES_TEXTS, "en", 2);
    file = af_pages_file(pages, AF_PAGES_TEXTS, name, ngx_strlen(name));
    text = file ? json_object_get(file->texts, key) : NULL;

    if (text == NULL
        || (file != english
            && json_equal(text, json_object_get(english->texts, key))))
    {
        return json_pack("{ss ss}", "name", name, "text", name);
    }

    return json_pack("{ss sO}", "name", name, "text", text);
}


/* that mails are written in: that of the page, or what was chosen */

ngx_int_t
af_page_mail_languages(af_ctx_t *ctx)
{
    int                       rc;
    size_t                    i;
    json_t                   *all, *one;
    const char               *name, *chosen;
    const af_pages_t         *pages;
    af_page_state_t          *state;
    const af_compose_conf_t  *conf;

    state = ctx->page;
    pages = af_loc_conf(ctx->request)->pages;

    if (ctx->conf->mail_conf == NULL) {
        return NGX_OK;
    }

    conf = &ctx->conf->mail_conf->compose;

    chosen = json_string_value(json_object_get(state->typed, "language"));
    chosen = chosen ? chosen
             : (char *) af_page_language(ctx->request, pages)->name.data;

    all = json_array();
    rc = json_object_set_new(state->data, "mail_languages", all);

    for (i = 0; i < conf->nlanguages; i++) {
        name = conf->languages[i].name;

        if (*name) {
            one = af_page_tongue(pages, name);
            rc |= json_object_set_new(one, "chosen",
                                  json_boolean(ngx_strcmp(name, chosen) == 0));
            rc |= json_array_append_new(all, one);
        }
    }

    rc |= json_object_set_new(state->data, "mail_languages_many",
                              json_boolean(json_array_size(all) > 1));

    return rc == 0 ? NGX_OK : NGX_ERROR;
}
