/*
 * Passwords.  A verification costs one run of Argon2id, also if nothing is
 * stored that could match, so that the time doesn't reveal whether there is an
 * account; only a hash of another system costs what that chose, until a login
 * replaces it.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zxcvbn.h>

#include "check/normalize.h"
#include "crypto/hash.h"
#include "crypto/password.h"


/* in libsodium's PHC strings: a digest, and how long it and a salt are there */
#define AF_ARGON2_OCTETS  32
#define AF_ARGON2_CHARS   (22 + 1 + 43)

/*
 * zxcvbn's time grows with more than the fourth power of the length: at worst
 * 40 octets take about as long as a hash, and 100 a hundred times as long.
 */
#define AF_STRENGTH_OCTETS  40

/* a stored hash may cost this many times what is configured, if that is more */
#define AF_ARGON2_WORK_TIMES  16

/* NFC, as typed, NFD */
#define AF_PASSWORD_FORMS  3

/* words and parts of words; more are ignored */
#define AF_DICTIONARY_MAX  32

/* shorter parts are not words, and would make passwords with them look weak */
#define AF_DICTIONARY_WORD_MIN  3


typedef struct {
    size_t       n;
    const char  *list[AF_DICTIONARY_MAX + 1];
    char         text[AF_DICTIONARY_MAX][AF_STRENGTH_OCTETS + 1];
} af_dictionary_t;


/* the forms that may have been hashed, NFC first */

typedef struct {
    size_t   n;
    char    *text[AF_PASSWORD_FORMS];
    size_t   len[AF_PASSWORD_FORMS];
} af_password_forms_t;


static int af_password_forms_make(af_password_forms_t *forms,
    const char *password, size_t len);
static void af_password_forms_add(af_password_forms_t *forms, char *text,
    size_t len);
static void af_password_forms_free(af_password_forms_t *forms);
static double af_password_work_max(const af_argon2_t *cost);
static af_password_status_t af_password_compare(const af_hash_t *hash,
    const char *password, size_t len);
static int af_password_current(const af_argon2_t *cost, const char *hash);
static af_password_status_t af_password_dummy_hash(const af_argon2_t *cost,
    const char *password, size_t len);
static void af_dictionary_add_parts(af_dictionary_t *words, const char *word);
static void af_dictionary_add(af_dictionary_t *words, const char *word,
    size_t len);


int
af_password_hash(const af_argon2_t *cost, const char *password, size_t len,
    char hash[AF_PASSWORD_HASH_SIZE])
{
    int                  rc;
    af_password_forms_t  forms;

    if (af_password_forms_make(&forms, password, len) != 0) {
        return -1;
    }

    rc = crypto_pwhash_str_alg(hash, forms.text[0], forms.len[0], cost->time,
                               cost->memory, crypto_pwhash_ALG_ARGON2ID13);
    af_password_forms_free(&forms);

    return rc;
}


af_password_status_t
af_password_verify(const af_argon2_t *cost, const char *hash,
    const char *password, size_t len)
{
    size_t                i;
    double                most;
    af_hash_t             stored;
    af_hash_problem_t     problem;
    af_password_forms_t   forms;
    af_password_status_t  status;

    if (af_password_forms_make(&forms, password, len) != 0) {
        return AF_PASSWORD_ERROR;
    }

    most = af_password_work_max(cost);
    problem = hash ? af_hash_parse(&stored, hash, most) : AF_HASH_UNKNOWN;
    status = AF_PASSWORD_MISMATCH;

    /* all forms together are within the bound of one */

    for (i = 0; i < forms.n && status == AF_PASSWORD_MISMATCH; i++) {

        if (problem != AF_HASH_VALID) {
            status = af_password_dummy_hash(cost, forms.text[i], forms.len[i]);

        } else if (i == 0 || stored.work * (double) (i + 1) <= most) {
            status = af_password_compare(&stored, forms.text[i], forms.len[i]);
        }

        if (status == AF_PASSWORD_MATCH
            && (i > 0 || !af_password_current(cost, hash)))
        {
            status = AF_PASSWORD_NEEDS_REHASH;
        }
    }

    af_password_forms_free(&forms);

    return (status == AF_PASSWORD_MISMATCH && problem == AF_HASH_EXCESSIVE)
           ? AF_PASSWORD_EXCESSIVE : status;
}


static int
af_password_forms_make(af_password_forms_t *forms, const char *password,
    size_t len)
{
    char    *text;
    size_t   i, text_len;

    static const af_normal_form_t  order[AF_PASSWORD_FORMS] = {
        AF_NFC, AF_AS_TYPED, AF_NFD
    };

    forms->n = 0;

    for (i = 0; i < AF_PASSWORD_FORMS; i++) {
        text = af_normalize(order[i], password, len, &text_len);

        if (text == NULL) {
            af_password_forms_free(forms);
            return -1;
        }

        af_password_forms_add(forms, text, text_len);
    }

    return 0;
}


