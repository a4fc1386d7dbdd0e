/*
 * Paths of the route table.
 */

#include "unit.h"
#include "check/path.h"


#define A     "0123abcd-4567-89ef-ABCD-0123456789ab"
#define B     "ffffffff-ffff-ffff-ffff-ffffffffffff"

#define ONE   "/users/{id}"
#define MORE  "/users/{id}/roles"
#define TWO   "/users/{user_id}/roles/{role_id}"


static const struct {
    const char  *pattern;
    const char  *path;
    int          n;
} paths[] = {
    { "/", "/", 0 },
    { "/", "", -1 },
    { "/", "//", -1 },
    { "/users", "/users", 0 },
    { "/users", "/user", -1 },
    { "/users", "/userss", -1 },
    { "/users", "/users/", -1 },
    { "/users", "/Users", -1 },
    { "/users", "users", -1 },
    { "/users", "/users?", -1 },

    { ONE, "/users/" A, 1 },
    { ONE, "/users", -1 },
    { ONE, "/users/", -1 },
    { ONE, "/users/1", -1 },
    { ONE, "/users/{id}", -1 },
    { ONE, "/users/" A "/", -1 },
    { ONE, "/users/" A "0", -1 },
    { ONE, "/users/" A B, -1 },
    { ONE, "/users/" A "/roles", -1 },
    { ONE, "/users/" A "%00", -1 },
    { ONE, "/users//" A, -1 },
    { ONE, "/users/ " A, -1 },

    { MORE, "/users/" A "/roles", 1 },
    { MORE, "/users/" A, -1 },
    { MORE, "/users/" A "/", -1 },
    { MORE, "/users/" A "/role", -1 },
    { MORE, "/users/" A "roles", -1 },
    { MORE, "/users//roles", -1 },

    { TWO, "/users/" A "/roles/" B, 2 },
    { TWO, "/users/" A "/roles/", -1 },
    { TWO, "/users/" A "/roles/x", -1 },
    { TWO, "/users/x/roles/" B, -1 }
};


static void
test_paths_match_or_not(void **state)
{
    int               n;
    char             *path;
    size_t            i, len;
    unsigned          failed;
    af_path_param_t   params[AF_PATH_PARAMS];

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(paths); i++) {
        len = strlen(paths[i].path);
        path = af_exact(paths[i].path, len);

        n = af_path_match(paths[i].pattern, path, len, params);
        af_row(n == paths[i].n, "%s %s", paths[i].pattern, paths[i].path);

        free(path);
    }

    assert_int_equal(failed, 0);
}


static void
test_names_and_values_are_found(void **state)
{
    const char       *path;
    af_path_param_t   params[AF_PATH_PARAMS];

    (void) state;

    path = "/users/" A "/roles/" B;

    assert_int_equal(af_path_match(TWO, path, strlen(path), params), 2);

    assert_int_equal(params[0].name_len, 7);
    assert_memory_equal(params[0].name, "user_id", 7);
    assert_int_equal(params[0].value_len, sizeof(A) - 1);
    assert_memory_equal(params[0].value, A, sizeof(A) - 1);

    assert_int_equal(params[1].name_len, 7);
    assert_memory_equal(params[1].name, "role_id", 7);
    assert_int_equal(params[1].value_len, sizeof(B) - 1);
    assert_memory_equal(params[1].value, B, sizeof(B) - 1);
}


/* paths of different patterns rarely have the same hash, and never here */

static void
test_a_path_has_the_hash_of_its_pattern(void **state)
{
    char      *path;
    size_t     i, len;
    unsigned   failed, same;

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(paths); i++) {
        len = strlen(paths[i].path);
        path = af_exact(paths[i].path, len);

        same = (af_path_hash(path, len)
                == af_path_hash(paths[i].pattern, strlen(paths[i].pattern)));

        /* braces may be in a path, too */

        af_row(same == (paths[i].n != -1) || strchr(path, '{'),
               "%s %s", paths[i].pattern, paths[i].path);

        free(path);
    }

    assert_int_equal(failed, 0);
}


static void
test_a_name_is_in_braces_and_whole(void **state)
{
    (void) state;

    assert_true(af_path_has(TWO, "user_id"));
    assert_true(af_path_has(TWO, "role_id"));
    assert_false(af_path_has(TWO, "id"));
    assert_false(af_path_has(TWO, "user"));
    assert_false(af_path_has(TWO, "users"));
    assert_false(af_path_has("/users", "users"));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_paths_match_or_not),
        cmocka_unit_test(test_a_path_has_the_hash_of_its_pattern),
        cmocka_unit_test(test_names_and_values_are_found),
        cmocka_unit_test(test_a_name_is_in_braces_and_whole)
    };

    return cmocka_run_group_tests_name("path", tests, NULL, NULL);
}
