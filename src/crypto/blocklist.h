/*
 * Passwords that nobody may choose, as they are in lists of common or leaked
 * ones: a filter of some 18 bits per password, which never misses one, and
 * takes one in 65536 others for one.  `./build.sh blocklist` makes the file
 * (blocklist/).  Pure C: no nginx types.
 *
 * It is a binary fuse filter: the XOR of three fingerprints in a table, whose
 * places a key determines, is the key's own fingerprint if it was added
 * (T. M. Graf, D. Lemire: Binary Fuse Filters, 2022).  The three are in
 * consecutive segments of the table.
 */

#ifndef AF_CRYPTO_BLOCKLIST_H
#define AF_CRYPTO_BLOCKLIST_H

#include <stddef.h>
#include <stdint.h>


/* of a file; numbers are little-endian */

#define AF_BLOCKLIST_MAGIC     "autoflow block\r\n"
#define AF_BLOCKLIST_VERSION   1

enum {
    AF_BLOCKLIST_AT_VERSION = 16,
    AF_BLOCKLIST_AT_SEGMENT = 20,
    AF_BLOCKLIST_AT_STARTS = 24,
    AF_BLOCKLIST_AT_ZERO = 28,
    AF_BLOCKLIST_AT_SEED = 32,
    AF_BLOCKLIST_AT_ENTRIES = 40,
    AF_BLOCKLIST_AT_CHECKSUM = 48,     /* BLAKE2b-256 of all but itself */
    AF_BLOCKLIST_HEADER = 80           /* the table follows */
};

/* octets of the table, for a fingerprint */
#define AF_BLOCKLIST_PRINT     2

#define AF_BLOCKLIST_SEGMENT_MIN  4
#define AF_BLOCKLIST_SEGMENT_MAX  (1 << 18)


typedef struct af_blocklist_s {
    uint64_t              seed;
    uint64_t              entries;
    uint32_t              segment;     /* fingerprints in it, a power of two */
    uint32_t              starts;      /* segments that a key may begin in */
    const unsigned char  *table;
} af_blocklist_t;


/* what a key determines */

typedef struct {
    uint32_t              slots[3];
    uint16_t              print;
} af_blocklist_place_t;


/*
 * Checks a file's contents, which must remain, and sets `list`.  Returns NULL,
 * or what is wrong, to follow the file's name.
 */
const char *af_blocklist_open(af_blocklist_t *list, const unsigned char *data,
    size_t size);

/*
 * Returns 1 if a password of UTF-8 is in the list as it was typed, as NFC, or
 * in lower case, 0 if not, or -1 if there is no memory.
 */
int af_blocklist_blocks(const af_blocklist_t *list, const char *password,
    size_t len);

/* Fingerprints in the table, or 0 if the segments have no valid size. */
uint64_t af_blocklist_slots(const af_blocklist_t *list);

/* The checksum of a whole file, from its header on. */
void af_blocklist_checksum(const unsigned char *data, size_t size,
    unsigned char sum[32]);

/* The first 64 bits of a SHA-1 digest: lists of leaked passwords have these. */
uint64_t af_blocklist_key(const unsigned char digest[20]);

/* Likewise of a password.  Returns 0, or -1 if there is no memory. */
int af_blocklist_password_key(const char *password, size_t len, uint64_t *key);

int af_blocklist_has(const af_blocklist_t *list, uint64_t key);

uint64_t af_blocklist_hash(const af_blocklist_t *list, uint64_t key);
void af_blocklist_place(const af_blocklist_t *list, uint64_t hash,
    af_blocklist_place_t *place);


#endif /* AF_CRYPTO_BLOCKLIST_H */
