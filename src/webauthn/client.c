#include <string.h>

#include "check/json.h"
#include "token/base64url.h"
#include "webauthn/client.h"


/* octets of a challenge, more than ours have */
#define AF_CHALLENGE_MAX  256


static af_webauthn_status_t af_client_members(const af_webauthn_rules_t *rules,
    const char *type, const json_t *data);
static int af_client_challenge(const af_webauthn_rules_t *rules,
    const json_t *text);
static int af_client_origin(const af_webauthn_rules_t *rules,
    const json_t *text);


af_webauthn_status_t
af_client_check(const af_webauthn_rules_t *rules, const char *type,
    const af_octets_t *client_data)
{
    json_t                *json;
    json_error_t           error;
    af_webauthn_status_t   status;

    if (client_data->len > AF_WEBAUTHN_CLIENT_DATA_MAX) {
        return AF_WEBAUTHN_MALFORMED;
    }

    json = af_json_load((const char *) client_data->data, client_data->len,
                        JSON_REJECT_DUPLICATES, &error);

    status = json_is_object(json) ? af_client_members(rules, type, json)
                                  : AF_WEBAUTHN_MALFORMED;
    json_decref(json);

    return status;
}


/* nobody may have shown our pages in a frame: topOrigin is never right */

static af_webauthn_status_t
af_client_members(const af_webauthn_rules_t *rules, const char *type,
    const json_t *data)
{
    const char    *given;
    const json_t  *cross;

    given = json_string_value(json_object_get(data, "type"));
    cross = json_object_get(data, "crossOrigin");

    if (given == NULL || (cross != NULL && !json_is_boolean(cross))) {
        return AF_WEBAUTHN_MALFORMED;
    }

    if (strcmp(given, type) != 0) {
        return AF_WEBAUTHN_TYPE;
    }

    if (!af_client_challenge(rules, json_object_get(data, "challenge"))) {
        return AF_WEBAUTHN_CHALLENGE;
    }

    if (!af_client_origin(rules, json_object_get(data, "origin"))) {
        return AF_WEBAUTHN_ORIGIN;
    }

    if (json_is_true(cross) || json_object_get(data, "topOrigin") != NULL) {
        return AF_WEBAUTHN_CROSS_ORIGIN;
    }

    return AF_WEBAUTHN_OK;
}


static int
af_client_challenge(const af_webauthn_rules_t *rules, const json_t *text)
{
    size_t         n;
    unsigned char  octets[AF_CHALLENGE_MAX];

    return json_is_string(text)
           && af_base64url_decode(octets, sizeof(octets), &n,
                                  json_string_value(text),
                                  json_string_length(text))
           && rules->challenge(rules->data, octets, n);
}


static int
af_client_origin(const af_webauthn_rules_t *rules, const json_t *text)
{
    size_t       i;
    af_origin_t  origin;

    if (!json_is_string(text)
        || af_origin_parse(json_string_value(text), json_string_length(text),
                           &origin)
           != NULL)
    {
        return 0;
    }

    for (i = 0; i < rules->norigins; i++) {
        if (af_origin_matches(&rules->origins[i], &origin)) {
            return 1;
        }
    }

    return 0;
}
