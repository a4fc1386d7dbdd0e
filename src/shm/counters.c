#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "shm/block.h"
#include "shm/counters.h"


#define AF_COUNTERS_MAGIC  0x6166636e

/* the maximum number of slots */
#define AF_COUNTERS_SLOTS_MAX  64

/* slots don't share cache lines */
#define AF_COUNTERS_LINE_CELLS  (AF_BLOCK_ALIGN / sizeof(uint64_t))

/* the first cell of a slot: the process that has joined it last, 0: left */
#define AF_COUNTERS_OWNER  0


typedef _Atomic uint64_t  af_cell_t;


struct af_counters_s {
    _Alignas(AF_BLOCK_ALIGN)
    af_block_t   block;                /* its version is the table's */
    uint32_t     slots;

    /* the node's, and then a slot after the other */
    _Alignas(AF_BLOCK_ALIGN)
    af_cell_t    cell[];
};


/* where a metric's cells are: those of the node, or of each slot */

typedef struct {
    unsigned     offset;
    unsigned     width;                /* cells for each index */
} af_place_t;


/* what the calls of a process add to */

typedef enum {
    AF_SCOPE_WORKER = 0,
    AF_SCOPE_NODE,
    AF_SCOPES
} af_scope_t;


static void af_counters_layout(void);
static uint32_t af_counters_version(void);
static uint32_t af_counters_mix(uint32_t hash, const void *data, size_t len);
static size_t af_counters_stride(af_scope_t scope);
static uint64_t af_counters_alive(const af_counters_t *counters);
static void af_counters_reset_gauges(af_cell_t *slot);
static af_cell_t *af_counters_slot(const af_counters_t *counters,
    size_t number);
static af_cell_t *af_counters_cell(af_metric_id_t metric, unsigned index);
static unsigned af_metric_bounds(const af_metric_t *metric);
static unsigned af_label_values(const af_label_t *label);
static void af_counters_sample(const af_counters_t *counters, uint64_t alive,
    af_metric_id_t id, unsigned index, af_sample_t *sample);
static uint64_t af_counters_sum(const af_counters_t *counters, uint64_t alive,
    af_metric_id_t id, unsigned cell);


#define af_label(id, name, ...)                                               \
    static const char *const  af_values_##id[] = { __VA_ARGS__, NULL };       \
                                                                              \
    static const af_label_t  af_label_##id = {                                \
        name, af_values_##id, AF_DIMENSION_CONSTANT                           \
    }

#define af_label_count(id)  (sizeof(af_values_##id) / sizeof(char *) - 1)


static const af_label_t  af_label_route = {
    "route", NULL, AF_DIMENSION_ROUTES
};

static const af_label_t  af_label_code = {
    "code", NULL, AF_DIMENSION_PROBLEMS
};


af_label(status, "status", "2xx", "3xx", "4xx", "5xx");
_Static_assert(af_label_count(status) == AF_STATUS_CLASSES, "values");

af_label(outcome, "outcome", "success", "unknown_account", "wrong_password",
         "account_disabled", "email_not_verified", "changed_meanwhile",
         "mfa_required", "mfa_enrolment_required", "wrong_code",
         "wrong_passkey");

/* in the order of af_limit_t */
af_label(limit, "limit", "address", "account", "account_total", "logins",
         "session_changes", "account_changes", "lists");
_Static_assert(af_label_count(limit) == AF_LIMIT_VALUES, "values");

/* in the order of af_token_status_t */
af_label(token, "status", "ok", "missing", "too_long", "malformed",
         "unknown_key", "signature", "issuer", "audience", "not_yet_valid",
         "expired", "token_revoked", "forbidden", "cross_site", "unavailable",
         "insufficient");
_Static_assert(af_label_count(token) == AF_VERIFICATION_VALUES, "values");

af_label(cache, "result", "hit", "miss");
af_label(directive, "directive", "autoflow_auth", "autoflow_verify");

