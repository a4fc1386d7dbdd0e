/*
 * Addresses: one that the rule accepts has a key, which is in lower case with
 * an ASCII domain, bounded, and its own key; anything else, as typed at a
 * login, may have one.
 */

#include "fuzz.h"
#include "check/email.h"


static void key_right(const char *s, const char *key);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char        *s, key[AF_TYPE_KEY_SIZE], again[AF_TYPE_KEY_SIZE];
    size_t       len;
    const char  *wrong;

    s = malloc(size + 1);
    af_must(s != NULL);

    memcpy(s, data, size);
    s[size] = '\0';
    len = strlen(s);

    if (af_email_key(s, len, key) == 0) {
        key_right(s, key);
        af_must(af_email_key(key, strlen(key), again) == 0);
        af_must(strcmp(key, again) == 0);

    } else if (len <= AF_EMAIL_MAX) {
        wrong = af_email_check(s, len);
        af_must(wrong != NULL);
    }

    free(s);

    return 0;
}


static void
key_right(const char *s, const char *key)
{
    const char  *at;

    af_must(strlen(key) <= AF_EMAIL_MAX);

    at = strrchr(key, '@');
    af_must(at != NULL && at - key == strrchr(s, '@') - s);

    for ( /* void */ ; *key != '\0'; key++) {
        af_must(*key < 'A' || *key > 'Z');
        af_must(key < at || (unsigned char) *key < 0x80);
    }
}
