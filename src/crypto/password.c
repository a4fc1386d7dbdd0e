/*
 * Passwords.  Every verification costs one run of Argon2id, whatever is
 * stored, so that the time taken does not tell whether there is an account.
 */

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <zxcvbn.h>

#include "crypto/password.h"


#define AF_PHC_PREFIX     crypto_pwhash_argon2id_STRPREFIX

/* what libsodium's PHC strings hold */
#define AF_ARGON2_OCTETS  32

/*
 * zxcvbn's time grows with more than the fourth power of the length: at worst
 * 40 octets take about as long as a hash, and 100 a hundred times that.
 */
#define AF_STRENGTH_OCTETS  40

/* words and parts of words; what is over is not looked at */
#define AF_WORDS_MAX  32

/* shorter parts are no words, and would make what holds them look weak */
#define AF_WORD_MIN   3


typedef struct {
    size_t       n;
    const char  *list[AF_WORDS_MAX + 1];
    char         text[AF_WORDS_MAX][AF_STRENGTH_OCTETS + 1];
} af_words_t;


static af_password_status_t af_password_work(const af_argon2_t *cost,
    const char *password, size_t len);
static void af_words_add_parts(af_words_t *words, const char *word);
static void af_words_add(af_words_t *words, const char *word, size_t len);


int
af_password_hash(const af_argon2_t *cost, const char *password, size_t len,
    char hash[AF_PASSWORD_HASH_SIZE])
{
    return crypto_pwhash_str_alg(hash, password, len, cost->time,
                                 cost->memory, crypto_pwhash_ALG_ARGON2ID13);
}


af_password_status_t
af_password_verify(const af_argon2_t *cost, const char *hash,
    const char *password, size_t len)
{
    if (hash == NULL
        || strncmp(hash, AF_PHC_PREFIX, sizeof(AF_PHC_PREFIX) - 1) != 0)
    {
        return af_password_work(cost, password, len);
    }

    errno = 0;

    if (crypto_pwhash_str_verify(hash, password, len) == 0) {
        return crypto_pwhash_str_needs_rehash(hash, cost->time, cost->memory)
               ? AF_PASSWORD_MATCH_OLD : AF_PASSWORD_MATCH;
    }

    if (errno == EINVAL) {
        return AF_PASSWORD_MISMATCH;
    }

    /* the string is broken, and nothing was computed */

    return af_password_work(cost, password, len);
}


static af_password_status_t
af_password_work(const af_argon2_t *cost, const char *password, size_t len)
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
    char        start[AF_STRENGTH_OCTETS + 1];
    size_t      len;
    double      bits;
    af_words_t  known;

    len = strnlen(password, AF_STRENGTH_OCTETS);
    memcpy(start, password, len);
    start[len] = '\0';

    known.n = 0;

    for ( /* void */ ; *words != NULL; words++) {
        af_words_add(&known, *words, strlen(*words));
        af_words_add_parts(&known, *words);
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


/* "ann.lee@example.com" is known, and so are "ann", "lee" and "example" */

static void
af_words_add_parts(af_words_t *words, const char *word)
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
            af_words_add(words, p, len);
        }
    }
}


static void
af_words_add(af_words_t *words, const char *word, size_t len)
{
    char  *text;

    if (len < AF_WORD_MIN || len > AF_STRENGTH_OCTETS
        || words->n == AF_WORDS_MAX)
    {
        return;
    }

    text = words->text[words->n];

    memcpy(text, word, len);
    text[len] = '\0';

    words->list[words->n++] = text;
}
