/*
 * The values of statements that need nothing but the configuration and a
 * request: they are also known where there is no ctx.
 */

#ifndef AF_FLOW_FACTS_H
#define AF_FLOW_FACTS_H

#include "conf/conf.h"


/*
 * Returns NGX_OK with *value as text, from the pool if it has to be made, NULL
 * for null; NGX_DECLINED if the name is unknown; NGX_ERROR if there is no
 * memory.
 */
ngx_int_t af_fact(ngx_http_request_t *r, ngx_pool_t *pool, const char *name,
    const char **value);

ngx_int_t af_fact_number(ngx_pool_t *pool, int64_t number, const char **value);

/* The name of the nth fact, NULL behind the last: for tests. */
const char *af_fact_name(ngx_uint_t n);


#endif /* AF_FLOW_FACTS_H */
