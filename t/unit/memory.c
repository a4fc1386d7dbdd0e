/*
 * Out of memory: each allocation of a piece of work fails in turn, alone or
 * with all that follow.  The work succeeds, or is refused for that reason:
 * nothing invalid is accepted, nor anything valid rejected; and sanitizers
 * check for invalid accesses and leaks.
 *
 * Our own allocations are wrapped by the linker (see the Makefile), including
 * jansson's (src/check/json.c).
 */

#include "unit.h"
#include "vectors.h"
#include "check/input.h"
#include "check/json.h"
#include "check/schema.h"
#include "mail/compose.h"
#include "token/cache.h"
#include "token/jwt.h"
#include "token/keyring.h"

#include <sodium.h>


/* more than any of this work allocates */
#define MAX  2000

#define NOW  1000000


typedef enum {
    DONE,
    REFUSED,
    WRONG
} outcome_t;

typedef struct {
    const char  *name;
    outcome_t  (*work)(void);
} work_t;


void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
char *__wrap_strdup(const char *s);


/* allocations until one fails, 0: none does; whether later ones do, too */

static size_t  countdown;
static int     for_good;
static int     failed_once;


static int
fails(void)
{
    if (countdown == 0 || --countdown != 0) {
        return 0;
    }

    countdown = for_good;
    failed_once = 1;

    return 1;
}


void *
__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}


void *
__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}


void *
__wrap_realloc(void *p, size_t size)
{
    return fails() ? NULL : __real_realloc(p, size);
}


char *
__wrap_strdup(const char *s)
{
    return fails() ? NULL : __real_strdup(s);
}


static const char  set_of_two[] = RFC7517_A1_SET;

static const char *const  texts[] = {
    RFC7515_A1_KEY, RFC7515_A3_KEY, RFC8037_A1_KEY,
    set_of_two, "a secret of more than thirty-two octets"
};


static void
count_skipped(void *data, const af_keyring_error_t *error)
{
    (void) error;

    (*(size_t *) data)++;
}


static outcome_t
work_keyring(void)
{
    char                *jwks;
    size_t               i, skipped;
    outcome_t            outcome;
    af_keyring_t        *ring;
    af_key_options_t     options;
    af_keyring_error_t   error;

    memset(&options, 0, sizeof(af_key_options_t));

    ring = af_keyring_create();

    if (ring == NULL) {
        return REFUSED;
    }

    outcome = DONE;

    for (i = 0; i < af_nelts(texts) && outcome == DONE; i++) {
        skipped = 0;

        if (af_keyring_add(ring, texts[i], strlen(texts[i]), &options,
                           count_skipped, &skipped, &error)
            != 0)
        {
            outcome = REFUSED;

        } else if (skipped != (texts[i] == set_of_two)) {
            outcome = WRONG;       /* one key of the set is for encryption */
        }
    }

    if (outcome == DONE) {
        jwks = af_keyring_jwks(ring);
        outcome = jwks ? DONE : REFUSED;
        free(jwks);
    }

    af_keyring_free(ring);

    return outcome;
}


static outcome_t
work_published(void)
{
    size_t               skipped;
    outcome_t            outcome;
    af_keyring_t        *ring;
    af_key_options_t     options;
    af_keyring_error_t   error;

    static const char  set[] = "{\"keys\":[" RFC7638_KEY ","
                               RFC8037_A2_KEY "]}";

    memset(&options, 0, sizeof(af_key_options_t));

    ring = af_keyring_create();

    if (ring == NULL) {
        return REFUSED;
    }

    skipped = 0;

    if (af_keyring_add_published(ring, set, strlen(set), &options,
                                 count_skipped, &skipped, &error)
        != 0)
    {
        outcome = REFUSED;

    } else {
        outcome = (ring->nkeys + skipped != 2) ? WRONG
                  : skipped ? REFUSED : DONE;
    }

    af_keyring_free(ring);

    return outcome;
}


/* prepared for these: keys and a token */

static af_keyring_t  *ours;
static char          *token;
static size_t         token_len;


/* longer than what jansson stores without allocating */
#define SUBJECT  "01890a5d-ac96-774b-bcce-b302099a8057"

