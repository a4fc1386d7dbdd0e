/*
 * Counters of attempts: exactly as many pass as allowed, whoever asks.
 */

#include <stdio.h>

#include "shared.h"
#include "shm/limits.h"


#define NOW  1700000000


static af_limits_t *
table_of(size_t counters)
{
    size_t        size;
    af_limits_t  *table;

    size = af_limits_size(counters);
    table = af_limits_init(af_share(size), size);
    assert_non_null(table);

    return table;
}


static void
done(af_limits_t *table, size_t counters)
{
    munmap(table, af_limits_size(counters));
}


static const af_rate_t  five = { 5, 60 };


static unsigned
take(af_limits_t *table, const af_rate_t *rate, const char *key, time_t now,
    int first)
{
    int       told = -1;
    unsigned  wait;

    wait = af_limits_take(table, rate, key, strlen(key), now, &told);
    assert_int_equal(told, first);

    return wait;
}


/* likewise, and it fails */

static unsigned
count(af_limits_t *table, const af_rate_t *rate, const char *key, time_t now,
    int first)
{
    unsigned  wait;

    wait = take(table, rate, key, now, first);

    if (wait == 0) {
        af_limits_failed(table, key, strlen(key), now);
    }

    return wait;
}


static unsigned
peek(af_limits_t *table, const char *key, time_t now)
{
    return af_limits_peek(table, &five, key, strlen(key), now);
}


static af_limits_stat_t
stat_of(af_limits_t *table)
{
    af_limits_stat_t  stat;

    af_limits_stat(table, &stat);

    return stat;
}


static void
test_found_again(void **state)
{
    char         *memory;
    size_t        size;
    af_limits_t  *table;

    (void) state;

    size = af_limits_size(9);
    assert_int_equal(af_limits_counters(size), 16);
    assert_int_equal(af_limits_counters(size - 1), 8);
    assert_int_equal(af_limits_counters(0), 0);

    memory = af_share(8192);
    assert_null(af_limits_attach(memory, size));
    assert_null(af_limits_init(memory, af_limits_size(0)));
    assert_null(af_limits_init(memory + 8, size));

    table = af_limits_init(memory, size);
    assert_ptr_equal(table, memory);

    while (count(table, &five, "a", NOW, 0) == 0 && peek(table, "a", NOW) == 0)
    { /* void */ }

    assert_ptr_equal(af_limits_attach(memory, size), table);
    assert_int_equal(peek(table, "a", NOW), 60);
    assert_null(af_limits_attach(memory, size + 1));
    assert_null(af_limits_attach(memory + 64, size));

    munmap(memory, 8192);
}


static void
test_a_window_begins_with_the_first(void **state)
{
    int           i;
    af_limits_t  *table;

    (void) state;

    table = table_of(64);

    for (i = 0; i < 5; i++) {
        assert_int_equal(count(table, &five, "a", NOW + 10 * i, 0), 0);
    }

    /* one refusal is reported, and none extends the window */

    assert_int_equal(count(table, &five, "a", NOW + 40, 1), 20);
    assert_int_equal(count(table, &five, "a", NOW + 40, 0), 20);
    assert_int_equal(count(table, &five, "a", NOW + 59, 0), 1);
    assert_int_equal(stat_of(table).refused, 3);

    for (i = 0; i < 5; i++) {
        assert_int_equal(count(table, &five, "a", NOW + 60, 0), 0);
    }

    assert_int_equal(count(table, &five, "a", NOW + 61, 1), 59);

    done(table, 64);
}


static void
test_keys_differ_in_any_octet(void **state)
{
    int           i, told, failed = 0;
    size_t        k;
    af_limits_t  *table;

    static const struct {
        const char  *name;
        const char  *key;
        size_t       len;
    } rows[] = {
        { "empty", "", 0 },
        { "a zero", "\0", 1 },
        { "two zeros", "\0\0", 2 },
        { "a letter", "a", 1 },
        { "a letter and a zero", "a\0", 2 },
        { "of 64 octets",
          "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
          64 },
        { "of 65 octets",
          "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdefg",
          65 }
    };

    (void) state;

    table = table_of(1024);

    for (k = 0; k < af_nelts(rows); k++) {
        for (i = 0; i < 7; i++) {
            af_row((af_limits_take(table, &five, rows[k].key, rows[k].len, NOW,
                                   &told) == 0) == (i < 5), "%s", rows[k].name);
        }
    }

    assert_int_equal(failed, 0);
    done(table, 1024);
}


