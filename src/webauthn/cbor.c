/*
 * CBOR by libcbor's streaming decoder.
 *
 * libfido2 would verify whole attestations and assertions, but it is a library
 * for talking to authenticators: a worker of nginx would be linked with libudev
 * and the drivers for USB, NFC and smart cards, and its signatures would be
 * checked beside our keys rather than by them.  libcbor's trees, which it uses,
 * are allocated as large as the input says, and don't tell of keys that occur
 * twice.  Its decoder of single items does neither: it only tells what comes
 * next and where it is.
 */

#include <string.h>
#include <cbor.h>

#include "webauthn/cbor.h"


static int af_cbor_skip_level(af_octets_t *in, unsigned depth);
static void af_cbor_integer(af_cbor_item_t *item, uint64_t value);
static void af_cbor_negative(af_cbor_item_t *item, uint64_t value);
static void af_cbor_uint8(void *item, uint8_t value);
static void af_cbor_uint16(void *item, uint16_t value);
static void af_cbor_uint32(void *item, uint32_t value);
static void af_cbor_uint64(void *item, uint64_t value);
static void af_cbor_negint8(void *item, uint8_t value);
static void af_cbor_negint16(void *item, uint16_t value);
static void af_cbor_negint32(void *item, uint32_t value);
static void af_cbor_negint64(void *item, uint64_t value);
static void af_cbor_bytes(void *item, cbor_data data, size_t len);
static void af_cbor_text(void *item, cbor_data data, size_t len);
static void af_cbor_array(void *item, size_t n);
static void af_cbor_map(void *item, size_t n);
static void af_cbor_simple(void *item);
static void af_cbor_boolean(void *item, bool value);
static void af_cbor_float(void *item, float value);
static void af_cbor_double(void *item, double value);
static void af_cbor_nothing(void *item);
static void af_cbor_tag(void *item, uint64_t value);


static const struct cbor_callbacks  af_cbor_callbacks = {
    .uint8 = af_cbor_uint8,
    .uint16 = af_cbor_uint16,
    .uint32 = af_cbor_uint32,
    .uint64 = af_cbor_uint64,
    .negint8 = af_cbor_negint8,
    .negint16 = af_cbor_negint16,
    .negint32 = af_cbor_negint32,
    .negint64 = af_cbor_negint64,
    .byte_string_start = af_cbor_nothing,
    .byte_string = af_cbor_bytes,
    .string = af_cbor_text,
    .string_start = af_cbor_nothing,
    .indef_array_start = af_cbor_nothing,
    .array_start = af_cbor_array,
    .indef_map_start = af_cbor_nothing,
    .map_start = af_cbor_map,
    .tag = af_cbor_tag,
    .float2 = af_cbor_float,
    .float4 = af_cbor_float,
    .float8 = af_cbor_double,
    .undefined = af_cbor_nothing,
    .null = af_cbor_simple,
    .boolean = af_cbor_boolean,
    .indef_break = af_cbor_nothing
};


int
af_cbor_next(af_octets_t *in, af_cbor_item_t *item)
{
    struct cbor_decoder_result  result;

    memset(item, 0, sizeof(af_cbor_item_t));

    if (in->len == 0) {
        return 0;
    }

    result = cbor_stream_decode(in->data, in->len, &af_cbor_callbacks, item);

    if (result.status != CBOR_DECODER_FINISHED
        || result.read > in->len
        || item->type == AF_CBOR_NONE)
    {
        return 0;
    }

    in->data += result.read;
    in->len -= result.read;

    /* an element has at least an octet */

    return item->n <= in->len / (item->type == AF_CBOR_MAP ? 2 : 1);
}


int
af_cbor_expect(af_octets_t *in, af_cbor_type_t type, af_cbor_item_t *item)
{
    return af_cbor_next(in, item) && item->type == type;
}


int
af_cbor_skip(af_octets_t *in, af_octets_t *whole)
{
    whole->data = in->data;

    if (!af_cbor_skip_level(in, 0)) {
        return 0;
    }

    whole->len = in->data - whole->data;

    return 1;
}


static int
af_cbor_skip_level(af_octets_t *in, unsigned depth)
{
    size_t          i, n;
    af_cbor_item_t  item;

    if (!af_cbor_next(in, &item)) {
        return 0;
    }

    n = (item.type == AF_CBOR_MAP) ? 2 * item.n : item.n;

    if (n != 0 && depth == AF_CBOR_DEPTH_MAX) {
        return 0;
    }

    for (i = 0; i < n; i++) {
        if (!af_cbor_skip_level(in, depth + 1)) {
            return 0;
        }
    }

    return 1;
}


int
af_octets_are(const af_octets_t *octets, const char *text)
{
    return octets->len == strlen(text)
           && memcmp(octets->data, text, octets->len) == 0;
}


/* beyond the range of int64_t nothing has a meaning */

static void
af_cbor_integer(af_cbor_item_t *item, uint64_t value)
{
    if (value <= INT64_MAX) {
        item->type = AF_CBOR_INTEGER;
        item->integer = (int64_t) value;
    }
}


static void
af_cbor_negative(af_cbor_item_t *item, uint64_t value)
{
    if (value <= INT64_MAX) {
        item->type = AF_CBOR_INTEGER;
        item->integer = -1 - (int64_t) value;
    }
}


static void
af_cbor_uint8(void *item, uint8_t value)
{
    af_cbor_integer(item, value);
}


static void
af_cbor_uint16(void *item, uint16_t value)
{
    af_cbor_integer(item, value);
}


static void
af_cbor_uint32(void *item, uint32_t value)
{
    af_cbor_integer(item, value);
}


static void
af_cbor_uint64(void *item, uint64_t value)
{
    af_cbor_integer(item, value);
}


static void
af_cbor_negint8(void *item, uint8_t value)
{
    af_cbor_negative(item, value);
}


static void
af_cbor_negint16(void *item, uint16_t value)
{
    af_cbor_negative(item, value);
}


static void
af_cbor_negint32(void *item, uint32_t value)
{
    af_cbor_negative(item, value);
}


static void
af_cbor_negint64(void *item, uint64_t value)
{
    af_cbor_negative(item, value);
}


static void
af_cbor_bytes(void *data, cbor_data octets, size_t len)
{
    af_cbor_item_t  *item = data;

    item->type = AF_CBOR_BYTES;
    item->octets.data = octets;
    item->octets.len = len;
}


static void
af_cbor_text(void *data, cbor_data octets, size_t len)
{
    af_cbor_item_t  *item = data;

    af_cbor_bytes(data, octets, len);
    item->type = AF_CBOR_TEXT;
}


static void
af_cbor_array(void *data, size_t n)
{
    af_cbor_item_t  *item = data;

    item->type = AF_CBOR_ARRAY;
    item->n = n;
}


static void
af_cbor_map(void *data, size_t n)
{
    af_cbor_item_t  *item = data;

    item->type = AF_CBOR_MAP;
    item->n = n;
}


static void
af_cbor_simple(void *data)
{
    af_cbor_item_t  *item = data;

    item->type = AF_CBOR_SIMPLE;
}


static void
af_cbor_boolean(void *item, bool value)
{
    (void) value;

    af_cbor_simple(item);
}


static void
af_cbor_float(void *item, float value)
{
    (void) value;

    af_cbor_simple(item);
}


static void
af_cbor_double(void *item, double value)
{
    (void) value;

    af_cbor_simple(item);
}


/* the type remains AF_CBOR_NONE */

static void
af_cbor_nothing(void *item)
{
    (void) item;
}


static void
af_cbor_tag(void *item, uint64_t value)
{
    (void) item;
    (void) value;
}
