#include <arpa/inet.h>

#include "core/base/address.h"
#include "core/base/ascii.h"

/* IPv4 addresses are looked up as ::ffff:a.b.c.d */
#define V4_BITS 96u
#define V4_AT	12u
#define V4(a, b, c, d, bits, kind) { { [10] = 0xff, 0xff, a, b, c, d }, V4_BITS + (bits), kind, 0 }

enum address_kind {
	SPECIAL,
	PUBLIC,
	EMBEDS,	  /* an IPv4 address, at embedded_at: that one decides */
	OBSCURES, /* Teredo: a server at embedded_at, a client at V4_AT with all its bits turned */
};

struct address_range {
	unsigned char net[16];
	unsigned bits;
	enum address_kind kind;
	unsigned embedded_at;
};

/* The longest that holds the address decides; what none holds is special. */
static const struct address_range ranges[] = {
	V4(0, 0, 0, 0, 0, PUBLIC),
	V4(0, 0, 0, 0, 8, SPECIAL),		/* "this network" */
	V4(10, 0, 0, 0, 8, SPECIAL),		/* private */
	V4(100, 64, 0, 0, 10, SPECIAL),		/* shared: behind a carrier's NAT */
	V4(127, 0, 0, 0, 8, SPECIAL),		/* loopback */
	V4(169, 254, 0, 0, 16, SPECIAL),	/* link-local */
	V4(172, 16, 0, 0, 12, SPECIAL),		/* private */
	V4(192, 0, 0, 0, 24, SPECIAL),		/* IETF protocols */
	V4(192, 0, 0, 9, 32, PUBLIC),		/* Port Control Protocol */
	V4(192, 0, 0, 10, 32, PUBLIC),		/* TURN */
	V4(192, 0, 2, 0, 24, SPECIAL),		/* documentation */
	V4(192, 88, 99, 0, 24, SPECIAL),	/* 6to4 relays, given up */
	V4(192, 168, 0, 0, 16, SPECIAL),	/* private */
	V4(198, 18, 0, 0, 15, SPECIAL),		/* benchmarks */
	V4(198, 51, 100, 0, 24, SPECIAL),	/* documentation */
	V4(203, 0, 113, 0, 24, SPECIAL),	/* documentation */
	V4(224, 0, 0, 0, 4, SPECIAL),		/* multicast */
	V4(240, 0, 0, 0, 4, SPECIAL),		/* reserved, broadcast */
	{ { [8] = 0xff, 0xff }, 96, EMBEDS, V4_AT },			/* SIIT, ::ffff:0:0:0 */
	{ { 0x00, 0x64, 0xff, 0x9b }, 96, EMBEDS, V4_AT },		/* NAT64 */
	{ { 0x20 }, 3, PUBLIC, 0 },
	{ { 0x20, 0x01 }, 23, SPECIAL, 0 },				/* IETF protocols */
	{ { 0x20, 0x01 }, 32, OBSCURES, 4 },				/* Teredo */
	{ { 0x20, 0x01, 0x00, 0x01, [15] = 1 }, 128, PUBLIC, 0 },	/* Port Control Protocol */
	{ { 0x20, 0x01, 0x00, 0x01, [15] = 2 }, 128, PUBLIC, 0 },	/* TURN */
	{ { 0x20, 0x01, 0x00, 0x01, [15] = 3 }, 128, PUBLIC, 0 },	/* DNS-SD */
	{ { 0x20, 0x01, 0x00, 0x03 }, 32, PUBLIC, 0 },			/* AMT */
	{ { 0x20, 0x01, 0x00, 0x04, 0x01, 0x12 }, 48, PUBLIC, 0 },	/* AS112 */
	{ { 0x20, 0x01, 0x00, 0x20 }, 28, PUBLIC, 0 },			/* ORCHIDv2 */
	{ { 0x20, 0x01, 0x00, 0x30 }, 28, PUBLIC, 0 },			/* drones */
	{ { 0x20, 0x01, 0x0d, 0xb8 }, 32, SPECIAL, 0 },			/* documentation */
	{ { 0x20, 0x02 }, 16, EMBEDS, 2 },				/* 6to4 */
	{ { 0x3f, 0xff }, 20, SPECIAL, 0 },				/* documentation */
};

