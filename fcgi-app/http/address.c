#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "core/base/hash.h"
#include "http/address.h"

static uint64_t
number(const void *p, size_t n)
{
	return hash_text(HASH_STORED, (struct str){ p, n }) | 1;
}

uint64_t
address_client(const char *text)
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
	unsigned char a[16];

	if (inet_pton(AF_INET, text, a) == 1)
		return a[0] == IN_LOOPBACKNET ? 0 : number(a, 4);
	if (inet_pton(AF_INET6, text, a) != 1 || memcmp(a, &in6addr_loopback, sizeof(a)) == 0)
		return 0;
	if (memcmp(a, mapped, sizeof(mapped)) == 0)
		return a[12] == IN_LOOPBACKNET ? 0 : number(a + 12, 4);
	return number(a, 8);
}