/* takes ownership of the text; frees a duplicate */

static void
af_password_forms_add(af_password_forms_t *forms, char *text, size_t len)
{
    size_t  i;

    for (i = 0; i < forms->n; i++) {
        if (forms->len[i] == len && memcmp(forms->text[i], text, len) == 0) {
            sodium_memzero(text, len);
            free(text);
            return;
        }
    }

    forms->text[forms->n] = text;
    forms->len[forms->n] = len;
    forms->n++;
}


static void
af_password_forms_free(af_password_forms_t *forms)
{
    size_t  i;

    for (i = 0; i < forms->n; i++) {
        sodium_memzero(forms->text[i], forms->len[i]);
        free(forms->text[i]);
    }
}


static double
af_password_work_max(const af_argon2_t *cost)
{
    double  most;

    most = (double) cost->memory / 1024 * (double) cost->time
           * AF_ARGON2_WORK_TIMES;

    return (most > AF_HASH_WORK_MAX) ? most : AF_HASH_WORK_MAX;
}


static af_password_status_t
af_password_compare(const af_hash_t *hash, const char *password, size_t len)
{
    switch (af_hash_compare(hash, password, len)) {

    case AF_HASH_MATCH:
        return AF_PASSWORD_MATCH;

    case AF_HASH_MISMATCH:
        return AF_PASSWORD_MISMATCH;

    default:
        return AF_PASSWORD_ERROR;
    }
}


/* whether the hash is as af_password_hash() would make it now */

static int
af_password_current(const af_argon2_t *cost, const char *hash)
{
    int   len;
    char  start[AF_PASSWORD_HASH_SIZE];

    len = snprintf(start, sizeof(start),
                   crypto_pwhash_argon2id_STRPREFIX "v=19$m=%zu,t=%llu,p=1$",
                   cost->memory / 1024, cost->time);

    return strncmp(hash, start, (size_t) len) == 0
           && strlen(hash) == (size_t) len + AF_ARGON2_CHARS;
}


static af_password_status_t
af_password_dummy_hash(const af_argon2_t *cost, const char *password,
    size_t len)
{
    int                         rc;
    unsigned char               out[AF_ARGON2_OCTETS];

    static const unsigned char  salt[crypto_pwhash_SALTBYTES];

    rc = crypto_pwhash(out, sizeof(out), password, len, salt, cost->time,
                       cost->memory, crypto_pwhash_ALG_ARGON2ID13);

    sodium_memzero(out, sizeof(out));

    return (rc == 0) ? AF_PASSWORD_MISMATCH : AF_PASSWORD_ERROR;
}


double
af_password_strength(const char *password, const char *const *words)
{
    char             start[AF_STRENGTH_OCTETS + 1];
    size_t           len;
    double           bits;
    af_dictionary_t  known;

    len = strnlen(password, AF_STRENGTH_OCTETS);
    memcpy(start, password, len);
    start[len] = '\0';

    known.n = 0;

    for ( /* void */ ; *words != NULL; words++) {
        af_dictionary_add(&known, *words, strlen(*words));
        af_dictionary_add_parts(&known, *words);
    }

    known.list[known.n] = NULL;

    bits = ZxcvbnMatch(start, known.list, NULL);

    sodium_memzero(start, sizeof(start));

    return bits;
}


int
af_password_similar(const char *password, const char *const *words)
{
    size_t       len;
    const char  *at;

    len = strlen(password);

    for ( /* void */ ; *words != NULL; words++) {

        if (strcasecmp(password, *words) == 0) {
            return 1;
        }

        at = strchr(*words, '@');

        if (at != NULL && (size_t) (at - *words) == len
            && strncasecmp(password, *words, len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* "ann.lee@example.com" is a word, and so are "ann", "lee" and "example" */

static void
af_dictionary_add_parts(af_dictionary_t *words, const char *word)
{
    size_t             len;
    const char        *p;

    static const char  between[] = " '+,-./:@_";

    for (p = word + strspn(word, between);
         *p != '\0';
         p += len + strspn(p + len, between))
    {
        len = strcspn(p, between);

        if (p != word || p[len] != '\0') {
            af_dictionary_add(words, p, len);
        }
    }
}


static void
af_dictionary_add(af_dictionary_t *words, const char *word, size_t len)
{
    char  *text;

    if (len < AF_DICTIONARY_WORD_MIN || len > AF_STRENGTH_OCTETS
        || words->n == AF_DICTIONARY_MAX)
    {
        return;
    }

    text = words->text[words->n];

    memcpy(text, word, len);
    text[len] = '\0';

    words->list[words->n++] = text;
}
