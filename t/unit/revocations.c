/*
 * The table of revocations: what is revoked stays revoked until its time,
 * however full the table is, whoever is killed, and whatever is written
 * concurrently.
 */

#include "revocation.h"
#include "shared.h"


#define NOW    1700000000
#define LATER  (NOW + 3600)


typedef struct {
    af_revocations_t  *table;
    size_t             size;
} af_fixture_t;


static af_fixture_t
table_of(size_t slots)
{
    af_fixture_t  f;

    f.size = af_revocations_size(slots);
    f.table = af_revocations_init(af_share(f.size), f.size, NOW);
    assert_non_null(f.table);

    return f;
}


static void
done(af_fixture_t *f)
{
    munmap(f->table, f->size);
}


static int
add(af_fixture_t *f, uint64_t kind, uint64_t n, uint64_t epoch, time_t at,
    time_t until, time_t now)
{
    af_revocation_t  entry;

    entry = revocation(kind, n, epoch, at, until);

    return af_revocations_add(f->table, &entry, now);
}


static af_revocations_stat_t
stat_of(af_fixture_t *f)
{
    af_revocations_stat_t  stat;

    af_revocations_stat(f->table, &stat);

    return stat;
}


static void
test_fits_its_memory(void **state)
{
    size_t  n;
    char   *memory;

    (void) state;

    for (n = 1; n < 2000; n += 7) {
        assert_int_equal(af_revocations_slots(af_revocations_size(n)), n);
        assert_int_equal(af_revocations_slots(af_revocations_size(n) - 1),
                         n - 1);
    }

    assert_int_equal(af_revocations_slots(0), 0);

    memory = af_share(8192);
    assert_null(af_revocations_init(memory, af_revocations_size(0), NOW));
    assert_null(af_revocations_init(memory + 8, 4096, NOW));
    assert_non_null(af_revocations_init(memory + 64, 4096, NOW));
    munmap(memory, 8192);
}


static void
test_found_again(void **state)
{
    char          *memory;
    af_fixture_t   f;

    (void) state;

    f = table_of(100);
    memory = (char *) f.table;
    assert_int_equal(add(&f, SESSION, 1, AF_REVOCATIONS_ALL, NOW, LATER, NOW),
                     0);

    assert_ptr_equal(af_revocations_attach(memory, f.size), f.table);
    assert_true(judge(f.table, 1, 1, 0, NOW));

    assert_null(af_revocations_attach(memory, f.size + 32));
    assert_null(af_revocations_attach(memory, f.size - 32));
    assert_null(af_revocations_attach(memory, 8));
    assert_null(af_revocations_attach(memory + 64, f.size - 64));

    memory[0] ^= 1;
    assert_null(af_revocations_attach(memory, f.size));

    memset(memory, 0, f.size);
    assert_null(af_revocations_attach(memory, f.size));

    done(&f);
}


static void
test_verdicts(void **state)
{
    int           failed = 0;
    size_t        i;
    af_fixture_t  f;

    static const struct {
        const char  *name;
        uint64_t     session;
        uint64_t     account;
        uint64_t     epoch;
        int          revoked;
    } rows[] = {
        { "nothing revoked", 1, 1, 0, 0 },
        { "session ended", 7, 1, 0, 1 },
        { "session ended, any epoch", 7, 1, UINT64_MAX, 1 },
        { "older epoch", 1, 8, 4, 1 },
        { "least epoch", 1, 8, 5, 0 },
        { "newer epoch", 1, 8, UINT64_MAX, 0 },
        { "both", 7, 8, 5, 1 },
        { "an account's id as a session's", 8, 7, 0, 0 },
        { "epoch of many bits, older", 1, 9, UINT32_MAX, 1 },
        { "epoch of many bits, newer", 1, 9, UINT64_MAX, 1 },
        { "largest epoch of a slot, older", 1, 10, UINT32_MAX - 2, 1 },
        { "largest epoch of a slot", 1, 10, UINT32_MAX - 1, 0 },
        { "epoch 0 revokes none", 1, 11, 0, 0 }
    };

    (void) state;

    f = table_of(1000);
    add(&f, SESSION, 7, AF_REVOCATIONS_ALL, NOW, LATER, NOW);
    add(&f, ACCOUNT, 8, 5, NOW, LATER, NOW);
    add(&f, ACCOUNT, 9, (uint64_t) UINT32_MAX + 9, NOW, LATER, NOW);
    add(&f, ACCOUNT, 10, UINT32_MAX - 1, NOW, LATER, NOW);
    add(&f, ACCOUNT, 11, 0, NOW, LATER, NOW);

    for (i = 0; i < af_nelts(rows); i++) {
        af_row(judge(f.table, rows[i].session, rows[i].account, rows[i].epoch,
                     NEVER) == rows[i].revoked, "%s", rows[i].name);
        af_row(judge(f.table, rows[i].session, rows[i].account, rows[i].epoch,
                     0) == rows[i].revoked, "%s, iat 0", rows[i].name);
    }

    assert_int_equal(failed, 0);
    done(&f);
}


