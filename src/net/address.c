#include <stdint.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>

#include "net/address.h"


static int af_address_ipv4_is_public(const uint8_t *ip);
static int af_address_ipv6_is_public(const uint8_t *ip);
static int af_address_begins(const uint8_t *ip, const uint8_t *prefix,
    unsigned bits);


typedef struct {
    uint8_t   prefix[4];
    unsigned  bits;
} af_prefix_t;


static const af_prefix_t  af_address_ipv4_special[] = {
    { { 0 }, 8 },                      /* this network */
    { { 10 }, 8 },                     /* private */
    { { 100, 64 }, 10 },               /* carriers' NAT */
    { { 127 }, 8 },                    /* loopback */
    { { 169, 254 }, 16 },              /* link-local: clouds' metadata */
    { { 172, 16 }, 12 },               /* private */
    { { 192, 0, 0 }, 24 },             /* protocol assignments */
    { { 192, 0, 2 }, 24 },             /* documentation */
    { { 192, 88, 99 }, 24 },           /* 6to4 relays */
    { { 192, 168 }, 16 },              /* private */
    { { 198, 18 }, 15 },               /* benchmarks */
    { { 198, 51, 100 }, 24 },          /* documentation */
    { { 203, 0, 113 }, 24 },           /* documentation */
    { { 224 }, 3 },                    /* multicast, reserved, broadcast */
    { { 0 }, 0 }
};


/* within 2000::/3, all of global unicast */

static const af_prefix_t  af_address_ipv6_special[] = {
    { { 0x20, 0x01, 0x00, 0x00 }, 23 },        /* Teredo and the like */
    { { 0x20, 0x01, 0x0d, 0xb8 }, 32 },        /* documentation */
    { { 0x20, 0x02 }, 16 },                    /* 6to4 */
    { { 0x3f, 0xff, 0x00 }, 20 },              /* documentation */
    { { 0 }, 0 }
};


/* ::ffff:0:0/96, and 64:ff9b::/96 of NAT64: an IPv4 address follows */

static const uint8_t  af_address_mapped[12] = {
    [10] = 0xff, [11] = 0xff
};

static const uint8_t  af_address_nat64[12] = { 0x00, 0x64, 0xff, 0x9b };

static const uint8_t  af_address_global[] = { 0x20 };


int
af_address_is_public(const struct sockaddr *address)
{
    struct sockaddr_in   in;
    struct sockaddr_in6  in6;

    switch (address->sa_family) {

    case AF_INET:
        memcpy(&in, address, sizeof(in));
        return af_address_ipv4_is_public((const uint8_t *) &in.sin_addr);

    case AF_INET6:
        memcpy(&in6, address, sizeof(in6));
        return af_address_ipv6_is_public(in6.sin6_addr.s6_addr);

    default:
        return 0;
    }
}


static int
af_address_ipv4_is_public(const uint8_t *ip)
{
    const af_prefix_t  *special;

    for (special = af_address_ipv4_special; special->bits; special++) {
        if (af_address_begins(ip, special->prefix, special->bits)) {
            return 0;
        }
    }

    return 1;
}


static int
af_address_ipv6_is_public(const uint8_t *ip)
{
    const af_prefix_t  *special;

    if (af_address_begins(ip, af_address_mapped, 96)
        || af_address_begins(ip, af_address_nat64, 96))
    {
        return af_address_ipv4_is_public(ip + 12);
    }

    if (!af_address_begins(ip, af_address_global, 3)) {
        return 0;
    }

    for (special = af_address_ipv6_special; special->bits; special++) {
        if (af_address_begins(ip, special->prefix, special->bits)) {
            return 0;
        }
    }

    return 1;
}


static int
af_address_begins(const uint8_t *ip, const uint8_t *prefix, unsigned bits)
{
    unsigned  rest;

    rest = bits % 8;

    return memcmp(ip, prefix, bits / 8) == 0
           && (rest == 0
               || ((ip[bits / 8] ^ prefix[bits / 8]) >> (8 - rest)) == 0);
}
