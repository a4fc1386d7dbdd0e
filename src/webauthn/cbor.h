/*
 * CBOR (RFC 8949), as far as authenticators use it (CTAP2 canonical form): no
 * tags, no items of indefinite length, four levels.  Pure C: no nginx types.
 *
 * An item is read at a time, where it lies: nothing is copied or allocated, and
 * a length that claims more than there is ends the reading.
 */

#ifndef AF_WEBAUTHN_CBOR_H
#define AF_WEBAUTHN_CBOR_H

#include <stddef.h>
#include <stdint.h>


/* how deeply arrays and maps may be nested (CTAP 2.1, section 8) */
#define AF_CBOR_DEPTH_MAX  4


typedef struct {
    const unsigned char  *data;
    size_t                len;
} af_octets_t;


typedef enum {
    AF_CBOR_NONE = 0,          /* tags, breaks, indefinite lengths */
    AF_CBOR_INTEGER,
    AF_CBOR_BYTES,
    AF_CBOR_TEXT,
    AF_CBOR_ARRAY,             /* its elements follow */
    AF_CBOR_MAP,               /* as many pairs follow */
    AF_CBOR_SIMPLE             /* false, true, null, floats */
} af_cbor_type_t;


typedef struct {
    af_cbor_type_t  type;
    int64_t         integer;
    af_octets_t     octets;    /* of bytes and texts, in the input */
    size_t          n;         /* of arrays and maps */
} af_cbor_item_t;


/*
 * Read the next item, of any type or of one, from what is left of the input,
 * and return 1; or return 0 if it is malformed.
 */
int af_cbor_next(af_octets_t *in, af_cbor_item_t *item);
int af_cbor_expect(af_octets_t *in, af_cbor_type_t type, af_cbor_item_t *item);

/* Likewise skips an item with all that is in it, which *whole then is. */
int af_cbor_skip(af_octets_t *in, af_octets_t *whole);

/* Whether these octets are those of a string. */
int af_octets_are(const af_octets_t *octets, const char *text);


#endif /* AF_WEBAUTHN_CBOR_H */
