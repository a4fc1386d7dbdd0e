/*
 * The types of values: the field rules.  Strings have been checked to be valid
 * UTF-8 without zeros.
 */

#include <string.h>
#include <strings.h>
#include <unictype.h>

#include "check/schema.h"
#include "check/email.h"
#include "check/input.h"


#define AF_LOWER      "abcdefghijklmnopqrstuvwxyz"
#define AF_UPPER      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define AF_DIGITS     "0123456789"
#define AF_ALNUM      AF_LOWER AF_UPPER AF_DIGITS


static const char *af_username_check(const char *s, size_t len);
static const char *af_role_check(const char *s, size_t len);
static const char *af_language_check(const char *s, size_t len);
static const char *af_name_check(const char *s, size_t len);
static const char *af_text_check(const char *s, size_t len);
static int af_has_control(const char *s, size_t len, const char *allowed);
static long af_spaces(const char *s, size_t len);
static const char *af_uuid_check(const char *s, size_t len);
static const char *af_time_check(const char *s, size_t len);
static const char *af_date_check(const char *s, size_t len);
static const char *af_url_check(const char *s, size_t len);
static int af_time_is_date(const char *s);
static int af_time_is_offset(const char *s);
static int af_has_shape(const char *s, const char *shape);
static int af_two_digits(const char *s);


const af_type_t  af_type_email = {
    .name = "e-mail address", .json = JSON_STRING, .format = "email",
    .max = AF_EMAIL_MAX, .octets = 1, .trim = 1, .check = af_email_check,
    .key = af_email_key
};

const af_type_t  af_type_password = {
    .name = "new password", .json = JSON_STRING, .format = "password",
    .min = 8, .max = 128, .normalize = 1, .secret = 1
};

const af_type_t  af_type_credential = {
    .name = "identifier or password", .json = JSON_STRING,
    .min = 1, .max = 1024, .octets = 1, .secret = 1
};

const af_type_t  af_type_token = {
    .name = "token", .json = JSON_STRING,
    .min = 1, .max = 1024, .octets = 1, .secret = 1
};

const af_type_t  af_type_username = {
    .name = "user name", .json = JSON_STRING,
    .pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$",
    .min = 3, .max = 100, .check = af_username_check
};

const af_type_t  af_type_role = {
    .name = "name of a role", .json = JSON_STRING,
    .pattern = "^[a-z0-9_:-]*$",
    .min = 1, .max = 100, .check = af_role_check
};

const af_type_t  af_type_language = {
    .name = "language", .json = JSON_STRING,
    .pattern = "^[A-Za-z][A-Za-z0-9-]*$",
    .min = 1, .max = 35, .check = af_language_check
};

const af_type_t  af_type_name = {
    .name = "name", .json = JSON_STRING,
    .min = 1, .max = 255, .check = af_name_check
};

const af_type_t  af_type_label = {
    .name = "label", .json = JSON_STRING,
    .min = 1, .max = 100, .check = af_name_check
};

const af_type_t  af_type_text = {
    .name = "text", .json = JSON_STRING,
    .max = 10000, .check = af_text_check
};

const af_type_t  af_type_content = {
    .name = "content", .json = JSON_STRING,
    .min = 1, .max = 10000, .check = af_text_check
};

const af_type_t  af_type_uuid = {
    .name = "UUID", .json = JSON_STRING, .format = "uuid",
    .check = af_uuid_check
};

const af_type_t  af_type_time = {
    .name = "time", .json = JSON_STRING, .format = "date-time",
    .check = af_time_check
};

const af_type_t  af_type_date = {
    .name = "date", .json = JSON_STRING, .format = "date",
    .check = af_date_check
};

const af_type_t  af_type_url = {
    .name = "URL", .json = JSON_STRING, .format = "uri",
    .pattern = "^[Hh][Tt][Tt][Pp][Ss]?://", .max = 2000, .check = af_url_check
};

const af_type_t  af_type_string = { .name = "string", .json = JSON_STRING };
const af_type_t  af_type_integer = { .name = "integer", .json = JSON_INTEGER };
const af_type_t  af_type_number = { .name = "number", .json = JSON_REAL };
const af_type_t  af_type_boolean = { .name = "boolean", .json = JSON_TRUE };
const af_type_t  af_type_array = { .name = "array", .json = JSON_ARRAY };
const af_type_t  af_type_object = { .name = "object", .json = JSON_OBJECT };


int
af_is_uuid(const char *s, size_t len)
{
    static const char  shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

    return len == sizeof(shape) - 1 && af_has_shape(s, shape);
}


static const char *
af_username_check(const char *s, size_t len)
{
    if (s[0] != '\0' && strchr(AF_ALNUM, s[0]) != NULL
        && strspn(s, AF_ALNUM "._-") == len)
    {
        return NULL;
    }

    return "must be letters, digits, dots, underscores and hyphens, "
           "the first a letter or a digit";
}


