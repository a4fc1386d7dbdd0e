/*
 * Metrics: summed up over all workers' slots; found again in the same memory,
 * unless the table differs.
 */

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"
#include "shm/block.h"
#include "shm/counters.h"


/* the samples, in the order of the table */

#define SAMPLES  256

typedef struct {
    size_t        n;
    af_sample_t   sample[SAMPLES];
} told_t;


static void
tell(void *data, const af_sample_t *sample)
{
    told_t *told = data;

    assert_true(told->n < SAMPLES);
    told->sample[told->n++] = *sample;
}


static const af_sample_t *
sample_of(const af_counters_t *counters, const char *name, const char *value)
{
    size_t         i;
    static told_t  told;

    told.n = 0;
    af_counters_each(counters, tell, &told);

    for (i = 0; i < told.n; i++) {
        const af_sample_t  *s = &told.sample[i];
        const af_label_t   *label = s->metric->labels[0];

        if (strcmp(s->metric->name, name) == 0
            && (value == NULL
                || strcmp(label->values[s->values[0]], value) == 0))
        {
            return &told.sample[i];
        }
    }

    fail_msg("there is no %s of %s", value ? value : "value", name);

    return NULL;
}


static uint64_t
count_of(const af_counters_t *counters, const char *name, const char *value)
{
    return sample_of(counters, name, value)->count;
}


static int64_t
gauge_of(const af_counters_t *counters, const char *name)
{
    return sample_of(counters, name, NULL)->gauge;
}


/* shared by processes, and zeroed */

static void *
memory_of(size_t size)
{
    void  *memory;

    memory = mmap(NULL, size, PROT_READ|PROT_WRITE, MAP_ANONYMOUS|MAP_SHARED,
                  -1, 0);
    assert_ptr_not_equal(memory, MAP_FAILED);

    return memory;
}


static void
test_the_table(void **state)
{
    int             failed;
    size_t          i, j, bounds;
    told_t          told;
    void           *memory;
    af_counters_t  *counters;

    (void) state;

    failed = 0;
    told.n = 0;

    memory = memory_of(af_counters_size_min());
    counters = af_counters_open(memory, af_counters_size_min());
    assert_non_null(counters);
    af_counters_each(counters, tell, &told);

    for (i = 0; i < told.n; i++) {
        const af_sample_t  *s = &told.sample[i];
        const af_metric_t  *metric = s->metric;

        af_row(s->count == 0 && s->sum == 0, "%s", metric->name);
        af_row(strncmp(metric->name, "autoflow_", 9) == 0, "%s", metric->name);
        af_row(strlen(metric->help) > 0
               && strpbrk(metric->help, "\\\"\n") == NULL,
               "%s", metric->name);
        af_row((metric->kind == AF_HISTOGRAM) == (metric->bounds != NULL),
               "%s", metric->name);

        /* as Prometheus names them */

        af_row((strcmp(strrchr(metric->name, '_'), "_total") == 0)
               == (metric->kind == AF_COUNTER), "%s", metric->name);
        af_row((strcmp(strrchr(metric->name, '_'), "_seconds") == 0)
               == (metric->kind == AF_HISTOGRAM || metric->time), "%s",
               metric->name);

        for (j = 0, bounds = 0; metric->bounds && metric->bounds[j]; j++) {
            af_row(metric->bounds[j] > bounds, "%s", metric->name);
            bounds = metric->bounds[j];
        }

        af_row(j <= AF_METRIC_BOUNDS_MAX, "%s", metric->name);

        for (j = 0; j < i; j++) {
            af_row(strcmp(told.sample[j].metric->name, metric->name) != 0
                   || (told.sample[j].metric == metric
                       && memcmp(told.sample[j].values, s->values,
                                 sizeof(s->values)) != 0),
                   "%s twice", metric->name);
        }
    }

    assert_int_equal(failed, 0);
    munmap(memory, af_counters_size_min());
}


