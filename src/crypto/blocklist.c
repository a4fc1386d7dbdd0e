#include <openssl/evp.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "check/normalize.h"
#include "crypto/blocklist.h"


static int af_blocklist_blocks_text(const af_blocklist_t *list,
    const char *text, size_t len);
static uint64_t af_octets(const unsigned char *p, size_t n);
static unsigned af_print_at(const af_blocklist_t *list, uint32_t slot);


const char *
af_blocklist_open(af_blocklist_t *list, const unsigned char *data, size_t size)
{
    uint64_t       slots;
    unsigned char  sum[32];

    if (size < AF_BLOCKLIST_HEADER
        || memcmp(data, AF_BLOCKLIST_MAGIC, AF_BLOCKLIST_AT_VERSION) != 0)
    {
        return "is not a blocklist: \"./build.sh blocklist\" makes one";
    }

    if (af_octets(data + AF_BLOCKLIST_AT_VERSION, 4) != AF_BLOCKLIST_VERSION) {
        return "is a blocklist of another version: make it again";
    }

    list->segment = (uint32_t) af_octets(data + AF_BLOCKLIST_AT_SEGMENT, 4);
    list->starts = (uint32_t) af_octets(data + AF_BLOCKLIST_AT_STARTS, 4);
    list->seed = af_octets(data + AF_BLOCKLIST_AT_SEED, 8);
    list->entries = af_octets(data + AF_BLOCKLIST_AT_ENTRIES, 8);
    list->table = data + AF_BLOCKLIST_HEADER;

    slots = af_blocklist_slots(list);

    if (slots > (size - AF_BLOCKLIST_HEADER) / AF_BLOCKLIST_PRINT) {
        return "is truncated";
    }

    af_blocklist_checksum(data, size, sum);

    if (slots == 0
        || size != AF_BLOCKLIST_HEADER + slots * AF_BLOCKLIST_PRINT
        || memcmp(sum, data + AF_BLOCKLIST_AT_CHECKSUM, sizeof(sum)) != 0)
    {
        return "is damaged: its checksum is wrong";
    }

    return NULL;
}


uint64_t
af_blocklist_slots(const af_blocklist_t *list)
{
    uint64_t  slots;

    if (list->segment < AF_BLOCKLIST_SEGMENT_MIN
        || list->segment > AF_BLOCKLIST_SEGMENT_MAX
        || (list->segment & (list->segment - 1)) != 0
        || list->starts == 0)
    {
        return 0;
    }

    slots = ((uint64_t) list->starts + 2) * list->segment;

    return (slots <= UINT32_MAX) ? slots : 0;
}


void
af_blocklist_checksum(const unsigned char *data, size_t size,
    unsigned char sum[32])
{
    crypto_generichash_state  state;

    (void) crypto_generichash_init(&state, NULL, 0, 32);
    (void) crypto_generichash_update(&state, data, AF_BLOCKLIST_AT_CHECKSUM);
    (void) crypto_generichash_update(&state, data + AF_BLOCKLIST_HEADER,
                                     size - AF_BLOCKLIST_HEADER);
    (void) crypto_generichash_final(&state, sum, 32);
}


int
af_blocklist_blocks(const af_blocklist_t *list, const char *password,
    size_t len)
{
    int                            rc;
    char                          *text;
    size_t                         i, text_len;

    static const af_normal_form_t  forms[] = { AF_NFC, AF_LOWER_CASE };

    rc = af_blocklist_blocks_text(list, password, len);

    for (i = 0; i < sizeof(forms) / sizeof(forms[0]) && rc == 0; i++) {

        text = af_normalize(forms[i], password, len, &text_len);
        if (text == NULL) {
            return -1;
        }

        if (text_len != len || memcmp(text, password, len) != 0) {
            rc = af_blocklist_blocks_text(list, text, text_len);
        }

        sodium_memzero(text, text_len);
        free(text);
    }

    return rc;
}


static int
af_blocklist_blocks_text(const af_blocklist_t *list, const char *text,
    size_t len)
{
    uint64_t  key;

    return (af_blocklist_password_key(text, len, &key) == 0)
           ? af_blocklist_has(list, key) : -1;
}


int
af_blocklist_password_key(const char *password, size_t len, uint64_t *key)
{
    unsigned char  digest[EVP_MAX_MD_SIZE];

    if (!EVP_Digest(password, len, digest, NULL, EVP_sha1(), NULL)) {
        return -1;
    }

    *key = af_blocklist_key(digest);
    sodium_memzero(digest, sizeof(digest));

    return 0;
}


uint64_t
af_blocklist_key(const unsigned char digest[20])
{
    return af_octets(digest, 8);
}


int
af_blocklist_has(const af_blocklist_t *list, uint64_t key)
{
    af_blocklist_place_t  place;

    af_blocklist_place(list, af_blocklist_hash(list, key), &place);

    return (af_print_at(list, place.slots[0])
            ^ af_print_at(list, place.slots[1])
            ^ af_print_at(list, place.slots[2])) == place.print;
}


/* a bijection, by which each bit affects all others; the constants are those of
 * MurmurHash3 */

uint64_t
af_blocklist_hash(const af_blocklist_t *list, uint64_t key)
{
    key += list->seed;

    key ^= key >> 33;
    key *= 0xff51afd7ed558ccd;
    key ^= key >> 33;
    key *= 0xc4ceb9fe1a85ec53;
    key ^= key >> 33;

    return key;
}


void
af_blocklist_place(const af_blocklist_t *list, uint64_t hash,
    af_blocklist_place_t *place)
{
    uint32_t           first, mask;
    unsigned __int128  product;

    mask = list->segment - 1;

    product = (unsigned __int128) hash
              * ((uint64_t) list->starts * list->segment);
    first = (uint32_t) (product >> 64);

    place->slots[0] = first;
    place->slots[1] = (first + list->segment) ^ ((hash >> 18) & mask);
    place->slots[2] = (first + 2 * list->segment) ^ (hash & mask);
    place->print = (uint16_t) (hash ^ hash >> 32);
}


static unsigned
af_print_at(const af_blocklist_t *list, uint32_t slot)
{
    return (unsigned) af_octets(list->table
                                + (size_t) slot * AF_BLOCKLIST_PRINT,
                                AF_BLOCKLIST_PRINT);
}


static uint64_t
af_octets(const unsigned char *p, size_t n)
{
    uint64_t  value;

    for (value = 0; n > 0; n--) {
        value = value << 8 | p[n - 1];
    }

    return value;
}