static void
test_what_expires_after_2106_does_not_expire_at_once(void **state)
{
    af_fixture_t  f;

    (void) state;

    f = table_of(100);
    add(&f, SESSION, 7, AF_REVOCATIONS_ALL, NOW, (time_t) UINT32_MAX + 10, NOW);

    assert_int_equal(af_revocations_sweep(f.table, NOW, 100), 0);
    assert_true(judge(f.table, 7, 1, 0, NEVER));

    done(&f);
}


/* by the time of issue; and more subjects than are looked up together */

static void
test_roles(void **state)
{
    int                      i, n;
    af_subject_t  subjects[40];
    af_fixture_t             f;

    (void) state;

    f = table_of(1000);
    add(&f, ROLE, 7, NOW + 60, NOW + 60, LATER, NOW);

    for (n = 1; n <= 40; n++) {
        for (i = 0; i < n; i++) {
            subjects[i] = subject(ROLE, 100 + i, NOW);
        }

        assert_false(af_revocations_check(f.table, subjects, n, NOW));

        for (i = 0; i < n; i++) {
            subjects[i] = subject(ROLE, 7, NOW + 59);
            assert_true(af_revocations_check(f.table, subjects, n, NOW + 59));

            subjects[i] = subject(ROLE, 7, NOW + 60);
            assert_false(af_revocations_check(f.table, subjects, n, NOW + 60));

            subjects[i] = subject(ROLE, 100 + i, NOW);
        }
    }

    assert_false(af_revocations_check(f.table, subjects, 0, NOW));

    done(&f);
}


static void
test_only_raised(void **state)
{
    af_fixture_t  f;

    (void) state;

    f = table_of(64);

    add(&f, ACCOUNT, 1, 5, NOW, LATER, NOW);
    add(&f, ACCOUNT, 1, 3, NOW - 9, NOW + 9, NOW);
    assert_true(judge(f.table, 0, 1, 4, NEVER));
    assert_false(judge(f.table, 0, 1, 5, NEVER));

    /* its time was not shortened */

    assert_int_equal(af_revocations_sweep(f.table, LATER, 64), 0);
    assert_true(judge(f.table, 0, 1, 4, NEVER));

    add(&f, ACCOUNT, 1, 6, NOW + 1, LATER + 9, NOW);
    assert_true(judge(f.table, 0, 1, 5, NEVER));
    assert_int_equal(stat_of(&f).used, 1);
    assert_int_equal(af_revocations_sweep(f.table, LATER + 9, 64), 0);
    assert_int_equal(af_revocations_sweep(f.table, LATER + 10, 64), 1);
    assert_int_equal(stat_of(&f).used, 0);
    assert_false(judge(f.table, 0, 1, 5, NEVER));

    done(&f);
}


static void
test_generation_reflects_changes(void **state)
{
    uint64_t      generation;
    af_fixture_t  f;

    (void) state;

    f = table_of(64);

    generation = af_revocations_generation(f.table);
    assert_true(generation != 0);

    add(&f, ACCOUNT, 1, 5, NOW, LATER, NOW);
    assert_true(af_revocations_generation(f.table) != generation);

    /* what can't change a verdict doesn't invalidate cached ones */

    generation = af_revocations_generation(f.table);
    add(&f, ACCOUNT, 1, 5, NOW, LATER + 1, NOW);
    af_revocations_sweep(f.table, NOW, 64);
    assert_true(af_revocations_generation(f.table) == generation);

    add(&f, ACCOUNT, 1, 6, NOW, LATER, NOW);
    assert_true(af_revocations_generation(f.table) != generation);

    done(&f);
}


