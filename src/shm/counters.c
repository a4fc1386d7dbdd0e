#include <string.h>
#include <time.h>

#include "shm/block.h"
#include "shm/counters.h"


#define AF_COUNTERS_MAGIC  0x6166636e

/* the maximum numbers of the table's cells, and of slots */
#define AF_COUNTERS_CELLS_MAX  128
#define AF_COUNTERS_SLOTS_MAX  64

/* slots don't share cache lines */
#define AF_COUNTERS_LINE_CELLS  (AF_BLOCK_ALIGN / sizeof(uint64_t))


typedef _Atomic uint64_t  af_cell_t;


struct af_counters_s {
    _Alignas(AF_BLOCK_ALIGN)
    af_block_t   block;                /* its version is the table's */
    uint32_t     slots;

    _Alignas(AF_BLOCK_ALIGN)
    af_cell_t    cell[];
};


static void af_counters_layout(void);
static uint32_t af_counters_version(void);
static uint32_t af_counters_mix(uint32_t hash, const void *data, size_t len);
static size_t af_counters_stride(void);
static unsigned af_metric_cells(const af_metric_t *metric);
static unsigned af_metric_bounds(const af_metric_t *metric);
static uint64_t af_counters_sum(const af_counters_t *counters, size_t cell);
static void af_counters_sample(const af_counters_t *counters, size_t cell,
    af_sample_t *sample);


/* in the order of af_token_status_t */

static const char *const  af_metric_verifications[] = {
    "ok", "missing", "too_long", "malformed", "unknown_key", "signature",
    "issuer", "audience", "not_yet_valid", "expired", "revoked", "forbidden",
    "cross_site", "unavailable", NULL
};

_Static_assert(sizeof(af_metric_verifications) / sizeof(char *)
               == AF_VERIFICATION_VALUES + 1, "values");


static const char *const  af_metric_answers[] = {
    "1xx", "2xx", "3xx", "4xx", "5xx", NULL
};


static const char *const  af_metric_refusals[] = {
    "queue_full", "down", NULL
};


/* in the order of af_delivery_t */

static const char *const  af_metric_mails[] = {
    "sent", "deferred", "unavailable", "failed", NULL
};

_Static_assert(sizeof(af_metric_mails) / sizeof(char *)
               == AF_DELIVERY_VALUES + 1, "values");


/* a statement takes tenths of a millisecond, a hash tens of milliseconds */

static const uint32_t  af_metric_db_bounds[] = {
    100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000,
    1000000, 0
};


static const uint32_t  af_metric_hash_bounds[] = {
    100, 1000, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000,
    2500000, 10000000, 0
};


static const af_metric_t  af_metrics[AF_METRICS] = {
    [AF_METRIC_VERIFICATIONS] = {
        "autoflow_verifications_total", "Tokens that were verified.",
        "status", af_metric_verifications, NULL },

    [AF_METRIC_ANSWERS] = {
        "autoflow_answers_total", "Requests to the API that were answered.",
        "status", af_metric_answers, NULL },

    [AF_METRIC_DB_TIME] = {
        "autoflow_database_seconds",
        "From when statements were sent until all their results were there.",
        NULL, NULL, af_metric_db_bounds },

    [AF_METRIC_DB_REFUSED] = {
        "autoflow_database_refused_total",
        "Statements that were not sent nor queued.",
        "reason", af_metric_refusals, NULL },

    [AF_METRIC_HASH_WAIT] = {
        "autoflow_hash_wait_seconds", "How long hashes waited for a thread.",
        NULL, NULL, af_metric_hash_bounds },

    [AF_METRIC_HASH_TIME] = {
        "autoflow_hash_seconds", "How long hashes took.",
        NULL, NULL, af_metric_hash_bounds },

    [AF_METRIC_MAILS] = {
        "autoflow_mails_total", "Attempts to deliver mails.",
        "result", af_metric_mails, NULL }
};


/* where each metric begins in a slot, and where the last one ends */
static unsigned    af_metric_offsets[AF_METRICS + 1];

/* of a process that hasn't joined */
static af_cell_t   af_counters_dummy_slot[AF_COUNTERS_CELLS_MAX];

static af_cell_t  *af_counters_slot = af_counters_dummy_slot;


size_t
af_counters_size_min(void)
{
    af_counters_layout();

    return sizeof(af_counters_t) + af_counters_stride() * sizeof(af_cell_t);
}


size_t
af_counters_size_max(void)
{
    af_counters_layout();

    return sizeof(af_counters_t)
           + AF_COUNTERS_SLOTS_MAX * af_counters_stride() * sizeof(af_cell_t);
}


af_counters_t *
af_counters_open(void *memory, size_t size)
{
    size_t          slots;
    af_counters_t  *counters = memory;

    if (size < af_counters_size_min()
        || af_metric_offsets[AF_METRICS] > AF_COUNTERS_CELLS_MAX)
    {
        return NULL;
    }

    if (af_block_is_valid(memory, size, AF_COUNTERS_MAGIC,
                          af_counters_version())) {
        return counters;
    }

    if (af_block_format(memory, size) != 0) {
        return NULL;
    }

    slots = (size - sizeof(af_counters_t))
            / (af_counters_stride() * sizeof(af_cell_t));

    counters->slots = slots < AF_COUNTERS_SLOTS_MAX ? slots
                                                    : AF_COUNTERS_SLOTS_MAX;

    af_block_publish(&counters->block, AF_COUNTERS_MAGIC,
                     af_counters_version());

    return counters;
}