static void
test_samples(void **state)
{
    void               *memory;
    size_t              size;
    unsigned            i;
    af_counters_t      *counters;
    const af_sample_t  *times;

    (void) state;

    size = af_counters_size_min();
    memory = memory_of(size);

    af_count(AF_METRIC_MAILS, 0);      /* lost, before it has joined */

    counters = af_counters_open(memory, size);
    assert_non_null(counters);
    af_counters_join(counters, 0);

    /* each value a different number of times, so that none is mistaken */

    for (i = 0; i < 2; i++) {
        af_count(AF_METRIC_VERIFICATIONS, 0);
    }

    for (i = 0; i < 3; i++) {
        af_count(AF_METRIC_VERIFICATIONS,
                 af_metric_values(AF_METRIC_VERIFICATIONS) - 1);
    }

    af_count_named(AF_METRIC_LOGINS, "success");
    af_count_named(AF_METRIC_LOGINS, "a mistake");
    af_count(AF_METRIC_MAILS, af_metric_values(AF_METRIC_MAILS) - 1);

    assert_int_equal(count_of(counters, "autoflow_verifications_total", "ok"),
                     2);
    assert_int_equal(count_of(counters, "autoflow_verifications_total",
                              "insufficient"), 3);
    assert_int_equal(count_of(counters, "autoflow_logins_total", "success"),
                     1);
    assert_int_equal(count_of(counters, "autoflow_logins_total",
                              "wrong_password"), 0);
    assert_int_equal(count_of(counters, "autoflow_mails_total", "failed"), 1);
    assert_int_equal(count_of(counters, "autoflow_mails_total", "sent"), 0);

    /* the first bound, the next one, and beyond all */

    af_observe(AF_METRIC_DB_TIME, AF_DB_LANE_WIDE, 0);
    af_observe(AF_METRIC_DB_TIME, AF_DB_LANE_WIDE, 100);
    af_observe(AF_METRIC_DB_TIME, AF_DB_LANE_WIDE, 101);
    af_observe(AF_METRIC_DB_TIME, AF_DB_LANE_WIDE, 5000000000);

    times = sample_of(counters, "autoflow_database_duration_seconds", "wide");
    assert_int_equal(times->metric->bounds[0], 100);
    assert_int_equal(times->buckets[0], 2);
    assert_int_equal(times->buckets[1], 3);
    assert_int_equal(times->buckets[AF_METRIC_BOUNDS_MAX - 1], 3);
    assert_int_equal(times->count, 4);
    assert_int_equal(times->sum, 5000000201);

    assert_int_equal(count_of(counters, "autoflow_database_duration_seconds",
                              "point"), 0);
    assert_int_equal(count_of(counters, "autoflow_hash_duration_seconds",
                              NULL), 0);
    assert_int_equal(count_of(counters, "autoflow_hash_wait_seconds", NULL),
                     0);

    munmap(memory, size);
}


#define THREADS  8
#define ROUNDS   100000


static void *
hammer(void *data)
{
    unsigned  i;

    (void) data;

    for (i = 0; i < ROUNDS; i++) {
        af_count(AF_METRIC_VERIFICATIONS, i % 5);
        af_observe(AF_METRIC_HASH_WAIT, 0, i % 2 ? 50 : 20000000);
    }

    return NULL;
}


/* the old worker of a number, the new one, and threads share a slot */

static void
hammer_slot(af_counters_t *counters, unsigned worker)
{
    size_t     i;
    pthread_t  threads[THREADS];

    af_counters_join(counters, worker);

    for (i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, NULL), 0);
    }

    for (i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
}


