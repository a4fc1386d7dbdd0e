/*
 * autoflow_metrics: what the workers have counted, and what the node's shared
 * memory tells when it is asked.  It reads memory alone, and waits for nothing.
 */

#include "api/api.h"
#include "api/metrics.h"
#include "check/buffer.h"
#include "shm/exposition.h"
#include "shm/zone.h"

#include <nginx.h>


/* what a scrape computes; times in microseconds */

typedef struct {
    int64_t                  feed_fresh;
    int64_t                  feed_lag;
    int64_t                  revocations;
    int64_t                  revocations_max;
    int64_t                  revocations_evicted;
    int64_t                  watermark;
    int64_t                  attempts_max;
    int64_t                  attempts_evicted;
    int64_t                  zone_size;
    int64_t                  token_cache_size;
    int64_t                  started;
    int64_t                  configured;
} af_metrics_node_t;


typedef struct {
    ngx_http_request_t      *request;
    af_exposition_t          exposition;
    af_buffer_t              buffer;
    u_char                  *used;       /* routes with requests */
} af_scrape_t;


static ngx_int_t af_metrics_refuse(ngx_http_request_t *r);
static ngx_int_t af_metrics_print(af_scrape_t *scrape);
static void af_metrics_add(void *data, const char *text, size_t len);
static void af_metrics_sample(void *data, const af_sample_t *sample);
static ngx_uint_t af_metrics_is_left_out(af_scrape_t *scrape,
    const af_sample_t *sample);
static void af_metrics_labels(af_exposition_t *e, const af_label_t *label,
    unsigned value);
static const af_route_t *af_metrics_route(ngx_uint_t number,
    const af_dialect_t **dialect);
static const af_route_t *af_metrics_route_of(const af_dialect_t *dialect,
    ngx_uint_t *number);
static void af_metrics_node(const ngx_http_autoflow_main_conf_t *amcf,
    af_metrics_node_t *node);
static void af_metrics_print_node(af_scrape_t *scrape);
static void af_metrics_print_build(af_scrape_t *scrape);
static void af_metrics_free(void *data);


/* a row of a database is left out without one */

#define af_node_metric(member, name, help, kind, time, database)              \
    { { name, help, kind, { NULL }, NULL, 1, time },                          \
      offsetof(af_metrics_node_t, member), database }

static const struct {
    af_metric_t  metric;
    size_t       offset;
    ngx_uint_t   database;
} af_node_metrics[] = {

    af_node_metric(feed_fresh, "autoflow_feed_fresh",
                   "Whether the feed of revocations is complete, so that "
                   "tokens are trusted.", AF_GAUGE, 0, 1),
    af_node_metric(feed_lag, "autoflow_feed_lag_seconds",
                   "How long ago the revocations were last known to "
                   "be complete.",
                   AF_GAUGE, 1, 1),
    af_node_metric(revocations, "autoflow_revocations",
                   "Revocations in the shared memory.", AF_GAUGE, 0, 1),
    af_node_metric(revocations_max, "autoflow_revocations_capacity",
                   "Revocations that there is room for; a third should "
                   "stay free.",
                   AF_GAUGE, 0, 1),
    af_node_metric(revocations_evicted,
                   "autoflow_revocations_evictions_total",
                   "Revocations that made room for others, each of which "
                   "raised the watermark.", AF_COUNTER, 0, 1),
    af_node_metric(watermark,
                   "autoflow_revocations_watermark_timestamp_seconds",
                   "Tokens issued until then count as revoked, 0: none.",
                   AF_GAUGE, 1, 1),
    af_node_metric(attempts_max, "autoflow_attempts_capacity",
                   "Counters of attempts that there is room for.",
                   AF_GAUGE, 0, 1),
    af_node_metric(attempts_evicted, "autoflow_attempts_evictions_total",
                   "Counters of attempts that made room for others before "
                   "their window ended.", AF_COUNTER, 0, 1),
    af_node_metric(zone_size, "autoflow_zone_size_bytes",
                   "The shared memory of autoflow_zone.", AF_GAUGE, 0, 0),
    af_node_metric(token_cache_size, "autoflow_token_cache_size_bytes",
                   "The memory of autoflow_token_cache, in each worker.",
                   AF_GAUGE, 0, 0),
    af_node_metric(started, "autoflow_start_time_seconds",
                   "When this nginx was started, or the shared memory's size "
                   "changed.", AF_GAUGE, 1, 0),
    af_node_metric(configured, "autoflow_config_time_seconds",
                   "When the configuration was loaded last.", AF_GAUGE, 1, 0)
};


static const af_metric_t  af_metric_build = {
    "autoflow_build_info", "What this node runs.", AF_INFO, { NULL }, NULL, 1, 0
};


static const af_dialect_t  *af_metrics_other;


