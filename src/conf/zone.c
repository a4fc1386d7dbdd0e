#include "conf/zone.h"
#include "conf/params.h"
#include "shm/zone.h"


static ngx_int_t af_zone_attach(ngx_shm_zone_t *shm_zone,
    void *data);


static ngx_str_t  af_zone_name = ngx_string("autoflow");


static const ngx_conf_enum_t  af_staleness_fail[] = {
    { ngx_string("open"), 1 },
    { ngx_string("closed"), 0 },
    { ngx_null_string, 0 }
};


static const af_param_t  af_staleness_params[] = {
    af_param("fail=", af_param_enum,
             ngx_http_autoflow_main_conf_t, fail_open,
             .values = af_staleness_fail),
    { .name = ngx_null_string }
};


af_zone_t *
af_zone_add(ngx_conf_t *cf, size_t size)
{
    af_zone_t       *zone;
    ngx_shm_zone_t  *shm_zone;

    zone = ngx_pcalloc(cf->pool, sizeof(af_zone_t));
    if (zone == NULL) {
        return NULL;
    }

    shm_zone = ngx_shared_memory_add(cf, &af_zone_name, size,
                                     &ngx_http_autoflow_module);
    if (shm_zone == NULL) {
        return NULL;
    }

    shm_zone->init = af_zone_attach;
    shm_zone->data = zone;

    return zone;
}


/*
 * All remaining pages of nginx's slab allocator are taken, once and for all:
 * nothing is allocated later in a zone of fixed parts.
 */

static ngx_int_t
af_zone_attach(ngx_shm_zone_t *shm_zone, void *data)
{
    af_zone_t *old = data;

    void             *memory;
    size_t            size;
    af_zone_t        *zone;
    ngx_slab_pool_t  *shpool;

    zone = shm_zone->data;
    shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (old == NULL && shm_zone->shm.exists) {
        old = shpool->data;
    }

    if (old) {
        return af_zone_take_over(zone, old) == 0 ? NGX_OK : NGX_ERROR;
    }

    shpool->data = ngx_slab_calloc(shpool, sizeof(af_zone_t));
    if (shpool->data == NULL) {
        return NGX_ERROR;
    }

    size = shpool->pfree * ngx_pagesize;
    memory = ngx_slab_alloc(shpool, size);

    if (memory == NULL || af_zone_init(zone, memory, size, ngx_time()) != 0) {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "the shared memory of \"autoflow_zone\" can't be used");
        return NGX_ERROR;
    }

    *(af_zone_t *) shpool->data = *zone;

    return NGX_OK;
}


char *
af_staleness_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_main_conf_t *amcf = conf;

    ngx_str_t  *value;

    if (amcf->staleness != NGX_CONF_UNSET_MSEC) {
        return "is duplicate";
    }

    value = cf->args->elts;

    /* staleness shows only when a heartbeat is missed */

    if (af_param_msec(NULL, &value[1], &amcf->staleness) != NGX_OK
        || amcf->staleness < 5000)
    {
        return "needs a time of at least 5 seconds";
    }

    return af_params(cf, 2, af_staleness_params, conf);
}
