/*
 * Whose word counts for a url: the decision as a table, and what follows from a word that counts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/trust/document.h"
#include "core/trust/pin.h"

static struct arena *a;

static int
set_up(void **state)
{
	(void)state;
	a = arena_new();
	return a != NULL ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

/* Keys and addresses by a letter; 0: none. */
static struct speaker
speaker(char key, char address)
{
	struct speaker who = { .is_signed = key != 0, .has_address = address != 0 };

	memset(who.signer.key, key, sizeof(who.signer.key));
	memset(&who.address, address, sizeof(who.address));
	return who;
}

static struct peer
peer(char key, char address, unsigned flags)
{
	const struct speaker who = speaker(key, address);
	struct peer p = { .id = 1, .flags = flags };

	assert_int_equal(pin_take(a, &p, &who, false, 1), KODO_OK);
	return p;
}

static void
test_judge(void **state)
{
	static const struct {
		enum option_trust trust;
		bool is_known;
		char key, address;	/* of the peer */
		unsigned flags;
		char speaks_key, speaks_from;
		enum pin_verdict verdict;
	} rows[] = {
		/* unknown urls */
		{ TRUST_OPEN, false, 0, 0, 0, 0, 'x', PIN_COUNTS },
		{ TRUST_KNOWN, false, 0, 0, 0, 0, 'x', PIN_COUNTS },
		{ TRUST_KNOWN, false, 0, 0, 0, 'k', 'x', PIN_COUNTS },
		{ TRUST_SIGNED, false, 0, 0, 0, 0, 'x', PIN_NO_KEY },
		{ TRUST_SIGNED, false, 0, 0, 0, 'k', 'x', PIN_COUNTS },
		{ TRUST_LISTED, false, 0, 0, 0, 'k', 'x', PIN_NOT_LISTED },
		/* with a key */
		{ TRUST_OPEN, true, 'k', 'x', 0, 0, 'y', PIN_COUNTS },
		{ TRUST_KNOWN, true, 'k', 'x', 0, 'k', 'y', PIN_COUNTS },
		{ TRUST_KNOWN, true, 'k', 'x', 0, 'l', 'x', PIN_OTHER_KEY },
		{ TRUST_KNOWN, true, 'k', 'x', 0, 0, 'x', PIN_NO_KEY },
		{ TRUST_SIGNED, true, 'k', 'x', 0, 'k', 'y', PIN_COUNTS },
		{ TRUST_SIGNED, true, 'k', 'x', 0, 'l', 'x', PIN_OTHER_KEY },
		{ TRUST_LISTED, true, 'k', 'x', 0, 'k', 'x', PIN_NOT_LISTED },
		{ TRUST_LISTED, true, 'k', 'x', PEER_VOUCHED, 'k', 'x', PIN_COUNTS },
		{ TRUST_LISTED, true, 'k', 'x', PEER_VOUCHED, 'l', 'x', PIN_OTHER_KEY },
		{ TRUST_LISTED, true, 'k', 'x', PEER_VOUCHED, 0, 'x', PIN_NO_KEY },
		/* by address */
		{ TRUST_KNOWN, true, 0, 'x', 0, 0, 'x', PIN_COUNTS },
		{ TRUST_KNOWN, true, 0, 'x', 0, 0, 'y', PIN_OTHER_ADDRESS },
		{ TRUST_KNOWN, true, 0, 'x', 0, 'k', 'x', PIN_COUNTS },
		{ TRUST_KNOWN, true, 0, 'x', 0, 'k', 'y', PIN_OTHER_ADDRESS },
		{ TRUST_KNOWN, true, 0, 'x', 0, 0, 0, PIN_COUNTS },
		{ TRUST_KNOWN, true, 0, 0, 0, 0, 'y', PIN_COUNTS },
		{ TRUST_SIGNED, true, 0, 'x', 0, 0, 'x', PIN_NO_KEY },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct options o = { .trust = rows[i].trust };
		const struct peer p = peer(rows[i].key, rows[i].address, rows[i].flags);
		const struct speaker who = speaker(rows[i].speaks_key, rows[i].speaks_from);
		const enum pin_verdict verdict =
		    pin_judge(&o, STR("http://x:1"), rows[i].is_known ? &p : NULL, &who);

		if (verdict != rows[i].verdict)
			fail_msg("row %zu: %d, wanted %d", i, verdict, rows[i].verdict);
		assert_int_equal(pin_words(a, verdict, STR("http://x:1"), &p, &who)[0] == '\0',
		    verdict == PIN_COUNTS);
	}
}

