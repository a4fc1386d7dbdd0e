/*
 * Cursors: a cursor that is accepted is, octet by octet, the one made from its
 * position; the position in the input comes back whole, and not at all if a bit
 * is flipped.  A zero in the input separates a list from a position.
 */

#include <sodium.h>

#include "fuzz.h"
#include "token/cursor.h"


static void presented(const char *cursor, size_t len, const char *list);
static void made(const char *list, const char *position, size_t bit);


static af_secret_keys_t         secrets[2];
static const af_purpose_keys_t  keys = { secrets, 2 };
static const af_purpose_keys_t  first = { secrets, 1 };
static const af_purpose_keys_t  second = { secrets + 1, 1 };


int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void) argc;
    (void) argv;

    af_must(sodium_init() != -1);
    af_must(af_secret_keys_derive((unsigned char *) "secret", 6, &secrets[0])
            == 0);
    af_must(af_secret_keys_derive((unsigned char *) "former", 6, &secrets[1])
            == 0);

    return 0;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char  *input, *list, *position;

    input = af_exact(data, size);
    presented(input, size, "list");
    free(input);

    list = malloc(size + 2);
    af_must(list != NULL);

    memcpy(list, data, size);
    list[size] = '\0';
    list[size + 1] = '\0';
    position = list + strlen(list) + 1;

    made(list, position, size ? data[size - 1] * 7 : 0);

    free(list);

    return 0;
}


static void
presented(const char *cursor, size_t len, const char *list)
{
    int   former;
    char  again[AF_CURSOR_SIZE], position[AF_POSITION_SIZE];

    if (!af_cursor_check(&keys, list, cursor, len, position)) {
        return;
    }

    former = !af_cursor_check(&first, list, cursor, len, position);

    af_must(af_cursor_make(former ? &second : &first, list, position, again)
            == 0);
    af_must(strlen(again) == len && memcmp(again, cursor, len) == 0);
}


static void
made(const char *list, const char *position, size_t bit)
{
    char    cursor[AF_CURSOR_SIZE], found[AF_POSITION_SIZE];
    size_t  len;

    if (af_cursor_make(&second, list, position, cursor) != 0) {
        af_must(strlen(position) > AF_POSITION_MAX);
        return;
    }

    len = strlen(cursor);

    af_must(af_cursor_check(&keys, list, cursor, len, found));
    af_must(strcmp(found, position) == 0);
    af_must(!af_cursor_check(&first, list, cursor, len, found));

    cursor[bit / 8 % len] ^= (char) (1 << bit % 8);
    af_must(!af_cursor_check(&keys, list, cursor, len, found));
}