static void
test_peeking_counts_nothing(void **state)
{
    int           i;
    af_limits_t  *table;

    (void) state;

    table = table_of(64);

    for (i = 0; i < 20; i++) {
        assert_int_equal(peek(table, "a", NOW), 0);
    }

    for (i = 0; i < 5; i++) {
        assert_int_equal(peek(table, "a", NOW), 0);
        assert_int_equal(count(table, &five, "a", NOW, 0), 0);
    }

    assert_int_equal(peek(table, "a", NOW + 1), 59);
    assert_int_equal(count(table, &five, "a", NOW + 1, 1), 59);
    assert_int_equal(peek(table, "a", NOW + 60), 0);

    done(table, 64);
}


static void
give_back(af_limits_t *table, const char *key)
{
    af_limits_release(table, key, strlen(key), NOW);
}


static void
fails(af_limits_t *table, const char *key)
{
    af_limits_failed(table, key, strlen(key), NOW);
}


static void
clear(af_limits_t *table, const char *key)
{
    af_limits_clear(table, key, strlen(key), NOW);
}


static void
test_released(void **state)
{
    int           i;
    af_limits_t  *table;

    (void) state;

    table = table_of(64);

    give_back(table, "a");

    for (i = 0; i < 20; i++) {
        assert_int_equal(take(table, &five, "a", NOW, 0), 0);
        give_back(table, "a");
    }

    give_back(table, "a");

    for (i = 0; i < 4; i++) {
        assert_int_equal(count(table, &five, "a", NOW, 0), 0);
    }

    /* failures stay, whatever else is released */

    assert_int_equal(take(table, &five, "a", NOW, 0), 0);
    give_back(table, "a");
    assert_int_equal(count(table, &five, "a", NOW, 0), 0);
    assert_int_equal(count(table, &five, "a", NOW, 1), 60);
    assert_int_equal(count(table, &five, "a", NOW, 0), 60);

    done(table, 64);
}


static void
test_in_flight(void **state)
{
    int           i;
    af_limits_t  *table;

    (void) state;

    table = table_of(64);

    /* one failed, four may still succeed: nobody is locked out */

    assert_int_equal(count(table, &five, "a", NOW, 0), 0);

    for (i = 0; i < 4; i++) {
        assert_int_equal(take(table, &five, "a", NOW, 0), 0);
    }

    assert_int_equal(take(table, &five, "a", NOW, 0), 1);
    assert_int_equal(peek(table, "a", NOW), 1);

    for (i = 0; i < 3; i++) {
        fails(table, "a");
        assert_int_equal(take(table, &five, "a", NOW, 0), 1);
    }

    fails(table, "a");
    assert_int_equal(peek(table, "a", NOW), 60);
    assert_int_equal(take(table, &five, "a", NOW, 1), 60);
    assert_int_equal(stat_of(table).refused, 5);

    /* more released than were taken */

    fails(table, "a");
    assert_int_equal(peek(table, "a", NOW), 60);

    /* what is never settled is forgotten with the window */

    for (i = 0; i < 5; i++) {
        assert_int_equal(take(table, &five, "b", NOW, 0), 0);
    }

    assert_int_equal(take(table, &five, "b", NOW + 59, 0), 1);

    for (i = 0; i < 5; i++) {
        assert_int_equal(count(table, &five, "b", NOW + 60, 0), 0);
    }

    assert_int_equal(peek(table, "b", NOW + 60), 60);

    done(table, 64);
}


