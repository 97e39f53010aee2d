/*
 * Signed messages: what is signed holds, and nothing of it can be changed; fields that are none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/base/arena.h"
#include "core/trust/sfv.h"
#include "core/trust/signature.h"

static struct arena *a;
static struct own_key own = { .since_us = 1 };

static int
set_up(void **state)
{
	(void)state;
	a = arena_new();
	memset(own.seed, 7, sizeof(own.seed));
	return a != NULL && crypto_public_key(own.seed, own.key) == KODO_OK ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

static struct signature_fields
sign(const struct signed_message *m)
{
	struct signature_fields f = { .from = STR("http://b:1"), .to = STR("http://a:1/connect") };

	if (m->method.p == NULL)
		f.to = STR_NULL;
	assert_int_equal(signature_make(a, &own, m, 1763000000000000ll, &f), KODO_OK);
	return f;
}

static enum kodo_err
check(const struct signed_message *m, const struct signature_fields *f)
{
	struct signer who;
	const char *why;
	enum kodo_err err = signature_check(m, f, &who, &why);

	if (err == KODO_OK)
		assert_memory_equal(who.key, own.key, sizeof(own.key));
	if (err == KODO_EINVAL)
		assert_non_null(why);
	return err;
}

static const struct signed_message request = { .method = { "POST", 4 },
	.body = { "{\"url\":\"http://b:1\"}", 20 } };

/* The fields as other programs must make them, too. */
static void
test_fields(void **state)
{
	struct signature_fields f = sign(&request);

	(void)state;
	assert_true(
	    str_eq(f.digest, STR("sha-256=:bQhCbn1PqP5xMK+noVFvMLSpPfPqAL2gsVyQOihWbbg=:")));
	assert_true(str_eq(f.input,
	    STR("kodo=(\"@method\" \"kodo-to\" \"kodo-from\" \"content-digest\")"
		";created=1763000000;keyid=\"6kpsY-KcUgq-9VB7Ey7F-ZVHdq6-vnuSQh7qaRRG0iw\""
		";alg=\"ed25519\";tag=\"kodo\"")));
	assert_true(str_eq(f.signature, STR("kodo=:glVoBHNi6unLmYkehm3iELWSy8kD1nFhBuWLWvms7PxNGpi2"
	    "N8/Sx+84vn3u8syA9Y2owm4kUpRmJg9q/ehsCQ==:")));
	assert_null(f.former.p);
	assert_int_equal(check(&request, &f), KODO_OK);
}

static void
test_request_is_changed(void **state)
{
	const struct signature_fields good = sign(&request);
	struct signature_fields f;
	struct signed_message m;
	unsigned i, at;

	(void)state;
	m = request;
	m.method = STR("DELETE");
	assert_int_equal(check(&m, &good), KODO_EINVAL);
	m = request;
	m.body = STR("{\"url\":\"http://b:2\"}");
	assert_int_equal(check(&m, &good), KODO_EINVAL);
	/* an answer is no request */
	m = (struct signed_message){ .status = 200, .body = request.body };
	assert_int_equal(check(&m, &good), KODO_EINVAL);
	for (i = 0; i < SIGNATURE_FIELDS; i++) {
		f = good;
		if (signature_field(&f, i)->len == 0)
			continue;
		for (at = 0; at < signature_field(&f, i)->len; at++) {
			struct str copy;

			f = good;
			assert_int_equal(arena_str(a, *signature_field(&f, i), &copy), KODO_OK);
			((char *)(uintptr_t)copy.p)[at] ^= 1;
			*signature_field(&f, i) = copy;
			assert_int_not_equal(check(&request, &f), KODO_OK);
			/* cut off there */
			copy = *signature_field(&f, i);
			copy.len = at;
			*signature_field(&f, i) = copy;
			assert_int_not_equal(check(&request, &f), KODO_OK);
		}
		*signature_field(&f, i) = STR_NULL;
		assert_int_not_equal(check(&request, &f), KODO_OK);
	}
}

