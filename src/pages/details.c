/*
 * The details of audit events in words, and the names of whom they are about.
 */

#include "pages/view.h"
#include "check/uuid.h"


static int af_view_collect(json_t *ids, json_t *value);
static ngx_uint_t af_view_is_account(const char *name);
static char *af_view_change(json_t *details, json_t *texts);
static char *af_view_said(const char *name, json_t *value, json_t *texts,
    json_t *names);
static ngx_uint_t af_view_is_id(json_t *value);
static char *af_view_labelled(const char *name, char *value, json_t *texts);
static char *af_view_value(const char *name, json_t *value, json_t *texts);


/* members whose values are ids of accounts */

static const char *const  af_view_accounts[] = {
    "actor_id", "target_id", "invited_by", NULL
};


json_t *
af_view_ids(json_t *answer)
{
    json_t  *ids;

    ids = json_object();

    if (ids && af_view_collect(ids, answer) != 0) {
        json_decref(ids);
        return NULL;
    }

    return ids;
}


static int
af_view_collect(json_t *ids, json_t *value)
{
    int          rc;
    size_t       i;
    json_t      *one;
    const char  *name;

    rc = 0;

    json_array_foreach(value, i, one) {
        rc |= af_view_collect(ids, one);
    }

    json_object_foreach(value, name, one) {
        if (af_view_is_account(name) && json_is_string(one)) {
            rc |= json_object_set_new(ids, json_string_value(one),
                                      json_true());
        } else {
            rc |= af_view_collect(ids, one);
        }
    }

    return rc;
}


static ngx_uint_t
af_view_is_account(const char *name)
{
    const char *const  *account;

    for (account = af_view_accounts; *account; account++) {
        if (ngx_strcmp(*account, name) == 0) {
            return 1;
        }
    }

    return 0;
}


int
af_view_actor(json_t *event, json_t *added)
{
    json_t  *actor;

    actor = json_object_get(event, "actor_id");

    return json_object_set_new(added, "by_another",
                               json_boolean(json_is_string(actor)
                                      && !json_equal(actor,
                                                     json_object_get(event,
                                                                "target_id"))));
}


int
af_view_name(const char *name, const char *id, json_t *names, json_t *added)
{
    u_char   key[AF_PAGE_KEY_MAX];
    json_t  *known;

    known = json_object_get(names, id);

    if (known == NULL) {
        return 0;
    }

    (void) ngx_snprintf(key, sizeof(key), "%s_name%Z", name);

    return json_object_set(added, (char *) key, known);
}


/* "from → to; phrase; label: value" */

char *
af_view_details(json_t *details, json_t *texts, json_t *names)
{
    char         *text;
    json_t       *value;
    ngx_uint_t    changed;
    const char   *name;
    af_buffer_t   out;

    ngx_memzero(&out, sizeof(af_buffer_t));

    text = af_view_change(details, texts);
    changed = (text != NULL);

    af_buffer_puts(&out, text ? text : "");
    free(text);

    json_object_foreach(details, name, value) {

        if (changed && (ngx_strcmp(name, "from") == 0
                        || ngx_strcmp(name, "to") == 0))
        {
            continue;
        }

        text = af_view_said(name, value, texts, names);

        if (text) {
            af_buffer_puts(&out, out.len ? "; " : "");
            af_buffer_puts(&out, text);
            free(text);
        }
    }

    return out.data;
}


static char *
af_view_change(json_t *details, json_t *texts)
{
    char    *from, *to, *text;
    json_t  *values;

    from = af_view_value("from", json_object_get(details, "from"), texts);
    to = af_view_value("to", json_object_get(details, "to"), texts);
    text = NULL;

    if (from && to) {
        values = json_pack("{sO ss ss}", "t", texts, "from", from, "to", to);
        text = af_view_text(values, "details_change");
        json_decref(values);
    }

    free(from);
    free(to);

    return text;
}


/* ids are for programs, but for those of accounts; NULL: nothing is said */

static char *
af_view_said(const char *name, json_t *value, json_t *texts, json_t *names)
{
    u_char       key[AF_PAGE_KEY_MAX];
    json_t      *said;
    const char  *text;

    if (af_view_is_account(name)) {
        text = json_string_value(json_object_get(names,
                                                 json_string_value(value)));
        return text ? af_view_labelled(name, strdup(text), texts) : NULL;
    }

    if (json_is_null(value) || af_view_is_id(value)) {
        return NULL;
    }

    text = json_is_boolean(value) ? (json_is_true(value) ? "true" : "false")
                                  : json_string_value(value);

    (void) ngx_snprintf(key, sizeof(key), "said_%s_%s%Z", name,
                        text ? text : "");
    key[sizeof(key) - 1] = '\0';

    said = json_object_get(texts, (char *) key);

    if (said) {
        return strdup(json_string_value(said));
    }

    return json_is_boolean(value)
           ? NULL : af_view_labelled(name, af_view_value(name, value, texts),
                                     texts);
}


static ngx_uint_t
af_view_is_id(json_t *value)
{
    u_char  octets[AF_UUID_OCTETS];

    return json_is_string(value)
           && af_uuid_read(json_string_value(value), json_string_length(value),
                           octets)
              == 0;
}


/* takes the value; what there is no word for has its own name */

static char *
af_view_labelled(const char *name, char *value, json_t *texts)
{
    u_char        key[AF_PAGE_KEY_MAX];
    const char   *label;
    af_buffer_t   out;

    (void) ngx_snprintf(key, sizeof(key), "detail_%s%Z", name);
    key[sizeof(key) - 1] = '\0';

    label = json_string_value(json_object_get(texts, (char *) key));

    ngx_memzero(&out, sizeof(af_buffer_t));
    af_buffer_puts(&out, label ? label : name);
    af_buffer_puts(&out, ": ");
    af_buffer_puts(&out, value ? value : "");
    free(value);

    return out.data;
}


/* "a, b"; fields are called as in their forms */

static char *
af_view_value(const char *name, json_t *value, json_t *texts)
{
    size_t        i;
    json_t       *one;
    const char   *text, *field;
    af_buffer_t   out;

    if (json_is_string(value)) {
        return strdup(json_string_value(value));
    }

    if (!json_is_array(value)) {
        return json_dumps(value, JSON_COMPACT|JSON_ENCODE_ANY);
    }

    ngx_memzero(&out, sizeof(af_buffer_t));

    if (json_array_size(value) == 0) {
        text = json_string_value(json_object_get(texts, "details_none"));
        af_buffer_puts(&out, text ? text : "");
    }

    json_array_foreach(value, i, one) {
        text = json_string_value(one);
        field = (ngx_strcmp(name, "fields") == 0)
                ? json_string_value(json_object_get(texts, text)) : NULL;

        af_buffer_puts(&out, i ? ", " : "");
        af_buffer_puts(&out, field ? field : text ? text : "");
    }

    return out.data;
}
