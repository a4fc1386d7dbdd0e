/*
 * A node's metrics: counters, gauges, and histograms of times, defined by the
 * table in counters.c, in memory shared by its processes.  Pure C: no nginx
 * types.
 *
 * Most belong to a worker: each adds to a slot of its own, without a lock.  If
 * there are more processes than slots, some share one: atomic operations cost
 * more then, but lose nothing.  What a killed worker has counted remains, but
 * not its gauges, which count for as long as it lives.  Readers sum up the
 * slots.
 *
 * What would be large, or is no single worker's, is the node's: all processes
 * write to the same memory, at the cost of a contended atomic operation.
 * Nothing allocates.
 */

#ifndef AF_SHM_COUNTERS_H
#define AF_SHM_COUNTERS_H

#include <stddef.h>
#include <stdint.h>


/* rows of af_metrics[], with the labels that their index is made of */
typedef enum {
    AF_METRIC_REQUEST_TIME = 0,  /* route */
    AF_METRIC_REQUESTS,        /* route, the status's first digit from 2 */
    AF_METRIC_PROBLEMS,        /* af_problem_id_t */
    AF_METRIC_LOGINS,          /* af_count_named() */
    AF_METRIC_REFUSED,         /* af_limit_t */
    AF_METRIC_VERIFICATIONS,   /* af_token_status_t */
    AF_METRIC_CACHE,           /* af_cache_result_t */
    AF_METRIC_CACHE_ENTRIES,
    AF_METRIC_PROTECTED_TIME,  /* af_protected_t */
    AF_METRIC_HASH_WAITING,
    AF_METRIC_HASH_RUNNING,
    AF_METRIC_HASH_WAIT,
    AF_METRIC_HASH_TIME,
    AF_METRIC_DB_CONNECTIONS,  /* af_db_lane_t, as in all of these */
    AF_METRIC_DB_EVENTS,       /* lane, af_db_event_t */
    AF_METRIC_DB_IN_FLIGHT,
    AF_METRIC_DB_TIME,
    AF_METRIC_DB_QUEUED,
    AF_METRIC_DB_WAIT,
    AF_METRIC_DB_REFUSED,      /* lane, af_db_refused_t */
    AF_METRIC_DB_ERRORS,       /* af_sqlstate_class() */
    AF_METRIC_REPLICA,         /* af_replica_outcome_t */
    AF_METRIC_MAILS,           /* af_delivery_t */
    AF_METRIC_MAILS_QUEUED,
    AF_METRIC_MAILS_OLDEST,
    AF_METRIC_JOB_RUN,         /* af_metric_value() */
    AF_METRIC_JOB_ERRORS,      /* af_count_named() */
    AF_METRIC_SEALS,           /* af_seal_kind_t, af_seal_key_t */
    AF_METRICS
} af_metric_id_t;


/* the numbers of labels that are other headers' enums */
#define AF_VERIFICATION_VALUES  15
#define AF_DELIVERY_VALUES      4

/* classes of a status, from 2xx */
#define AF_STATUS_CLASSES       4


/* what autoflow_attempts limits, and the lists that an account gets at once */

typedef enum {
    AF_LIMIT_ADDRESS = 0,
    AF_LIMIT_ACCOUNT,
    AF_LIMIT_ACCOUNT_TOTAL,
    AF_LIMIT_LOGINS,
    AF_LIMIT_SESSION_CHANGES,
    AF_LIMIT_ACCOUNT_CHANGES,
    AF_LIMIT_LISTS,
    AF_LIMIT_VALUES
} af_limit_t;


typedef enum {
    AF_CACHE_HIT = 0,
    AF_CACHE_MISS
} af_cache_result_t;


/* the directive that protects a request */

typedef enum {
    AF_PROTECTED_AUTH = 0,
    AF_PROTECTED_VERIFY
} af_protected_t;


/* what a pool of connections to the database is for */

typedef enum {
    AF_DB_LANE_POINT = 0,
    AF_DB_LANE_WIDE,
    AF_DB_LANE_FEED,
    AF_DB_LANE_JOBS,
    AF_DB_LANE_REPLICA,
    AF_DB_LANES
} af_db_lane_t;


typedef enum {
    AF_DB_EVENT_OPENED = 0,
    AF_DB_EVENT_FAILED,        /* could not be opened */
    AF_DB_EVENT_LOST,
    AF_DB_EVENTS
} af_db_event_t;


/* why an operation was neither sent nor queued */

typedef enum {
    AF_DB_REFUSED_QUEUE_FULL = 0,
    AF_DB_REFUSED_DOWN,
    AF_DB_REFUSED_VALUES
} af_db_refused_t;


/* who answered what a replica may answer, and if not it, why */

