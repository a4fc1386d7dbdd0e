/*
 * The text of metrics: Prometheus' format 0.0.4, or OpenMetrics 1.0.  Pure C:
 * no nginx types.
 */

#ifndef AF_SHM_EXPOSITION_H
#define AF_SHM_EXPOSITION_H

#include "shm/counters.h"


typedef struct af_exposition_s  af_exposition_t;

struct af_exposition_s {
    int                 openmetrics;

    /* appends text; what fails is its own business */
    void              (*add)(void *data, const char *text, size_t len);

    /* calls af_exposition_label() for a value that isn't constant */
    void              (*labels)(af_exposition_t *e, const af_label_t *label,
                            unsigned value);
    void               *data;          /* for both */

    /* its own */
    const af_metric_t  *family;        /* the latest */
    unsigned            nlabels;       /* of the current line */
};


/* Adds a sample; those of a metric follow one another. */
void af_exposition_sample(af_exposition_t *e, const af_sample_t *sample);

/*
 * An AF_INFO, with these labels: pairs of a name and a value, NULL-ended.
 */
void af_exposition_info(af_exposition_t *e, const af_metric_t *metric,
    const char *const *labels);

void af_exposition_label(af_exposition_t *e, const char *name,
    const char *value);

/* The end of the text. */
void af_exposition_end(af_exposition_t *e);


#endif /* AF_SHM_EXPOSITION_H */
