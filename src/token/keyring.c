/*
 * The keys of a server.
 */

#include <stdlib.h>
#include <string.h>
#include <openssl/err.h>
#include <sodium.h>

#include "check/json.h"
#include "token/jwk.h"
#include "token/keyring.h"
#include "token/pem.h"


/* where keys are loaded to, and how */

typedef struct {
    af_keyring_t            *ring;
    const af_key_options_t  *options;
    af_keyring_skip_pt       skip;
    void                    *data;
    af_keyring_error_t      *error;
    unsigned                 published:1;
} af_keyring_load_t;


static int af_keyring_read(af_keyring_load_t *load, const char *text,
    size_t len);
static int af_keyring_pem(af_keyring_load_t *load, const char *text,
    size_t len);
static int af_keyring_is_json(const char *text, size_t len);
static int af_keyring_json(af_keyring_load_t *load, const char *text,
    size_t len);
static int af_keyring_jwk(af_keyring_load_t *load, const json_t *jwk);
static int af_keyring_set(af_keyring_load_t *load, const json_t *set);
static af_jwk_status_t af_keyring_add_jwk(af_keyring_load_t *load,
    const json_t *jwk);
static const char *af_keyring_merge_options(af_key_options_t *options,
    const af_key_options_t *given);
static const char *af_keyring_merge_option(const char **option,
    const char *given, const char *conflict);
static int af_keyring_key(af_keyring_load_t *load,
    const af_material_t *material, const af_key_options_t *options);
static int af_keyring_push(af_keyring_t *ring, af_key_t *key,
    const char **error);
static int af_keyring_keys_equal(const af_key_t *a, const af_key_t *b);
static void af_json_wipe(json_t *json);


af_keyring_t *
af_keyring_create(void)
{
    af_keyring_t  *ring;

    ring = calloc(1, sizeof(af_keyring_t));
    if (ring == NULL) {
        return NULL;
    }

    ring->keys = calloc(1, sizeof(af_key_t *));
    if (ring->keys == NULL) {
        free(ring);
        return NULL;
    }

    return ring;
}


void
af_keyring_free(af_keyring_t *ring)
{
    size_t  i;

    if (ring == NULL) {
        return;
    }

    for (i = 0; i < ring->nkeys; i++) {
        af_key_free(ring->keys[i]);
    }

    free(ring->keys);
    free(ring);
}


/* OpenSSL's errors are discarded, as in token/keys.c */

int
af_keyring_add(af_keyring_t *ring, const char *text, size_t len,
    const af_key_options_t *options, af_keyring_skip_pt skip, void *data,
    af_keyring_error_t *error)
{
    int                rc;
    af_keyring_load_t  load = { ring, options, skip, data, error, 0 };

    error->index = 0;

    (void) ERR_set_mark();
    rc = af_keyring_read(&load, text, len);
    (void) ERR_pop_to_mark();

    return rc;
}


int
af_keyring_add_published(af_keyring_t *ring, const char *text, size_t len,
    const af_key_options_t *options, af_keyring_skip_pt skip, void *data,
    af_keyring_error_t *error)
{
    int                rc;
    af_keyring_load_t  load = { ring, options, skip, data, error, 1 };

    error->index = 0;

    (void) ERR_set_mark();
    rc = af_keyring_json(&load, text, len);
    (void) ERR_pop_to_mark();

    return rc;
}


int
af_keyring_add_secret(af_keyring_t *ring, const unsigned char *secret,
    size_t len, const af_key_options_t *options, af_keyring_error_t *error)
{
    af_key_t  *key;

    error->index = 0;

    key = af_key_create_secret(secret, len, options, &error->reason);

    return key ? af_keyring_push(ring, key, &error->reason) : -1;
}


af_key_t *
af_keyring_signer(const af_keyring_t *ring)
{
    size_t  i;

    for (i = 0; i < ring->nkeys; i++) {
        if (af_key_signs(ring->keys[i])) {
            return ring->keys[i];
        }
    }

    return NULL;
}


char *
af_keyring_jwks(const af_keyring_t *ring)
{
    int              rc;
    char            *text;
    size_t           i;
    json_t          *list, *set;
    const af_key_t  *key;

    list = json_array();
    rc = (list != NULL) ? 0 : -1;

    for (i = 0; i < ring->nkeys && rc == 0; i++) {
        key = ring->keys[i];

        if (af_key_jwk(key) != NULL && af_key_issuer(key) == NULL) {
            rc = json_array_append_new(list, json_copy(
                                                (json_t *) af_key_jwk(key)));
        }
    }

    set = json_pack("{so}", "keys", list);
    text = (rc == 0) ? json_dumps(set, JSON_COMPACT|JSON_SORT_KEYS) : NULL;

    json_decref(set);

    return text;
}


static int
af_keyring_read(af_keyring_load_t *load, const char *text, size_t len)
{
    /* a member of a JWK may contain what looks like PEM */

    if (af_keyring_is_json(text, len)) {
        return af_keyring_json(load, text, len);
    }

    if (af_pem_is(text, len)) {
        return af_keyring_pem(load, text, len);
    }

    return af_keyring_add_secret(load->ring, (const unsigned char *) text,
                                 len, load->options, load->error);
}


static int
af_keyring_pem(af_keyring_load_t *load, const char *text, size_t len)
{
    int            rc;
    af_material_t  material;

    if (af_pem_read(&material, text, len, &load->error->reason) != 0) {
        return -1;
    }

    rc = af_keyring_key(load, &material, load->options);

    af_material_free(&material);

    return rc;
}


static int
af_keyring_is_json(const char *text, size_t len)
{
    size_t  i;

    for (i = 0; i < len && memchr(" \t\r\n", text[i], 4) != NULL; i++) {
        /* void */
    }

    return i < len && text[i] == '{';
}


