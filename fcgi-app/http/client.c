#include <arpa/inet.h>
#include <netinet/in.h>

#include "core/base/address.h"
#include "core/base/hash.h"
#include "http/client.h"

/* The address in 16 bytes, one of IPv4 as ::ffff:a.b.c.d. */
static bool
read_address(const char *text, struct in6_addr *out)
{
	struct in_addr v4;

	if (text == NULL)
		return false;
	if (inet_pton(AF_INET6, text, out) == 1)
		return true;
	if (inet_pton(AF_INET, text, &v4) != 1)
		return false;
	*out = address_of_v4(v4);
	return true;
}

bool
client_is_local(const char *address)
{
	struct in6_addr a;

	return read_address(address, &a) && address_is_loopback(&a);
}

uint64_t
client_number(const char *address)
{
	struct in6_addr a;
	uint64_t number;

	if (!read_address(address, &a) || address_is_loopback(&a))
		return 0;
	number = hash_text(HASH_STORED, (struct str){ (const char *)a.s6_addr,
	    IN6_IS_ADDR_V4MAPPED(&a) ? sizeof(a.s6_addr) : 8 });
	return number != 0 ? number : 1;
}
