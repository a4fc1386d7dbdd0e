#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/blocklist.h"
#include "filter.h"


/* each seed succeeds with a probability of nine in ten, or more */
#define AF_FILTER_SEEDS  1000


/*
 * Keys are peeled off: one that alone has a slot is removed, which may leave
 * others alone in theirs, until none is left.  Fingerprints are then set in
 * reverse order: the slot that a key was alone in is free for it.
 */

typedef struct {
    unsigned char  *counts;    /* for each slot: how many keys have it, */
    uint64_t       *hashes;    /* and the XOR of their hashes */
    uint32_t       *alone;     /* slots with a single key, a stack */
    size_t          n_alone;

    uint64_t       *order;     /* hashes, as peeled off, */
    uint32_t       *slots;     /* and the slot of each */
    size_t          n;
} af_peeling_t;


static int af_compare_keys(const void *one, const void *two);
static void af_filter_size(af_blocklist_t *list, size_t n);
static int af_peeling_create(af_peeling_t *peeling, size_t slots, size_t n);
static void af_peeling_destroy(af_peeling_t *peeling);
static int af_peel(af_peeling_t *peeling, const af_blocklist_t *list,
    const uint64_t *keys, size_t n);
static int af_peel_add(af_peeling_t *peeling, const af_blocklist_t *list,
    uint64_t hash);
static void af_peel_remove(af_peeling_t *peeling, const af_blocklist_t *list,
    uint64_t hash);
static unsigned char *af_filter_write(const af_blocklist_t *list,
    const af_peeling_t *peeling, size_t *size);
static void af_filter_set(unsigned char *table, const af_blocklist_t *list,
    uint64_t hash, uint32_t slot);
static void af_put(unsigned char *p, uint64_t value, size_t n);


size_t
af_filter_sort(uint64_t *keys, size_t n)
{
    size_t  i, left;

    qsort(keys, n, sizeof(uint64_t), af_compare_keys);

    for (i = 0, left = 0; i < n; i++) {
        if (i == 0 || keys[i] != keys[i - 1]) {
            keys[left++] = keys[i];
        }
    }

    return left;
}


static int
af_compare_keys(const void *one, const void *two)
{
    const uint64_t *a = one, *b = two;

    return (*a > *b) - (*a < *b);
}


unsigned char *
af_filter_make(const uint64_t *keys, size_t n, size_t *size)
{
    af_peeling_t    peeling;
    unsigned char  *data;
    af_blocklist_t  list;

    af_filter_size(&list, n);
    list.entries = n;
    data = NULL;

    if (af_peeling_create(&peeling, af_blocklist_slots(&list), n) == 0) {

        /* the same keys make the same file */

        for (list.seed = 1; list.seed <= AF_FILTER_SEEDS; list.seed++) {
            if (af_peel(&peeling, &list, keys, n) == 0) {
                data = af_filter_write(&list, &peeling, size);
                break;
            }
        }
    }

    af_peeling_destroy(&peeling);

    return data;
}


/* the paper's formulas for three slots, found by experiment */

static void
af_filter_size(af_blocklist_t *list, size_t n)
{
    double  factor, segments;

    list->segment = 1U << (unsigned) (log((double) n) / log(3.33) + 2.25);

    if (list->segment > AF_BLOCKLIST_SEGMENT_MAX) {
        list->segment = AF_BLOCKLIST_SEGMENT_MAX;
    }

    factor = (n > 1) ? fmax(1.125, 0.875 + 0.25 * log(1e6) / log((double) n))
                     : 1;
    segments = ceil((double) n * factor / list->segment);

    list->starts = (segments > 3) ? (uint32_t) segments - 2 : 1;
}


static int
af_peeling_create(af_peeling_t *peeling, size_t slots, size_t n)
{
    peeling->counts = malloc(slots);
    peeling->hashes = malloc(slots * sizeof(uint64_t));
    peeling->alone = malloc(slots * sizeof(uint32_t));
    peeling->order = malloc(n * sizeof(uint64_t));
    peeling->slots = malloc(n * sizeof(uint32_t));

    return (peeling->counts != NULL && peeling->hashes != NULL
            && peeling->alone != NULL && peeling->order != NULL
            && peeling->slots != NULL)
           ? 0 : -1;
}


static void
af_peeling_destroy(af_peeling_t *peeling)
{
    free(peeling->counts);
    free(peeling->hashes);
    free(peeling->alone);
    free(peeling->order);
    free(peeling->slots);
}


