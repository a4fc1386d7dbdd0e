/*
 * Threads that compute for long.
 */

#include "unit.h"
#include "crypto/thread.h"

#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>


/* of the kernel's struct sched_attr, all but the length of turns */

typedef struct {
    uint32_t  what[6];
    uint64_t  turn;
    uint64_t  more[2];
} attr_t;


static attr_t
scheduled(void)
{
    attr_t  attr;

    memset(&attr, 0, sizeof(attr));
    assert_int_equal(syscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 0), 0);

    return attr;
}


static void *
yields(void *data)
{
    attr_t *attr = data;

    attr[0] = scheduled();
    af_thread_yields();
    attr[1] = scheduled();
    af_thread_yields();
    attr[2] = scheduled();

    return NULL;
}


static void
test_turns_are_longer_and_nothing_else_changes(void **state)
{
    attr_t     attr[3], before, after;
    pthread_t  thread;

    (void) state;

    before = scheduled();

    assert_int_equal(pthread_create(&thread, NULL, yields, attr), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);

    after = scheduled();

    assert_memory_equal(&before, &after, sizeof(before));
    assert_memory_equal(&attr[1], &attr[2], sizeof(attr[1]));

    /* before Linux 6.12 nobody can ask for it */

    if (sched_getscheduler(0) == SCHED_OTHER && attr[0].turn != 0) {
        assert_true(attr[1].turn > attr[0].turn);
    }

    attr[1].turn = attr[0].turn;
    assert_memory_equal(&attr[0], &attr[1], sizeof(attr[0]));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_turns_are_longer_and_nothing_else_changes)
    };

    return cmocka_run_group_tests_name("thread", tests, NULL, NULL);
}