static void
test_cleared(void **state)
{
    int           i, n;
    af_limits_t  *table;

    (void) state;

    table = table_of(64);

    clear(table, "a");

    for (i = 0; i < 5; i++) {
        assert_int_equal(count(table, &five, "b", NOW, 0), 0);
    }

    for (n = 0; n < 3; n++) {
        for (i = 0; i < 5; i++) {
            assert_int_equal(count(table, &five, "a", NOW, 0), 0);
        }

        assert_int_equal(count(table, &five, "a", NOW, 1), 60);
        clear(table, "a");
    }

    assert_int_equal(peek(table, "b", NOW), 60);

    /* what was in flight then still counts */

    assert_int_equal(count(table, &five, "a", NOW, 0), 0);
    assert_int_equal(take(table, &five, "a", NOW, 0), 0);
    assert_int_equal(take(table, &five, "a", NOW, 0), 0);
    clear(table, "a");
    fails(table, "a");
    fails(table, "a");

    for (i = 0; i < 3; i++) {
        assert_int_equal(count(table, &five, "a", NOW, 0), 0);
    }

    assert_int_equal(count(table, &five, "a", NOW, 1), 60);

    /* the next one begins a new window */

    clear(table, "a");
    assert_int_equal(count(table, &five, "a", NOW + 30, 0), 0);

    for (i = 0; i < 4; i++) {
        assert_int_equal(count(table, &five, "a", NOW + 59, 0), 0);
    }

    assert_int_equal(count(table, &five, "a", NOW + 60, 1), 30);

    done(table, 64);
}


static void
test_forgotten(void **state)
{
    int           i;
    af_limits_t  *table;

    (void) state;

    table = table_of(64);

    af_limits_forget(table, "a", 1, NOW);

    for (i = 0; i < 5; i++) {
        assert_int_equal(count(table, &five, "a", NOW, 0), 0);
        assert_int_equal(count(table, &five, "b", NOW, 0), 0);
    }

    assert_int_equal(count(table, &five, "a", NOW, 1), 60);
    af_limits_forget(table, "a", 1, NOW + 30);

    /* the next window begins then, and others are unaffected */

    for (i = 0; i < 5; i++) {
        assert_int_equal(count(table, &five, "a", NOW + 50, 0), 0);
    }

    assert_int_equal(count(table, &five, "a", NOW + 70, 1), 40);
    assert_int_equal(count(table, &five, "b", NOW + 50, 1), 10);

    done(table, 64);
}


static void
test_what_others_have_counted(void **state)
{
    int           i;
    af_limits_t  *table;

    (void) state;

    table = table_of(64);

    /* in their window; some of it was counted here, too */

    assert_int_equal(count(table, &five, "a", NOW, 0), 0);
    af_limits_raise(table, &five, "a", 1, 4, 20, NOW + 1);
    assert_int_equal(count(table, &five, "a", NOW + 1, 0), 0);
    assert_int_equal(count(table, &five, "a", NOW + 1, 1), 20);
    assert_int_equal(count(table, &five, "a", NOW + 21, 0), 0);

    /* as much as is known already is no news; what is in flight, is */

    for (i = 0; i < 3; i++) {
        assert_int_equal(take(table, &five, "b", NOW, 0), 0);
    }

    fails(table, "b");
    af_limits_raise(table, &five, "b", 1, 1, 20, NOW);
    assert_int_equal(take(table, &five, "b", NOW, 0), 0);
    af_limits_raise(table, &five, "b", 1, 2, 20, NOW);
    assert_int_equal(take(table, &five, "b", NOW, 0), 1);
    af_limits_raise(table, &five, "b", 1, 5, 20, NOW);
    assert_int_equal(take(table, &five, "b", NOW, 1), 20);

    /* the window is no longer than one of ours */

    af_limits_raise(table, &five, "c", 1, 7, 3600, NOW);
    assert_int_equal(count(table, &five, "c", NOW, 1), 60);

    done(table, 64);
}


