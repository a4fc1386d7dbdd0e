/*
 * The shared memory of autoflow_zone, as nginx has it.
 */

#ifndef NGX_HTTP_AUTOFLOW_ZONE_H
#define NGX_HTTP_AUTOFLOW_ZONE_H

#include "http/conf.h"


/*
 * Asks nginx for the memory.  The zone returned is filled in when nginx has
 * it, before there are workers; NULL on failure.
 */
af_zone_t *ngx_http_autoflow_zone_add(ngx_conf_t *cf, size_t size);


#endif /* NGX_HTTP_AUTOFLOW_ZONE_H */
