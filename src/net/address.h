/*
 * Addresses that untrusted URLs may make us connect to.
 */

#ifndef AF_NET_ADDRESS_H
#define AF_NET_ADDRESS_H

#include <sys/socket.h>


/*
 * Whether an address is a public one: neither of this host, nor of a private
 * network, nor for a special purpose (IANA's registries, RFC 6890).  An IPv4
 * address embedded in an IPv6 address is checked as such.
 */
int af_address_is_public(const struct sockaddr *address);


#endif /* AF_NET_ADDRESS_H */