static void
test_none_is_lost(void **state)
{
    int                 status;
    void               *memory;
    size_t              i, size;
    pid_t               pids[3];
    af_counters_t      *counters;
    const af_sample_t  *times;

    /* two of the same number, and another; more than there are slots share */
    static const unsigned  workers[] = { 1, 1, 1000 };

    static const char *const  values[] = {
        "ok", "missing", "too_long", "malformed", "unknown_key"
    };

    (void) state;

    size = af_counters_size_max();
    memory = memory_of(size);
    counters = af_counters_open(memory, size);
    assert_non_null(counters);

    for (i = 0; i < af_nelts(pids); i++) {
        pids[i] = fork();
        assert_int_not_equal(pids[i], -1);

        if (pids[i] == 0) {
            hammer_slot(counters, workers[i]);
            _exit(0);
        }
    }

    for (i = 0; i < af_nelts(pids); i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }

    for (i = 0; i < 5; i++) {
        assert_int_equal(count_of(counters, "autoflow_verifications_total",
                                  values[i]),
                         3 * THREADS * ROUNDS / 5);
    }

    times = sample_of(counters, "autoflow_hash_wait_seconds", NULL);
    assert_int_equal(times->count, 3 * THREADS * ROUNDS);
    assert_int_equal(times->buckets[0], 3 * THREADS * ROUNDS / 2);
    assert_int_equal(times->sum, 3ull * THREADS * ROUNDS / 2 * 20000050);

    munmap(memory, size);
}


/* no two of them write to the same cache line */

static void
test_workers_have_slots_of_their_own(void **state)
{
    int             failed;
    char           *memory;
    size_t          size, slot, i, j;
    unsigned        worker, n, written;
    uint64_t        line[8], writer;
    af_counters_t  *counters;

    (void) state;

    failed = 0;
    written = 0;
    size = af_counters_size_max();
    memory = memory_of(size);
    counters = af_counters_open(memory, size);
    assert_non_null(counters);

    /* the first cell and the last one, each a distinct number of times */

    for (worker = 0; worker < 64; worker++) {
        af_counters_join(counters, worker);

        for (n = 0; n <= worker; n++) {
            af_count(AF_METRIC_PROBLEMS, 0);
            af_count(AF_METRIC_DB_REFUSED, AF_DB_LANES * 2 - 1);
        }
    }

    /* after the head, and what is the node's; not who owns a slot */

    slot = (size - af_counters_size_min()) / 63;

    for (i = size - 64 * slot; i + 64 <= size; i += 64) {
        memcpy(line, memory + i, sizeof(line));
        writer = 0;

        for (j = ((i - (size - 64 * slot)) % slot == 0); j < 8; j++) {
            af_row(line[j] == 0 || writer == 0 || line[j] == writer,
                   "line %zu", i / 64);
            writer = line[j] ? line[j] : writer;
        }

        written += (writer != 0);
    }

    af_row(written >= 64, "%u lines", written);
    assert_int_equal(failed, 0);
    munmap(memory, size);
}


static void
test_what_was_counted_is_found_again(void **state)
{
    void           *memory;
    size_t          size;
    af_block_t     *block;
    af_counters_t  *counters;

    (void) state;

    size = af_counters_size_min();
    memory = memory_of(size);
    counters = af_counters_open(memory, size);
    assert_non_null(counters);
    af_counters_join(counters, 7);
    af_count(AF_METRIC_LOGINS, 0);

    assert_ptr_equal(af_counters_open(memory, size), counters);
    assert_int_equal(count_of(counters, "autoflow_logins_total", NULL), 1);

    /* of another table */

    block = memory;
    block->version++;

    assert_ptr_equal(af_counters_open(memory, size), counters);
    assert_int_equal(count_of(counters, "autoflow_logins_total", NULL), 0);
    af_count(AF_METRIC_LOGINS, 0);
    assert_int_equal(count_of(counters, "autoflow_logins_total", NULL), 1);

    /* of other routes */

    af_counters_set_dimension(AF_DIMENSION_ROUTES, 1,
                              af_counters_hash(0, "/new"));
    assert_ptr_equal(af_counters_open(memory, size), counters);
    assert_int_equal(count_of(counters, "autoflow_logins_total", NULL), 0);
    af_counters_set_dimension(AF_DIMENSION_ROUTES, 1, 0);

    /* never published */

    atomic_store(&block->magic, 0);
    assert_ptr_equal(af_counters_open(memory, size), counters);
    assert_int_equal(count_of(counters, "autoflow_logins_total", NULL), 0);

    assert_null(af_counters_open(memory, size - 1));
    assert_null(af_counters_open((char *) memory + 8, size));

    munmap(memory, size);
}


