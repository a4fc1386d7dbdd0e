/*
 * Stored hashes: nothing is accepted whose parts don't fit, or that costs more
 * than the limit; and what is cheap can be compared.
 */

#include <errno.h>
#include <sodium.h>

#include "fuzz.h"
#include "crypto/hash.h"


/* that of bcrypt's least cost: libFuzzer is to be quick */
#define AF_FUZZ_WORK    1600
#define AF_FUZZ_MEMORY  (1024 * 1024)


static void within_bounds(const af_hash_t *hash);
static double memory_of(const af_hash_t *hash);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char               *string;
    af_hash_t           hash, again;
    af_hash_problem_t   problem;

    /* without anything after it, so that ASan detects overreads */

    string = malloc(size + 1);
    af_must(string != NULL);

    if (size != 0) {
        memcpy(string, data, size);
    }

    string[size] = '\0';

    problem = af_hash_parse(&hash, string, AF_HASH_WORK_MAX);

    if (problem == AF_HASH_VALID) {
        within_bounds(&hash);

        af_must(af_hash_parse(&again, string, hash.work) == AF_HASH_VALID);
        af_must(af_hash_parse(&again, string, hash.work - 1)
                == AF_HASH_EXCESSIVE);

        if (hash.work <= AF_FUZZ_WORK && memory_of(&hash) <= AF_FUZZ_MEMORY) {
            af_must(af_hash_compare(&hash, "secret", 6) != AF_HASH_ERROR);
            af_must(af_hash_compare(&hash, "", 0) != AF_HASH_ERROR);
        }
    }

    free(string);

    return 0;
}


static void
within_bounds(const af_hash_t *hash)
{
    af_must(hash->n >= 1);
    af_must(hash->work >= hash->n && hash->work <= AF_HASH_WORK_MAX);
    af_must(memory_of(hash) <= AF_HASH_MEMORY_MAX);

    af_must(hash->salt.len <= AF_HASH_SALT_MAX);
    af_must(hash->separator.len <= AF_HASH_DIGEST_MAX);
    af_must(hash->key.len <= AF_HASH_DIGEST_MAX);
    af_must(hash->digest.len <= AF_HASH_DIGEST_MAX);
    af_must(hash->digest.len == 0 || hash->digest.len >= 16);
}


static double
memory_of(const af_hash_t *hash)
{
    return 1024.0 * hash->memory
           + 128.0 * hash->r * ((double) hash->n + hash->p);
}
