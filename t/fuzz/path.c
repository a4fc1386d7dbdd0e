/*
 * Paths, with a table like the module's: a path matches if a regular expression
 * does.
 */

#include <regex.h>

#include "fuzz.h"
#include "check/path.h"
#include "check/schema.h"


#define UUID  "([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"

/* of UUID's two groups, the second is ignored */
#define GROUPS  (2 * AF_PATH_PARAMS + 1)


static void matched(unsigned row, const char *path, size_t len);
static void says_where(unsigned row, const char *path, size_t len,
    const af_path_param_t *params, int n);


static const struct {
    const char  *pattern;
    const char  *regex;
    const char  *names[AF_PATH_PARAMS + 1];
} patterns[] = {
    { "/", "^/$", { NULL } },
    { "/auth/me", "^/auth/me$", { NULL } },
    { "/users", "^/users$", { NULL } },
    { "/users/{id}", "^/users/" UUID "$", { "id", NULL } },
    { "/users/{id}/roles", "^/users/" UUID "/roles$", { "id", NULL } },
    { "/users/{user_id}/roles/{role_id}", "^/users/" UUID "/roles/" UUID "$",
      { "user_id", "role_id", NULL } },
    { "/{a}/{b}", "^/" UUID "/" UUID "$", { "a", "b", NULL } },
    { "/x/{id}/", "^/x/" UUID "/$", { "id", NULL } }
};


static regex_t   compiled[af_nelts(patterns)];
static uint32_t  hashes[af_nelts(patterns)];


int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    unsigned  i;

    (void) argc;
    (void) argv;

    for (i = 0; i < af_nelts(patterns); i++) {
        af_must(regcomp(&compiled[i], patterns[i].regex, REG_EXTENDED) == 0);
        hashes[i] = af_path_hash(patterns[i].pattern,
                                 strlen(patterns[i].pattern));
    }

    return 0;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned  i;

    for (i = 0; i < af_nelts(patterns); i++) {
        matched(i, (const char *) data, size);
    }

    return 0;
}


static void
matched(unsigned row, const char *path, size_t len)
{
    int               i, n;
    char             *copy;
    regmatch_t        groups[GROUPS], *group;
    af_path_param_t   params[AF_PATH_PARAMS];

    n = af_path_match(patterns[row].pattern, path, len, params);

    af_must(n >= -1 && n <= AF_PATH_PARAMS);

    copy = malloc(len + 1);
    af_must(copy != NULL);

    memcpy(copy, path, len);
    copy[len] = '\0';

    af_must((n != -1)
            == (strlen(copy) == len
                && regexec(&compiled[row], copy, GROUPS, groups, 0) == 0));

    af_must(n == -1 || af_path_hash(path, len) == hashes[row]);

    for (i = 0; i < n; i++) {
        group = &groups[2 * i + 1];

        af_must(params[i].value == path + group->rm_so);
        af_must(params[i].value_len == (size_t) (group->rm_eo - group->rm_so));
        af_must(af_is_uuid(params[i].value, params[i].value_len));
    }

    if (n != -1) {
        says_where(row, path, len, params, n);
    }

    free(copy);
}


/* the pattern with the values in it is the path */

static void
says_where(unsigned row, const char *path, size_t len,
    const af_path_param_t *params, int n)
{
    int                     i;
    const char             *p, *pattern, *name;
    const af_path_param_t  *param;

    pattern = patterns[row].pattern;
    p = path;

    for (i = 0; i < n; i++) {
        param = &params[i];
        name = patterns[row].names[i];

        af_must(param->name_len == strlen(name));
        af_must(memcmp(param->name, name, param->name_len) == 0);
        af_must(param->name[-1] == '{' && param->name[param->name_len] == '}');

        af_must(param->name - 1 - pattern == param->value - p);
        af_must(memcmp(pattern, p, param->value - p) == 0);

        pattern = param->name + param->name_len + 1;
        p = param->value + param->value_len;
    }

    af_must(patterns[row].names[n] == NULL);
    af_must((size_t) (path + len - p) == strlen(pattern));
    af_must(memcmp(pattern, p, path + len - p) == 0);
}
