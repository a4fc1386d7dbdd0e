/*
 * Matches paths with the patterns of the route table.
 */

#include <string.h>

#include "check/fnv.h"
#include "check/path.h"
#include "check/schema.h"


int
af_path_match(const char *pattern, const char *path, size_t len,
    af_path_param_t *params)
{
    int               n;
    const char       *p, *last, *slash;
    af_path_param_t  *param;

    n = 0;
    p = path;
    last = path + len;

    while (*pattern != '\0' && p < last) {

        if (*pattern != '{') {
            if (*pattern++ != *p++) {
                return -1;
            }

            continue;
        }

        param = &params[n++];

        slash = memchr(p, '/', last - p);

        param->value = p;
        param->value_len = ((slash != NULL) ? slash : last) - p;

        if (!af_is_uuid(param->value, param->value_len)) {
            return -1;
        }

        param->name = pattern + 1;
        param->name_len = strchr(pattern, '}') - param->name;

        pattern = param->name + param->name_len + 1;
        p += param->value_len;
    }

    return (*pattern == '\0' && p == last) ? n : -1;
}


uint32_t
af_path_hash(const char *path, size_t len)
{
    size_t       n;
    uint32_t     hash;
    const char  *p, *last, *slash;

    hash = AF_FNV;
    last = path + len;

    for (p = path; p < last; p += n) {

        if (*p == '/') {
            n = 1;

        } else {
            slash = memchr(p, '/', last - p);
            n = ((slash != NULL) ? slash : last) - p;
        }

        hash = (*p == '{' || af_is_uuid(p, n)) ? af_fnv(hash, "{", 1)
                                               : af_fnv(hash, p, n);
    }

    return hash;
}


int
af_path_has(const char *pattern, const char *name)
{
    size_t  len;

    len = strlen(name);

    while ((pattern = strchr(pattern, '{')) != NULL) {
        pattern++;

        if (strncmp(pattern, name, len) == 0 && pattern[len] == '}') {
            return 1;
        }
    }

    return 0;
}
