#include "pages/view.h"
#include "check/device.h"
#include "check/wipe.h"


/* the highest page's last row that is counted: see flow/list.c */
#define AF_VIEW_MAX  10000

#define AF_VIEW_NAME  64


static int af_view_object(json_t *object, json_t *texts, json_t *names);
static int af_view_member(const char *name, json_t *value, json_t *texts,
    json_t *names, json_t *added);
static int af_view_set(json_t *added, const char *name, char *text);
static ngx_uint_t af_view_is_time(const char *s);
static char *af_view_time(const char *s, json_t *texts);
static const char *af_view_month(json_t *texts, ngx_uint_t n, char *month,
    size_t size);
static int af_view_device(const char *user_agent, json_t *texts,
    json_t *added);
static int af_view_event(const char *action, json_t *texts, json_t *added);
static char *af_view_list(json_t *list);
static ngx_uint_t af_view_is_list(json_t *value);
static int af_view_page(json_t *answer, json_t *args, const char *name,
    const char *param, json_t *value);
static void af_view_escape(af_buffer_t *out, const char *s);


/* of a list's page, but not of the list */

static const char *const  af_view_not_filters[] = {
    "done", "kept", "lang", "return", "token", NULL
};


char *
af_view_text(json_t *data, const char *key)
{
    u_char          text[AF_VIEW_NAME + sizeof("{{t.}}")], *last;
    size_t          line;
    const char     *error;
    af_buffer_t     out;
    af_template_t   template;

    if (ngx_strlen(key) > AF_VIEW_NAME
        || !json_is_string(json_object_get(json_object_get(data, "t"), key)))
    {
        return NULL;
    }

    last = ngx_sprintf(text, "{{t.%s}}", key);

    if (af_template_parse(&template, (char *) text, last - text, &error, &line)
        != 0)
    {
        return NULL;
    }

    ngx_memzero(&out, sizeof(af_buffer_t));
    af_buffer_puts(&out, "");

    af_template_render(AF_TEMPLATE_TEXT, &template, data, &out);
    af_template_free(&template);

    if (out.failed) {
        af_buffer_free(&out);
    }

    return out.data;
}


int
af_view_add(json_t *answer, json_t *texts, json_t *names)
{
    size_t       i;
    json_t      *value;
    const char  *name;

    if (json_is_array(answer)) {

        json_array_foreach(answer, i, value) {
            if (af_view_add(value, texts, names) != 0) {
                return -1;
            }
        }

        return 0;
    }

    /* what details have is said with them */

    json_object_foreach(answer, name, value) {
        if (ngx_strcmp(name, "details") != 0
            && af_view_add(value, texts, names) != 0)
        {
            return -1;
        }
    }

    return json_is_object(answer) ? af_view_object(answer, texts, names) : 0;
}


static int
af_view_object(json_t *object, json_t *texts, json_t *names)
{
    int          rc;
    json_t      *value, *added;
    const char  *name;

    added = json_object();
    rc = added ? 0 : -1;

    json_object_foreach(object, name, value) {
        rc = rc ? rc : af_view_member(name, value, texts, names, added);
    }

    if (json_object_get(object, "actor_id")) {
        rc = rc ? rc : af_view_actor(object, added);
    }

    rc = rc ? rc : json_object_update(object, added);
    json_decref(added);

    return rc;
}