/* the process waits to be killed */

static pid_t
worker_of(af_counters_t *counters, unsigned process, int n)
{
    int    ready[2];
    char   c;
    pid_t  pid;

    assert_int_equal(pipe(ready), 0);

    pid = fork();
    assert_int_not_equal(pid, -1);

    if (pid == 0) {
        af_counters_join(counters, process);
        af_count(AF_METRIC_VERIFICATIONS, 0);
        af_gauge_add(AF_METRIC_HASH_WAITING, 0, n);
        af_gauge_set(AF_METRIC_MAILS_QUEUED, 0, n);
        (void) !write(ready[1], "", 1);

        for ( ;; ) {
            pause();
        }
    }

    assert_int_equal(read(ready[0], &c, 1), 1);
    close(ready[0]);
    close(ready[1]);

    return pid;
}


static void
kill_worker(pid_t pid)
{
    int  status;

    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
}


static void
test_gauges_end_with_their_process(void **state)
{
    void           *memory;
    pid_t           a, b;
    size_t          size;
    af_counters_t  *counters;

    (void) state;

    size = af_counters_size_max();
    memory = memory_of(size);
    counters = af_counters_open(memory, size);
    assert_non_null(counters);

    a = worker_of(counters, 0, 3);
    b = worker_of(counters, 1, 4);
    assert_int_equal(gauge_of(counters, "autoflow_hash_waiting"), 7);

    kill_worker(a);
    assert_int_equal(gauge_of(counters, "autoflow_hash_waiting"), 4);
    assert_int_equal(count_of(counters, "autoflow_verifications_total", "ok"),
                     2);

    a = worker_of(counters, 0, 1);
    assert_int_equal(gauge_of(counters, "autoflow_hash_waiting"), 5);
    assert_int_equal(count_of(counters, "autoflow_verifications_total", "ok"),
                     3);

    /* the node's has no owner */

    kill_worker(a);
    kill_worker(b);
    assert_int_equal(gauge_of(counters, "autoflow_hash_waiting"), 0);
    assert_int_equal(gauge_of(counters, "autoflow_mails_queued"), 1);

    /* more processes than slots share one */

    a = worker_of(counters, 0, 3);
    af_counters_join(counters, 64);
    af_gauge_add(AF_METRIC_HASH_WAITING, 0, 2);
    assert_int_equal(gauge_of(counters, "autoflow_hash_waiting"), 5);
    kill_worker(a);

    af_counters_leave();
    assert_int_equal(gauge_of(counters, "autoflow_hash_waiting"), 0);

    af_gauge_add(AF_METRIC_HASH_WAITING, 0, 2);    /* lost */
    af_counters_join(counters, 0);
    assert_int_equal(gauge_of(counters, "autoflow_hash_waiting"), 0);

    munmap(memory, size);
}


static void
test_classes_of_errors(void **state)
{
    (void) state;

    assert_int_equal(af_sqlstate_class("23505"), af_sqlstate_class("23503"));
    assert_int_not_equal(af_sqlstate_class("23505"),
                         af_sqlstate_class("22P02"));
    assert_int_equal(af_sqlstate_class("ZZ000"), af_sqlstate_class(NULL));
    assert_int_equal(af_sqlstate_class("ZZ000"),
                     af_metric_values(AF_METRIC_DB_ERRORS) - 1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_the_table),
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_none_is_lost),
        cmocka_unit_test(test_workers_have_slots_of_their_own),
        cmocka_unit_test(test_what_was_counted_is_found_again),
        cmocka_unit_test(test_gauges_end_with_their_process),
        cmocka_unit_test(test_classes_of_errors)
    };

    return cmocka_run_group_tests_name("counters", tests, NULL, NULL);
}