static int
af_keyring_json(af_keyring_load_t *load, const char *text, size_t len)
{
    int            rc;
    json_t        *json;
    json_error_t   error;

    json = af_json_load(text, len, JSON_REJECT_DUPLICATES, &error);

    if (json == NULL) {
        load->error->reason =
            (json_error_code(&error) == json_error_out_of_memory)
            ? "out of memory" : "the JSON is malformed";
        return -1;
    }

    if (load->published || json_object_get(json, "keys") != NULL) {
        rc = af_keyring_set(load, json_object_get(json, "keys"));

    } else {
        rc = af_keyring_jwk(load, json);
    }

    af_json_wipe(json);
    json_decref(json);

    return rc;
}


static int
af_keyring_jwk(af_keyring_load_t *load, const json_t *jwk)
{
    return (af_keyring_add_jwk(load, jwk) == AF_JWK_OK) ? 0 : -1;
}


static int
af_keyring_set(af_keyring_load_t *load, const json_t *set)
{
    size_t            i, n, total;
    af_jwk_status_t   status;

    total = json_array_size(set);

    if (load->options->kid != NULL && total > 1) {
        load->error->reason = "\"kid=\" is for a single key";
        return -1;
    }

    /* validating a large one takes a fifth of a second */

    if (load->published && total > AF_PUBLISHED_MAX) {
        total = AF_PUBLISHED_MAX;
    }

    for (i = 0, n = 0; i < total; i++) {
        load->error->index = i + 1;

        status = af_keyring_add_jwk(load, json_array_get(set, i));

        if (status == AF_JWK_OK) {
            n++;
            continue;
        }

        if (status == AF_JWK_INVALID && !load->published) {
            return -1;
        }

        load->skip(load->data, load->error);
    }

    if (n == 0) {
        load->error->index = 0;
        load->error->reason = "there is no usable key in the set";
        return -1;
    }

    return 0;
}


static af_jwk_status_t
af_keyring_add_jwk(af_keyring_load_t *load, const json_t *jwk)
{
    const char        *reason;
    af_material_t      material;
    af_jwk_status_t    status;
    af_key_options_t   options;

    status = af_jwk_read(jwk, &material, &options, &load->error->reason);

    if (status != AF_JWK_OK) {
        return status;
    }

    reason = (load->published && material.private)
             ? "a published secret is not secret"
             : af_keyring_merge_options(&options, load->options);

    if (reason != NULL) {
        load->error->reason = reason;
        status = AF_JWK_INVALID;

    } else if (af_keyring_key(load, &material, &options) != 0) {
        status = AF_JWK_INVALID;
    }

    af_material_free(&material);

    return status;
}


/* configured options complete a JWK's own, but can't change them */

static const char *
af_keyring_merge_options(af_key_options_t *options,
    const af_key_options_t *given)
{
    const char  *reason;

    reason = af_keyring_merge_option(&options->alg, given->alg,
                                     "the JWK has another algorithm");

    if (reason == NULL) {
        reason = af_keyring_merge_option(&options->kid, given->kid,
                                         "the JWK has another kid");
    }

    if (reason == NULL && given->use == AF_USE_SIGN
        && options->use == AF_USE_VERIFY)
    {
        reason = "the key can't sign, or may not";
    }

    if (given->use != AF_USE_DEFAULT) {
        options->use = given->use;
    }

    options->issuer = given->issuer;

    return reason;
}


static const char *
af_keyring_merge_option(const char **option, const char *given,
    const char *conflict)
{
    if (given == NULL) {
        return NULL;
    }

    if (*option != NULL && strcmp(*option, given) != 0) {
        return conflict;
    }

    *option = given;

    return NULL;
}


static int
af_keyring_key(af_keyring_load_t *load, const af_material_t *material,
    const af_key_options_t *options)
{
    af_key_t  *key;

    key = af_key_create(material, options, &load->error->reason);

    return key ? af_keyring_push(load->ring, key, &load->error->reason) : -1;
}


/* takes ownership of the key, even on failure */

static int
af_keyring_push(af_keyring_t *ring, af_key_t *key, const char **error)
{
    size_t      i;
    af_key_t  **keys;

    for (i = 0; i < ring->nkeys; i++) {
        if (af_keyring_keys_equal(ring->keys[i], key)) {
            *error = "it is listed twice";
            af_key_free(key);
            return -1;
        }
    }

    keys = realloc(ring->keys, (ring->nkeys + 2) * sizeof(af_key_t *));

    if (keys == NULL) {
        *error = "out of memory";
        af_key_free(key);
        return -1;
    }

    keys[ring->nkeys++] = key;
    keys[ring->nkeys] = NULL;
    ring->keys = keys;

    return 0;
}


static int
af_keyring_keys_equal(const af_key_t *a, const af_key_t *b)
{
    const char  *issuer_a, *issuer_b;

    issuer_a = af_key_issuer(a) ? af_key_issuer(a) : "";
    issuer_b = af_key_issuer(b) ? af_key_issuer(b) : "";

    return af_key_is_same(a, b)
           && strcmp(af_key_kid(a), af_key_kid(b)) == 0
           && strcmp(issuer_a, issuer_b) == 0;
}


/* jansson frees strings without wiping them */

static void
af_json_wipe(json_t *json)
{
    size_t       i;
    json_t      *value;
    const char  *name;

    json_object_foreach(json, name, value) {
        af_json_wipe(value);
    }

    for (i = 0; i < json_array_size(json); i++) {
        af_json_wipe(json_array_get(json, i));
    }

    if (json_is_string(json)) {
        sodium_memzero((char *) json_string_value(json),
                       json_string_length(json));
    }
}