/* a new reference; with a number that only jansson reads */
#define CLAIMS   json_pack("{s:s, s:i, s:f}", "sub", SUBJECT,                 \
                           "exp", NOW + 60, "x", 1.5)


static const char *
text_of(const json_t *object, const char *name)
{
    const char  *text;

    text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}


static outcome_t
work_good_token(void)
{
    char              decoded[AF_JWT_MAX];
    af_jwt_t          jwt;
    outcome_t         outcome;
    af_claim_t        sub;
    af_jwt_rules_t    rules;
    af_jwt_status_t   status;

    memset(&rules, 0, sizeof(af_jwt_rules_t));
    rules.keys = ours->keys;
    rules.now = NOW;

    status = af_jwt_verify(&rules, token, token_len, decoded, &jwt);

    if (status != AF_JWT_OK) {
        return (status == AF_JWT_ERROR && jwt.claims.text == NULL) ? REFUSED
                                                                   : WRONG;
    }

    af_claims_get(&jwt.claims, "sub", &sub);
    outcome = af_claim_equals(&sub, SUBJECT) ? DONE : WRONG;

    af_jwt_close(&jwt);

    return outcome;
}


static outcome_t
work_signing(void)
{
    char      *made;
    size_t     len;
    json_t    *claims;
    outcome_t  outcome;

    claims = CLAIMS;

    if (claims == NULL) {
        return REFUSED;
    }

    made = af_jwt_sign(ours->keys[0], claims, &len);

    outcome = (made == NULL) ? REFUSED
              : (len == token_len && memcmp(made, token, len) == 0) ? DONE
              : WRONG;

    free(made);
    json_decref(claims);

    return outcome;
}


static outcome_t
work_form(void)
{
    json_t      *form;
    outcome_t    outcome;
    const char  *error;

    static const char  text[] = "username=ada%40example.com&password=a+b&c=";

    form = af_form_parse(text, strlen(text), &error);

    if (form == NULL) {
        return (error == af_no_memory) ? REFUSED : WRONG;
    }

    outcome = (json_object_size(form) == 3
               && strcmp(text_of(form, "username"), "ada@example.com") == 0)
              ? DONE : WRONG;
    json_decref(form);

    return outcome;
}


