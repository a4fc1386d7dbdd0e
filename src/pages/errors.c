/*
 * What templates get of what went wrong: with the form, and with its fields.
 */

#include "pages/pages.h"
#include "pages/view.h"


static const char *af_page_field(const af_page_state_t *state);
static ngx_int_t af_page_invalid(const af_route_t *route, json_t *data,
    json_t *error, json_t *errors, json_t *problems);
static ngx_uint_t af_page_is_paging(const af_route_t *route,
    const char *name);
static ngx_int_t af_page_error(json_t *data, const char *field,
    const char *code, const char *message, json_t *errors, json_t *problems);
static int af_page_late(json_t *data, const char *template);
static int af_page_wait(ngx_http_request_t *r, json_t *data);


/* problems that are about a field */

static const struct {
    af_problem_id_t   problem;
    const char       *field;
} af_page_fields[] = {
    { AF_EMAIL_TAKEN, "email" },
    { AF_USERNAME_TAKEN, "username" },
    { AF_WRONG_PASSWORD, "current_password" },
    { AF_INVALID_CODE, "code" },
    { AF_WRONG_CODE, "code" },
    { AF_CODES_UNAVAILABLE, "code" },
    { AF_ROLE_TAKEN, "name" },
    { AF_PROBLEM_NONE, NULL }
};


ngx_int_t
af_page_errors(af_ctx_t *ctx, json_t *data)
{
    size_t               i;
    json_t              *errors, *problems, *error;
    ngx_int_t            rc;
    const char          *field;
    af_page_state_t     *state;
    const af_problem_t  *problem;

    state = ctx->page;
    errors = json_object();
    problems = json_array();

    rc = json_object_set_new(data, "errors", errors);
    rc |= json_object_set_new(data, "problems", problems);

    if (rc != 0) {
        return NGX_ERROR;
    }

    if (state->refused == NULL) {
        return NGX_OK;
    }

    problem = &af_problems[state->problem];
    rc = af_page_set_problem(ctx->request, data, problem, problem->detail);

    if (problem->status == 422) {
        json_array_foreach(ctx->errors, i, error) {
            rc |= af_page_invalid(state->refused, data, error, errors,
                                  problems);
        }
    }

    field = af_page_field(state);

    if (field) {
        rc |= af_page_error(data, field, problem->code, problem->detail,
                            errors, problems);
    }

    if (state->late) {
        rc |= af_page_late(data, af_page_of(ctx->match.route)->template);
    }

    return rc == NGX_OK ? NGX_OK : NGX_ERROR;
}


/* that a problem is about, or NULL; codes of both kinds are wrong alike */

static const char *
af_page_field(const af_page_state_t *state)
{
    ngx_uint_t   n;
    const char  *field;

    for (n = 0; af_page_fields[n].field; n++) {
        if (af_page_fields[n].problem == state->problem) {
            break;
        }
    }

    field = af_page_fields[n].field;

    return (field && ngx_strcmp(field, "code") == 0
            && json_object_get(state->typed, "recovery_code"))
           ? "recovery_code" : field;
}


/* nobody has followed a link here: what it was depends on the page */

static int
af_page_late(json_t *data, const char *template)
{
    int      rc;
    char    *text;
    u_char   key[AF_PAGE_KEY_MAX];

    (void) ngx_snprintf(key, sizeof(key), "problem_late_%s%Z", template);

    text = af_view_text(data, (char *) key);
    rc = text ? json_object_set_new(data, "error", json_string(text)) : 0;
    free(text);

    return rc;
}


static ngx_int_t
af_page_invalid(const af_route_t *route, json_t *data, json_t *error,
    json_t *errors, json_t *problems)
{
    int          rc;
    char        *text;
    const char  *field;

    field = json_string_value(json_object_get(error, "field"));

    if (!af_page_is_paging(route, field)) {
        return af_page_error(data, field,
                          json_string_value(json_object_get(error, "code")),
                          json_string_value(json_object_get(error, "message")),
                          errors, problems);
    }

    text = af_view_text(data, "problem_list");
    rc = json_array_append_new(problems,
                               json_pack("{ss}", "text", text ? text : field));
    free(text);

    return rc == 0 ? NGX_OK : NGX_ERROR;
}