/* in the order of af_db_lane_t, af_db_event_t and af_db_refused_t */
af_label(lane, "lane", "point", "wide", "feed", "jobs", "replica");
_Static_assert(af_label_count(lane) == AF_DB_LANES, "values");

af_label(event, "event", "opened", "failed", "lost");
_Static_assert(af_label_count(event) == AF_DB_EVENTS, "values");

af_label(reason, "reason", "queue_full", "down");
_Static_assert(af_label_count(reason) == AF_DB_REFUSED_VALUES, "values");

/* in the order of af_replica_outcome_t */
af_label(answer, "answer", "replica", "changed", "unknown", "lags", "timeline",
         "no_standby", "away", "failed", "nothing");
_Static_assert(af_label_count(answer) == AF_REPLICA_OUTCOMES, "values");

/* classes of SQLSTATEs, the last one for all others */
af_label(class, "class", "08", "22", "23", "25", "26", "28", "40", "42", "53",
         "54", "55", "57", "58", "P0", "XX", "other");

/* in the order of af_delivery_t */
af_label(result, "result", "sent", "deferred", "unavailable", "failed");
_Static_assert(af_label_count(result) == AF_DELIVERY_VALUES, "values");

/* the statements among the module's jobs */
af_label(job, "name", "purge", "addresses", "failures", "roles", "messages",
         "mails", "audit", "audit_log", "seals");

/* in the order of af_seal_kind_t and af_seal_key_t */
af_label(seal, "of", "seed", "hash");
_Static_assert(af_label_count(seal) == AF_SEAL_KINDS, "values");

af_label(seal_key, "key", "former", "missing");
_Static_assert(af_label_count(seal_key) == AF_SEAL_KEYS, "values");


/* judging takes microseconds, a statement tenths of a millisecond */

static const uint32_t  af_protected_bounds[] = {
    5, 10, 25, 50, 100, 250, 1000, 10000, 0
};

static const uint32_t  af_db_bounds[] = {
    100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000,
    1000000, 0
};

/* a request is some statements, and perhaps a hash */

static const uint32_t  af_request_bounds[] = {
    1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 1000000, 5000000, 0
};

static const uint32_t  af_hash_bounds[] = {
    100, 1000, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000,
    2500000, 10000000, 0
};


