#include <string.h>

#include "token/said.h"


#define AF_SAID_UNKNOWN  UINT8_MAX

#define af_said_name(name)  { name, sizeof(name) - 1 }


typedef struct {
    char         text[16];     /* and zeros */
    size_t       len;
} af_said_text_t;


static const char *af_said_text(const af_claim_t *claim, size_t *len);


static const af_said_text_t  af_said_names[AF_SAID_CLAIMS] = {
    af_said_name("email_verified"),
    af_said_name("is_superuser"),
    af_said_name("roles"),
    af_said_name("email")
};


void
af_said_read(af_said_t *said, const af_claims_t *claims)
{
    size_t                 i, n, len;
    af_claim_t             claim;
    const char            *text;
    const af_said_text_t  *name;

    n = 0;

    for (i = 0; i < AF_SAID_CLAIMS; i++) {
        name = &af_said_names[i];
        said->types[i] = AF_SAID_UNKNOWN;
        said->lens[i] = 0;

        if (!claims->plain) {
            continue;
        }

        af_claims_find(claims, name->text, name->len,
                       af_members_key(name->text, sizeof(name->text)), &claim);

        text = af_said_text(&claim, &len);

        if (text && len <= sizeof(said->text) - n) {
            memcpy(said->text + n, text, len);
            said->types[i] = claim.type;
            said->lens[i] = len;
            n += len;
        }
    }
}


/* what is to be kept of a claim; NULL: it isn't kept */

static const char *
af_said_text(const af_claim_t *claim, size_t *len)
{
    switch (claim->type) {

    case AF_VALUE_STRING:
    case AF_VALUE_STRINGS:
        *len = claim->len;
        return claim->text;

    case AF_VALUE_NONE:
    case AF_VALUE_NULL:
    case AF_VALUE_TRUE:
    case AF_VALUE_FALSE:
        *len = 0;
        return "";

    default:
        return NULL;
    }
}


int
af_said_find(const af_said_t *said, const char *name, size_t len,
    af_claim_t *claim)
{
    size_t  i, at;

    at = 0;

    for (i = 0; i < AF_SAID_CLAIMS; i++) {

        if (af_said_names[i].len == len
            && memcmp(af_said_names[i].text, name, len) == 0)
        {
            break;
        }

        at += said->lens[i];
    }

    if (i == AF_SAID_CLAIMS || said->types[i] == AF_SAID_UNKNOWN) {
        return 0;
    }

    memset(claim, 0, sizeof(af_claim_t));

    claim->type = said->types[i];

    if (claim->type == AF_VALUE_TRUE) {
        claim->text = "true";
        claim->len = 4;

    } else if (claim->type == AF_VALUE_FALSE) {
        claim->text = "false";
        claim->len = 5;

    } else {
        claim->text = said->text + at;
        claim->len = said->lens[i];
    }

    return 1;
}
