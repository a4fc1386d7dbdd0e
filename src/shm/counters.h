/*
 * What is counted of a node: counters, and histograms of times, by the table
 * of counters.c, in memory that its processes share.  Pure C: no nginx types.
 *
 * Each worker adds to a slot of its own, without a lock.  While nginx reloads,
 * the old worker of a number and the new one share its slot, as do workers
 * beyond the number of slots: they add by atomic operations, which cost more
 * then, and lose nothing.  Who is killed leaves what it has counted.  Whoever
 * reads sums up the slots.  Nothing allocates.
 */

#ifndef AF_SHM_COUNTERS_H
#define AF_SHM_COUNTERS_H

#include <stddef.h>
#include <stdint.h>


/* rows of af_metrics[] */
typedef enum {
    AF_METRIC_VERIFICATIONS = 0, /* by af_token_status_t */
    AF_METRIC_ANSWERS,         /* by the first digit of the status, from 1 */
    AF_METRIC_DB_TIME,
    AF_METRIC_DB_REFUSED,      /* by af_db_refused_t */
    AF_METRIC_HASH_WAIT,
    AF_METRIC_HASH_TIME,
    AF_METRIC_MAILS,           /* by af_delivery_t */
    AF_METRICS
} af_metric_id_t;


/* how many values others' enums have, by which labels are given */
#define AF_VERIFICATION_VALUES  14
#define AF_DELIVERY_VALUES      4


/* why an operation never got to the database */

typedef enum {
    AF_DB_REFUSED_QUEUE_FULL = 0,
    AF_DB_REFUSED_DOWN
} af_db_refused_t;


/* the most bounds a histogram may have */
#define AF_METRIC_BOUNDS_MAX  12


typedef struct {
    const char         *name;          /* as Prometheus would have it */
    const char         *help;
    const char         *label;         /* NULL: none, and one value */
    const char *const  *values;        /* of the label, NULL-ended */
    const uint32_t     *bounds;        /* microseconds, ended by a 0; NULL: it
                                          is a counter */
} af_metric_t;


/* what there is of a metric, and of one of its label's values */

typedef struct {
    const af_metric_t  *metric;
    const char         *value;         /* NULL without a label */
    uint64_t            count;         /* of a histogram: of all times */
    uint64_t            sum;           /* of them, in microseconds */
    uint64_t            buckets[AF_METRIC_BOUNDS_MAX];  /* cumulative */
} af_sample_t;


typedef struct af_counters_s  af_counters_t;

typedef void (*af_sample_pt)(void *data, const af_sample_t *sample);


/* How much memory is of use, for a slot or for as many as there may be. */
size_t af_counters_size_min(void);
size_t af_counters_size_max(void);

/*
 * Finds what has been counted in this memory, which is aligned to 64 octets;
 * or begins from zero, where this was never counted in, or by another table.
 * NULL if the memory is too small.
 */
af_counters_t *af_counters_open(void *memory, size_t size);

/* From now on this process adds to the slot of a worker of this number. */
void af_counters_join(af_counters_t *counters, unsigned worker);

/*
 * Counts one of a metric: in the worker's slot, or before it has joined
 * nowhere.  `value` is of the metric's label, or 0.  In any thread.
 */
void af_count(af_metric_id_t metric, unsigned value);

/* Likewise of a histogram: a time, in microseconds. */
void af_observe(af_metric_id_t metric, uint64_t time);

/* Tells all, in the order of the table. */
void af_counters_each(const af_counters_t *counters, af_sample_pt handler,
    void *data);

/* How many values the label of a metric has; 1 without one. */
unsigned af_metric_values(af_metric_id_t metric);

/* Microseconds of a clock that nobody sets. */
uint64_t af_microseconds(void);


#endif /* AF_SHM_COUNTERS_H */