/* A key of the options stands above what was found out, of just that url. */
static void
test_listed(void **state)
{
	/* 32 times the letter k */
	const struct str accept[] = { { "http://X:80/", 12 }, { "http://y", 8 },
		{ "http://x/a#a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s", 54 } };
	const struct options o = { .trust = TRUST_LISTED, .accept = accept, .n_accept = 3 };
	const struct options keyed = { .trust = TRUST_KNOWN, .accept = &accept[2], .n_accept = 1,
		.private_peers = PRIVATE_YES };
	const struct options known = { .trust = TRUST_KNOWN, .accept = accept, .n_accept = 3 };
	const struct speaker k = speaker('k', 'x'), l = speaker('l', 'x'), none = speaker(0, 'x');
	const struct peer other = peer('l', 'x', 0), by_address = peer(0, 'x', 0);

	(void)state;
	assert_int_equal(pin_judge(&o, STR("http://x/a"), NULL, &k), PIN_COUNTS);
	assert_int_equal(pin_judge(&o, STR("http://x/a"), &other, &k), PIN_COUNTS);
	assert_int_equal(pin_judge(&o, STR("http://x/a"), &other, &l), PIN_OTHER_KEY);
	assert_int_equal(pin_judge(&o, STR("http://x/a"), NULL, &none), PIN_NO_KEY);
	assert_int_equal(pin_judge(&o, STR("http://x/a/b"), NULL, &k), PIN_NOT_LISTED);
	assert_int_equal(pin_judge(&o, STR("http://x"), NULL, &k), PIN_NOT_LISTED);
	/* it is no prefix: below it nobody is named */
	assert_int_equal(option_allows_peer(&o, STR("http://x/a"), NULL), KODO_OK);
	assert_int_equal(option_allows_peer(&keyed, STR("http://x/a"), NULL), KODO_OK);
	assert_int_equal(option_allows_peer(&keyed, STR("http://x/a/b"), NULL), KODO_EINVAL);
	assert_int_equal(option_allows_peer(&keyed, STR("http://x"), NULL), KODO_EINVAL);
	/* but below another entry without a key */
	assert_int_equal(option_allows_peer(&o, STR("http://x/a/b"), NULL), KODO_OK);
	/* whoever else may speak without one */
	assert_int_equal(pin_judge(&known, STR("http://x/a"), NULL, &none), PIN_NO_KEY);
	assert_int_equal(pin_judge(&known, STR("http://x/a"), &other, &l), PIN_OTHER_KEY);
	assert_int_equal(pin_judge(&known, STR("http://x/a"), &by_address, &none), PIN_NO_KEY);
	assert_int_equal(pin_judge(&known, STR("http://x/a"), &by_address, &k), PIN_COUNTS);
	/* nor is another spelling another url */
	assert_int_equal(pin_judge(&o, STR("http://x./%61"), NULL, &none), PIN_NO_KEY);
	assert_int_equal(pin_judge(&o, STR("http://x./%61"), NULL, &k), PIN_COUNTS);
	assert_int_equal(option_allows_peer(&o, STR("http://x./%61/b"), NULL), KODO_OK);
	assert_int_equal(option_allows_peer(&o, STR("http://y/../z"), NULL), KODO_OK);
}

static void
test_levels(void **state)
{
	struct options o = { .trust = TRUST_KNOWN };
	const struct speaker who = speaker('k', 'x'), other = speaker('l', 'x');
	struct peer p = { .id = 1 };

	(void)state;
	assert_int_equal(pin_level(&o, &p), PIN_OPEN);
	p = peer(0, 'x', 0);
	assert_int_equal(pin_level(&o, &p), PIN_ADDRESS);
	assert_int_equal(pin_take(a, &p, &who, false, 5), KODO_OK);
	assert_int_equal(pin_level(&o, &p), PIN_PINNED);
	assert_int_equal(pin_take(a, &p, &who, true, 6), KODO_OK);
	assert_int_equal(pin_level(&o, &p), PIN_PROVED);
	assert_int_equal(p.trust.since_us, 5);
	assert_int_equal(p.trust.proved_us, 6);
	/* the same again takes nothing away; another one begins anew */
	assert_int_equal(pin_take(a, &p, &who, false, 7), KODO_OK);
	assert_int_equal(pin_level(&o, &p), PIN_PROVED);
	assert_int_equal(pin_take(a, &p, &other, false, 8), KODO_OK);
	assert_int_equal(pin_level(&o, &p), PIN_PINNED);
	o.trust = TRUST_OPEN;
	assert_int_equal(pin_level(&o, &p), PIN_OPEN);
	pin_forget(&p);
	assert_true(p.trust.key.len == 0 && p.trust.addresses.len == 0);
	p = peer('k', 'x', PEER_VOUCHED);
	pin_forget(&p);
	assert_int_equal(p.trust.key.len, CRYPTO_KEY_BYTES);
}

