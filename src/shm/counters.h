/*
 * A node's metrics: counters, and histograms of times, defined by the table in
 * counters.c, in memory shared by its processes.  Pure C: no nginx types.
 *
 * Each worker adds to a slot of its own, without a lock.  While nginx reloads,
 * the old and the new worker of a number share a slot, as do workers beyond the
 * number of slots: atomic operations cost more then, but lose nothing.  What a
 * killed worker has counted remains.  Readers sum up the slots.  Nothing
 * allocates.
 */

#ifndef AF_SHM_COUNTERS_H
#define AF_SHM_COUNTERS_H

#include <stddef.h>
#include <stdint.h>


/* rows of af_metrics[] */
typedef enum {
    AF_METRIC_VERIFICATIONS = 0, /* by af_token_status_t */
    AF_METRIC_ANSWERS,         /* by the status's first digit, from 1 */
    AF_METRIC_DB_TIME,
    AF_METRIC_DB_REFUSED,      /* by af_db_refused_t */
    AF_METRIC_HASH_WAIT,
    AF_METRIC_HASH_TIME,
    AF_METRIC_MAILS,           /* by af_delivery_t */
    AF_METRICS
} af_metric_id_t;


/* the numbers of labels that are other headers' enums */
#define AF_VERIFICATION_VALUES  14
#define AF_DELIVERY_VALUES      4


/* why an operation was neither sent nor queued */

typedef enum {
    AF_DB_REFUSED_QUEUE_FULL = 0,
    AF_DB_REFUSED_DOWN
} af_db_refused_t;


/* the maximum number of a histogram's bounds */
#define AF_METRIC_BOUNDS_MAX  12


typedef struct {
    const char         *name;          /* for Prometheus */
    const char         *help;
    const char         *label;         /* NULL: none */
    const char *const  *values;        /* of the label, NULL-ended */
    const uint32_t     *bounds;        /* microseconds, 0-ended, or NULL */
} af_metric_t;


/* a metric, or one value of its label */

typedef struct {
    const af_metric_t  *metric;
    const char         *value;         /* NULL without a label */
    uint64_t            count;         /* of a histogram: all observations */
    uint64_t            sum;           /* of them, in microseconds */
    uint64_t            buckets[AF_METRIC_BOUNDS_MAX];  /* cumulative */
} af_sample_t;


typedef struct af_counters_s  af_counters_t;

typedef void (*af_sample_pt)(void *data, const af_sample_t *sample);


/* The minimal size of the memory, for one slot, and the maximal useful one. */
size_t af_counters_size_min(void);
size_t af_counters_size_max(void);

/*
 * Finds the counters in this memory, which is aligned to 64 octets; or starts
 * from zero, if it has none, or those of another table.  NULL if the memory is
 * too small.
 */
af_counters_t *af_counters_open(void *memory, size_t size);

/* From now on this process adds to the slot of this worker. */
void af_counters_join(af_counters_t *counters, unsigned worker);

/*
 * Increments a counter in the worker's slot; before it has joined, the count is
 * lost.  `value` is the label's, or 0.  For any thread.
 */
void af_count(af_metric_id_t metric, unsigned value);

/* Likewise adds a time, in microseconds, to a histogram. */
void af_observe(af_metric_id_t metric, uint64_t time);

/* Calls the handler for all of them, in the order of the table. */
void af_counters_each(const af_counters_t *counters, af_sample_pt handler,
    void *data);

/* The number of values of a metric's label; 1 without one. */
unsigned af_metric_values(af_metric_id_t metric);

/* Microseconds of the monotonic clock. */
uint64_t af_microseconds(void);


#endif /* AF_SHM_COUNTERS_H */
