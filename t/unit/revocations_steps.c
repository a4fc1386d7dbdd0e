/*
 * The table of revocations between any two instructions: a writer is stopped
 * after each one that changed the table, which is checked, and killed; and a
 * reader is stopped after each one, while its entry is replaced.
 */

#include <sys/ptrace.h>

#include "revocation.h"
#include "shared.h"


#define NOW     1700000000
#define LATER   (NOW + 3600)
#define FUTURE  (LATER + 3600)

#define SIZE    4096

/* how many of a reader's instructions are tried; all, without a sanitizer */
#define STOPS   150


typedef struct {
    const char  *name;
    size_t       slots;
    int          lasting;      /* sessions 1 to this one, which stay */
    time_t       tenth;        /* until when session 10 is there; 0: it isn't */
    uint64_t     before;       /* epoch of account 1; 0: not there */
    int        (*run)(void *data);
    size_t       used;         /* in the end; 0: it depends */
} af_scene_t;


typedef struct {
    const af_scene_t  *scene;
    af_revocations_t  *table;
    _Atomic int        verdict;
    _Atomic int        done;
    char               before[SIZE];   /* the table as each run begins */
    char               last[SIZE];     /* and a step ago */
} af_stage_t;


static void
add(af_revocations_t *table, uint64_t kind, uint64_t n, uint64_t epoch,
    time_t at, time_t until, time_t now)
{
    af_revocation_t  entry;

    entry = revocation(kind, n, epoch, at, until);
    assert_int_equal(af_revocations_add(table, &entry, now), 0);
}


static af_stage_t *
set_up(const af_scene_t *scene)
{
    int          i;
    af_stage_t  *stage;

    assert_in_range(af_revocations_size(scene->slots), 1, SIZE);

    stage = af_share(sizeof(af_stage_t));
    stage->scene = scene;
    stage->table = af_revocations_init(af_share(SIZE),
                                       af_revocations_size(scene->slots), NOW);
    assert_non_null(stage->table);

    for (i = 1; i <= scene->lasting; i++) {
        add(stage->table, SESSION, i, AF_REVOCATIONS_ALL, NOW, LATER, NOW);
    }

    if (scene->tenth != 0) {
        add(stage->table, SESSION, 10, AF_REVOCATIONS_ALL, NOW + 10,
            scene->tenth, NOW);
    }

    if (scene->before != 0) {
        add(stage->table, ACCOUNT, 1, scene->before, NOW, LATER, NOW);
    }

    memcpy(stage->before, stage->table, SIZE);

    return stage;
}


static void
rewind_to_before(af_stage_t *stage)
{
    memcpy(stage->table, stage->before, SIZE);
    memcpy(stage->last, stage->before, SIZE);
    stage->done = 0;
}


static void
tear_down(af_stage_t *stage)
{
    munmap(stage->table, SIZE);
    munmap(stage, sizeof(af_stage_t));
}


/* a process that stops before it runs, and then is single-stepped */

static pid_t
begin(int (*run)(void *data), af_stage_t *stage)
{
    int    status;
    pid_t  pid;

    pid = fork();
    assert_true(pid != -1);

    if (pid == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) {
            _exit(1);
        }

        (void) raise(SIGSTOP);
        _exit(run(stage));
    }

    assert_int_equal(waitpid(pid, &status, 0), pid);

    if (!WIFSTOPPED(status)) {
        print_message("processes can't be traced here\n");
        skip();
    }

    return pid;
}


static void
go_step(pid_t pid)
{
    int  status;

    assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSTOPPED(status));
}


static void
end(pid_t pid)
{
    (void) kill(pid, SIGKILL);
    assert_int_equal(af_reap(pid), -1);
}


/* Steps until the table changes.  Returns 0 when it no longer does. */

static int
go_to_change(pid_t pid, af_stage_t *stage)
{
    while (memcmp(stage->last, stage->table, SIZE) == 0) {
        if (stage->done) {
            return 0;
        }

        go_step(pid);
    }

    memcpy(stage->last, stage->table, SIZE);

    return 1;
}


static int
run_add(void *data)
{
    af_stage_t  *stage = data;

    add(stage->table, ACCOUNT, 1, 5, NOW + 1, LATER, NOW + 1);
    stage->done = 1;

    return 0;
}


static int
run_sweep(void *data)
{
    af_stage_t  *stage = data;

    (void) af_revocations_sweep(stage->table, NOW + 1, stage->scene->slots);
    stage->done = 1;

    return 0;
}


static int
run_judge(void *data)
{
    af_stage_t  *stage = data;

    stage->verdict = judge(stage->table, 0, 1, 5, NEVER);
    stage->done = 1;

    return 0;
}