static const af_field_t  fields[] = {
    { "email", &af_type_email, AF_REQUIRED, NULL },
    { "username", &af_type_username, 0, NULL },
    { "password", &af_type_password, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  schema = { "Test", fields, NULL };


#define PASSWORD  "correct horse battery staple"


static outcome_t
checked(const char *text, int expected)
{
    int          n;
    json_t      *body, *errors;
    outcome_t    outcome;
    const char  *error;

    body = af_json_parse(text, strlen(text), &error);

    if (body == NULL) {
        return (error == af_no_memory) ? REFUSED : WRONG;
    }

    if (strcmp(text_of(body, "password"), PASSWORD) != 0) {
        json_decref(body);
        return WRONG;
    }

    errors = json_array();

    if (errors == NULL) {
        json_decref(body);
        return REFUSED;
    }

    n = af_schema_check(&schema, body, errors);

    outcome = (n == expected) ? DONE : (n == -1) ? REFUSED : WRONG;

    json_decref(body);
    json_decref(errors);

    return outcome;
}


static outcome_t
work_good_body(void)
{
    return checked("{\"email\":\" ada@example.com \",\"username\":null,"
                   "\"password\":\"" PASSWORD "\",\"x\":[1,{\"y\":2}]}", 0);
}


static outcome_t
work_bad_body(void)
{
    return checked("{\"email\":\"ada\",\"username\":1,"
                   "\"password\":\"" PASSWORD "\"}", 2);
}


static outcome_t
work_broken_body(void)
{
    json_t      *body;
    const char  *error;

    static const char  text[] = "{\"password\":\"" PASSWORD "\",}";

    body = af_json_parse(text, strlen(text), &error);

    if (body) {
        json_decref(body);
        return WRONG;
    }

    return (error == af_no_memory) ? REFUSED
           : (strcmp(error, "the text is not JSON") == 0) ? DONE : WRONG;
}


static outcome_t
work_compose(void)
{
    size_t              i, j;
    outcome_t           outcome;
    const char         *error;
    af_buffer_t         out;
    af_compose_conf_t   compose;

    static af_secret_keys_t         made[1];
    static const af_purpose_keys_t  keys = { made, 1 };
    static const af_outbox_entry_t  entry = {
        "01890a5d-ac96-774b-bcce-b302099a8057", "reset_password",
        "ada@example.com", "Ada", "a…@example.com", "2026-11-29", "de", NOW
    };

    static af_compose_language_t  language;

    memset(&compose, 0, sizeof(af_compose_conf_t));
    compose.from = "auth@example.com";
    compose.link_base = "https://example.com";
    compose.keys = &keys;
    compose.languages = &language;
    compose.nlanguages = 1;
    language.name = "de";

    for (i = 0; i < AF_MAIL_KINDS; i++) {
        for (j = 0; j < AF_MAIL_PARTS; j++) {
            language.templates[i][j].text = "For {{name}}: {{link}}";
            language.templates[i][j].len = 22;
        }
    }

    memset(&out, 0, sizeof(af_buffer_t));

    error = af_compose_message(&compose, &entry, &out);

    outcome = (error != NULL) ? REFUSED
              : strstr(out.data, "/reset-password?token=") ? DONE : WRONG;

    af_buffer_free(&out);

    return outcome;
}


static outcome_t
work_cache(void)
{
    int              value = 1, *found;
    outcome_t        outcome;
    af_cache_t      *cache;
    af_cache_key_t   key;

    cache = af_cache_create(4096, sizeof(int));

    if (cache == NULL) {
        return REFUSED;
    }

    af_cache_key(cache, texts, "token", 5, &key);
    (void) af_cache_put(cache, &key, &value);

    found = af_cache_get(cache, &key);
    outcome = (found && *found == value) ? DONE : WRONG;

    af_cache_free(cache);

    return outcome;
}


static const work_t  works[] = {
    { "keys of all kinds", work_keyring },
    { "a set that is published", work_published },
    { "a good token", work_good_token },
    { "signing", work_signing },
    { "a form", work_form },
    { "a good body", work_good_body },
    { "a bad body", work_bad_body },
    { "a broken body", work_broken_body },
    { "a message", work_compose },
    { "a cache", work_cache },
};


static int
prepare(void **state)
{
    json_t              *claims;
    af_key_options_t     options;
    af_keyring_error_t   error;

    (void) state;

    memset(&options, 0, sizeof(af_key_options_t));

    ours = af_keyring_create();
    claims = CLAIMS;

    if (af_keyring_add(ours, RFC7515_A1_KEY, strlen(RFC7515_A1_KEY), &options,
                       NULL, NULL, &error)
        != 0)
    {
        return -1;
    }

    token = af_jwt_sign(ours->keys[0], claims, &token_len);
    json_decref(claims);

    return token ? 0 : -1;
}


static int
forget(void **state)
{
    (void) state;

    free(token);
    af_keyring_free(ours);

    return 0;
}


static void
test_whatever_allocation_fails(void **state)
{
    int              failed;
    size_t           n;
    outcome_t        outcome;
    const work_t    *work;

    (void) state;

    failed = 0;

    for (work = works; work < works + af_nelts(works); work++) {

        af_row(work->work() == DONE, "%s", work->name);

        for (n = 1; n < 2 * MAX; n++) {
            countdown = n / 2;
            for_good = n % 2;
            failed_once = 0;

            outcome = work->work();
            countdown = 0;

            af_row(outcome != WRONG, "%s, allocation %zu%s", work->name, n / 2,
                   for_good ? " and all behind it" : "");

            if (n > 1 && !failed_once) {
                af_row(outcome == DONE, "%s", work->name);
                break;
            }
        }

        af_row(n > 2 && n < 2 * MAX, "%s: %zu", work->name, n);
    }

    assert_int_equal(failed, 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_whatever_allocation_fails)
    };

    if (sodium_init() == -1) {
        return 1;
    }

    return cmocka_run_group_tests(tests, prepare, forget);
}
