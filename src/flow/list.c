/*
 * What all lists do around their statements.  A list is a route with
 * af_list_steps; a query schema with AF_PAGE_FIELDS, its filters and possibly a
 * "sort", whose type has the fields to sort by, the first of them the default,
 * which become :sort and :descending; and a statement that begins at :position,
 * if that isn't null, or else at :page, with the columns
 *
 *   data     the page's elements, a JSON array; null: none
 *   total    of all elements, counted to AF_LIST_MAX + 1; null with a position
 *   next     the position of the first row after the page; null: none
 *
 * or without a row if there is no such list: 404.
 *
 * A position is text that only the statement understands.  Clients get it in a
 * cursor (token/cursor.h), which is bound to everything that it depends on.
 */

#include "flow/flow.h"
#include "token/cursor.h"


/* what pages can reach, and is counted */
#define AF_LIST_MAX  10000


typedef struct {
    int64_t      page;
    int64_t      size;
    const char  *cursor;       /* NULL: by pages */
    const char  *name;         /* what cursors are bound to */
} af_list_t;


static ngx_int_t af_list_query(af_ctx_t *ctx);
static ngx_int_t af_list_answer(af_ctx_t *ctx);
static ngx_int_t af_list_read(af_ctx_t *ctx, af_list_t *list);
static ngx_int_t af_list_sort(af_ctx_t *ctx);
static ngx_int_t af_list_number(af_ctx_t *ctx, const char *name, int64_t *n);
static const char *af_list_name(af_ctx_t *ctx);
static json_t *af_list_params(af_ctx_t *ctx);
static json_t *af_list_filters(af_ctx_t *ctx);
static ngx_int_t af_list_position(af_ctx_t *ctx, const af_list_t *list);
static ngx_int_t af_list_next(af_ctx_t *ctx, const af_list_t *list,
    char cursor[AF_CURSOR_SIZE]);
static json_t *af_list_json(af_ctx_t *ctx, const af_list_t *list,
    const char *next);
static json_t *af_list_or_null(const af_list_t *list, int64_t n);


const af_step_pt  af_list_steps[] = {
    af_list_query,
    af_list_answer,
    NULL
};


static ngx_int_t
af_list_query(af_ctx_t *ctx)
{
    af_list_t  *list;

    list = ngx_palloc(ctx->request->pool, sizeof(af_list_t));

    if (list == NULL || af_list_read(ctx, list) != NGX_OK) {
        return NGX_ERROR;
    }

    ctx->data = list;

    if (list->cursor && json_object_get(ctx->query, "page")) {
        return af_invalid(ctx, "cursor", "ambiguous",
                          "cannot be given together with page");
    }

    if (list->page * list->size > AF_LIST_MAX) {
        (void) af_schema_error(ctx->errors, "page", "too_deep",
                               "is beyond the first 10000: to go further, "
                               "give each answer's \"next\" as cursor");

        return af_problem(ctx, AF_TOO_DEEP, NULL);
    }

    return (af_list_position(ctx, list) == NGX_OK) ? af_step_query(ctx)
                                                   : NGX_ERROR;
}


static ngx_int_t
af_list_answer(af_ctx_t *ctx)
{
    const char       *data;
    const af_list_t  *list;
    char              next[AF_CURSOR_SIZE];

    list = ctx->data;

    if (!af_found(ctx)) {
        return af_missing(ctx);
    }

    if (af_list_next(ctx, list, next) != NGX_OK) {
        return af_problem(ctx, AF_INTERNAL_ERROR, "a position is too long");
    }

    data = af_column(ctx, "data");

    return af_answer(ctx, af_list_json(ctx, list, next[0] ? next : NULL),
                     "data", data ? data : "[]");
}


static ngx_int_t
af_list_read(af_ctx_t *ctx, af_list_t *list)
{
    if (af_list_sort(ctx) != NGX_OK
        || af_list_number(ctx, "page", &list->page) != NGX_OK
        || af_list_number(ctx, "size", &list->size) != NGX_OK)
    {
        return NGX_ERROR;
    }

    list->cursor = json_string_value(json_object_get(ctx->query, "cursor"));
    list->name = af_list_name(ctx);

    return list->name ? NGX_OK : NGX_ERROR;
}


/* the default order is the same as if it were requested */

static ngx_int_t
af_list_sort(af_ctx_t *ctx)
{
    const char        *sort;
    const af_field_t  *field;

    for (field = ctx->match.route->query->fields; field->name; field++) {

        if (!field->type->order) {
            continue;
        }

        if (json_object_get(ctx->query, field->name) == NULL
            && json_object_set_new(ctx->query, field->name,
                                   json_string(field->type->values[0]))
               != 0)
        {
            return NGX_ERROR;
        }

        sort = json_string_value(json_object_get(ctx->query, field->name));

        af_bind(ctx, "descending", (*sort == '-') ? "true" : "false");
        af_bind(ctx, "sort", (*sort == '-') ? sort + 1 : sort);
    }

    return NGX_OK;
}


