/*
 * Who asks: by the address of the connection (REMOTE_ADDR), or, where that is one of the option
 * proxies, by what the proxies say in X-Forwarded-For.
 */
#ifndef KODO_CLIENT_H
#define KODO_CLIENT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/config/option.h"
#include "http/transport.h"

struct client {
	struct in6_addr address;	/* of IPv4 as ::ffff:a.b.c.d; zero if not known */
	char text[INET6_ADDRSTRLEN];	/* the same for people; "": not known */
	bool is_local;			/* this machine, and no named proxy stands between */
};

/*
 * Find out who asks. Behind named proxies it is the right-most address of X-Forwarded-For that is
 * none of theirs, for what stands left of it anybody may have written; an entry that is no address
 * ends the search, and the last good one counts. Not known: REMOTE_ADDR is no address, as of a
 * socket in the file system.
 */
void client_find(struct transport *t, const struct options *o, struct client *out);

/*
 * A number of whoever has this address: of IPv6 the first 64 bits, which one host may use as a
 * whole. 0: nobody in particular, loopback among them, where a proxy speaks for many.
 */
uint64_t client_number(const struct client *c);

#endif