static const char *
af_role_check(const char *s, size_t len)
{
    return (strspn(s, AF_LOWER AF_DIGITS "_:-") == len)
           ? NULL : "must be lower-case letters, digits, underscores, colons "
                    "and hyphens";
}


static const char *
af_language_check(const char *s, size_t len)
{
    return (strspn(s, AF_LOWER AF_UPPER) != 0
            && strspn(s, AF_ALNUM "-") == len)
           ? NULL : "must be a tag of a language, such as en or pt-BR";
}


static const char *
af_name_check(const char *s, size_t len)
{
    if (af_has_control(s, len, "")) {
        return "must not contain control characters";
    }

    return (af_spaces(s, len) == af_text_length(s, len))
           ? "must not be only white space" : NULL;
}


static const char *
af_text_check(const char *s, size_t len)
{
    return af_has_control(s, len, "\n\t")
           ? "must not contain control characters but newlines and tabs" : NULL;
}


static int
af_has_control(const char *s, size_t len, const char *allowed)
{
    int32_t      c;
    const char  *end;

    end = s + len;

    while (s < end) {
        c = af_text_next(&s, end);

        if (c == -1) {
            return 1;
        }

        if (af_text_is_control(c) && strchr(allowed, c) == NULL) {
            return 1;
        }
    }

    return 0;
}


/* the number of characters that are white space, in any script */

static long
af_spaces(const char *s, size_t len)
{
    long         n;
    int32_t      c;
    const char  *end;

    n = 0;
    end = s + len;

    while (s < end) {
        c = af_text_next(&s, end);

        if (c == -1) {
            break;
        }

        n += uc_is_property_white_space(c);
    }

    return n;
}


static const char *
af_uuid_check(const char *s, size_t len)
{
    return af_is_uuid(s, len) ? NULL : "must be a UUID";
}


static const char *
af_time_check(const char *s, size_t len)
{
    size_t       n;
    const char  *zone;

    /* RFC 3339, section 5.6 */

    if (len >= sizeof("1970-01-01T00:00:00Z") - 1
        && af_has_shape(s, "dddd-dd-ddTdd:dd:dd") && af_time_is_date(s)
        && af_two_digits(s + 11) < 24 && af_two_digits(s + 14) < 60
        && af_two_digits(s + 17) <= 60)
    {
        zone = s + 19;

        if (*zone == '.') {
            n = strspn(zone + 1, AF_DIGITS);
            zone += (n != 0) ? n + 1 : 0;
        }

        if (strcmp(zone, "Z") == 0 || af_time_is_offset(zone)) {
            return NULL;
        }
    }

    return "must be a time such as 2025-12-31T23:59:59Z";
}


static const char *
af_date_check(const char *s, size_t len)
{
    return (len == sizeof("1970-01-01") - 1 && af_has_shape(s, "dddd-dd-dd")
            && af_time_is_date(s))
           ? NULL : "must be a date as 2025-12-31";
}


static const char *
af_url_check(const char *s, size_t len)
{
    size_t  scheme;

    scheme = (strncasecmp(s, "http://", 7) == 0) ? 7
             : (strncasecmp(s, "https://", 8) == 0) ? 8 : 0;

    return (scheme != 0 && len > scheme
            && af_spaces(s, len) == 0 && !af_has_control(s, len, ""))
           ? NULL : "must be a URL that begins with http:// or https://";
}


static int
af_time_is_date(const char *s)
{
    int                         year, month, days;

    static const unsigned char  months[] = {
        0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
    };

    year = 100 * af_two_digits(s) + af_two_digits(s + 2);
    month = af_two_digits(s + 5);

    /* PostgreSQL has no year 0; no day is valid in a month 0 */

    if (year == 0 || month > 12) {
        return 0;
    }

    days = months[month];

    if (month == 2
        && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
    {
        days++;
    }

    return af_two_digits(s + 8) != 0 && af_two_digits(s + 8) <= days;
}


static int
af_time_is_offset(const char *s)
{
    return strlen(s) == sizeof("+00:00") - 1 && (*s == '+' || *s == '-')
           && af_has_shape(s + 1, "dd:dd")

           /* PostgreSQL's limit */
           && af_two_digits(s + 1) < 16 && af_two_digits(s + 4) < 60;
}


/*
 * Whether `s` begins like `shape`, where 'd' stands for a digit and 'x' for a
 * hexadecimal digit.
 */

static int
af_has_shape(const char *s, const char *shape)
{
    const char  *set;

    for ( /* void */ ; *shape != '\0'; s++, shape++) {

        if (*s == '\0') {
            return 0;
        }

        switch (*shape) {

        case 'd':
            set = AF_DIGITS;
            break;

        case 'x':
            set = AF_DIGITS "abcdefABCDEF";
            break;

        default:
            if (*s != *shape) {
                return 0;
            }

            continue;
        }

        if (strchr(set, *s) == NULL) {
            return 0;
        }
    }

    return 1;
}


/* the value of two digits */

static int
af_two_digits(const char *s)
{
    return 10 * (s[0] - '0') + s[1] - '0';
}