static void
test_feed(void **state)
{
    af_fixture_t  f;

    (void) state;

    f = table_of(64);

    assert_true(af_revocations_fed_at(f.table) == 0);
    af_revocations_set_fed_at(f.table, UINT64_MAX);
    assert_true(af_revocations_fed_at(f.table) == UINT64_MAX);
    assert_int_equal(stat_of(&f).created, NOW);
    assert_int_equal(stat_of(&f).slots, 64);

    done(&f);
}


static void
test_the_first_to_expire_is_evicted(void **state)
{
    int           i;
    af_fixture_t  f;

    (void) state;

    f = table_of(8);

    for (i = 0; i < 8; i++) {
        add(&f, SESSION, i, AF_REVOCATIONS_ALL, NOW + i, LATER - i, NOW);
    }

    assert_int_equal(stat_of(&f).used, 8);
    assert_int_equal(stat_of(&f).watermark, 0);

    /* 7 is the first to expire */

    add(&f, SESSION, 8, AF_REVOCATIONS_ALL, NOW + 8, LATER, NOW);
    assert_int_equal(stat_of(&f).watermark, NOW + 7);
    assert_int_equal(stat_of(&f).evictions, 1);
    assert_int_equal(stat_of(&f).used, 8);
    assert_true(judge(f.table, 7, 0, 0, NOW + 7));
    assert_false(judge(f.table, 7, 0, 0, NOW + 8));
    assert_true(judge(f.table, 99, 0, 0, NOW + 7));
    assert_false(judge(f.table, 99, 0, 0, NOW + 8));

    for (i = 0; i < 9; i++) {
        assert_int_equal(judge(f.table, i, 0, 0, NEVER), i != 7);
    }

    /* the watermark is never lowered */

    add(&f, SESSION, 9, AF_REVOCATIONS_ALL, NOW + 9, LATER, NOW);
    assert_int_equal(stat_of(&f).watermark, NOW + 7);
    assert_int_equal(stat_of(&f).evictions, 2);
    assert_false(judge(f.table, 6, 0, 0, NEVER));

    /* nor forgotten when the last entry has expired */

    assert_int_equal(af_revocations_sweep(f.table, LATER + 1, 8), 8);
    assert_int_equal(stat_of(&f).used, 0);
    assert_true(judge(f.table, 99, 0, 0, NOW + 7));
    assert_false(judge(f.table, 99, 0, 0, NOW + 8));

    done(&f);
}


static void
test_expired_entries_are_replaced_first(void **state)
{
    int           i;
    af_fixture_t  f;

    (void) state;

    f = table_of(8);

    for (i = 0; i < 8; i++) {
        add(&f, SESSION, i, AF_REVOCATIONS_ALL, NOW, i == 3 ? NOW : LATER,
            NOW);
    }

    add(&f, SESSION, 8, AF_REVOCATIONS_ALL, NOW, LATER, NOW + 1);
    assert_int_equal(stat_of(&f).evictions, 0);
    assert_int_equal(stat_of(&f).used, 8);

    for (i = 0; i < 9; i++) {
        assert_int_equal(judge(f.table, i, 0, 0, NEVER), i != 3);
    }

    done(&f);
}


static void
test_none_forgotten_in_a_flood(void **state)
{
    int           i;
    size_t        found;
    af_fixture_t  f;

    (void) state;

    f = table_of(1024);
    found = 0;

    for (i = 0; i < 100000; i++) {
        assert_int_equal(add(&f, SESSION, i, AF_REVOCATIONS_ALL, NOW + i,
                             LATER + i, NOW), 0);
    }

    for (i = 0; i < 100000; i++) {
        assert_true(judge(f.table, i, 0, 0, NOW + i));
        found += judge(f.table, i, 0, 0, NEVER);
    }

    /* it is completely full, and most tokens have to be refreshed */

    assert_int_equal(found, stat_of(&f).used);
    assert_in_range(found, 1000, 1024);
    assert_int_equal(stat_of(&f).evictions, 100000 - found);
    assert_false(judge(f.table, 100000, 0, 0, NOW + 100000));

    done(&f);
}


