/*
 * Which addresses anybody may have us connect to.
 */

#ifndef AF_NET_ADDRESS_H
#define AF_NET_ADDRESS_H

#include <sys/socket.h>


/*
 * Whether an address is one of the Internet: neither of this machine, of a
 * network of ours, nor of a special purpose (IANA's registries, RFC 6890).
 * Whoever has an address of IPv4 in one of IPv6 is judged by that.
 */
int af_address_is_public(const struct sockaddr *address);


#endif /* AF_NET_ADDRESS_H */