void
af_counters_join(af_counters_t *counters, unsigned worker)
{
    worker %= counters->slots;

    af_counters_slot = &counters->cell[worker * af_counters_stride()];
}


void
af_count(af_metric_id_t metric, unsigned value)
{
    af_cell_t  *cell;

    cell = &af_counters_slot[af_metric_offsets[metric]];

    atomic_fetch_add_explicit(&cell[value], 1, memory_order_relaxed);
}


/* a cell for each bound, one for what exceeds all, and the sum */

void
af_observe(af_metric_id_t metric, uint64_t time)
{
    unsigned         i, n;
    af_cell_t       *cell;
    const uint32_t  *bounds;

    bounds = af_metrics[metric].bounds;
    cell = &af_counters_slot[af_metric_offsets[metric]];
    n = af_metric_offsets[metric + 1] - af_metric_offsets[metric] - 2;

    for (i = 0; i < n && time > bounds[i]; i++) { /* void */ }

    atomic_fetch_add_explicit(&cell[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&cell[n + 1], time, memory_order_relaxed);
}


void
af_counters_each(const af_counters_t *counters, af_sample_pt handler,
    void *data)
{
    unsigned            i, value;
    af_sample_t         sample;
    const af_metric_t  *metric;

    for (i = 0; i < AF_METRICS; i++) {
        metric = &af_metrics[i];

        for (value = 0; value < af_metric_values(i); value++) {
            memset(&sample, 0, sizeof(sample));

            sample.metric = metric;
            sample.value = metric->label ? metric->values[value] : NULL;
            af_counters_sample(counters, af_metric_offsets[i] + value, &sample);

            handler(data, &sample);
        }
    }
}


static void
af_counters_sample(const af_counters_t *counters, size_t cell,
    af_sample_t *sample)
{
    unsigned  i, n;

    if (sample->metric->bounds == NULL) {
        sample->count = af_counters_sum(counters, cell);
        return;
    }

    n = af_metric_bounds(sample->metric);

    for (i = 0; i <= n; i++) {
        sample->count += af_counters_sum(counters, cell + i);

        if (i < n) {
            sample->buckets[i] = sample->count;
        }
    }

    sample->sum = af_counters_sum(counters, cell + n + 1);
}


unsigned
af_metric_values(af_metric_id_t metric)
{
    unsigned            n;
    const char *const  *values;

    values = af_metrics[metric].values;

    for (n = 0; values && values[n]; n++) { /* void */ }

    return n ? n : 1;
}


uint64_t
af_microseconds(void)
{
    struct timespec  now;

    (void) clock_gettime(CLOCK_MONOTONIC, &now);

    return (uint64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}


/* idempotent, and done before there are workers */

static void
af_counters_layout(void)
{
    unsigned  i, n;

    n = 0;

    for (i = 0; i < AF_METRICS; i++) {
        af_metric_offsets[i] = n;
        n += af_metric_cells(&af_metrics[i]);
    }

    af_metric_offsets[AF_METRICS] = n;
}


/* of everything that determines the cells' meaning: FNV-1a, 32 bits */

static uint32_t
af_counters_version(void)
{
    unsigned            i, j;
    uint32_t            hash;
    const af_metric_t  *metric;

    hash = 0x811c9dc5;

    for (i = 0; i < AF_METRICS; i++) {
        metric = &af_metrics[i];
        hash = af_counters_mix(hash, metric->name, strlen(metric->name) + 1);

        for (j = 0; metric->values && metric->values[j]; j++) {
            hash = af_counters_mix(hash, metric->values[j],
                                   strlen(metric->values[j]) + 1);
        }

        if (metric->bounds) {
            hash = af_counters_mix(hash, metric->bounds,
                                   af_metric_bounds(metric)
                                   * sizeof(uint32_t));
        }
    }

    return hash;
}


static uint32_t
af_counters_mix(uint32_t hash, const void *data, size_t len)
{
    size_t                i;
    const unsigned char  *p = data;

    for (i = 0; i < len; i++) {
        hash = (hash ^ p[i]) * 0x01000193;
    }

    return hash;
}


static size_t
af_counters_stride(void)
{
    return (af_metric_offsets[AF_METRICS] + AF_COUNTERS_LINE_CELLS - 1)
           / AF_COUNTERS_LINE_CELLS * AF_COUNTERS_LINE_CELLS;
}


static unsigned
af_metric_cells(const af_metric_t *metric)
{
    return metric->bounds ? af_metric_bounds(metric) + 2
                          : af_metric_values(metric - af_metrics);
}


static unsigned
af_metric_bounds(const af_metric_t *metric)
{
    unsigned  n;

    for (n = 0; metric->bounds[n]; n++) { /* void */ }

    return n;
}


static uint64_t
af_counters_sum(const af_counters_t *counters, size_t cell)
{
    size_t    i;
    uint64_t  sum;

    sum = 0;

    for (i = 0; i < counters->slots; i++) {
        sum += atomic_load_explicit(
                   &counters->cell[i * af_counters_stride() + cell],
                   memory_order_relaxed);
    }

    return sum;
}