static int
af_peel(af_peeling_t *peeling, const af_blocklist_t *list,
    const uint64_t *keys, size_t n)
{
    size_t    i, slots;
    uint32_t  slot;

    slots = af_blocklist_slots(list);

    memset(peeling->counts, 0, slots);
    memset(peeling->hashes, 0, slots * sizeof(uint64_t));
    peeling->n = 0;
    peeling->n_alone = 0;

    for (i = 0; i < n; i++) {
        if (af_peel_add(peeling, list, af_blocklist_hash(list, keys[i])) != 0)
        {
            return -1;
        }
    }

    for (i = 0; i < slots; i++) {
        if (peeling->counts[i] == 1) {
            peeling->alone[peeling->n_alone++] = (uint32_t) i;
        }
    }

    while (peeling->n_alone > 0) {
        slot = peeling->alone[--peeling->n_alone];

        if (peeling->counts[slot] == 1) {
            peeling->slots[peeling->n] = slot;
            af_peel_remove(peeling, list, peeling->hashes[slot]);
        }
    }

    return peeling->n == n ? 0 : -1;
}


static int
af_peel_add(af_peeling_t *peeling, const af_blocklist_t *list, uint64_t hash)
{
    size_t                i;
    af_blocklist_place_t  place;

    af_blocklist_place(list, hash, &place);

    for (i = 0; i < 3; i++) {
        peeling->hashes[place.slots[i]] ^= hash;

        if (++peeling->counts[place.slots[i]] == 0) {
            return -1;
        }
    }

    return 0;
}


/* a slot passes through a count of 1 once, so that the stack is large enough */

static void
af_peel_remove(af_peeling_t *peeling, const af_blocklist_t *list,
    uint64_t hash)
{
    size_t                i;
    uint32_t              slot;
    af_blocklist_place_t  place;

    peeling->order[peeling->n++] = hash;
    af_blocklist_place(list, hash, &place);

    for (i = 0; i < 3; i++) {
        slot = place.slots[i];
        peeling->hashes[slot] ^= hash;

        if (--peeling->counts[slot] == 1) {
            peeling->alone[peeling->n_alone++] = slot;
        }
    }
}


static unsigned char *
af_filter_write(const af_blocklist_t *list, const af_peeling_t *peeling,
    size_t *size)
{
    size_t          i;
    unsigned char  *data;

    *size = AF_BLOCKLIST_HEADER + af_blocklist_slots(list) * AF_BLOCKLIST_PRINT;

    data = calloc(1, *size);
    if (data == NULL) {
        return NULL;
    }

    memcpy(data, AF_BLOCKLIST_MAGIC, AF_BLOCKLIST_AT_VERSION);
    af_put(data + AF_BLOCKLIST_AT_VERSION, AF_BLOCKLIST_VERSION, 4);
    af_put(data + AF_BLOCKLIST_AT_SEGMENT, list->segment, 4);
    af_put(data + AF_BLOCKLIST_AT_STARTS, list->starts, 4);
    af_put(data + AF_BLOCKLIST_AT_SEED, list->seed, 8);
    af_put(data + AF_BLOCKLIST_AT_ENTRIES, list->entries, 8);

    for (i = peeling->n; i > 0; i--) {
        af_filter_set(data + AF_BLOCKLIST_HEADER, list, peeling->order[i - 1],
                      peeling->slots[i - 1]);
    }

    af_blocklist_checksum(data, *size, data + AF_BLOCKLIST_AT_CHECKSUM);

    return data;
}


/* the slot is still zero */

static void
af_filter_set(unsigned char *table, const af_blocklist_t *list, uint64_t hash,
    uint32_t slot)
{
    size_t                i;
    unsigned              print;
    const unsigned char  *p;
    af_blocklist_place_t  place;

    af_blocklist_place(list, hash, &place);
    print = place.print;

    for (i = 0; i < 3; i++) {
        p = table + (size_t) place.slots[i] * AF_BLOCKLIST_PRINT;
        print ^= p[0] | (unsigned) p[1] << 8;
    }

    af_put(table + (size_t) slot * AF_BLOCKLIST_PRINT, print,
           AF_BLOCKLIST_PRINT);
}


static void
af_put(unsigned char *p, uint64_t value, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        p[i] = (unsigned char) (value >> 8 * i);
    }
}
