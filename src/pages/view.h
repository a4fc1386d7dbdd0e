/*
 * What a template gets beside the values of an answer, which are for programs:
 * times, devices and lists, as people read them.
 */

#ifndef AF_PAGES_VIEW_H
#define AF_PAGES_VIEW_H

#include "pages/pages.h"


/*
 * A text by its key, with values of `data`, which has the texts as "t"; NULL if
 * there is none, or no memory.  To be freed with free().
 */
char *af_view_text(json_t *data, const char *key);

/*
 * Adds to an answer, wherever it has such a member:
 *
 *   NAME_text              of a NAME that is a time
 *   device, device_kind    of device_info or user_agent
 *   action_text            of an action, the event of an audit
 *   roles_text             of roles
 *   qr_url                 of qr, an SVG document
 *   secret_text            of secret, which is typed in from there
 *   recovery_codes_url     of recovery_codes, to save
 *   is_TYPE                of type, that of a factor
 *   details_text           of details
 *   NAME_name              of a NAME that is the id of an account in `names`,
 *                          which has addresses by ids, and may be NULL
 *   by_another             whether an event's actor_id isn't its target_id
 *
 * Returns 0, or -1: no memory.
 */
int af_view_add(json_t *answer, json_t *texts, json_t *names);

/* What the last three of them are made by; the text is to be freed. */
char *af_view_details(json_t *details, json_t *texts, json_t *names);
int af_view_actor(json_t *event, json_t *added);
int af_view_name(const char *name, const char *id, json_t *names,
    json_t *added);

/* The ids of accounts in an answer, as members; NULL: no memory. */
json_t *af_view_ids(json_t *answer);

/*
 * Adds to the answer of a list the queries of the pages beside it, which keep
 * its filters: prev_query and next_query, empty if there is none.
 */
int af_view_paging(json_t *answer, json_t *args);

/*
 * To be freed: a document that is its own URL (RFC 2397); a list of codes so,
 * as a file to save; and a secret in groups of four.
 */
char *af_view_url(const char *type, const char *text);
char *af_view_codes(json_t *codes);
char *af_view_groups(const char *secret);

/* "?name=value&…" of an object's strings, without some names; to be freed. */
char *af_view_query(json_t *args, const char *const *without);


#endif /* AF_PAGES_VIEW_H */
