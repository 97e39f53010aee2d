/*
 * Tokens: the vectors of RFC 7515 and 8037, one token of each algorithm, and each refusal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/auth/jwt.h"
#include "core/base/base64.h"
#include "core/base/buf.h"
#include "core/base/crypto.h"
#include "core/base/limit.h"
#include "tests/unit/jwt_vectors.h"

#define AUDIENCE	"http://own:1"
#define NOW_S		1900000000ll
#define ED_X		"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"	/* RFC 8037, A.2 */
#define ED_KEY(kid)	"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" ED_X "\"" kid "}"
#define EC_KEY(more)	"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" VECTOR_EC_X "\",\"y\":\"" \
	VECTOR_EC_Y "\"" more "}"
#define RSA_KEY(n, more) "{\"kty\":\"RSA\",\"n\":\"" n "\",\"e\":\"AQAB\"" more "}"
#define SET(keys)	"{\"keys\":[" keys "]}"
#define OUR_SET		SET(ED_KEY(",\"kid\":\"ed\"") "," EC_KEY(",\"kid\":\"ec\"") "," \
	RSA_KEY(VECTOR_N, ",\"kid\":\"rsa\",\"use\":\"sig\""))

/* its public key is ED_X */
static const unsigned char ed_seed[CRYPTO_SEED_BYTES] = { 0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a,
	0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32,
	0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60 };

static struct arena *a;

static int
setup(void **state)
{
	(void)state;
	a = arena_new();
	return a == NULL;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

/* The token of header and claims, signed with ed_seed. */
static struct str
sign(const char *header, const char *claims)
{
	unsigned char signature[CRYPTO_SIGNATURE_BYTES];
	struct buf b = BUF_INIT(0);
	struct str out;

	base64_put(&b, BASE64_URL, str_of(header));
	buf_putc(&b, '.');
	base64_put(&b, BASE64_URL, str_of(claims));
	assert_int_equal(crypto_sign(ed_seed, buf_str(&b), signature), KODO_OK);
	buf_putc(&b, '.');
	base64_put(&b, BASE64_URL,
	    (struct str){ (const char *)signature, sizeof(signature) });
	assert_int_equal(arena_str(a, buf_str(&b), &out), KODO_OK);
	buf_free(&b);
	return out;
}

static struct jwks
read_set(const char *json)
{
	const char *reason;
	struct jwks set;

	assert_int_equal(jwks_read(a, str_of(json), &set, &reason), KODO_OK);
	return set;
}

static void
check_at(const char *set, const char *path, struct str token, enum jwt_fault want,
    unsigned want_roles)
{
	const struct jwks keys = read_set(set);
	const struct jwt_rules rules = { .keys = &keys, .audience = STR(AUDIENCE),
		.role_path = str_of(path), .now_us = NOW_S * 1000000 };
	enum jwt_fault fault;
	unsigned roles;

	assert_int_equal(jwt_check(a, token, &rules, &roles, &fault), KODO_OK);
	if (fault != want)
		print_message("%s instead of: %s: %.*s\n", jwt_fault_text(fault),
		    jwt_fault_text(want), STR_ARG(token));
	assert_int_equal(fault, want);
	assert_int_equal(roles, want_roles);
}

static void
check(const char *set, struct str token, enum jwt_fault want)
{
	check_at(set, "resource_access/%AUD%/roles", token, want,
	    want == JWT_GOOD ? JWT_REGISTRY | JWT_FLOWS : 0);
}

/* Their claims name no audience: what is wrong is seen only after the signature. */
static void
test_rfc(void **state)
{
	static const struct {
		const char *set, *token;
		enum jwt_fault fault;
	} rows[] = {
		/* RFC 7515, A.2 and A.3 */
		{ SET(RSA_KEY(RFC7515_N, "")), RFC7515_RS256, JWT_EXPIRED },
		{ SET("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" RFC7515_X "\",\"y\":\""
		    RFC7515_Y "\"}"), RFC7515_ES256, JWT_EXPIRED },
		/* RFC 8037, A.4; what is signed there are no claims */
		{ SET(ED_KEY("")), RFC8037_EDDSA, JWT_NO_CLAIMS },
	};
	struct str token;
	char *at;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		check(rows[i].set, str_of(rows[i].token), rows[i].fault);
		/* a byte of the signature is another one */
		assert_int_equal(arena_str(a, str_of(rows[i].token), &token), KODO_OK);
		at = (char *)(uintptr_t)token.p + token.len - 20;
		*at = *at == 'A' ? 'B' : 'A';
		check(rows[i].set, token, JWT_WRONG_SIGNATURE);
	}
}