static void
test_marks(void **state)
{
    af_limits_t      *table;
    const af_rate_t   one = { 1, 1 };

    (void) state;

    table = table_of(64);

    assert_int_equal(af_limits_peek(table, &one, "a", 1, NOW), 0);

    af_limits_mark(table, "a", 1, 10, NOW);
    assert_int_not_equal(af_limits_peek(table, &one, "a", 1, NOW + 9), 0);
    assert_int_equal(af_limits_peek(table, &one, "a", 1, NOW + 10), 0);
    assert_int_equal(af_limits_peek(table, &one, "b", 1, NOW), 0);

    /* again: it lasts longer, and a shorter one changes nothing */

    af_limits_mark(table, "a", 1, 10, NOW);
    af_limits_mark(table, "a", 1, 10, NOW + 5);
    af_limits_mark(table, "a", 1, 2, NOW + 6);
    assert_int_not_equal(af_limits_peek(table, &one, "a", 1, NOW + 14), 0);
    assert_int_equal(af_limits_peek(table, &one, "a", 1, NOW + 15), 0);

    done(table, 64);
}


static void
test_odd_rates(void **state)
{
    af_limits_t      *table;
    const af_rate_t   none = { 0, 60 }, instant = { 1, 0 },
                      ever = { 1, UINT32_MAX };

    (void) state;

    table = table_of(64);

    assert_int_equal(count(table, &none, "a", NOW, 1), 60);
    assert_int_equal(count(table, &none, "a", NOW + 1, 0), 59);

    assert_int_equal(count(table, &instant, "b", NOW, 0), 0);
    assert_int_equal(count(table, &instant, "b", NOW, 0), 0);

    assert_int_equal(count(table, &ever, "c", NOW, 0), 0);
    assert_int_equal(count(table, &ever, "c", NOW, 1), UINT32_MAX - NOW);

    done(table, 64);
}


static void
test_nobody_waits_longer_than_a_window(void **state)
{
    af_limits_t      *table;
    const af_rate_t   day = { 1, 86400 }, minute = { 1, 60 };

    (void) state;

    table = table_of(64);

    /* the clock was set back */

    assert_int_equal(count(table, &minute, "a", NOW, 0), 0);
    assert_int_equal(count(table, &minute, "a", NOW - 3600, 1), 60);
    assert_int_equal(count(table, &minute, "a", NOW - 3601, 0), 60);
    assert_int_equal(count(table, &minute, "a", NOW - 3541, 0), 0);

    /* a reload made it shorter */

    assert_int_equal(count(table, &day, "b", NOW, 0), 0);
    assert_int_equal(count(table, &minute, "b", NOW, 1), 60);
    assert_int_equal(count(table, &minute, "b", NOW + 60, 0), 0);

    done(table, 64);
}


static void
test_the_first_to_expire_is_evicted(void **state)
{
    int           i;
    char          key[16];
    af_rate_t     rate;
    af_limits_t  *table;

    (void) state;

    table = table_of(AF_LIMITS_WAYS);
    rate.limit = 1;

    for (i = 0; i < AF_LIMITS_WAYS; i++) {
        rate.window = i == 3 ? 30 : 60;
        snprintf(key, sizeof(key), "%d", i);
        assert_int_equal(count(table, &rate, key, NOW, 0), 0);
    }

    assert_int_equal(stat_of(table).evictions, 0);
    assert_int_equal(stat_of(table).counters, AF_LIMITS_WAYS);

    assert_int_equal(count(table, &rate, "x", NOW, 0), 0);
    assert_int_equal(stat_of(table).evictions, 1);

    rate.window = 60;

    for (i = 0; i < AF_LIMITS_WAYS; i++) {
        snprintf(key, sizeof(key), "%d", i);
        assert_int_equal(af_limits_peek(table, &rate, key, 1, NOW),
                         i != 3 ? 60 : 0);
    }

    /* expired counters make room without an eviction */

    assert_int_equal(count(table, &rate, "y", NOW + 60, 0), 0);
    assert_int_equal(stat_of(table).evictions, 1);

    done(table, AF_LIMITS_WAYS);
}