/* what a list's links have in their URLs, and no form has */

static ngx_uint_t
af_page_is_paging(const af_route_t *route, const char *name)
{
    const af_field_t  *field;

    for (field = route->query ? route->query->fields : NULL;
         field && field->name;
         field++)
    {
        if (ngx_strcmp(field->name, name) == 0) {
            return (field->flags & AF_PAGING) || field->type->order;
        }
    }

    return 0;
}


/* the most specific text, or else what the API says */

static ngx_int_t
af_page_error(json_t *data, const char *field, const char *code,
    const char *message, json_t *errors, json_t *problems)
{
    int          rc;
    char        *text;
    u_char       key[2 * AF_PAGE_KEY_MAX];
    ngx_uint_t   i;

    (void) ngx_snprintf(key, sizeof(key), "error_%s_%s%Z", field, code);
    text = af_view_text(data, (char *) key);

    for (i = 0; text == NULL && i < 2; i++) {
        (void) ngx_snprintf(key, sizeof(key), "%s_%s%Z",
                            i ? "problem" : "error", code);
        text = af_view_text(data, (char *) key);
    }

    rc = json_object_set_new(errors, field, json_string(text ? text : message));

    rc |= json_array_append_new(problems,
                                json_pack("{ss ss}", "field", field, "text",
                                          text ? text : message));
    free(text);

    return rc == 0 ? NGX_OK : NGX_ERROR;
}


ngx_int_t
af_page_set_problem(ngx_http_request_t *r, json_t *data,
    const af_problem_t *problem, const char *detail)
{
    int      rc;
    char    *text;
    u_char   key[AF_PAGE_KEY_MAX];

    static const ngx_str_t  any_cookie = ngx_string("=");

    rc = af_page_wait(r, data);

    /* a form that nobody could send: its cookie isn't there */

    (void) ngx_snprintf(key, sizeof(key), "problem_%s%Z",
                        (problem == &af_problems[AF_CSRF_REFUSED]
                         && !af_cookies_contain(r, &any_cookie))
                        ? "cookies" : problem->code);

    text = af_view_text(data, (char *) key);

    rc |= json_object_set_new(data, "error",
                              json_string(text ? text : detail));
    free(text);

    rc |= json_object_set_new(data, "code", json_string(problem->code));
    rc |= json_object_set_new(data, "status", json_integer(problem->status));
    rc |= json_object_set_new(data, "has_problem", json_true());

    (void) ngx_snprintf(key, sizeof(key), "is_%ui%Z", problem->status);
    rc |= json_object_set_new(data, (char *) key, json_true());

    return rc == 0 ? NGX_OK : NGX_ERROR;
}


/* how long to wait, if it is said, in words */

static int
af_page_wait(ngx_http_request_t *r, json_t *data)
{
    int               rc;
    char             *text;
    time_t            seconds;
    ngx_uint_t        i;
    const char       *key;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    part = &r->headers_out.headers.part;
    h = part->elts;
    seconds = NGX_ERROR;

    for (i = 0; i < part->nelts; i++) {
        if (h[i].hash && h[i].key.len == sizeof("Retry-After") - 1
            && ngx_strncmp(h[i].key.data, "Retry-After", h[i].key.len) == 0)
        {
            seconds = ngx_atotm(h[i].value.data, h[i].value.len);
        }
    }

    if (seconds == NGX_ERROR) {
        return 0;
    }

    key = (seconds < 5) ? "wait_moment"
          : (seconds < 100) ? "wait_seconds"
          : (seconds < 100 * 60) ? "wait_minutes" : "wait_hours";

    rc = json_object_set_new(data, "retry_after", json_integer(seconds));
    rc |= json_object_set_new(data, "retry_minutes",
                              json_integer((seconds + 59) / 60));
    rc |= json_object_set_new(data, "retry_hours",
                              json_integer((seconds + 3599) / 3600));

    text = af_view_text(data, key);
    rc |= json_object_set_new(data, "retry_text",
                              json_string(text ? text : ""));
    free(text);

    return rc;
}