static int
af_view_member(const char *name, json_t *value, json_t *texts, json_t *names,
    json_t *added)
{
    u_char       text[AF_VIEW_NAME];
    const char  *s;

    s = json_string_value(value);

    if (s && af_view_is_time(s)) {
        (void) ngx_snprintf(text, sizeof(text), "%s_text%Z", name);

        return af_view_set(added, (char *) text, af_view_time(s, texts));
    }

    if (ngx_strcmp(name, "device_info") == 0
        || ngx_strcmp(name, "user_agent") == 0)
    {
        return af_view_device(s ? s : "", texts, added);
    }

    if (s && ngx_strcmp(name, "action") == 0) {
        return af_view_event(s, texts, added);
    }

    if (ngx_strcmp(name, "recovery_codes") == 0 && af_view_is_list(value)) {
        return af_view_set(added, "recovery_codes_url", af_view_codes(value));
    }

    if (s && ngx_strcmp(name, "qr") == 0) {
        return af_view_set(added, "qr_url", af_view_url("image/svg+xml", s));
    }

    if (s && ngx_strcmp(name, "secret") == 0) {
        return af_view_set(added, "secret_text", af_view_groups(s));
    }

    if (s && ngx_strcmp(name, "type") == 0) {
        (void) ngx_snprintf(text, sizeof(text), "is_%s%Z", s);

        return json_object_set_new(added, (char *) text, json_true());
    }

    if (ngx_strcmp(name, "roles") == 0 && af_view_is_list(value)) {
        return af_view_set(added, "roles_text", af_view_list(value));
    }

    if (ngx_strcmp(name, "details") == 0) {
        return af_view_set(added, "details_text",
                           af_view_details(value, texts, names));
    }

    return s ? af_view_name(name, s, names, added) : 0;
}


/* takes the text */

static int
af_view_set(json_t *added, const char *name, char *text)
{
    int  rc;

    rc = json_object_set_new(added, name, json_string(text));
    af_wipe_free(text);

    return rc;
}


/* as SQL's rfc3339() writes it */

static ngx_uint_t
af_view_is_time(const char *s)
{
    ngx_uint_t  i;

    static const char  shape[] = "dddd-dd-ddTdd:dd:dd";

    for (i = 0; shape[i]; i++) {
        if (shape[i] == 'd' ? (s[i] < '0' || s[i] > '9') : s[i] != shape[i]) {
            return 0;
        }
    }

    return ngx_strchr(s, 'Z') != NULL;
}


static char *
af_view_time(const char *s, json_t *texts)
{
    char    *text, month[AF_VIEW_NAME];
    json_t  *values;

    values = json_pack("{sO si ss ss# ss#}",
                       "t", texts,
                       "day", (s[8] - '0') * 10 + s[9] - '0',
                       "month", af_view_month(texts, (s[5] - '0') * 10
                                                     + s[6] - '0',
                                              month, sizeof(month)),
                       "year", s, 4,
                       "time", s + 11, 5);

    text = af_view_text(values, "time_format");
    json_decref(values);

    return text ? text : strdup(s);
}


/* the n-th word of the text "months" */

static const char *
af_view_month(json_t *texts, ngx_uint_t n, char *month, size_t size)
{
    size_t       len;
    const char  *s;

    s = json_string_value(json_object_get(texts, "months"));
    s = s ? s : "";

    while (--n > 0 && *s) {
        s += strcspn(s, " ");
        s += strspn(s, " ");
    }

    len = strcspn(s, " ");
    len = ngx_min(len, size - 1);

    (void) ngx_cpystrn((u_char *) month, (u_char *) s, len + 1);

    return month;
}


static int
af_view_device(const char *user_agent, json_t *texts, json_t *added)
{
    int           rc;
    char         *text;
    json_t       *values;
    const char   *key;
    af_device_t   device;

    af_device(user_agent, &device);

    key = (device.browser && device.system) ? "device_on"
          : (device.browser || device.system) ? "device_only"
          : "device_unknown";

    values = json_pack("{sO ss ss ss}",
                       "t", texts,
                       "browser", device.browser ? device.browser : "",
                       "system", device.system ? device.system : "",
                       "device", device.browser ? device.browser
                                 : device.system ? device.system : "");

    text = af_view_text(values, key);
    json_decref(values);

    rc = af_view_set(added, "device", text ? text : strdup(""));

    return rc ? rc : json_object_set_new(added, "device_kind",
                                         json_string(device.kind));
}


/* one that a later version of the schema has remains as it is */

static int
af_view_event(const char *action, json_t *texts, json_t *added)
{
    u_char   key[AF_PAGE_KEY_MAX];
    json_t  *text;

    (void) ngx_snprintf(key, sizeof(key), "event_%s%Z", action);
    key[sizeof(key) - 1] = '\0';

    text = json_object_get(texts, (char *) key);

    return json_object_set_new(added, "action_text",
                               text ? json_incref(text) : json_string(action));
}


