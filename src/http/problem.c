#include "http/problem.h"


const af_problem_t  af_problems[] = {

    [AF_PROBLEM_NONE] = { 500, "", "", NULL },

    [AF_INVALID_JSON] = { 400, "invalid_json",
        "The body is not a valid JSON object.", NULL },
    [AF_INVALID_FORM] = { 400, "invalid_form",
        "The body is not a valid form.", NULL },
    [AF_INVALID_QUERY] = { 400, "invalid_query",
        "The query is malformed.", NULL },
    [AF_BODY_INCOMPLETE] = { 400, "body_incomplete",
        "The body could not be read.", NULL },

    [AF_TOKEN_REQUIRED] = { 401, "token_required",
        "An access token is required.", NULL },
    [AF_INVALID_TOKEN] = { 401, "invalid_token",
        "The token is not valid.", "invalid_token" },
    [AF_INVALID_MAIL_TOKEN] = { 400, "invalid_token",
        "The token is unknown, was used, or has expired.", NULL },
    [AF_NOT_YET_VALID_TOKEN] = { 401, "token_not_yet_valid",
        "The token is not valid yet.", "invalid_token" },
    [AF_EXPIRED_TOKEN] = { 401, "token_expired",
        "The token has expired.", "invalid_token" },
    [AF_REVOKED_TOKEN] = { 401, "token_revoked",
        "The token has been revoked.", "invalid_token" },
    [AF_REUSED_TOKEN] = { 401, "token_reused",
        "The token was used before: its session has ended.", "invalid_token" },
    [AF_INSUFFICIENT_SCOPE] = { 403, "forbidden",
        "The token does not allow this.", "insufficient_scope" },
    [AF_INSUFFICIENT_SCOPE_401] = { 401, "forbidden",
        "Another token is required for this.", "insufficient_scope" },
    [AF_REAUTHENTICATION_REQUIRED] = { 401, "reauthentication_required",
        "This requires another proof of who you are.",
        "insufficient_user_authentication" },
    [AF_INVALID_CREDENTIALS] = { 401, "invalid_credentials",
        "The account or the password is wrong.", NULL },
    [AF_MFA_REQUIRED] = { 401, "mfa_required",
        "The password is right, and a second factor is required.", NULL },
    [AF_MFA_ENROLMENT_REQUIRED] = { 401, "mfa_enrolment_required",
        "This account must have a second factor, and log in with it.", NULL },
    [AF_INVALID_CODE] = { 401, "invalid_code",
        "The code is wrong, or was used.", NULL },
    [AF_INVALID_PASSKEY] = { 401, "invalid_passkey",
        "The passkey is not known here, or what it has signed is not valid, "
        "was used, or has expired.", NULL },

    [AF_FORBIDDEN] = { 403, "forbidden",
        "You may not do this.", NULL },
    [AF_CSRF_REFUSED] = { 403, "csrf_refused",
        "This requires an Origin of our own, or X-CSRF-Token.", NULL },
    [AF_ACCOUNT_DISABLED] = { 403, "account_disabled",
        "This account is disabled.", NULL },
    [AF_EMAIL_NOT_VERIFIED] = { 403, "email_not_verified",
        "The address of this account must be verified first.", NULL },
    [AF_CLOSED_REGISTRATION] = { 403, "registration_closed",
        "Nobody can register an account here.", NULL },
    [AF_HTTPS_REQUIRED] = { 403, "https_required",
        "This is served over https only.", NULL },
    [AF_WRONG_PASSWORD] = { 403, "wrong_password",
        "The current password is wrong.", NULL },
    [AF_WRONG_CODE] = { 403, "invalid_code",
        "The code is wrong.", NULL },
    [AF_WRONG_PASSKEY] = { 403, "invalid_passkey",
        "What the passkey has signed is not valid, was used, or has expired.",
        NULL },

    [AF_NOT_FOUND] = { 404, "not_found",
        "There is nothing here.", NULL },
    [AF_METHOD_NOT_ALLOWED] = { 405, "method_not_allowed",
        "The method is not allowed here.", NULL },

    [AF_CONFLICT] = { 409, "conflict",
        "This conflicts with existing data.", NULL },
    [AF_EMAIL_TAKEN] = { 409, "email_taken",
        "There is an account with this address.", NULL },
    [AF_USERNAME_TAKEN] = { 409, "username_taken",
        "There is an account with this username.", NULL },
    [AF_ROLE_TAKEN] = { 409, "role_taken",
        "There is a role with this name, or was until recently.", NULL },
    [AF_NAME_TAKEN] = { 409, "name_taken",
        "There is an organization with this name.", NULL },
    [AF_ALREADY_INVITED] = { 409, "already_invited",
        "This address has an invitation.", NULL },
    [AF_MAIL_OFF] = { 409, "mail_off",
        "No mails are sent from here.", NULL },
    [AF_MFA_OFF] = { 409, "mfa_off",
        "No second factors can be added here.", NULL },
    [AF_PASSKEYS_OFF] = { 409, "passkeys_off",
        "There are no passkeys here.", NULL },
    [AF_PASSKEY_TAKEN] = { 409, "passkey_taken",
        "This passkey is known here already.", NULL },
    [AF_LIMIT_REACHED] = { 409, "limit_reached",
        "The maximum number of these has been reached.", NULL },
    [AF_LAST_WAY_IN] = { 409, "last_way_in",
        "The account has no password, and no other passkey to log in with.",
        NULL },
    [AF_LAST_SUPERUSER] = { 409, "last_superuser",
        "There would be no active superuser left.", NULL },

    [AF_PAYLOAD_TOO_LARGE] = { 413, "payload_too_large",
        "The body is too large.", NULL },
    [AF_UNSUPPORTED_MEDIA_TYPE] = { 415, "unsupported_media_type",
        "The body's media type is not supported here.", NULL },
    [AF_VALIDATION_FAILED] = { 422, "validation_failed",
        "Some fields are invalid.", NULL },
    [AF_TOO_DEEP] = { 422, "too_deep",
        "Pages end here: use cursors to go further.", NULL },
    [AF_TOO_MANY_ATTEMPTS] = { 429, "too_many_attempts",
        "There were too many attempts: try again later.", NULL },
    [AF_TOO_MANY_REQUESTS] = { 429, "too_many_requests",
        "There are too many requests at once: try again in a moment.", NULL },

    [AF_INTERNAL_ERROR] = { 500, "internal_error",
        "Something went wrong.", NULL },
    [AF_UNAVAILABLE] = { 503, "unavailable",
        "The service is temporarily unavailable.", NULL },
    [AF_OVERLOADED] = { 503, "overloaded",
        "The service is temporarily overloaded.", NULL },
    [AF_CODES_UNAVAILABLE] = { 503, "codes_unavailable",
        "Codes of this app can't be checked at the moment.", NULL }
};


