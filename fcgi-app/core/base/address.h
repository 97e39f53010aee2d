/*
 * IP addresses: may whoever is asked from here be anybody on the public internet?
 *
 * Source: IANA's IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890), as of 2025-10; of
 * IPv6 only 2000::/3 is assigned to global unicast. To be compared with them now and then.
 */
#ifndef ADDRESS_H
#define ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>

/*
 * Does the address lead to one host of the public internet? False for loopback, private, link-
 * local, shared, multicast, reserved ones, for those of documentation and benchmarks, and for an
 * address that embeds one of these (mapped, SIIT, NAT64, 6to4, Teredo: its server and its client).
 */
bool address_is_public(const struct in6_addr *address);

/* Is it this machine's own, 127.0.0.0/8 or ::1? */
bool address_is_loopback(const struct in6_addr *address);

/* ::ffff:a.b.c.d, as which both of the above take an address of IPv4. */
struct in6_addr address_of_v4(struct in_addr v4);

#endif