static const af_metric_t  af_metrics[AF_METRICS] = {
    [AF_METRIC_REQUEST_TIME] = {
        "autoflow_request_duration_seconds",
        "How long requests to the API took until their response was sent.",
        AF_HISTOGRAM, .labels = { &af_label_route },
        .bounds = af_request_bounds, .node = 1 },

    [AF_METRIC_REQUESTS] = {
        "autoflow_requests_total", "Requests to the API that were answered.",
        AF_COUNTER, .labels = { &af_label_route, &af_label_status },
        .node = 1 },

    [AF_METRIC_PROBLEMS] = {
        "autoflow_problems_total",
        "Problems that clients were answered, by their code.",
        AF_COUNTER, .labels = { &af_label_code } },

    [AF_METRIC_LOGINS] = {
        "autoflow_logins_total", "Logins that were decided.",
        AF_COUNTER, .labels = { &af_label_outcome }, .node = 1 },

    [AF_METRIC_REFUSED] = {
        "autoflow_refused_total", "Requests refused by a limit.",
        AF_COUNTER, .labels = { &af_label_limit }, .node = 1 },

    [AF_METRIC_VERIFICATIONS] = {
        "autoflow_verifications_total",
        "Requests whose token was verified, or missing.",
        AF_COUNTER, .labels = { &af_label_token } },

    [AF_METRIC_CACHE] = {
        "autoflow_token_cache_lookups_total",
        "Tokens that were looked up among those that had been verified.",
        AF_COUNTER, .labels = { &af_label_cache } },

    [AF_METRIC_CACHE_ENTRIES] = {
        "autoflow_token_cache_entries",
        "Verified tokens that the workers remember.",
        AF_GAUGE, .labels = { NULL } },

    [AF_METRIC_PROTECTED_TIME] = {
        "autoflow_protected_duration_seconds",
        "How long it took to judge a protected request.",
        AF_HISTOGRAM, .labels = { &af_label_directive },
        .bounds = af_protected_bounds },

    [AF_METRIC_HASH_WAITING] = {
        "autoflow_hash_waiting", "Hashes that wait for a thread.",
        AF_GAUGE, .labels = { NULL } },

    [AF_METRIC_HASH_RUNNING] = {
        "autoflow_hash_running", "Hashes that are being computed.",
        AF_GAUGE, .labels = { NULL } },

    [AF_METRIC_HASH_WAIT] = {
        "autoflow_hash_wait_seconds", "How long hashes waited for a thread.",
        AF_HISTOGRAM, .labels = { NULL }, .bounds = af_hash_bounds },

    [AF_METRIC_HASH_TIME] = {
        "autoflow_hash_duration_seconds", "How long hashes took.",
        AF_HISTOGRAM, .labels = { NULL }, .bounds = af_hash_bounds },

    [AF_METRIC_DB_CONNECTIONS] = {
        "autoflow_database_connections", "Open connections to PostgreSQL.",
        AF_GAUGE, .labels = { &af_label_lane } },

    [AF_METRIC_DB_EVENTS] = {
        "autoflow_database_connection_events_total",
        "Connections to PostgreSQL that were opened, lost, or failed to open.",
        AF_COUNTER, .labels = { &af_label_lane, &af_label_event }, .node = 1 },

    [AF_METRIC_DB_IN_FLIGHT] = {
        "autoflow_database_in_flight",
        "Operations that were sent to PostgreSQL and not answered yet.",
        AF_GAUGE, .labels = { &af_label_lane } },

    [AF_METRIC_DB_TIME] = {
        "autoflow_database_duration_seconds",
        "From when operations were sent until all their results were there.",
        AF_HISTOGRAM, .labels = { &af_label_lane }, .bounds = af_db_bounds },

    [AF_METRIC_DB_QUEUED] = {
        "autoflow_database_queued",
        "Operations that wait for a connection.",
        AF_GAUGE, .labels = { &af_label_lane } },

    [AF_METRIC_DB_WAIT] = {
        "autoflow_database_wait_seconds",
        "How long operations waited for a connection, of those that had to.",
        AF_HISTOGRAM, .labels = { &af_label_lane }, .bounds = af_db_bounds },

    [AF_METRIC_DB_REFUSED] = {
        "autoflow_database_refused_total",
        "Operations that were neither sent nor queued.",
        AF_COUNTER, .labels = { &af_label_lane, &af_label_reason } },

    [AF_METRIC_DB_ERRORS] = {
        "autoflow_database_errors_total",
        "Errors from PostgreSQL by the class of their SQLSTATE.",
        AF_COUNTER, .labels = { &af_label_class }, .node = 1 },

    [AF_METRIC_REPLICA] = {
        "autoflow_replica_reads_total",
        "What a replica may answer: what it did, or why the primary had to.",
        AF_COUNTER, .labels = { &af_label_answer } },

    [AF_METRIC_MAILS] = {
        "autoflow_mails_total", "Attempts to deliver mails.",
        AF_COUNTER, .labels = { &af_label_result }, .node = 1 },

    [AF_METRIC_MAILS_QUEUED] = {
        "autoflow_mails_queued", "Mails to be sent by any node.",
        AF_GAUGE, .labels = { NULL }, .node = 1 },

    [AF_METRIC_MAILS_OLDEST] = {
        "autoflow_mails_oldest_seconds",
        "The age of the oldest mail to be sent, 0 without any.",
        AF_GAUGE, .labels = { NULL }, .node = 1, .time = 1 },

    [AF_METRIC_JOB_RUN] = {
        "autoflow_job_last_run_timestamp_seconds",
        "When any node ran the job last, 0 if never.",
        AF_GAUGE, .labels = { &af_label_job }, .node = 1, .time = 1 },

    [AF_METRIC_JOB_ERRORS] = {
        "autoflow_job_errors_total", "How often the job failed on this node.",
        AF_COUNTER, .labels = { &af_label_job }, .node = 1 },

    [AF_METRIC_SEALS] = {
        "autoflow_seals",
        "What was sealed by a former autoflow_seal_key, or by none of them.",
        AF_GAUGE, .labels = { &af_label_seal, &af_label_seal_key },
        .node = 1 }
};