static int
is_right(af_stage_t *stage)
{
    int                i, failed = 0;
    const af_scene_t  *scene = stage->scene;

    for (i = 1; i <= scene->lasting; i++) {
        af_row(judge(stage->table, i, 0, 0, NEVER), "%s", scene->name);
    }

    if (scene->tenth > NOW) {
        af_row(judge(stage->table, 10, 0, 0, NOW + 10), "%s", scene->name);
    }

    if (scene->before != 0) {
        af_row(judge(stage->table, 0, 1, scene->before - 1, NEVER), "%s",
               scene->name);
    }

    af_row(!judge(stage->table, 0, 1, 5, NEVER), "%s", scene->name);
    af_row(!judge(stage->table, 99, 99, 0, NEVER), "%s", scene->name);

    return failed == 0;
}


/* after a writer was killed, another one does the same */

static int
is_recovered(af_stage_t *stage)
{
    int                     failed = 0;
    const af_scene_t       *scene = stage->scene;
    af_revocations_stat_t   stat;

    (void) scene->run(stage);

    af_revocations_stat(stage->table, &stat);

    af_row(is_right(stage), "%s", scene->name);
    af_row(scene->run != run_add || judge(stage->table, 0, 1, 4, NEVER), "%s",
           scene->name);
    af_row(scene->used == 0 || stat.used == scene->used, "%s: %zu used",
           scene->name, stat.used);

    (void) af_revocations_sweep(stage->table, FUTURE, scene->slots);
    (void) af_revocations_sweep(stage->table, FUTURE, scene->slots);
    af_revocations_stat(stage->table, &stat);

    af_row(stat.used == 0, "%s: %zu left", scene->name, stat.used);

    return failed == 0;
}


/* Kills after that many changes.  Returns 0 if there are fewer. */

static int
play(af_stage_t *stage, int changes)
{
    int    i, more;
    pid_t  pid;

    rewind_to_before(stage);
    pid = begin(stage->scene->run, stage);
    more = 1;

    for (i = 0; i < changes && more; i++) {
        more = go_to_change(pid, stage);
    }

    assert_true(is_right(stage));
    end(pid);
    assert_true(is_recovered(stage));

    return more;
}


static void
test_a_writer_may_die_anywhere(void **state)
{
    int          changes;
    size_t       i;
    af_stage_t  *stage;

    static const af_scene_t  scenes[] = {
        { "a slot never used", 8, 2, 0, 0, run_add, 3 },
        { "an expired slot", 4, 3, NOW, 0, run_add, 4 },
        { "a slot that has to go", 4, 3, LATER - 1, 0, run_add, 4 },
        { "a raised epoch", 4, 2, 0, 3, run_add, 3 },
        { "sweeping", 4, 2, NOW, 3, run_sweep, 0 },
        { "sweeping all", 4, 0, NOW, 0, run_sweep, 0 }
    };

    (void) state;

    for (i = 0; i < af_nelts(scenes); i++) {
        stage = set_up(&scenes[i]);

        for (changes = 0; play(stage, changes); changes++) { /* void */ }

        /* at least taking and releasing the lock, and something in between */

        assert_in_range(changes, 4, 100);
        tear_down(stage);
    }
}


/* Replaces the entry after so many steps.  Returns 0 if it had finished. */

static int
replace_after(af_stage_t *stage, int steps)
{
    int    i, more;
    pid_t  pid;

    rewind_to_before(stage);
    pid = begin(run_judge, stage);

    for (i = 0; i < steps && !stage->done; i++) {
        go_step(pid);
    }

    more = !stage->done;

    /* the account's entry says 5, and this one revokes all */

    add(stage->table, SESSION, 10, AF_REVOCATIONS_ALL, 0, FUTURE, LATER + 1);

    assert_int_equal(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
    assert_int_equal(af_reap(pid), 0);
    assert_false(stage->verdict);

    return more;
}


static void
test_a_reader_reads_one_entry_or_the_other(void **state)
{
    int          n, steps;
    pid_t        pid;
    af_stage_t  *stage;

    static const af_scene_t  one = { "one slot", 1, 0, 0, 5, run_judge, 1 };

    (void) state;

    stage = set_up(&one);
    rewind_to_before(stage);
    pid = begin(run_judge, stage);

    for (n = 0; !stage->done; n++) {
        go_step(pid);
    }

    end(pid);

    for (steps = 0; replace_after(stage, steps); steps += 1 + n / STOPS) {
        /* void */
    }

    tear_down(stage);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_a_writer_may_die_anywhere),
        cmocka_unit_test(test_a_reader_reads_one_entry_or_the_other)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