static void
test_algorithms(void **state)
{
	static const struct {
		const char *token;
		enum jwt_fault fault;
	} rows[] = {
		{ VECTOR_RS256, JWT_GOOD },
		{ VECTOR_RS384, JWT_GOOD },
		{ VECTOR_RS512, JWT_GOOD },
		{ VECTOR_ES256, JWT_GOOD },
		{ VECTOR_ES256_DER, JWT_WRONG_SIGNATURE },
		{ VECTOR_PSS, JWT_WRONG_SIGNATURE },
		{ VECTOR_HS256_PEM, JWT_NO_ALG },
		{ VECTOR_SMALL, JWT_UNKNOWN_KEY },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(SET(ED_KEY(",\"kid\":\"ed\"") "," EC_KEY(",\"kid\":\"ec\"") ","
			RSA_KEY(VECTOR_N, ",\"kid\":\"rsa\"") ","
			RSA_KEY(VECTOR_SMALL_N, ",\"kid\":\"small\"")), str_of(rows[i].token),
		    rows[i].fault);
	/* 61 and 67 bytes of signature */
	check(OUR_SET, STR(VECTOR_ES256_CUT), JWT_WRONG_SIGNATURE);
	check(OUR_SET, STR(VECTOR_ES256_LONG), JWT_WRONG_SIGNATURE);
	/* one that says that it is for RS256 */
	check(SET(RSA_KEY(VECTOR_N, ",\"kid\":\"rsa\",\"alg\":\"RS256\"")), STR(VECTOR_RS256),
	    JWT_GOOD);
	check(SET(RSA_KEY(VECTOR_N, ",\"kid\":\"rsa\",\"alg\":\"RS256\"")), STR(VECTOR_RS384),
	    JWT_WRONG_KEY);
	/* a point that is not on the curve */
	check(SET("{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"ec\",\"x\":\"" VECTOR_EC_X
		"\",\"y\":\"" VECTOR_EC_X "\"}"), STR(VECTOR_ES256), JWT_WRONG_SIGNATURE);
}

#define GOOD_CLAIMS	"{\"aud\":\"" AUDIENCE "\",\"exp\":1900000001," \
	"\"resource_access\":{\"" AUDIENCE \
	"\":{\"roles\":[\"registry\",\"flows\",\"other\"]}}}"

static void
test_headers(void **state)
{
	static const struct {
		const char *header;
		enum jwt_fault fault;
	} rows[] = {
		{ "{\"alg\":\"EdDSA\",\"kid\":\"ed\"}", JWT_GOOD },
		{ "{\"alg\":\"Ed25519\",\"kid\":\"ed\"}", JWT_GOOD },
		{ "{\"alg\":\"EdDSA\"}", JWT_GOOD },	/* one key fits */
		{ "{\"alg\":\"EdDSA\",\"kid\":\"\\u0065d\",\"typ\":\"JWT\"}", JWT_GOOD },
		{ "{\"alg\":\"EdDSA\",\"kid\":\"ed\",\"typ\":\"application/at+JWT\"}", JWT_GOOD },
		{ "{\"alg\":\"EdDSA\",\"kid\":\"ed\",\"x5t\":\"AAAA\"}", JWT_GOOD },
		{ "{\"alg\":\"EdDSA\",\"kid\":\"ed\",\"typ\":\"logout+jwt\"}", JWT_OTHER_TYPE },
		{ "{\"alg\":\"EdDSA\",\"kid\":\"ed\",\"typ\":7}", JWT_OTHER_TYPE },
		{ "{\"alg\":\"none\",\"kid\":\"ed\"}", JWT_NO_ALG },
		{ "{\"alg\":\"HS256\",\"kid\":\"ed\"}", JWT_NO_ALG },
		{ "{\"alg\":\"HS512\",\"kid\":\"rsa\"}", JWT_NO_ALG },
		{ "{\"kid\":\"ed\"}", JWT_NO_ALG },
		{ "{\"alg\":null,\"kid\":\"ed\"}", JWT_NO_ALG },
		{ "{\"alg\":\"None\",\"kid\":\"ed\"}", JWT_OTHER_ALG },
		{ "{\"alg\":\"eddsa\",\"kid\":\"ed\"}", JWT_OTHER_ALG },
		{ "{\"alg\":\"PS256\",\"kid\":\"rsa\"}", JWT_OTHER_ALG },
		{ "{\"alg\":\"ES384\",\"kid\":\"ec\"}", JWT_OTHER_ALG },
		{ "{\"alg\":\"EdDSA\",\"kid\":\"foreign\"}", JWT_UNKNOWN_KEY },
		{ "{\"alg\":\"EdDSA\",\"kid\":\"\"}", JWT_UNKNOWN_KEY },
		{ "{\"alg\":\"EdDSA\",\"kid\":7}", JWT_NO_HEADER },
		{ "{\"alg\":\"EdDSA\",\"kid\":\"rsa\"}", JWT_WRONG_KEY },
		{ "{\"alg\":\"RS256\",\"kid\":\"ed\"}", JWT_WRONG_KEY },
		{ "{\"alg\":\"RS256\",\"kid\":\"ec\"}", JWT_WRONG_KEY },
		{ "{\"alg\":\"ES256\",\"kid\":\"ec\"}", JWT_WRONG_SIGNATURE },
		{ "{\"alg\":\"RS256\",\"kid\":\"rsa\"}", JWT_WRONG_SIGNATURE },
		{ "{\"alg\":\"EdDSA\",\"kid\":\"ed\",\"crit\":[\"exp\"]}", JWT_CRITICAL },
		{ "{\"alg\":\"EdDSA\",\"kid\":\"ed\",\"crit\":null}", JWT_CRITICAL },
		{ "{\"alg\":\"EdDSA\",\"kid\":\"ed\",\"jku\":\"https://x\"}", JWT_OWN_KEY },
		{ "{\"alg\":\"EdDSA\",\"kid\":\"ed\",\"x5u\":\"https://x\"}", JWT_OWN_KEY },
		{ "{\"alg\":\"EdDSA\",\"kid\":\"ed\",\"x5c\":[]}", JWT_OWN_KEY },
		{ "{\"alg\":\"EdDSA\",\"jwk\":" ED_KEY("") "}", JWT_OWN_KEY },
		{ "{\"alg\":\"none\",\"jwk\":{}}", JWT_OWN_KEY },
		{ "{\"alg\":\"none\",\"alg\":\"EdDSA\",\"kid\":\"ed\"}", JWT_NO_HEADER },
		{ "{\"alg\":\"EdDSA\",\"kid\":\"ed\",\"\\u006bid\":\"ed\"}", JWT_NO_HEADER },
		{ "{\"alg\":\"EdDSA\",\"kid\":\"ed\",\"a\":1,\"a\":1}", JWT_NO_HEADER },
		{ "{\"alg\":\"EdDSA\",\"kid\":\"ed\"} {}", JWT_NO_HEADER },
		{ "[\"alg\",\"EdDSA\"]", JWT_NO_HEADER },
		{ "\"EdDSA\"", JWT_NO_HEADER },
		{ "EdDSA", JWT_NO_HEADER },
		{ "{\"alg\":\"EdDSA\",\"kid\":\"ed\xff\"}", JWT_NO_HEADER },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(OUR_SET, sign(rows[i].header, GOOD_CLAIMS), rows[i].fault);
}

#define HEADER	"{\"alg\":\"EdDSA\",\"kid\":\"ed\"}"
#define AUD	"\"aud\":\"" AUDIENCE "\""
#define ROLES	",\"resource_access\":{\"" AUDIENCE "\":{\"roles\":[\"registry\",\"flows\"]}}}"

static void
test_claims(void **state)
{
	static const struct {
		const char *claims;
		enum jwt_fault fault;
	} rows[] = {
		{ "{" AUD ",\"exp\":1899999941" ROLES, JWT_GOOD },	/* 60 s of skew */
		{ "{" AUD ",\"exp\":1899999940" ROLES, JWT_EXPIRED },
		{ "{" AUD ",\"exp\":1899999940.5" ROLES, JWT_GOOD },
		{ "{" AUD ",\"exp\":-1e300" ROLES, JWT_EXPIRED },
		{ "{" AUD ROLES, JWT_NO_EXP },
		{ "{" AUD ",\"exp\":\"1900000001\"" ROLES, JWT_WRONG_TIME },
		{ "{" AUD ",\"exp\":null" ROLES, JWT_WRONG_TIME },
		{ "{" AUD ",\"exp\":1e999" ROLES, JWT_NO_CLAIMS },
		{ "{" AUD ",\"exp\":1900000001,\"exp\":1900000001" ROLES, JWT_NO_CLAIMS },
		{ "{" AUD ",\"exp\":1900000001,\"nbf\":1900000060" ROLES, JWT_GOOD },
		{ "{" AUD ",\"exp\":1900000001,\"nbf\":1900000061" ROLES, JWT_TOO_EARLY },
		{ "{" AUD ",\"exp\":1900000001,\"nbf\":true" ROLES, JWT_WRONG_TIME },
		{ "{" AUD ",\"exp\":1900000001,\"iat\":1900000060" ROLES, JWT_GOOD },
		{ "{" AUD ",\"exp\":1900000001,\"iat\":1900000061" ROLES, JWT_TOO_EARLY },
		{ "{" AUD ",\"exp\":1900000001,\"iat\":[]" ROLES, JWT_WRONG_TIME },
		{ "{\"exp\":1900000001,\"aud\":[\"x\",\"" AUDIENCE "\"]" ROLES, JWT_GOOD },
		{ "{\"exp\":1900000001" ROLES, JWT_WRONG_AUDIENCE },
		{ "{\"exp\":1900000001,\"aud\":\"x\"" ROLES, JWT_WRONG_AUDIENCE },
		{ "{\"exp\":1900000001,\"aud\":\"" AUDIENCE "/\"" ROLES, JWT_WRONG_AUDIENCE },
		{ "{\"exp\":1900000001,\"aud\":[]" ROLES, JWT_WRONG_AUDIENCE },
		{ "{\"exp\":1900000001,\"aud\":{\"" AUDIENCE "\":1}" ROLES, JWT_WRONG_AUDIENCE },
		{ "{\"exp\":1900000001,\"aud\":[[\"" AUDIENCE "\"]]" ROLES, JWT_WRONG_AUDIENCE },
		{ "{" AUD ",\"exp\":1900000001,\"resource_access\":{},\"resource_access\":{}}",
		    JWT_NO_CLAIMS },
		{ "{" AUD ",\"exp\":1900000001,\"resource_access\":{\"" AUDIENCE "\":{"
		    "\"roles\":1,\"roles\":[\"registry\"]}}}", JWT_NO_CLAIMS },
		{ "[]", JWT_NO_CLAIMS },
		{ "", JWT_NO_PARTS },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(OUR_SET, sign(HEADER, rows[i].claims), rows[i].fault);
}

static void
test_roles(void **state)
{
	static const struct {
		const char *path, *claim;
		unsigned roles;
	} rows[] = {
		{ "roles", "\"roles\":[\"registry\"]", JWT_REGISTRY },
		{ "roles", "\"roles\":[\"flows\",1,null,[\"registry\"]]", JWT_FLOWS },
		{ "roles", "\"roles\":\"registry\"", JWT_REGISTRY },
		{ "scope", "\"scope\":\"openid flows registry\"", JWT_REGISTRY | JWT_FLOWS },
		{ "roles", "\"roles\":[\"Registry\",\"registry2\",\"regist\",\"\"]", 0 },
		{ "roles", "\"roles\":{\"registry\":true}", 0 },
		{ "roles", "\"x\":1", 0 },
		{ "roles/x", "\"roles\":[\"registry\"]", 0 },
		{ "a/b/c", "\"a\":{\"b\":{\"c\":[\"registry\"]}}", JWT_REGISTRY },
		/* the audience holds slashes, and is one step */
		{ "a/%AUD%", "\"a\":{\"" AUDIENCE "\":[\"registry\"]}", JWT_REGISTRY },
		{ "a/%AUD%", "\"a\":{\"http:\":{\"\":{\"own:1\":[\"registry\"]}}}", 0 },
		{ "a/<%AUD%>/r",
		    "\"a\":{\"<" AUDIENCE ">\":{\"r\":[\"registry\"]}}", JWT_REGISTRY },
		{ "%AUD%", "\"" AUDIENCE "\":[\"flows\"]", JWT_FLOWS },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *claims =
		    arena_printf(a, "{" AUD ",\"exp\":1900000001,%s}", rows[i].claim);

		check_at(OUR_SET, rows[i].path, sign(HEADER, claims), JWT_GOOD, rows[i].roles);
	}
}

static void
test_parts(void **state)
{
	static const char *const bad[] = { "", ".", "..", "...", "a.b.c", "0123456789abcdef",
		"e30.e30", "e30.e30.", "e30..e30", ".e30.e30", "e30.e30.e30.", "e30.e30.e30.e30",
		"e30.e30.e30.e30.e30", "e30=.e30.e30", "e31.e30.e30", "e30 .e30.e30",
		"e30.e30.e3+" };
	const struct str good = sign(HEADER, GOOD_CLAIMS);
	const char *more[] = { arena_printf(a, "%.*s.", STR_ARG(good)),
		arena_printf(a, "%.*s=", STR_ARG(good)), arena_printf(a, " %.*s", STR_ARG(good)),
		arena_printf(a, "%.*s\n", STR_ARG(good)),
		arena_printf(a, "%.*s.AA", STR_ARG(good)) };
	char *large = arena_zalloc(a, LIMIT_JWT_BYTES + 2);
	size_t i;

	(void)state;
	check(OUR_SET, good, JWT_GOOD);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check(OUR_SET, str_of(bad[i]), JWT_NO_PARTS);
	for (i = 0; i < sizeof(more) / sizeof(more[0]); i++)
		check(OUR_SET, str_of(more[i]), JWT_NO_PARTS);
	memset(large, 'A', LIMIT_JWT_BYTES + 1);
	check(OUR_SET, str_of(large), JWT_TOO_LONG);
}

static void
test_sets(void **state)
{
	static const struct {
		const char *json;
		size_t n, n_left_out;
	} rows[] = {
		{ OUR_SET, 3, 0 },
		{ SET(""), 0, 0 },
		{ "{\"keys\":[],\"more\":1}", 0, 0 },
		{ SET(RSA_KEY(VECTOR_SMALL_N, "")), 0, 1 },
		{ SET(RSA_KEY(VECTOR_N, ",\"use\":\"enc\"")), 0, 1 },
		{ SET(RSA_KEY(VECTOR_N, ",\"use\":\"sig\",\"key_ops\":[\"verify\"]")), 1, 0 },
		{ SET(RSA_KEY(VECTOR_N, ",\"key_ops\":[\"encrypt\"]")), 0, 1 },
		{ SET(RSA_KEY(VECTOR_N, ",\"key_ops\":\"verify\"")), 0, 1 },
		{ SET(RSA_KEY(VECTOR_N, ",\"alg\":\"HS256\"")), 0, 1 },
		{ SET(RSA_KEY(VECTOR_N, ",\"alg\":\"ES256\"")), 0, 1 },
		{ SET(RSA_KEY(VECTOR_N, ",\"d\":\"AQAB\"")), 0, 1 },
		{ SET(RSA_KEY(VECTOR_N, ",\"n\":\"AQAB\"")), 0, 1 },
		{ SET("{\"kty\":\"RSA\",\"n\":\"" VECTOR_N "\",\"e\":\"AQ\"}"), 0, 1 },
		{ SET("{\"kty\":\"RSA\",\"n\":\"" VECTOR_N "\",\"e\":\"BA\"}"), 0, 1 },
		{ SET("{\"kty\":\"RSA\",\"n\":\"" VECTOR_N "\"}"), 0, 1 },
		{ SET("{\"kty\":\"oct\",\"k\":\"AQAB\"}"), 0, 1 },
		{ SET("{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"AA\",\"y\":\"AA\"}"), 0, 1 },
		{ SET("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA\"}"), 0, 1 },
		{ SET("{},7,[]," ED_KEY("")), 1, 3 },
		/* two under one kid */
		{ SET(ED_KEY(",\"kid\":\"k\"") "," ED_KEY(",\"kid\":\"k\"")), 0, 2 },
		{ SET(ED_KEY(",\"kid\":\"k\"") "," EC_KEY(",\"kid\":\"k\"")), 2, 0 },
	};
	static const char *const bad[] = { "", "[]", "{}", "{\"keys\":{}}", "{\"keys\":null}",
		"null", "{\"keys\":[]", "{\"keys\":[],\"keys\":[]}", "<html>" };
	struct buf many = BUF_INIT(0);
	const char *reason;
	struct jwks set;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		set = read_set(rows[i].json);
		assert_int_equal(set.n, rows[i].n);
		assert_int_equal(set.n_left_out, rows[i].n_left_out);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(jwks_read(a, str_of(bad[i]), &set, &reason), KODO_EINVAL);
	buf_puts(&many, "{\"keys\":[{}");
	for (i = 0; i < LIMIT_JWKS_KEYS; i++)
		buf_puts(&many, ",{}");
	buf_puts(&many, "]}");
	assert_int_equal(jwks_read(a, buf_str(&many), &set, &reason), KODO_EINVAL);
	assert_string_equal(reason, "it has too many keys");
	buf_free(&many);
	/* without kid, and two that fit */
	check(SET(ED_KEY(",\"kid\":\"k\"") "," ED_KEY(",\"kid\":\"l\"")),
	    sign("{\"alg\":\"EdDSA\"}", GOOD_CLAIMS), JWT_UNKNOWN_KEY);
}

int
main(void)
{
#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_rfc),
		TEST(test_algorithms),
		TEST(test_headers),
		TEST(test_claims),
		TEST(test_roles),
		TEST(test_parts),
		TEST(test_sets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
