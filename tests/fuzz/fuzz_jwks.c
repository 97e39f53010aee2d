/*
 * Any bytes as a key set: what is read of it has the sizes that a key may have, and a token that is
 * checked by it is refused or good.
 */
#include <stdint.h>
#include <stdlib.h>

#include "core/auth/jwt.h"
#include "core/base/limit.h"
#include "tests/unit/jwt_vectors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static void
check_key(const struct jwks_key *key)
{
	must(!key->is_ambiguous);
	must(!key->has_scheme || crypto_scheme_type(key->scheme) == key->key.type);
	if (key->key.type == CRYPTO_RSA)
		must(key->key.first.len >= 256 && key->key.first.len <= CRYPTO_RSA_MAX_BYTES &&
		    key->key.second.len <= CRYPTO_RSA_E_MAX_BYTES);
	else
		must(key->key.first.len == CRYPTO_POINT_BYTES);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *const tokens[] = { VECTOR_RS256, VECTOR_ES256, RFC8037_EDDSA };
	struct arena *a = arena_new();
	enum jwt_fault fault;
	const char *reason;
	struct jwks keys;
	unsigned roles;
	size_t i;

	must(a != NULL);
	if (jwks_read(a, (struct str){ (const char *)data, n }, &keys, &reason) == KODO_OK) {
		const struct jwt_rules rules = { .keys = &keys, .audience = STR("http://own:1"),
			.role_path = STR("r"), .now_us = 1900000000000000 };

		must(keys.n + keys.n_left_out <= LIMIT_JWKS_KEYS);
		for (i = 0; i < keys.n; i++)
			check_key(&keys.keys[i]);
		for (i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++)
			must(jwt_check(a, str_of(tokens[i]), &rules, &roles, &fault) == KODO_OK);
	} else
		must(reason != NULL);
	arena_free(a);
	return 0;
}