/* random additions, time and sweeps, compared with a list of them */

static void
walk(size_t slots, int ids)
{
    int           i, n, step, lifetime;
    time_t        now, until[256] = { 0 };
    uint64_t      e, epoch[256] = { 0 };
    size_t        live;
    af_fixture_t  f;

    f = table_of(slots);
    now = NOW;
    lifetime = ids / 4;

    for (step = 0; step < 20000; step++) {
        n = rand() % ids;
        now += rand() % 4 == 0;

        if (rand() % 3 != 0) {
            i = now + rand() % lifetime;
            e = 1 + rand() % 1000;
            epoch[n] = until[n] >= now && epoch[n] > e ? epoch[n] : e;
            until[n] = until[n] > i ? until[n] : i;
            add(&f, ACCOUNT, n, e, now, i, now);
        }

        if (rand() % 8 == 0) {
            af_revocations_sweep(f.table, now, rand() % (slots + 2));
        }

        if (rand() % 1000 == 0) {
            now += 2 * lifetime;
        }

        for (n = 0, live = 0; n < ids; n++) {
            if (until[n] >= now) {
                live++;
                assert_true(judge(f.table, 0, n, epoch[n] - 1, NEVER));
            }
        }

        assert_int_equal(stat_of(&f).evictions, 0);
        assert_in_range(stat_of(&f).used, live, slots);
    }

    /* all expired: a little more than one round leaves nothing */

    now += 2 * lifetime;
    af_revocations_sweep(f.table, now, slots);
    af_revocations_sweep(f.table, now, slots);
    assert_int_equal(stat_of(&f).used, 0);

    for (n = 0; n < ids; n++) {
        assert_false(judge(f.table, 0, n, 0, NEVER));
    }

    done(&f);
}


static void
test_sweeping_keeps_chains(void **state)
{
    (void) state;

    srand(1);
    walk(64, 64);
    walk(100, 64);
    walk(200, 190);
    walk(700, 256);
}


static void
test_a_table_full_of_expired_entries_is_swept(void **state)
{
    int           i;
    af_fixture_t  f;

    (void) state;

    f = table_of(1500);

    for (i = 0; i < 20000; i++) {
        add(&f, SESSION, i, AF_REVOCATIONS_ALL, NOW, NOW, NOW);
    }

    add(&f, SESSION, i, AF_REVOCATIONS_ALL, NOW, LATER, NOW);
    assert_in_range(stat_of(&f).used, 1400, 1500);

    /* in parts; live entries keep only the slots of their chains */

    for (i = 0; i < 30; i++) {
        af_revocations_sweep(f.table, NOW + 1, 100);
    }

    assert_in_range(stat_of(&f).used, 1, 512);
    assert_true(judge(f.table, 20000, 0, 0, NEVER));

    done(&f);
}


static void
test_owner_of_the_lock_dies(void **state)
{
    uint64_t      generation;
    af_fixture_t  f;

    (void) state;

    f = table_of(64);
    add(&f, ACCOUNT, 1, 5, NOW, LATER, NOW);
    generation = af_revocations_generation(f.table);

    assert_int_equal(af_reap(af_spawn(af_take_lock_along, f.table)), 0);

    /* it may have been about to announce a change */

    assert_int_equal(add(&f, ACCOUNT, 1, 5, NOW, LATER, NOW), 0);
    assert_true(af_revocations_generation(f.table) != generation);
    assert_int_equal(stat_of(&f).recoveries, 1);
    assert_int_equal(stat_of(&f).used, 1);

    assert_int_equal(add(&f, ACCOUNT, 2, 5, NOW, LATER, NOW), 0);
    assert_int_equal(stat_of(&f).recoveries, 1);

    done(&f);
}


/*
 * Writers add, expire, raise and sweep, and are killed; readers check what the
 * writers record in a ledger.
 */

