#include "ngx_http_autoflow_zone.h"


static ngx_int_t ngx_http_autoflow_zone_init(ngx_shm_zone_t *shm_zone,
    void *data);


static ngx_str_t  ngx_http_autoflow_zone_name = ngx_string("autoflow");


af_zone_t *
ngx_http_autoflow_zone_add(ngx_conf_t *cf, size_t size)
{
    af_zone_t       *zone;
    ngx_shm_zone_t  *shm_zone;

    zone = ngx_pcalloc(cf->pool, sizeof(af_zone_t));
    if (zone == NULL) {
        return NULL;
    }

    shm_zone = ngx_shared_memory_add(cf, &ngx_http_autoflow_zone_name, size,
                                     &ngx_http_autoflow_module);
    if (shm_zone == NULL) {
        return NULL;
    }

    shm_zone->init = ngx_http_autoflow_zone_init;
    shm_zone->data = zone;

    return zone;
}


/*
 * Of nginx's slab allocator all pages that are left are taken, at once and for
 * ever: nothing is allocated in a zone of fixed parts.
 */

static ngx_int_t
ngx_http_autoflow_zone_init(ngx_shm_zone_t *shm_zone, void *data)
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
