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

#include "core/base/str.h"

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

/* Read an address of either kind, IPv4 as ::ffff:a.b.c.d. false: it is none, and *out is zero. */
bool address_read(struct str text, struct in6_addr *out);

/* The address for people, in the usual form of its kind. Returns out. */
const char *address_text(const struct in6_addr *address, char out[INET6_ADDRSTRLEN]);

/*
 * How many of the first bytes tell one client from another: of IPv6 those of a /64, which one host
 * may use as a whole.
 */
size_t address_client_bytes(const struct in6_addr *address);

/* A network: the addresses that begin with the first bits of net. */
struct address_net {
	struct in6_addr net;
	unsigned bits;		/* of the 128; of IPv4 96 more than its prefix says */
};

/* Read an address, or a prefix as 10.0.0.0/8 and 2001:db8::/32. false: it is neither. */
bool address_net_read(struct str text, struct address_net *out);
bool address_net_holds(const struct address_net *n, const struct in6_addr *address);

#endif