static void
test_answer(void **state)
{
	const struct signature_fields asked = sign(&request);
	struct signed_message m = { .status = 201, .request_signature = asked.signature,
		.body = STR("{}") };
	struct signature_fields f = sign(&m);

	(void)state;
	assert_int_equal(check(&m, &f), KODO_OK);
	m.status = 200;
	assert_int_equal(check(&m, &f), KODO_EINVAL);
	m.status = 201;
	m.body = STR("{ }");
	assert_int_equal(check(&m, &f), KODO_EINVAL);
	m.body = STR("{}");
	/* the answer to another request */
	m.request_signature = f.signature;
	assert_int_equal(check(&m, &f), KODO_EINVAL);
	m.request_signature = STR_NULL;
	assert_int_equal(check(&m, &f), KODO_EINVAL);
}

/* Signatures of proxies stand beside ours; without ours it is not signed by a peer. */
static void
test_others(void **state)
{
	static const char *const none[] = { "x", "kodo", "kodo=", "kodo=1", "kodo=:x", "kodo=()",
		"kodo=(\"@method\")", "kodo=(\"@method\"),", ",", "kodo=(\"@method\" ", "=",
		"kodo=(\"@method\");", "kodo=(\"@method\");x=\"", "kodo=(x)", "kodo=(\"a\"\"b\")",
		"KODO=(\"@method\")", NULL };
	struct signature_fields f = sign(&request), other;
	size_t i;

	(void)state;
	other = f;
	other.input = str_of(arena_printf(a, "proxy=(\"@authority\");keyid=\"k\";alg=\"x\", %.*s",
	    STR_ARG(f.input)));
	other.signature = str_of(arena_printf(a, "proxy=:AAAA:,\t%.*s", STR_ARG(f.signature)));
	assert_int_equal(check(&request, &other), KODO_OK);
	other.input = other.signature = STR_NULL;
	assert_int_equal(check(&request, &other), KODO_ENOTFOUND);
	for (i = 0; none[i] != NULL; i++) {
		other = f;
		other.input = str_of(none[i]);
		assert_int_equal(check(&request, &other), KODO_EINVAL);
		other = f;
		other.signature = str_of(none[i]);
		assert_int_equal(check(&request, &other), KODO_EINVAL);
	}
}

static void
test_covers_less(void **state)
{
	static const char *const lists[] = { "\"@method\" \"kodo-to\" \"content-digest\"",
		"\"@method\" \"kodo-from\" \"content-digest\"", "\"kodo-to\" \"kodo-from\" "
		"\"content-digest\"", "\"@method\" \"kodo-to\" \"kodo-from\"",
		"\"@method\" \"@method\" \"kodo-to\" \"kodo-from\" \"content-digest\"",
		"\"@method\" \"kodo-to\" \"kodo-from\" \"content-digest\" \"date\"",
		"\"@method\" \"kodo-to\" \"kodo-from\" \"content-digest\";req", NULL };
	static const char params[] = ";created=1763000000;keyid=\"";
	struct signature_fields f = sign(&request), other;
	struct str input = f.input;
	size_t i;

	(void)state;
	for (i = 0; lists[i] != NULL; i++) {
		const char *rest = strstr(arena_strz(a, input), params);

		assert_non_null(rest);
		other = f;
		other.input = str_of(arena_printf(a, "kodo=(%s)%s", lists[i], rest));
		assert_int_equal(check(&request, &other), KODO_EINVAL);
	}
}

static void
test_former(void **state)
{
	struct own_key k = own;
	struct signature_fields f = { .from = STR("http://b:1"), .to = STR("http://a:1/connect") };
	struct signer who;
	const char *why;
	size_t i;

	(void)state;
	k.n_former = OWN_KEY_FORMER;
	for (i = 0; i < k.n_former; i++) {
		memset(k.former[i].key, (int)i + 1, CRYPTO_KEY_BYTES);
		memset(k.former[i].signature, (int)i + 101, CRYPTO_SIGNATURE_BYTES);
	}
	assert_int_equal(signature_make(a, &k, &request, 1, &f), KODO_OK);
	assert_int_equal(signature_check(&request, &f, &who, &why), KODO_OK);
	assert_int_equal(who.n_former, k.n_former);
	assert_memory_equal(who.former, k.former, sizeof(k.former));
	f.former.len -= 3;
	assert_int_equal(signature_check(&request, &f, &who, &why), KODO_OK);
	assert_int_equal(who.n_former, k.n_former - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_request_is_changed),
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_covers_less),
		cmocka_unit_test(test_former),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
