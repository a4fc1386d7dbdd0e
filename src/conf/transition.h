/*
 * States: one function alone changes the state of each thing, and it calls
 * this.
 */

#ifndef AF_CONF_TRANSITION_H
#define AF_CONF_TRANSITION_H

#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Logs a change of state; and an alert if it is not allowed: next[old] has a
 * bit for each state that may follow.
 */
void af_transition(ngx_log_t *log, const char *what, const unsigned *next,
    ngx_uint_t old, ngx_uint_t state);


#endif /* AF_CONF_TRANSITION_H */