static unsigned    af_dimension_values[AF_DIMENSIONS] = { 0, 1, 1 };
static uint32_t    af_dimension_hashes[AF_DIMENSIONS];

static af_place_t  af_metric_places[AF_METRICS];

/* the cells of the node, and of a slot */
static unsigned    af_scope_cells[AF_SCOPES];

/* of this process, once it has joined */
static af_cell_t  *af_counters_base[AF_SCOPES];


void
af_counters_set_dimension(af_dimension_t dimension, unsigned values,
    uint32_t hash)
{
    af_dimension_values[dimension] = values;
    af_dimension_hashes[dimension] = hash;
}


uint32_t
af_counters_hash(uint32_t hash, const char *s)
{
    return af_counters_mix(hash ? hash : 0x811c9dc5, s, strlen(s) + 1);
}


size_t
af_counters_size_min(void)
{
    af_counters_layout();

    return sizeof(af_counters_t)
           + (af_counters_stride(AF_SCOPE_NODE)
              + af_counters_stride(AF_SCOPE_WORKER)) * sizeof(af_cell_t);
}


size_t
af_counters_size_max(void)
{
    return af_counters_size_min()
           + (AF_COUNTERS_SLOTS_MAX - 1) * af_counters_stride(AF_SCOPE_WORKER)
             * sizeof(af_cell_t);
}


af_counters_t *
af_counters_open(void *memory, size_t size)
{
    size_t          slots;
    af_counters_t  *counters = memory;

    if (size < af_counters_size_min()) {
        return NULL;
    }

    if (af_block_is_valid(memory, size, AF_COUNTERS_MAGIC,
                          af_counters_version())) {
        return counters;
    }

    if (af_block_format(memory, size) != 0) {
        return NULL;
    }

    slots = 1 + (size - af_counters_size_min())
                / (af_counters_stride(AF_SCOPE_WORKER) * sizeof(af_cell_t));

    counters->slots = slots < AF_COUNTERS_SLOTS_MAX ? slots
                                                    : AF_COUNTERS_SLOTS_MAX;

    af_block_publish(&counters->block, AF_COUNTERS_MAGIC,
                     af_counters_version());

    return counters;
}


void
af_counters_join(af_counters_t *counters, unsigned process)
{
    af_cell_t  *slot;

    process %= counters->slots;

    slot = af_counters_slot(counters, process);

    if (((af_counters_alive(counters) >> process) & 1) == 0) {
        af_counters_reset_gauges(slot);
    }

    atomic_store(&slot[AF_COUNTERS_OWNER], getpid());

    af_counters_base[AF_SCOPE_WORKER] = slot;
    af_counters_base[AF_SCOPE_NODE] = counters->cell;
}


void
af_counters_leave(void)
{
    uint64_t    self;
    af_cell_t  *slot;

    slot = af_counters_base[AF_SCOPE_WORKER];
    self = getpid();

    if (slot
        && atomic_compare_exchange_strong(&slot[AF_COUNTERS_OWNER], &self, 0))
    {
        af_counters_reset_gauges(slot);
    }

    af_counters_base[AF_SCOPE_WORKER] = NULL;
    af_counters_base[AF_SCOPE_NODE] = NULL;
}


static void
af_counters_reset_gauges(af_cell_t *slot)
{
    unsigned  i, n;

    for (i = 0; i < AF_METRICS; i++) {
        if (af_metrics[i].kind != AF_GAUGE || af_metrics[i].node) {
            continue;
        }

        for (n = 0; n < af_metric_values(i); n++) {
            atomic_store(&slot[af_metric_places[i].offset + n], 0);
        }
    }
}


/* the slots whose processes live, as a mask; one may be of another user */