/* The first address stays, whatever comes; of the others the last ones. */
static void
test_addresses(void **state)
{
	const struct options o = { .trust = TRUST_KNOWN };
	struct peer p = { .id = 1 };
	struct speaker who;
	char c;

	(void)state;
	for (c = 'a'; c <= 'z'; c++) {
		who = speaker(0, c);
		assert_int_equal(pin_take(a, &p, &who, false, 1), KODO_OK);
		assert_int_equal(pin_take(a, &p, &who, false, 1), KODO_OK);
	}
	assert_int_equal(p.trust.addresses.len, PIN_ADDRESSES * sizeof(struct in6_addr));
	for (c = 'a'; c <= 'z'; c++) {
		const bool is_kept = c == 'a' || c > 'z' - (char)PIN_ADDRESSES + 1;

		who = speaker(0, c);
		assert_int_equal(pin_judge(&o, STR("http://x:1"), &p, &who),
		    is_kept ? PIN_COUNTS : PIN_OTHER_ADDRESS);
	}
}

static void
test_ask(void **state)
{
	struct peer p = peer('k', 'x', 0);

	(void)state;
	assert_false(pin_ask(&p, PIN_NOT_LISTED, PIN_ASK_US * 9));
	assert_true(pin_ask(&p, PIN_OTHER_KEY, PIN_ASK_US * 9));
	assert_false(pin_ask(&p, PIN_NO_KEY, PIN_ASK_US * 10 - 1));
	/* a forged word does not put off what the owner's own raises */
	assert_true(pin_ask(&p, PIN_COUNTS, PIN_ASK_US * 9 + 1));
	assert_false(pin_ask(&p, PIN_COUNTS, PIN_ASK_US * 9 + 2));
	assert_true(pin_ask(&p, PIN_NO_KEY, PIN_ASK_US * 10));
	/* a clock that was set back */
	assert_true(pin_ask(&p, PIN_NO_KEY, 5));
	p.flags |= PEER_VOUCHED;
	assert_false(pin_ask(&p, PIN_NO_KEY, PIN_ASK_US * 99));
}

static void
test_document(void **state)
{
	static const char *const none[] = { "", "x", "[]", "{}", "{\"url\":\"http://x:1\"}",
		"{\"url\":\"http://x:1\",\"keys\":[]}", "{\"url\":\"http://x:1\",\"keys\":{}}",
		"{\"url\":1,\"keys\":[{\"key\":\"x\",\"alg\":\"ed25519\"}]}",
		"{\"url\":\"http://x:1\",\"keys\":[{\"key\":\"x\",\"alg\":\"ed25519\"}]}",
		"{\"url\":\"http://x:1\",\"keys\":[{\"key\":3,\"alg\":\"ed25519\"}, 7, null]}",
		"{\"url\":\"mailto:x\",\"keys\":[{\"key\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPc"
		"HURo\",\"alg\":\"ed25519\"}]}", NULL };
	unsigned char key[CRYPTO_KEY_BYTES];
	struct own_key own = { .since_us = 1763000000000000ll };
	struct buf b = BUF_INIT(0);
	struct str url;
	size_t i;

	(void)state;
	memset(own.key, 9, sizeof(own.key));
	document_put(&b, STR("http://X:80"), &own);
	assert_int_equal(document_read(a, buf_str(&b), &url, key), KODO_OK);
	assert_true(str_eq(url, STR("http://x")));
	assert_memory_equal(key, own.key, sizeof(key));
	buf_reset(&b);
	/* keys of other kinds are passed over */
	buf_puts(&b, "{\"keys\":[{\"key\":\"x\",\"alg\":\"rsa\"},{\"key\":\"CQkJCQkJCQkJCQkJ"
	    "CQkJCQkJCQkJCQkJCQkJCQkJCQk\",\"alg\":\"ed25519\"}],\"url\":\"http://x\","
	    "\"more\":[1]}");
	memset(key, 0, sizeof(key));
	assert_int_equal(document_read(a, buf_str(&b), &url, key), KODO_OK);
	assert_memory_equal(key, own.key, sizeof(key));
	for (i = 0; none[i] != NULL; i++)
		assert_int_equal(document_read(a, str_of(none[i]), &url, key), KODO_EINVAL);
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_judge),
		cmocka_unit_test(test_listed),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_ask),
		cmocka_unit_test(test_document),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
