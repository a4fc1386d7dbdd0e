/*
 * The shared memory of autoflow_zone, as nginx manages it.
 */

#ifndef AF_CONF_ZONE_H
#define AF_CONF_ZONE_H

#include "conf/conf.h"


/*
 * Adds the shared memory.  The zone returned is initialized by nginx before
 * there are workers; NULL on failure.
 */
struct af_zone_s *af_zone_add(ngx_conf_t *cf, size_t size);


/*
 * autoflow_revocation_staleness: how old the feed of the zone may be for tokens
 * to be trusted.
 */
char *af_staleness_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


#endif /* AF_CONF_ZONE_H */