char *
af_metrics_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_loc_conf_t *alcf = conf;

    ngx_http_core_loc_conf_t  *clcf;

    if (alcf->metrics) {
        return "is duplicate";
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler) {
        return "conflicts with another directive that handles the location";
    }

    alcf->metrics = 1;
    af_conf_main(cf)->metrics_used = 1;
    clcf->handler = af_metrics_handler;

    return NGX_CONF_OK;
}


void
af_metrics_dialect(const af_dialect_t *dialect)
{
    af_metrics_other = dialect;
}


void
af_metrics_init(void)
{
    uint32_t             hash;
    ngx_uint_t           i;
    const af_route_t    *route;
    const af_dialect_t  *dialect;

    hash = 0;

    for (i = 1; (route = af_metrics_route(i, &dialect)) != NULL; i++) {
        hash = af_counters_hash(hash, dialect->name);
        hash = af_counters_hash(hash, route->path);
        hash ^= route->method;
    }

    af_counters_set_dimension(AF_DIMENSION_ROUTES, i, hash);

    hash = 0;

    for (i = AF_PROBLEM_NONE; i < AF_PROBLEMS; i++) {
        hash = af_counters_hash(hash, af_problems[i].code);
    }

    af_counters_set_dimension(AF_DIMENSION_PROBLEMS, i, hash);
}


ngx_uint_t
af_metrics_series(const af_dialect_t *dialect)
{
    ngx_uint_t           i;
    const af_dialect_t  *other;

    for (i = 1; af_metrics_route(i, &other) && other != dialect; i++) {
        /* void */
    }

    return i;
}


/* its route, or NULL if there are fewer */

static const af_route_t *
af_metrics_route(ngx_uint_t number, const af_dialect_t **dialect)
{
    ngx_uint_t         i;
    const af_route_t  *route;

    for (i = 0; af_dialects[i]; i++) {
        *dialect = af_dialects[i];
        route = af_metrics_route_of(*dialect, &number);

        if (route) {
            return route;
        }
    }

    *dialect = af_metrics_other;

    return af_metrics_other ? af_metrics_route_of(af_metrics_other, &number)
                            : NULL;
}


/* otherwise subtracts the number of its routes */

static const af_route_t *
af_metrics_route_of(const af_dialect_t *dialect, ngx_uint_t *number)
{
    const af_route_t    *route;
    const af_section_t  *section;

    for (section = dialect->sections; section->routes; section++) {
        for (route = section->routes; route->path; route++) {
            if (--*number == 0) {
                return route;
            }
        }
    }

    return NULL;
}


ngx_int_t
af_metrics_handler(ngx_http_request_t *r)
{
    ngx_int_t            rc;
    af_scrape_t         *scrape;
    ngx_pool_cleanup_t  *cln;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return af_metrics_refuse(r);
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(af_scrape_t));
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    scrape = cln->data;
    ngx_memzero(scrape, sizeof(af_scrape_t));

    scrape->request = r;
    cln->handler = af_metrics_free;

    if (af_metrics_print(scrape) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (scrape->exposition.openmetrics) {
        af_content_type(r, "application/openmetrics-text; version=1.0.0; "
                           "charset=utf-8");

    } else {
        af_content_type(r, "text/plain; version=0.0.4; charset=utf-8");
    }

    return af_respond(r, NGX_HTTP_OK, scrape->buffer.data, scrape->buffer.len);
}