/* Do both begin with the same bits? */
static bool
is_prefix(const unsigned char *net, unsigned bits, const unsigned char *address)
{
	const unsigned whole = bits / 8, rest = bits % 8;

	return memcmp(net, address, whole) == 0 &&
	    (rest == 0 || (net[whole] ^ address[whole]) >> (8 - rest) == 0);
}

static bool
is_public_v4(const unsigned char *b, unsigned turned)
{
	struct in6_addr mapped = { .s6_addr = { [10] = 0xff, 0xff } };
	size_t i;

	for (i = 0; i < 4; i++)
		mapped.s6_addr[V4_AT + i] = (unsigned char)(b[i] ^ turned);
	return address_is_public(&mapped);
}

bool
address_is_public(const struct in6_addr *address)
{
	const unsigned char *b = address->s6_addr;
	const struct address_range *best = NULL;
	size_t i;

	for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (is_prefix(ranges[i].net, ranges[i].bits, b) &&
		    (best == NULL || ranges[i].bits > best->bits))
			best = &ranges[i];
	if (best == NULL)
		return false;
	switch (best->kind) {
	case EMBEDS:
		return is_public_v4(b + best->embedded_at, 0);
	case OBSCURES:
		return is_public_v4(b + best->embedded_at, 0) && is_public_v4(b + V4_AT, 0xff);
	case PUBLIC:
	case SPECIAL:
		break;
	}
	return best->kind == PUBLIC;
}

bool
address_is_loopback(const struct in6_addr *address)
{
	return IN6_IS_ADDR_LOOPBACK(address) ||
	    (IN6_IS_ADDR_V4MAPPED(address) && address->s6_addr[V4_AT] == IN_LOOPBACKNET);
}

struct in6_addr
address_of_v4(struct in_addr v4)
{
	struct in6_addr mapped = { .s6_addr = { [10] = 0xff, 0xff } };

	memcpy(mapped.s6_addr + V4_AT, &v4, sizeof(v4));
	return mapped;
}

bool
address_read(struct str text, struct in6_addr *out)
{
	char z[INET6_ADDRSTRLEN];
	struct in_addr v4;

	*out = in6addr_any;
	if (text.len == 0 || text.len >= sizeof(z) || memchr(text.p, '\0', text.len) != NULL)
		return false;
	str_copy(z, sizeof(z), text);
	if (inet_pton(AF_INET, z, &v4) == 1)
		*out = address_of_v4(v4);
	else if (inet_pton(AF_INET6, z, out) != 1)
		return false;
	return true;
}

const char *
address_text(const struct in6_addr *address, char out[INET6_ADDRSTRLEN])
{
	out[0] = '\0';
	if (IN6_IS_ADDR_V4MAPPED(address))
		(void)inet_ntop(AF_INET, address->s6_addr + V4_AT, out, INET6_ADDRSTRLEN);
	else
		(void)inet_ntop(AF_INET6, address, out, INET6_ADDRSTRLEN);
	return out;
}

size_t
address_client_bytes(const struct in6_addr *address)
{
	return IN6_IS_ADDR_V4MAPPED(address) ? sizeof(address->s6_addr) : 8;
}

/* The number behind the / of a prefix, which may be as long as max. */
static bool
read_bits(struct str text, unsigned max, unsigned *out)
{
	size_t i;

	*out = 0;
	if (text.len == 0 || text.len > 3)
		return false;
	for (i = 0; i < text.len; i++) {
		if (!ascii_is_digit(text.p[i]))
			return false;
		*out = *out * 10 + (unsigned)(text.p[i] - '0');
	}
	return *out <= max;
}

bool
address_net_read(struct str text, struct address_net *out)
{
	const struct str all = text, address = str_cut(&text, '/');
	unsigned base = 0;

	out->bits = 128;
	if (!address_read(address, &out->net))
		return false;
	if (address.len == all.len)
		return true;
	if (memchr(address.p, ':', address.len) == NULL)
		base = V4_BITS;
	if (!read_bits(text, 128 - base, &out->bits))
		return false;
	out->bits += base;
	return true;
}

bool
address_net_holds(const struct address_net *n, const struct in6_addr *address)
{
	return is_prefix(n->net.s6_addr, n->bits, address->s6_addr);
}