/* "a, b" */

static char *
af_view_list(json_t *list)
{
    size_t        i;
    json_t       *one;
    af_buffer_t   out;

    ngx_memzero(&out, sizeof(af_buffer_t));
    af_buffer_puts(&out, "");

    json_array_foreach(list, i, one) {
        af_buffer_puts(&out, i ? ", " : "");
        af_buffer_puts(&out, json_string_value(one));
    }

    return out.data;
}


static ngx_uint_t
af_view_is_list(json_t *value)
{
    return json_is_array(value)
           && (json_array_size(value) == 0
               || json_is_string(json_array_get(value, 0)));
}


int
af_view_paging(json_t *answer, json_t *args)
{
    json_t  *page, *next, *later, *earlier;

    page = json_object_get(answer, "page");
    next = json_object_get(answer, "next");

    later = earlier = NULL;

    if (json_integer_value(page) > 1) {
        earlier = json_integer(json_integer_value(page) - 1);
    }

    if (json_is_string(next) && json_is_integer(page)
        && (json_integer_value(page) + 1)
           * json_integer_value(json_object_get(answer, "size"))
           <= AF_VIEW_MAX)
    {
        later = json_integer(json_integer_value(page) + 1);
    }

    if (af_view_page(answer, args, "prev_query", "page", earlier) != 0
        || af_view_page(answer, args, "next_query", later ? "page" : "cursor",
                        later ? later : json_incref(next)) != 0)
    {
        return -1;
    }

    /* the name of the page has another meaning in templates */

    if (page && json_object_set(answer, "page_number", page) != 0) {
        return -1;
    }

    return json_object_del(answer, "page");
}


/* takes the parameter's value, which may be null */

static int
af_view_page(json_t *answer, json_t *args, const char *name,
    const char *param, json_t *value)
{
    int     rc;
    char   *query;
    json_t *all;
    u_char  number[NGX_INT64_LEN + 1];

    if (value == NULL || json_is_null(value)) {
        json_decref(value);
        return json_object_set_new(answer, name, json_string(""));
    }

    if (json_is_integer(value)) {
        ngx_sprintf(number, "%L%Z", (int64_t) json_integer_value(value));
        json_decref(value);
        value = json_string((char *) number);
    }

    all = json_copy(args);

    json_object_del(all, "page");
    json_object_del(all, "cursor");
    rc = json_object_set_new(all, param, value);

    query = af_view_query(all, af_view_not_filters);
    json_decref(all);

    return (rc == 0 && query) ? af_view_set(answer, name, query) : -1;
}


char *
af_view_query(json_t *args, const char *const *without)
{
    json_t             *value;
    const char         *name;
    af_buffer_t         out;
    const char *const  *left_out;

    ngx_memzero(&out, sizeof(af_buffer_t));
    af_buffer_puts(&out, "");

    json_object_foreach(args, name, value) {

        for (left_out = without; *left_out; left_out++) {
            if (ngx_strcmp(*left_out, name) == 0) {
                break;
            }
        }

        if (*left_out || !json_is_string(value)
            || json_string_length(value) == 0)
        {
            continue;
        }

        af_buffer_puts(&out, out.len ? "&" : "?");
        af_view_escape(&out, name);
        af_buffer_puts(&out, "=");
        af_view_escape(&out, json_string_value(value));
    }

    return out.data;
}


static void
af_view_escape(af_buffer_t *out, const char *s)
{
    u_char  escaped[3];

    static const char  digits[] = "0123456789ABCDEF";

    for ( /* void */ ; *s; s++) {

        if (isalnum((u_char) *s) || ngx_strchr("-._~", *s)) {
            af_buffer_add(out, s, 1);
            continue;
        }

        escaped[0] = '%';
        escaped[1] = digits[(u_char) *s >> 4];
        escaped[2] = digits[*s & 0xf];

        af_buffer_add(out, (char *) escaped, 3);
    }
}
