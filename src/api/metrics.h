/*
 * autoflow_metrics: the node's metrics, for Prometheus.
 */

#ifndef AF_API_METRICS_H
#define AF_API_METRICS_H

#include "flow/flow.h"


char *af_metrics_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* A dialect that no name in autoflow_api selects; before the next. */
void af_metrics_dialect(const af_dialect_t *dialect);

/* Tells the counters how many routes and problems there are. */
void af_metrics_init(void);

/*
 * The number of the dialect's first route in metrics; its others follow, in the
 * order of its tables.  0 is a request without a route.
 */
ngx_uint_t af_metrics_series(const af_dialect_t *dialect);

ngx_int_t af_metrics_handler(ngx_http_request_t *r);


#endif /* AF_API_METRICS_H */
