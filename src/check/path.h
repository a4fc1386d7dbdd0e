/*
 * The paths of the route table.  Pure C: no nginx types.
 */

#ifndef AF_CHECK_PATH_H
#define AF_CHECK_PATH_H

#include <stddef.h>


/* the most {names} of a pattern */
#define AF_PATH_PARAMS  2


typedef struct {
    const char  *name;         /* in the pattern */
    size_t       name_len;
    const char  *value;        /* in the path: a UUID */
    size_t       value_len;
} af_path_param_t;


/*
 * Matches a path with a pattern of ours, as "/users/{id}": a {name} stands
 * for a UUID that is a segment's rest, all else for itself.  `params` has room
 * for AF_PATH_PARAMS; they live as long as the pattern and the path.
 *
 * Returns the number of params, or -1 if the path does not match.
 */
int af_path_match(const char *pattern, const char *path, size_t len,
    af_path_param_t *params);


#endif /* AF_CHECK_PATH_H */
