#include "conf/transition.h"


void
af_transition(ngx_log_t *log, const char *what, const unsigned *next,
    ngx_uint_t old, ngx_uint_t state)
{
    if ((next[old] & (1 << state)) == 0) {
        ngx_log_error(NGX_LOG_ALERT, log, 0,
                      "autoflow: %s went from state %ui to %ui", what, old,
                      state);
        ngx_debug_point();
    }

    ngx_log_debug3(NGX_LOG_DEBUG_CORE, log, 0,
                   "autoflow: %s: state %ui to %ui", what, old, state);
}
