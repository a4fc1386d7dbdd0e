/*
 * The revocations that the database sends, as the zone takes them.
 */

#include <stdio.h>

#include "unit.h"

#include "check/uuid.h"
#include "shm/zone.h"


#define NOW  1700000000

static const char  session[] = "018f3c1e-0000-7000-8000-00000000000a";


static af_zone_t
zone_of(void *memory)
{
    af_zone_t  zone;

    assert_int_equal(af_zone_init(&zone, memory, AF_ZONE_MIN, NOW), 0);

    return zone;
}


/* whether a token with this single subject is revoked */

static int
judge(const af_zone_t *zone, const unsigned char *id, uint64_t epoch)
{
    af_subject_t  subject;

    memcpy(subject.id, id, sizeof(subject.id));
    subject.epoch = epoch;

    return af_revocations_check(zone->revocations, &subject, 1, NOW);
}


/* t/48-role-deletion.t compares it with the database */

static void
test_names_of_roles(void **state)
{
    int            failed = 0;
    size_t         i;
    unsigned char  id[AF_REVOCATIONS_ID_SIZE], expected[AF_REVOCATIONS_ID_SIZE];

    static const struct {
        const char  *name;
        const char  *uuid;
    } rows[] = {
        { "a", "22f59a01-ce29-5f3a-deba-f4e045d46e37" },
        { "editor", "abd48313-bb2f-d658-d30b-d4a874bf6be3" }
    };

    (void) state;

    for (i = 0; i < af_nelts(rows); i++) {
        assert_int_equal(af_uuid_read(rows[i].uuid, 36, expected), 0);
        af_zone_role_id(rows[i].name, strlen(rows[i].name), id);
        af_row(memcmp(id, expected, sizeof(id)) == 0, "%s", rows[i].name);
    }

    assert_int_equal(failed, 0);
}


static void
test_lines(void **state)
{
    int             failed = 0;
    size_t          i;
    void           *memory;
    af_zone_t       zone;
    unsigned char   id[AF_REVOCATIONS_ID_SIZE];

    static const struct {
        const char  *line;
        int          rc;
        uint64_t     epoch;        /* the highest one that is revoked */
    } rows[] = {
        { "beat", -1, 0 },
        { "", -1, 0 },
        { "018f3c1e-0000-7000-8000-00000000000a - 1700000000", -1, 0 },
        { "018f3c1e-0000-7000-8000-00000000000 5 1700000000 1700003600",
          -1, 0 },
        { "018f3c1e-0000-7000-8000-00000000000a 5 1700000000 1700003600",
          0, 4 },
        { "018f3c1e-0000-7000-8000-00000000000a 1700000060 1700000060 "
          "1700086460", 0, 1700000059 },
        { "018f3c1e-0000-7000-8000-00000000000a - 1700000000 1700003600",
          0, UINT64_MAX - 1 }
    };

    (void) state;

    memory = aligned_alloc(64, AF_ZONE_MIN);
    assert_int_equal(af_uuid_read(session, sizeof(session) - 1, id), 0);

    for (i = 0; i < af_nelts(rows); i++) {
        memset(memory, 0, AF_ZONE_MIN);
        zone = zone_of(memory);

        af_row(af_zone_revoke(&zone, rows[i].line, NOW) == rows[i].rc
               && judge(&zone, id, rows[i].epoch) == (rows[i].rc == 0)
               && judge(&zone, id, rows[i].epoch + 1)
                  == (rows[i].epoch == UINT64_MAX - 1),
               "\"%s\"", rows[i].line);
    }

    free(memory);
    assert_int_equal(failed, 0);
}


static void
test_feed(void **state)
{
    void       *memory;
    af_zone_t   zone;

    (void) state;

    memory = aligned_alloc(64, AF_ZONE_MIN);
    memset(memory, 0, AF_ZONE_MIN);
    zone = zone_of(memory);

    assert_int_equal(af_zone_feed_state(&zone, 5000, 1000), AF_FEED_NEVER);

    af_revocations_set_fed_at(zone.revocations, 5000);
    assert_int_equal(af_zone_feed_state(&zone, 6000, 1000), AF_FEED_FRESH);
    assert_int_equal(af_zone_feed_state(&zone, 6001, 1000), AF_FEED_STALE);

    /* another process's clock, and one that wraps around */

    assert_int_equal(af_zone_feed_state(&zone, 4990, 1000), AF_FEED_FRESH);

    af_revocations_set_fed_at(zone.revocations, UINTPTR_MAX);
    assert_int_equal(af_zone_feed_state(&zone, 100, 1000), AF_FEED_FRESH);
    assert_int_equal(af_zone_feed_state(&zone, 1000, 1000), AF_FEED_STALE);

    free(memory);
}


/* a date that is wrong for a while makes nothing forgotten */

static void
test_dates(void **state)
{
    void           *memory = aligned_alloc(64, AF_ZONE_MIN);
    size_t          i;
    af_zone_t       zone = zone_of(memory);
    unsigned char   id[AF_REVOCATIONS_ID_SIZE];
    char            line[128];

    static const time_t  dates[] = { NOW + 7200, NOW, NOW - 7200 };

    (void) state;

    (void) snprintf(line, sizeof(line), "%s - %d %d", session, NOW, NOW + 60);
    assert_int_equal(af_zone_revoke(&zone, line, NOW), 0);
    assert_int_equal(af_uuid_read(session, strlen(session), id), 0);

    for (i = 0; i < af_nelts(dates); i++) {
        assert_int_equal(af_zone_sweep(&zone, dates[i], SIZE_MAX), 0);
        assert_int_equal(judge(&zone, id, 0), 1);
    }

    zone.epoch += 61;
    assert_int_equal(af_zone_sweep(&zone, NOW, SIZE_MAX), 0);
    assert_int_equal(af_zone_sweep(&zone, NOW + 61, SIZE_MAX), 1);

    free(memory);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_names_of_roles),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_feed),
        cmocka_unit_test(test_dates)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
