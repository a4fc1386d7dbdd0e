/*
 * The paths of the route table.  Pure C: no nginx types.
 */

#ifndef AF_CHECK_PATH_H
#define AF_CHECK_PATH_H

#include <stddef.h>
#include <stdint.h>


/* the maximum number of {names} in a pattern */
#define AF_PATH_PARAMS  2


typedef struct {
    const char  *name;         /* in the pattern */
    size_t       name_len;
    const char  *value;        /* in the path: a UUID */
    size_t       value_len;
} af_path_param_t;


/*
 * Matches a path with a pattern such as "/users/{id}": a {name} stands for a
 * UUID up to the end of the segment.  `params` has room for AF_PATH_PARAMS;
 * they point into the pattern and the path.
 *
 * Returns the number of params, or -1 if the path does not match.
 */
int af_path_match(const char *pattern, const char *path, size_t len,
    af_path_param_t *params);

/*
 * Returns a hash of a pattern or a path, in which all UUIDs are the same: that
 * of a path equals those of the patterns that it matches, whose {names} must be
 * whole segments.
 */
uint32_t af_path_hash(const char *path, size_t len);

/* Returns 1 if the pattern has "{name}". */
int af_path_has(const char *pattern, const char *name);


#endif /* AF_CHECK_PATH_H */
