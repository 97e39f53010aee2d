/* Which addresses are of the public internet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>

#include <cmocka.h>

#include "core/base/address.h"

/* Both ends of each range of IANA's registries, and what lies beside it. */
static const struct row {
	const char *first, *last;
	bool is_public;
} rows[] = {
	{ "0.0.0.0", "0.255.255.255", false },
	{ "1.0.0.0", "9.255.255.255", true },
	{ "10.0.0.0", "10.255.255.255", false },
	{ "11.0.0.0", "100.63.255.255", true },
	{ "100.64.0.0", "100.127.255.255", false },
	{ "100.128.0.0", "126.255.255.255", true },
	{ "127.0.0.0", "127.255.255.255", false },
	{ "128.0.0.0", "169.253.255.255", true },
	{ "169.254.0.0", "169.254.255.255", false },
	{ "169.255.0.0", "172.15.255.255", true },
	{ "172.16.0.0", "172.31.255.255", false },
	{ "172.32.0.0", "191.255.255.255", true },
	{ "192.0.0.0", "192.0.0.8", false },
	{ "192.0.0.9", "192.0.0.10", true },
	{ "192.0.0.11", "192.0.0.255", false },
	{ "192.0.1.0", "192.0.1.255", true },
	{ "192.0.2.0", "192.0.2.255", false },
	{ "192.0.3.0", "192.88.98.255", true },
	{ "192.88.99.0", "192.88.99.255", false },
	{ "192.88.100.0", "192.167.255.255", true },
	{ "192.168.0.0", "192.168.255.255", false },
	{ "192.169.0.0", "198.17.255.255", true },
	{ "198.18.0.0", "198.19.255.255", false },
	{ "198.20.0.0", "198.51.99.255", true },
	{ "198.51.100.0", "198.51.100.255", false },
	{ "198.51.101.0", "203.0.112.255", true },
	{ "203.0.113.0", "203.0.113.255", false },
	{ "203.0.114.0", "223.255.255.255", true },
	{ "224.0.0.0", "255.255.255.255", false },
	{ "::", "::fffe:ffff:ffff", false },
	{ "::ffff:10.0.0.0", "::ffff:10.255.255.255", false },
	{ "::ffff:1.0.0.0", "::ffff:9.255.255.255", true },
	{ "::1:0:0:0", "::fffe:ffff:ffff:ffff", false },
	{ "::ffff:0:169.254.169.254", "::ffff:0:169.254.169.254", false },
	{ "::ffff:0:8.8.8.8", "::ffff:0:8.8.8.8", true },
	{ "64:ff9b::127.0.0.1", "64:ff9b::127.0.0.1", false },
	{ "64:ff9b::100.100.100.200", "64:ff9b::100.100.100.200", false },
	{ "64:ff9b::8.8.8.8", "64:ff9b::8.8.8.8", true },
	{ "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", false },
	{ "100::", "100:0:0:1:ffff:ffff:ffff:ffff", false },
	{ "1fff:ffff::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false },
	/* Teredo: server 8.8.8.8, client 8.8.4.4; a client of 10.0.0.1; a server of 10.0.0.1 */
	{ "2001:0:808:808::f7f7:fbfb", "2001:0:808:808::f7f7:fbfb", true },
	{ "2001:0:808:808::f5ff:fffe", "2001:0:808:808::f5ff:fffe", false },
	{ "2001:0:a00:1::f7f7:fbfb", "2001:0:a00:1::f7f7:fbfb", false },
	{ "2001:1::", "2001:1::", false },
	{ "2001:1::1", "2001:1::3", true },
	{ "2001:1::4", "2001:2:ffff:ffff:ffff:ffff:ffff:ffff", false },
	{ "2001:3::", "2001:3:ffff:ffff:ffff:ffff:ffff:ffff", true },
	{ "2001:4:112::", "2001:4:112:ffff:ffff:ffff:ffff:ffff", true },
	{ "2001:4:113::", "2001:1f:ffff:ffff:ffff:ffff:ffff:ffff", false },
	{ "2001:20::", "2001:3f:ffff:ffff:ffff:ffff:ffff:ffff", true },
	{ "2001:40::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", false },
	{ "2001:200::", "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", true },
	{ "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", false },
	{ "2001:db9::", "2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true },
	{ "2002:a00:1::1", "2002:aff:ffff::1", false },
	{ "2002:808:808::1", "2002:808:808::1", true },
	{ "2003::", "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true },
	{ "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", false },
	{ "3fff:1000::", "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true },
	{ "4000::", "5f00::", false },
	{ "fc00::", "fdff::", false },
	{ "fe80::", "febf::", false },
	{ "fec0::", "ff02::1", false },
};

static void
test_registries(void **state)
{
	struct in6_addr v6;
	struct in_addr v4;
	size_t i, k, failed = 0;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (k = 0; k < 2; k++) {
			const char *text = k == 0 ? rows[i].first : rows[i].last;
			bool is_public;

			if (inet_pton(AF_INET, text, &v4) == 1) {
				v6 = address_of_v4(v4);
			} else {
				assert_int_equal(inet_pton(AF_INET6, text, &v6), 1);
			}
			is_public = address_is_public(&v6);
			if (is_public == rows[i].is_public)
				continue;
			print_error("%s: %d\n", text, is_public);
			failed++;
		}
	assert_int_equal(failed, 0);
}

static void
test_networks(void **state)
{
	static const struct {
		const char *net, *inside, *outside;	/* inside NULL: net is none */
	} nets[] = {
		{ "10.0.0.0/8", "10.255.255.255", "11.0.0.0" },
		{ "10.1.2.3/8", "10.255.255.255", "9.255.255.255" },
		{ "10.1.2.3", "10.1.2.3", "10.1.2.2" },
		{ "10.1.2.3/32", "::ffff:10.1.2.3", "10.1.2.2" },
		{ "192.168.0.128/25", "192.168.0.255", "192.168.0.127" },
		{ "0.0.0.0/0", "255.255.255.255", "::1" },
		{ "::/0", "10.0.0.1", NULL },
		{ "::ffff:0.0.0.0/96", "10.0.0.1", "::1" },
		{ "2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::" },
		{ "::1", "::1", "::2" },
		{ "", NULL, NULL },
		{ "/8", NULL, NULL },
		{ "10.0.0.0/", NULL, NULL },
		{ "10.0.0.0/33", NULL, NULL },
		{ "10.0.0.0/-1", NULL, NULL },
		{ "10.0.0.0/8x", NULL, NULL },
		{ "10.0.0.0/4294967304", NULL, NULL },
		{ "10.0.0.0/8/8", NULL, NULL },
		{ "::/129", NULL, NULL },
		{ "10.0.0", NULL, NULL },
		{ "localhost", NULL, NULL },
		{ "[::1]", NULL, NULL },
	};
	struct address_net net;
	struct in6_addr a;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(nets) / sizeof(nets[0]); i++) {
		if (address_net_read(str_of(nets[i].net), &net) != (nets[i].inside != NULL))
			fail_msg("%s", nets[i].net);
		if (nets[i].inside == NULL)
			continue;
		assert_true(address_read(str_of(nets[i].inside), &a));
		assert_true(address_net_holds(&net, &a));
		if (nets[i].outside == NULL)
			continue;
		assert_true(address_read(str_of(nets[i].outside), &a));
		assert_false(address_net_holds(&net, &a));
	}
	assert_false(address_read((struct str){ "10.0.0.1\0", 9 }, &a));
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_registries),
		cmocka_unit_test(test_networks) };

	return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