static ngx_int_t
af_metrics_refuse(ngx_http_request_t *r)
{
    static u_char  allow[] = "GET, HEAD";

    return (af_set_header(r, "Allow", allow, sizeof(allow) - 1, NULL)
            == NGX_OK)
           ? af_respond_problem(r, AF_METHOD_NOT_ALLOWED, NULL, NULL)
           : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


static ngx_int_t
af_metrics_print(af_scrape_t *scrape)
{
    ngx_http_request_t             *r;
    ngx_http_autoflow_main_conf_t  *amcf;

    r = scrape->request;
    amcf = af_main_conf(r);

    scrape->used = ngx_pcalloc(r->pool,
                               af_metric_values(AF_METRIC_REQUEST_TIME));
    if (scrape->used == NULL) {
        return NGX_ERROR;
    }

    scrape->exposition.openmetrics =
        af_accepts(r, "application/openmetrics-text");
    scrape->exposition.add = af_metrics_add;
    scrape->exposition.labels = af_metrics_labels;
    scrape->exposition.data = scrape;

    af_metrics_print_build(scrape);
    af_metrics_print_node(scrape);
    af_counters_each(amcf->metrics->counters, af_metrics_sample, scrape);
    af_exposition_end(&scrape->exposition);

    return scrape->buffer.failed ? NGX_ERROR : NGX_OK;
}


static void
af_metrics_add(void *data, const char *text, size_t len)
{
    af_scrape_t *scrape = data;

    af_buffer_add(&scrape->buffer, text, len);
}


static void
af_metrics_sample(void *data, const af_sample_t *sample)
{
    af_scrape_t *scrape = data;

    if (!af_metrics_is_left_out(scrape, sample)) {
        af_exposition_sample(&scrape->exposition, sample);
    }
}


/*
 * Routes that were never requested, of which there may be many; the problem
 * that isn't one: several have the same code, and are counted as the first; and
 * a job that this node never does.
 */

static ngx_uint_t
af_metrics_is_left_out(af_scrape_t *scrape, const af_sample_t *sample)
{
    unsigned                  value;
    const af_label_t *const  *labels;

    labels = sample->metric->labels;
    value = sample->values[0];

    if (labels[0] == NULL) {
        return 0;
    }

    switch (labels[0]->dimension) {

    case AF_DIMENSION_ROUTES:

        /* the histogram comes first */

        if (sample->count) {
            scrape->used[value] = 1;
        }

        return !scrape->used[value];

    case AF_DIMENSION_PROBLEMS:
        return value == AF_PROBLEM_NONE
               || af_problem_named(af_problems[value].code) != value;

    default:
        return af_main_conf(scrape->request)->audit_log == NULL
               && ngx_strcmp(labels[0]->values[value], "audit_log") == 0;
    }
}


static void
af_metrics_labels(af_exposition_t *e, const af_label_t *label, unsigned value)
{
    const af_route_t    *route;
    const af_dialect_t  *dialect;

    if (label->dimension == AF_DIMENSION_PROBLEMS) {
        af_exposition_label(e, label->name, af_problems[value].code);
        return;
    }

    dialect = NULL;
    route = value ? af_metrics_route(value, &dialect) : NULL;

    if (route == NULL) {
        af_exposition_label(e, "dialect", "");
        af_exposition_label(e, "method", "");
        af_exposition_label(e, "route", "");
        return;
    }

    af_exposition_label(e, "dialect", dialect->name);
    af_exposition_label(e, "method",
                        (char *) af_method_name(route->method)->data);
    af_exposition_label(e, "route", route->path);

    if (route->selector) {
        af_exposition_label(e, "selector", route->selector);
    }
}


static void
af_metrics_node(const ngx_http_autoflow_main_conf_t *amcf,
    af_metrics_node_t *node)
{
    uint64_t                fed_at;
    const af_zone_t        *zone;
    af_limits_stat_t        limits;
    af_revocations_stat_t   revocations;

    zone = amcf->metrics;

    af_limits_stat(zone->limits, &limits);
    af_revocations_stat(zone->revocations, &revocations);

    fed_at = af_revocations_fed_at(zone->revocations);

    node->feed_fresh = af_zone_feed_state(zone, ngx_current_msec,
                                          amcf->staleness)
                       == AF_FEED_FRESH;

    /* without one, for as long as there was to wait for it */

    node->feed_lag = fed_at ? (int64_t) (intptr_t)
                              (ngx_current_msec - (uintptr_t) fed_at) * 1000
                            : (ngx_time() - revocations.created) * 1000000;

    node->revocations = revocations.used;
    node->revocations_max = revocations.slots;
    node->revocations_evicted = revocations.evictions;
    node->watermark = revocations.watermark * 1000000;
    node->attempts_max = limits.counters;
    node->attempts_evicted = limits.evictions;
    node->zone_size = amcf->zone_size;
    node->token_cache_size = amcf->token_cache;
    node->started = revocations.created * 1000000;
    node->configured = amcf->started * 1000000;
}


static void
af_metrics_print_node(af_scrape_t *scrape)
{
    size_t                                i;
    af_sample_t                           sample;
    af_metrics_node_t                     node;
    const ngx_http_autoflow_main_conf_t  *amcf;

    amcf = af_main_conf(scrape->request);

    af_metrics_node(amcf, &node);

    for (i = 0; i < sizeof(af_node_metrics) / sizeof(af_node_metrics[0]); i++) {

        if (af_node_metrics[i].database && amcf->zone == NULL) {
            continue;
        }

        ngx_memzero(&sample, sizeof(sample));

        sample.metric = &af_node_metrics[i].metric;
        sample.gauge = *(int64_t *) ((u_char *) &node
                                     + af_node_metrics[i].offset);
        sample.count = sample.gauge;

        af_exposition_sample(&scrape->exposition, &sample);
    }
}


static void
af_metrics_print_build(af_scrape_t *scrape)
{
    int   version;
    char  libpq[sizeof("00.00")];

    const char  *labels[] = {
        "version", AUTOFLOW_VERSION,
        "nginx_version", NGINX_VERSION,
        "libpq_version", libpq,
        NULL
    };

    version = PQlibVersion();

    (void) ngx_snprintf((u_char *) libpq, sizeof(libpq), "%d.%d%Z",
                        version / 10000 % 100, version % 100);

    af_exposition_info(&scrape->exposition, &af_metric_build, labels);
}


static void
af_metrics_free(void *data)
{
    af_scrape_t *scrape = data;

    af_buffer_free(&scrape->buffer);
}