static uint64_t
af_counters_alive(const af_counters_t *counters)
{
    size_t    i;
    uint64_t  pid, alive;

    alive = 0;

    for (i = 0; i < counters->slots; i++) {
        pid = atomic_load(&af_counters_slot(counters, i)[AF_COUNTERS_OWNER]);

        if (pid && (kill((pid_t) pid, 0) == 0 || errno == EPERM)) {
            alive |= (uint64_t) 1 << i;
        }
    }

    return alive;
}


void
af_count(af_metric_id_t metric, unsigned index)
{
    af_cell_t  *cell;

    cell = af_counters_cell(metric, index);

    if (cell) {
        atomic_fetch_add_explicit(cell, 1, memory_order_relaxed);
    }
}


void
af_count_named(af_metric_id_t metric, const char *value)
{
    int  n;

    n = af_metric_value(metric, value);

    if (n != -1) {
        af_count(metric, n);
    }
}


/* a cell for each bound, one for what exceeds all, and the sum */

void
af_observe(af_metric_id_t metric, unsigned index, uint64_t time)
{
    unsigned         i, n;
    af_cell_t       *cell;
    const uint32_t  *bounds;

    cell = af_counters_cell(metric, index);

    if (cell == NULL) {
        return;
    }

    bounds = af_metrics[metric].bounds;
    n = af_metric_places[metric].width - 2;

    for (i = 0; i < n && time > bounds[i]; i++) { /* void */ }

    atomic_fetch_add_explicit(&cell[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&cell[n + 1], time, memory_order_relaxed);
}


void
af_gauge_add(af_metric_id_t metric, unsigned index, int n)
{
    af_cell_t  *cell;

    cell = af_counters_cell(metric, index);

    if (cell) {
        atomic_fetch_add_explicit(cell, (uint64_t) (int64_t) n,
                                  memory_order_relaxed);
    }
}


void
af_gauge_set(af_metric_id_t metric, unsigned index, int64_t n)
{
    af_cell_t  *cell;

    cell = af_counters_cell(metric, index);

    if (cell) {
        atomic_store_explicit(cell, (uint64_t) n, memory_order_relaxed);
    }
}


static af_cell_t *
af_counters_cell(af_metric_id_t metric, unsigned index)
{
    af_cell_t         *base;
    const af_place_t  *place;

    base = af_counters_base[af_metrics[metric].node];
    place = &af_metric_places[metric];

    return base ? &base[place->offset + index * place->width] : NULL;
}


void
af_counters_each(const af_counters_t *counters, af_sample_pt handler,
    void *data)
{
    unsigned      i, index, inner;
    uint64_t      alive;
    af_sample_t   sample;

    alive = af_counters_alive(counters);

    for (i = 0; i < AF_METRICS; i++) {
        inner = af_label_values(af_metrics[i].labels[1]);

        for (index = 0; index < af_metric_values(i); index++) {
            memset(&sample, 0, sizeof(sample));

            sample.metric = &af_metrics[i];
            sample.values[0] = index / inner;
            sample.values[1] = index % inner;

            af_counters_sample(counters, alive, i, index, &sample);

            handler(data, &sample);
        }
    }
}


static void
af_counters_sample(const af_counters_t *counters, uint64_t alive,
    af_metric_id_t id, unsigned index, af_sample_t *sample)
{
    unsigned  i, n, cell;

    cell = af_metric_places[id].offset + index * af_metric_places[id].width;

    if (sample->metric->kind == AF_GAUGE) {
        sample->gauge = (int64_t) af_counters_sum(counters, alive, id, cell);
        return;
    }

    alive = UINT64_MAX;

    if (sample->metric->kind == AF_COUNTER) {
        sample->count = af_counters_sum(counters, alive, id, cell);
        return;
    }

    n = af_metric_bounds(sample->metric);

    for (i = 0; i <= n; i++) {
        sample->count += af_counters_sum(counters, alive, id, cell + i);

        if (i < n) {
            sample->buckets[i] = sample->count;
        }
    }

    sample->sum = af_counters_sum(counters, alive, id, cell + n + 1);
}


/* of the node, or of these slots */

static uint64_t
af_counters_sum(const af_counters_t *counters, uint64_t alive,
    af_metric_id_t id, unsigned cell)
{
    size_t    i;
    uint64_t  sum;

    if (af_metrics[id].node) {
        return atomic_load_explicit(&counters->cell[cell],
                                    memory_order_relaxed);
    }

    sum = 0;

    for (i = 0; i < counters->slots; i++) {
        if ((alive >> i) & 1) {
            sum += atomic_load_explicit(&af_counters_slot(counters, i)[cell],
                                        memory_order_relaxed);
        }
    }

    return sum;
}


unsigned
af_metric_values(af_metric_id_t metric)
{
    const af_label_t *const  *labels;

    labels = af_metrics[metric].labels;

    return af_label_values(labels[0]) * af_label_values(labels[1]);
}


int
af_metric_value(af_metric_id_t metric, const char *value)
{
    unsigned            i;
    const char *const  *values;

    values = af_metrics[metric].labels[0]->values;

    for (i = 0; values[i]; i++) {
        if (strcmp(values[i], value) == 0) {
            return i;
        }
    }

    return -1;
}


unsigned
af_sqlstate_class(const char *sqlstate)
{
    unsigned  i;

    for (i = 0; i < af_label_count(class) - 1; i++) {
        if (sqlstate && strncmp(sqlstate, af_values_class[i], 2) == 0) {
            break;
        }
    }

    return i;
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
    unsigned            i, *next;
    const af_metric_t  *metric;

    af_scope_cells[AF_SCOPE_NODE] = 0;
    af_scope_cells[AF_SCOPE_WORKER] = AF_COUNTERS_OWNER + 1;

    for (i = 0; i < AF_METRICS; i++) {
        metric = &af_metrics[i];
        next = &af_scope_cells[metric->node];

        af_metric_places[i].offset = *next;
        af_metric_places[i].width = metric->bounds
                                    ? af_metric_bounds(metric) + 2 : 1;

        *next += af_metric_values(i) * af_metric_places[i].width;
    }
}


/* of everything that determines the cells' meaning */

static uint32_t
af_counters_version(void)
{
    unsigned            i, j, k;
    uint32_t            hash;
    const af_label_t   *label;
    const af_metric_t  *metric;

    hash = 0;

    for (i = 0; i < AF_METRICS; i++) {
        metric = &af_metrics[i];
        hash = af_counters_hash(hash, metric->name);
        hash ^= metric->kind << 1 | metric->node;

        for (j = 0; j < AF_METRIC_LABELS && metric->labels[j]; j++) {
            label = metric->labels[j];
            hash ^= af_dimension_hashes[label->dimension];
            hash = af_counters_hash(hash, label->name);

            for (k = 0; label->values && label->values[k]; k++) {
                hash = af_counters_hash(hash, label->values[k]);
            }
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
af_counters_stride(af_scope_t scope)
{
    return (af_scope_cells[scope] + AF_COUNTERS_LINE_CELLS - 1)
           / AF_COUNTERS_LINE_CELLS * AF_COUNTERS_LINE_CELLS;
}


static af_cell_t *
af_counters_slot(const af_counters_t *counters, size_t number)
{
    return (af_cell_t *) &counters->cell[
               af_counters_stride(AF_SCOPE_NODE)
               + number * af_counters_stride(AF_SCOPE_WORKER)];
}


static unsigned
af_metric_bounds(const af_metric_t *metric)
{
    unsigned  n;

    for (n = 0; metric->bounds[n]; n++) { /* void */ }

    return n;
}


static unsigned
af_label_values(const af_label_t *label)
{
    unsigned  n;

    if (label == NULL) {
        return 1;
    }

    if (label->dimension != AF_DIMENSION_CONSTANT) {
        return af_dimension_values[label->dimension];
    }

    for (n = 0; label->values[n]; n++) { /* void */ }

    return n;
}
