/*
 * Any bytes as a token, and as header and claims under a good signature: nobody gets a role by the
 * first, and what is granted by the second has an exp and our audience in it.
 */
#include <stdint.h>
#include <stdlib.h>

#include "core/auth/jwt.h"
#include "core/base/base64.h"
#include "core/base/buf.h"
#include "core/base/crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define SET	"{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"ed\",\"x\":" \
	"\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}"

/* The private key to it. */
static const unsigned char seed[CRYPTO_SEED_BYTES] = { 0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a,
	0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32,
	0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60 };

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static unsigned
check(struct arena *a, const struct jwks *keys, struct str token, enum jwt_fault *fault)
{
	const struct jwt_rules rules = { .keys = keys, .audience = STR("http://own:1"),
		.role_path = STR("a/%AUD%/r"), .now_us = 1900000000000000 };
	unsigned roles;

	must(jwt_check(a, token, &rules, &roles, fault) == KODO_OK);
	must(*fault < JWT_FAULTS && (*fault == JWT_GOOD || roles == 0));
	must((roles & ~(unsigned)(JWT_REGISTRY | JWT_FLOWS)) == 0);
	return roles;
}

/* The first line as header, what follows as claims. */
static void
check_signed(struct arena *a, const struct jwks *keys, struct str text)
{
	unsigned char signature[CRYPTO_SIGNATURE_BYTES];
	struct buf b = BUF_INIT(0);
	struct str claims = text;
	enum jwt_fault fault;

	base64_put(&b, BASE64_URL, str_cut(&claims, '\n'));
	buf_putc(&b, '.');
	base64_put(&b, BASE64_URL, claims);
	must(crypto_sign(seed, buf_str(&b), signature) == KODO_OK);
	buf_putc(&b, '.');
	base64_put(&b, BASE64_URL, (struct str){ (const char *)signature, sizeof(signature) });
	(void)check(a, keys, buf_str(&b), &fault);
	must(fault != JWT_WRONG_SIGNATURE);
	if (fault == JWT_GOOD)
		must(memmem(claims.p, claims.len, "1", 1) != NULL);
	buf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const struct str text = { (const char *)data, n };
	struct arena *a = arena_new();
	enum jwt_fault fault;
	const char *reason;
	struct jwks keys;

	must(a != NULL && jwks_read(a, STR(SET), &keys, &reason) == KODO_OK && keys.n == 1);
	must(check(a, &keys, text, &fault) == 0 || fault == JWT_GOOD);
	check_signed(a, &keys, text);
	arena_free(a);
	return 0;
}
