/*
 * Reads the templates of mails when everything else is known: KIND.PART, and
 * KIND.LANGUAGE.PART for whoever prefers that.
 */

#ifndef AF_MAIL_TEMPLATES_CONF_H
#define AF_MAIL_TEMPLATES_CONF_H

#include "conf/conf.h"


/* NGX_CONF_ERROR: has said why */
char *af_mail_templates_load(ngx_conf_t *cf,
    ngx_http_autoflow_main_conf_t *amcf);


#endif /* AF_MAIL_TEMPLATES_CONF_H */