typedef enum {
    AF_REPLICA_ANSWERED = 0,
    AF_REPLICA_CHANGED,        /* by the account itself, moments ago */
    AF_REPLICA_UNKNOWN,        /* how far it should be */
    AF_REPLICA_LAGS,
    AF_REPLICA_TIMELINE,       /* it follows a former primary, perhaps */
    AF_REPLICA_NO_STANDBY,     /* it is a primary, or of another cluster */
    AF_REPLICA_AWAY,           /* it can't be reached, or is slow */
    AF_REPLICA_FAILED,         /* an error, as of a conflict with replay */
    AF_REPLICA_NOTHING,        /* it found none, or a problem: it may be late */
    AF_REPLICA_OUTCOMES
} af_replica_outcome_t;


/* what is sealed, and by a key that is not the current one */

typedef enum {
    AF_SEAL_SEED = 0,
    AF_SEAL_HASH,
    AF_SEAL_KINDS
} af_seal_kind_t;


typedef enum {
    AF_SEAL_FORMER = 0,
    AF_SEAL_MISSING,           /* in the configuration */
    AF_SEAL_KEYS
} af_seal_key_t;


/* the maximum numbers of a histogram's bounds, and of a metric's labels */
#define AF_METRIC_BOUNDS_MAX  12
#define AF_METRIC_LABELS      2


typedef enum {
    AF_COUNTER = 0,
    AF_GAUGE,
    AF_HISTOGRAM,
    AF_INFO                    /* for those that are not in the table */
} af_metric_kind_t;


/*
 * The values are constant, or those of the routes or problems, which only
 * others know: see af_counters_set_dimension().
 */

typedef enum {
    AF_DIMENSION_CONSTANT = 0,
    AF_DIMENSION_ROUTES,
    AF_DIMENSION_PROBLEMS,
    AF_DIMENSIONS
} af_dimension_t;


typedef struct {
    const char         *name;
    const char *const  *values;        /* NULL-ended */
    af_dimension_t      dimension;
} af_label_t;


typedef struct {
    const char         *name;          /* for Prometheus */
    const char         *help;          /* with nothing to be escaped */
    af_metric_kind_t    kind;
    const af_label_t   *labels[AF_METRIC_LABELS];
    const uint32_t     *bounds;        /* microseconds, 0-ended, or NULL */
    unsigned            node:1;        /* not a worker's */
    unsigned            time:1;        /* a gauge in microseconds */
} af_metric_t;


/* a metric with certain values of its labels */

typedef struct {
    const af_metric_t  *metric;
    unsigned            values[AF_METRIC_LABELS];
    uint64_t            count;         /* of a histogram: all observations */
    int64_t             gauge;
    uint64_t            sum;           /* of them, in microseconds */
    uint64_t            buckets[AF_METRIC_BOUNDS_MAX];  /* cumulative */
} af_sample_t;


typedef struct af_counters_s  af_counters_t;

typedef void (*af_sample_pt)(void *data, const af_sample_t *sample);


/*
 * How many values a dimension has, and a hash of them: memory with others is
 * not taken over.  Before all of the following, always with the same values.
 */
void af_counters_set_dimension(af_dimension_t dimension, unsigned values,
    uint32_t hash);

/* FNV-1a, 32 bits, to be continued with further strings; initially 0. */
uint32_t af_counters_hash(uint32_t hash, const char *s);

/* The minimal size of the memory, for one slot, and the maximal useful one. */
size_t af_counters_size_min(void);
size_t af_counters_size_max(void);

/*
 * Finds the counters in this memory, which is aligned to 64 octets; or starts
 * from zero, if it has none, or those of another table.  NULL if the memory is
 * too small.
 */
af_counters_t *af_counters_open(void *memory, size_t size);

/*
 * From now on this process adds to a slot, until it leaves.  `process` is a
 * number that no other living process has.  Gauges that a killed process has
 * left there are reset.
 */
void af_counters_join(af_counters_t *counters, unsigned process);
void af_counters_leave(void);

/*
 * Increments a counter; before the process has joined, the count is lost.
 * `index` is the value of the label, or 0; with two labels it is that of the
 * first one, times the number of the second one's, plus that of the second one.
 * For any thread, as are these:
 */
void af_count(af_metric_id_t metric, unsigned index);

/* Likewise by the text of its only label's value; unknown ones are ignored. */
void af_count_named(af_metric_id_t metric, const char *value);

/* Adds a time, in microseconds, to a histogram. */
void af_observe(af_metric_id_t metric, unsigned index, uint64_t time);

/* Adds to a gauge, or sets it. */
void af_gauge_add(af_metric_id_t metric, unsigned index, int n);
void af_gauge_set(af_metric_id_t metric, unsigned index, int64_t n);

/* Calls the handler for all of them, in the order of the table. */
void af_counters_each(const af_counters_t *counters, af_sample_pt handler,
    void *data);

/* The number of a metric's cells that af_count() can select. */
unsigned af_metric_values(af_metric_id_t metric);

/* Which value of a metric's label this is, or -1. */
int af_metric_value(af_metric_id_t metric, const char *value);

/* The value for AF_METRIC_DB_ERRORS of an SQLSTATE, or of NULL. */
unsigned af_sqlstate_class(const char *sqlstate);

/* Microseconds of the monotonic clock. */
uint64_t af_microseconds(void);


#endif /* AF_SHM_COUNTERS_H */