#define WRITERS  3
#define READERS  2
#define RING     1024
#define QUOTA    300           /* additions per writer before time advances */
#define LASTING  1000000

enum { MISSED = 1, MADE_UP, EPOCH_MISSED, EPOCH_MADE_UP, UNTOLD };

typedef struct {
    _Atomic uint64_t   count;          /* sessions 0 to count - 1 are added */
    _Atomic uint32_t   until[RING];
    _Atomic uint32_t   at[RING];
    _Atomic uint64_t   begun;          /* epochs: begun, and added */
    _Atomic uint64_t   raised;
} af_ledger_t;

typedef struct {
    af_fixture_t       f;
    int                evicting;       /* the table is too small */
    _Atomic int        stop;
    _Atomic int        failed;
    _Atomic uint32_t   now;
    _Atomic uint32_t   at;
    _Atomic uint64_t   judged;
    af_ledger_t        ledger[WRITERS];
} af_race_t;

typedef struct {
    af_race_t         *race;
    int                n;
} af_racer_t;


static uint64_t
session_of(int writer, uint64_t n)
{
    return n * WRITERS + writer;
}


static void
write_session(af_race_t *race, int writer, uint32_t now)
{
    uint64_t      n;
    uint32_t      at;
    af_ledger_t  *ledger;

    ledger = &race->ledger[writer];
    n = ledger->count;
    at = race->at++;

    ledger->until[n % RING] = now + n % 8;
    ledger->at[n % RING] = at;
    add(&race->f, SESSION, session_of(writer, n), AF_REVOCATIONS_ALL, at,
        now + n % 8, now);
    ledger->count = n + 1;
}


static void
write_epoch(af_race_t *race, int writer, uint32_t now)
{
    uint64_t      epoch;
    af_ledger_t  *ledger;

    ledger = &race->ledger[writer];
    epoch = ++ledger->begun;
    add(&race->f, ACCOUNT, writer, epoch, race->at, now + LASTING, now);
    ledger->raised = epoch;
}


static int
run_writer(void *data)
{
    int          n, added;
    uint32_t     now, then;
    af_race_t   *race = ((af_racer_t *) data)->race;

    n = ((af_racer_t *) data)->n;
    added = 0;
    then = 0;

    while (!race->stop) {
        now = race->now;
        added = now == then ? added + 1 : 0;
        then = now;

        if (added < QUOTA) {
            write_session(race, n, now);
        }

        if (added % 4 == 0) {
            write_epoch(race, n, now);
        }

        if (added % 16 == 0) {
            af_revocations_sweep(race->f.table, now, 100);
        }
    }

    return 0;
}


/* each returns what failed, or 0 */

static int
check_session(af_race_t *race, int writer)
{
    int           revoked;
    time_t        iat;
    uint64_t      n, back;
    uint32_t      until;
    af_ledger_t  *ledger;

    ledger = &race->ledger[writer];
    n = ledger->count;
    back = 1 + rand() % (RING / 2);

    if (back > n) {
        return 0;
    }

    n -= back;
    until = ledger->until[n % RING];
    iat = race->evicting ? (time_t) ledger->at[n % RING] : NEVER;
    revoked = judge(race->f.table, session_of(writer, n), WRITERS, 0, iat);

    /* unless it expired, or the ledger advanced meanwhile */

    return !revoked && race->now <= until && ledger->count < n + RING
           ? MISSED : 0;
}


static int
check_epoch(af_race_t *race, int writer)
{
    uint64_t      epoch;
    af_ledger_t  *ledger;

    ledger = &race->ledger[writer];
    epoch = ledger->raised;

    if (epoch > 0
        && !judge(race->f.table, UINT64_MAX, writer, epoch - 1, NEVER))
    {
        return EPOCH_MISSED;
    }

    epoch = ledger->begun + 2;

    return judge(race->f.table, UINT64_MAX, writer, epoch, NEVER)
           && ledger->begun <= epoch ? EPOCH_MADE_UP : 0;
}