static ngx_int_t
af_list_number(af_ctx_t *ctx, const char *name, int64_t *n)
{
    const char  *value;

    if (af_value(ctx, name, &value) != NGX_OK || value == NULL) {
        return NGX_ERROR;
    }

    *n = ngx_atoi((u_char *) value, ngx_strlen(value));

    return NGX_OK;
}


/*
 * Identifies the list, by whichever alias it was requested: unambiguous, as
 * JSON is, and the same from one version of the module to the next.
 */

static const char *
af_list_name(af_ctx_t *ctx)
{
    char        *text;
    json_t      *json;
    const char  *name, *caller;

    caller = ctx->identity ? (const char *) ctx->identity->user_id.data : NULL;

    json = json_pack("[s s? o o]", ctx->match.route->path, caller,
                     af_list_params(ctx), af_list_filters(ctx));

    text = json_dumps(json, JSON_COMPACT|JSON_SORT_KEYS);
    json_decref(json);

    if (text == NULL) {
        return NULL;
    }

    name = af_string(ctx, text, ngx_strlen(text));
    free(text);

    return name;
}


/* of the path, in its order */

static json_t *
af_list_params(af_ctx_t *ctx)
{
    json_t                 *params;
    ngx_uint_t              i;
    const af_path_param_t  *param;

    params = json_array();

    for (i = 0; i < ctx->match.nparams; i++) {
        param = &ctx->match.params[i];

        if (json_array_append_new(params, json_stringn(param->value,
                                                       param->value_len))
            != 0)
        {
            json_decref(params);
            return NULL;
        }
    }

    return params;
}


/* other parameters don't belong to the list */

static json_t *
af_list_filters(af_ctx_t *ctx)
{
    json_t            *filters, *value;
    const af_field_t  *field;

    filters = json_object();

    for (field = ctx->match.route->query->fields; field->name; field++) {
        value = json_object_get(ctx->query, field->name);

        if (value && !(field->flags & AF_PAGING)
            && json_object_set(filters, field->name, value) != 0)
        {
            json_decref(filters);
            return NULL;
        }
    }

    return filters;
}


static ngx_int_t
af_list_position(af_ctx_t *ctx, const af_list_t *list)
{
    char  *position;

    if (list->cursor == NULL) {
        af_bind(ctx, "position", NULL);
        return NGX_OK;
    }

    position = ngx_pnalloc(ctx->request->pool, AF_POSITION_SIZE);
    if (position == NULL) {
        return NGX_ERROR;
    }

    if (!af_cursor_check(&ctx->conf->purpose_keys, list->name, list->cursor,
                         ngx_strlen(list->cursor), position))
    {
        return af_invalid(ctx, "cursor", "format",
                          "is not one of this list in this order, with these "
                          "filters, for this account");
    }

    af_bind(ctx, "position", position);

    return NGX_OK;
}


/* empty if this is the last page */

static ngx_int_t
af_list_next(af_ctx_t *ctx, const af_list_t *list, char cursor[AF_CURSOR_SIZE])
{
    const char  *position;

    position = af_column(ctx, "next");

    if (position == NULL) {
        cursor[0] = '\0';
        return NGX_OK;
    }

    return (af_cursor_make(&ctx->conf->purpose_keys, list->name, position,
                           cursor)
            == 0)
           ? NGX_OK : NGX_ERROR;
}


/* the data is inserted later */

static json_t *
af_list_json(af_ctx_t *ctx, const af_list_t *list, const char *next)
{
    int64_t      total;
    json_t      *capped;
    const char  *count;

    count = af_column(ctx, "total");
    total = count ? ngx_atoi((u_char *) count, ngx_strlen(count)) : 0;
    capped = NULL;

    if (total > AF_LIST_MAX) {
        total = AF_LIST_MAX;
        capped = json_true();
    }

    return json_pack("{sn so so sI so ss? so*}",
                     "data",
                     "total", af_list_or_null(list, total),
                     "page", af_list_or_null(list, list->page),
                     "size", (json_int_t) list->size,
                     "pages", af_list_or_null(list, (total + list->size - 1)
                                                    / list->size),
                     "next", next,
                     "total_capped", capped);
}


/* with a cursor, the number of preceding elements is unknown */

static json_t *
af_list_or_null(const af_list_t *list, int64_t n)
{
    return list->cursor ? json_null() : json_integer(n);
}
