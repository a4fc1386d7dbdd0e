/*
 * States: whatever has some is moved between them by one function alone, which
 * calls this one.
 */

#ifndef AF_CONF_TRANSITION_H
#define AF_CONF_TRANSITION_H

#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Logs that something goes from one state to another; and, as an alert, that it
 * may not: next[old] has a bit for each state that may follow.
 */
void af_transition(ngx_log_t *log, const char *what, const unsigned *next,
    ngx_uint_t old, ngx_uint_t state);


#endif /* AF_CONF_TRANSITION_H */
