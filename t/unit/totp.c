/* Codes that depend on the time: vectors of RFC 6238; and recovery codes. */

#include <sodium.h>

#include "unit.h"
#include "crypto/recovery.h"
#include "crypto/totp.h"


#define USER     "019ada00-0000-7000-8000-000000000001"
#define ANOTHER  "019ada00-0000-7000-8000-000000000002"

/* the RFC's secret, "12345678901234567890" */
#define SECRET  "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


/* RFC 6238, appendix B, SHA1: the last six of its eight digits */

static const struct {
    int64_t      time;
    const char  *code;
} vectors[] = {
    { 59, "287082" },
    { 1111111109, "081804" },
    { 1111111111, "050471" },
    { 1234567890, "005924" },
    { 2000000000, "279037" },
    { 20000000000, "353130" }
};


static void
test_vectors(void **state)
{
    int      failed;
    size_t   i;
    int64_t  time, step;

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(vectors); i++) {
        time = vectors[i].time;
        step = time / AF_TOTP_STEP;

        af_row(af_totp_verify(SECRET, vectors[i].code, time, -1) == step,
               "%s", vectors[i].code);
        af_row(af_totp_verify(SECRET, vectors[i].code, time + 30, -1) == step,
               "%s, a step later", vectors[i].code);
        af_row(af_totp_verify(SECRET, vectors[i].code, time - 30, -1) == step,
               "%s, a step before", vectors[i].code);
        af_row(af_totp_verify(SECRET, vectors[i].code, time + 60, -1) == -1,
               "%s, two steps later", vectors[i].code);
        af_row(time < 60
               || af_totp_verify(SECRET, vectors[i].code, time - 60, -1) == -1,
               "%s, two steps before", vectors[i].code);
        af_row(af_totp_verify(SECRET, vectors[i].code, time, step) == -1,
               "%s, used", vectors[i].code);
        af_row(af_totp_verify(SECRET, vectors[i].code, time, step - 1)
               == step, "%s, after the one before", vectors[i].code);
    }

    assert_int_equal(failed, 0);
}


static void
test_what_is_typed(void **state)
{
    int     failed;
    size_t  i;

    static const struct {
        const char  *secret;
        const char  *code;
        int          valid;
    } rows[] = {
        { SECRET, "287082", 1 },
        { SECRET, "287 082", 1 },
        { SECRET, "287083", 0 },
        { SECRET, "28708", 0 },
        { SECRET, "0287082", 0 },
        { SECRET, "94287082", 0 },
        { SECRET, "-87082", 0 },
        { SECRET, "2870820000000000000000", 0 },
        { SECRET, "", 0 },
        { "gezdgnbvgy3tqojqgezdgnbvgy3tqojq", "287082", 1 },
        { "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJ1", "287082", 0 },
        { "", "287082", 0 }
    };

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(rows); i++) {
        af_row((af_totp_verify(rows[i].secret, rows[i].code, 59, -1) != -1)
               == rows[i].valid, "\"%s\"", rows[i].code);
    }

    assert_int_equal(failed, 0);
}


/* RFC 4648, section 10, without the padding */

static void
test_base32(void **state)
{
    char           text[32], secret[AF_TOTP_SIZE], other[AF_TOTP_SIZE];
    size_t         i;
    unsigned char  octets[AF_TOTP_OCTETS];

    static const char *const  rows[] = {
        "", "MY", "MZXQ", "MZXW6", "MZXW6YQ", "MZXW6YTB", "MZXW6YTBOI"
    };

    (void) state;

    for (i = 0; i < af_nelts(rows); i++) {
        af_base32_encode((unsigned char *) "foobar", i, text);
        assert_string_equal(text, rows[i]);
        assert_int_equal(af_base32_decode(rows[i], octets, i), i);
        assert_memory_equal(octets, "foobar", i);
    }

    assert_int_equal(af_base32_decode("MZXW6YTBOI", octets, 5), -1);
    assert_int_equal(af_base32_decode("MZXW6YT8", octets, 5), -1);

    af_totp_secret(secret);
    af_totp_secret(other);

    assert_int_equal(strlen(secret), 32);
    assert_string_not_equal(secret, other);
    assert_int_equal(af_base32_decode(secret, octets, sizeof(octets)), 20);
}


static void
test_recovery_codes(void **state)
{
    char    code[AF_RECOVERY_SIZE], typed[64];
    char    hash[AF_RECOVERY_HASH_SIZE], other[AF_RECOVERY_HASH_SIZE];
    size_t  i;

    static const char *const  invalid[] = {
        "", "ABCD", "ABCD-EFGH-IJKL-MNO", "ABCD-EFGH-IJKL-MNOPQ",
        "ABCD-EFGH-IJKL-MNO1", "ABCD_EFGH_IJKL_MNOP"
    };

    (void) state;

    /* by sha256sum, of the id with a zero, and ten octets of zeros */

    assert_int_equal(af_recovery_hash(USER, "AAAA-AAAA-AAAA-AAAA", hash), 0);
    assert_string_equal(hash,
        "30368ad0ed4b124ecfe5a90234d4f6250b80ae646b24046c1e87f7165a55ea7c");

    assert_int_equal(af_recovery_hash(USER, "aaaa aaaaaaaa-AAAA", other), 0);
    assert_string_equal(hash, other);

    assert_int_equal(af_recovery_hash(ANOTHER, "AAAA-AAAA-AAAA-AAAA", other),
                     0);
    assert_string_not_equal(hash, other);

    for (i = 0; i < af_nelts(invalid); i++) {
        assert_int_equal(af_recovery_hash(USER, invalid[i], hash), -1);
    }

    af_recovery_make(code);
    assert_int_equal(strlen(code), AF_RECOVERY_SIZE - 1);
    assert_int_equal(af_recovery_hash(USER, code, hash), 0);

    af_recovery_make(typed);
    assert_string_not_equal(code, typed);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_what_is_typed),
        cmocka_unit_test(test_base32),
        cmocka_unit_test(test_recovery_codes)
    };

    return sodium_init() == -1
           || cmocka_run_group_tests_name("totp", tests, NULL, NULL);
}