static const af_field_t  af_error_fields[] = {
    { "field", &af_type_string, AF_REQUIRED, NULL },
    { "code", &af_type_string, AF_REQUIRED, NULL },
    { "message", &af_type_string, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  af_error_schema = {
    "FieldError", af_error_fields, NULL
};

/* a second factor that is required */

static const af_field_t  af_asked_fields[] = {
    { "id", &af_type_uuid, AF_REQUIRED, NULL },
    { "type", &af_type_string, AF_REQUIRED, NULL },
    { "name", &af_type_string, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  af_asked_schema = {
    "AskedFactor", af_asked_fields, NULL
};

static const af_type_t  af_kinds_type = {
    .name = "kinds of factors", .json = JSON_ARRAY, .max = 10,
    .element = &af_type_string
};

static const af_field_t  af_problem_fields[] = {
    { "type", &af_type_string, AF_REQUIRED, NULL },
    { "title", &af_type_string, AF_REQUIRED, NULL },
    { "status", &af_type_integer, AF_REQUIRED, NULL },
    { "status_code", &af_type_integer, AF_REQUIRED, NULL },
    { "code", &af_type_string, AF_REQUIRED, NULL },
    { "detail", &af_type_string, AF_REQUIRED, NULL },
    { "request_id", &af_type_string, AF_REQUIRED, NULL },
    { "errors", &af_type_array, 0, &af_error_schema },
    { "mfa_token", &af_type_string, 0, NULL },
    { "factors", &af_type_array, 0, &af_asked_schema },
    { "enrolment_token", &af_type_string, 0, NULL },
    { "types", &af_kinds_type, 0, NULL },
    { NULL, NULL, 0, NULL }
};

const af_schema_t  af_problem_schema = {
    "Problem", af_problem_fields, NULL
};


/* status lines of problems, some of which nginx lacks; RFC 9110, section 15 */

static const struct {
    ngx_uint_t  status;
    ngx_str_t   line;
} af_status_lines[] = {
    { 400, ngx_string("400 Bad Request") },
    { 401, ngx_string("401 Unauthorized") },
    { 403, ngx_string("403 Forbidden") },
    { 404, ngx_string("404 Not Found") },
    { 405, ngx_string("405 Method Not Allowed") },
    { 409, ngx_string("409 Conflict") },
    { 413, ngx_string("413 Content Too Large") },
    { 415, ngx_string("415 Unsupported Media Type") },
    { 422, ngx_string("422 Unprocessable Content") },
    { 429, ngx_string("429 Too Many Requests") },
    { 500, ngx_string("500 Internal Server Error") },
    { 503, ngx_string("503 Service Unavailable") },
    { 0, ngx_null_string }
};


af_problem_id_t
af_problem_named(const char *code)
{
    ngx_uint_t  i;

    for (i = AF_PROBLEM_NONE + 1; i < AF_PROBLEMS; i++) {
        if (ngx_strcmp(af_problems[i].code, code) == 0) {
            return i;
        }
    }

    return AF_PROBLEM_NONE;
}


ngx_str_t
af_status_line(ngx_uint_t status)
{
    ngx_uint_t  i;

    for (i = 0; af_status_lines[i].status; i++) {
        if (af_status_lines[i].status == status) {
            break;
        }
    }

    return af_status_lines[i].line;
}


json_t *
af_problem_document(const af_problem_t *problem, const char *detail,
    const ngx_str_t *request_id, json_t *errors)
{
    ngx_str_t  line;

    line = af_status_line(problem->status);

    /* the title follows the number */

    return json_pack("{ss ss si si ss ss ss% sO*}",
                     "type", "about:blank",
                     "title", (char *) line.data + sizeof("400 ") - 1,
                     "status", (int) problem->status,
                     "status_code", (int) problem->status,
                     "code", problem->code,
                     "detail", detail,
                     "request_id", (char *) request_id->data, request_id->len,
                     "errors", errors);
}