static void
test_owner_of_the_lock_dies(void **state)
{
    af_limits_t  *table;

    (void) state;

    table = table_of(64);

    assert_int_equal(count(table, &five, "a", NOW, 0), 0);
    assert_int_equal(af_reap(af_spawn(af_take_lock_along, table)), 0);
    assert_int_equal(count(table, &five, "a", NOW, 0), 0);
    assert_int_equal(stat_of(table).recoveries, 1);

    done(table, 64);
}


#define RACERS  5


typedef struct {
    af_limits_t       *table;
    af_rate_t          rate;
    unsigned           takes;      /* for each; 0: until one is refused */
    _Atomic unsigned   passed;
    _Atomic unsigned   told;
} af_race_t;


static int
run_takes(void *data)
{
    int         first;
    unsigned    i, wait;
    af_race_t  *race = data;

    for (i = 0; race->takes == 0 || i < race->takes; i++) {
        wait = af_limits_take(race->table, &race->rate, "a", 1, NOW, &first);

        if (race->takes != 0 && wait == 0) {
            af_limits_failed(race->table, "a", 1, NOW);
        }

        race->passed += wait == 0;
        race->told += first;

        if (race->takes == 0 && wait != 0) {
            break;
        }
    }

    return 0;
}


static af_race_t *
race_of(uint32_t limit, unsigned takes)
{
    af_race_t  *race;

    race = af_share(sizeof(af_race_t));
    memset(race, 0, sizeof(af_race_t));
    race->table = table_of(64);
    race->rate.limit = limit;
    race->rate.window = 60;
    race->takes = takes;

    return race;
}


static void
test_10_of_10000_pass(void **state)
{
    int         i;
    pid_t       pid[RACERS];
    af_race_t  *race;

    (void) state;

    race = race_of(10, 10000 / RACERS);

    for (i = 0; i < RACERS; i++) {
        pid[i] = af_spawn(run_takes, race);
    }

    for (i = 0; i < RACERS; i++) {
        assert_int_equal(af_reap(pid[i]), 0);
    }

    assert_int_equal(race->passed, 10);
    assert_int_equal(race->told, 1);
    assert_int_equal(stat_of(race->table).refused, 9990);

    done(race->table, 64);
    munmap(race, sizeof(af_race_t));
}


/* a killed process may have taken one that it couldn't report */

static void
test_no_more_pass_if_some_are_killed(void **state)
{
    int         i, n, killed;
    pid_t       pid[RACERS];
    af_race_t  *race;

    (void) state;

    race = race_of(3000000, 0);
    killed = 0;

    for (i = 0; i < RACERS; i++) {
        pid[i] = af_spawn(run_takes, race);
    }

    for (i = 0; i < 200; i++) {
        usleep(500 + rand() % 1000);

        n = rand() % RACERS;
        kill(pid[n], SIGKILL);
        killed += af_reap(pid[n]) == -1;
        pid[n] = af_spawn(run_takes, race);
    }

    for (i = 0; i < RACERS; i++) {
        assert_int_equal(af_reap(pid[i]), 0);
    }

    assert_in_range(race->passed, 3000000 - killed, 3000000);
    assert_true(race->told <= 1);

    done(race->table, 64);
    munmap(race, sizeof(af_race_t));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_found_again),
        cmocka_unit_test(test_a_window_begins_with_the_first),
        cmocka_unit_test(test_keys_differ_in_any_octet),
        cmocka_unit_test(test_peeking_counts_nothing),
        cmocka_unit_test(test_released),
        cmocka_unit_test(test_in_flight),
        cmocka_unit_test(test_cleared),
        cmocka_unit_test(test_forgotten),
        cmocka_unit_test(test_what_others_have_counted),
        cmocka_unit_test(test_odd_rates),
        cmocka_unit_test(test_marks),
        cmocka_unit_test(test_nobody_waits_longer_than_a_window),
        cmocka_unit_test(test_the_first_to_expire_is_evicted),
        cmocka_unit_test(test_owner_of_the_lock_dies),
        cmocka_unit_test(test_10_of_10000_pass),
        cmocka_unit_test(test_no_more_pass_if_some_are_killed)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