static int
check_generation(af_race_t *race, int writer)
{
    int           i, revoked;
    uint64_t      n, generation;
    af_ledger_t  *ledger;

    ledger = &race->ledger[writer];
    generation = af_revocations_generation(race->f.table);
    n = ledger->count;
    revoked = judge(race->f.table, session_of(writer, n), WRITERS, 0, NEVER);

    for (i = 0; i < 100 && ledger->count == n; i++) { /* void */ }

    if (revoked || ledger->count == n
        || af_revocations_generation(race->f.table) != generation)
    {
        return 0;
    }

    /* it may have been added, and expired, before the ledger was written */

    return !race->evicting
           && race->now <= ledger->until[n % RING]
           && ledger->count < n + RING
           ? UNTOLD : 0;
}


static int
check_nobody(af_race_t *race, int writer)
{
    (void) writer;

    return judge(race->f.table, UINT64_MAX - rand(), WRITERS, 0, NEVER)
           ? MADE_UP : 0;
}


static int
run_reader(void *data)
{
    int         failed;
    size_t      i;
    af_race_t  *race = ((af_racer_t *) data)->race;

    static int  (*const checks[])(af_race_t *race, int writer) = {
        check_session, check_epoch, check_generation, check_nobody
    };

    for (i = 0; !race->stop; i++) {
        failed = checks[i % af_nelts(checks)](race, rand() % WRITERS);

        if (failed) {
            race->failed = failed;
            race->stop = 1;
        }

        race->judged++;
    }

    return 0;
}


static void
race_of(size_t slots, int evicting)
{
    int         i, n;
    pid_t       pid[WRITERS + READERS];
    af_race_t  *race;
    af_racer_t  racer[WRITERS + READERS];

    race = af_share(sizeof(af_race_t));
    memset(race, 0, sizeof(af_race_t));
    race->f = table_of(slots);
    race->evicting = evicting;
    race->now = 1;
    race->at = 1;

    for (i = 0; i < WRITERS + READERS; i++) {
        racer[i].race = race;
        racer[i].n = i;
        pid[i] = af_spawn(i < WRITERS ? run_writer : run_reader, &racer[i]);
    }

    for (i = 0; i < 250 && !race->stop; i++) {
        usleep(1000 + rand() % 3000);
        race->now++;

        n = rand() % WRITERS;
        kill(pid[n], SIGKILL);
        (void) af_reap(pid[n]);
        pid[n] = af_spawn(run_writer, &racer[n]);
    }

    race->stop = 1;

    for (i = 0; i < WRITERS + READERS; i++) {
        assert_int_equal(af_reap(pid[i]), 0);
    }

    assert_int_equal(race->failed, 0);
    assert_true(race->judged > 0);
    assert_int_equal(stat_of(&race->f).evictions != 0, evicting);

    af_revocations_sweep(race->f.table, race->now + 2 * LASTING, slots);
    af_revocations_sweep(race->f.table, race->now + 2 * LASTING, slots);
    assert_int_equal(stat_of(&race->f).used, 0);

    done(&race->f);
    munmap(race, sizeof(af_race_t));
}


static void
test_readers_miss_nothing_while_writers_are_killed(void **state)
{
    (void) state;

    race_of(12000, 0);
}


static void
test_readers_miss_nothing_during_evictions(void **state)
{
    (void) state;

    race_of(600, 1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_fits_its_memory),
        cmocka_unit_test(test_found_again),
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_what_expires_after_2106_does_not_expire_at_once),
        cmocka_unit_test(test_roles),
        cmocka_unit_test(test_only_raised),
        cmocka_unit_test(test_generation_reflects_changes),
        cmocka_unit_test(test_feed),
        cmocka_unit_test(test_the_first_to_expire_is_evicted),
        cmocka_unit_test(test_expired_entries_are_replaced_first),
        cmocka_unit_test(test_none_forgotten_in_a_flood),
        cmocka_unit_test(test_sweeping_keeps_chains),
        cmocka_unit_test(test_a_table_full_of_expired_entries_is_swept),
        cmocka_unit_test(test_owner_of_the_lock_dies),
        cmocka_unit_test(test_readers_miss_nothing_while_writers_are_killed),
        cmocka_unit_test(test_readers_miss_nothing_during_evictions)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
