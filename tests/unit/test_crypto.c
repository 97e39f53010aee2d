/*
 * SHA-256 and Ed25519 against the vectors of FIPS 180-2 and of RFC 8032, section 7.1.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/base/crypto.h"

static void
from_hex(const char *hex, unsigned char *out, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	assert_int_equal(strlen(hex), 2 * n);
	for (i = 0; i < n; i++)
		out[i] = (unsigned char)((strchr(digits, hex[2 * i]) - digits) << 4 |
		    (strchr(digits, hex[2 * i + 1]) - digits));
}

static void
test_sha256(void **state)
{
	static const struct {
		const char *text, *digest;
	} rows[] = {
		{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	};
	unsigned char want[CRYPTO_SHA256_BYTES], got[CRYPTO_SHA256_BYTES];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		from_hex(rows[i].digest, want, sizeof(want));
		assert_int_equal(crypto_sha256(str_of(rows[i].text), got), KODO_OK);
		assert_memory_equal(got, want, sizeof(want));
	}
	assert_int_equal(crypto_sha256(STR_NULL, got), KODO_OK);
	from_hex(rows[0].digest, want, sizeof(want));
	assert_memory_equal(got, want, sizeof(want));
}

static void
test_ed25519(void **state)
{
	static const struct {
		const char *seed, *key, *text, *signature;
	} rows[] = {
		{ "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
		    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
		    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
		    "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b" },
		{ "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
		    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "r",
		    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
		    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00" },
	};
	unsigned char seed[CRYPTO_SEED_BYTES], key[CRYPTO_KEY_BYTES], made[CRYPTO_KEY_BYTES];
	unsigned char want[CRYPTO_SIGNATURE_BYTES], got[CRYPTO_SIGNATURE_BYTES];
	size_t i, bit;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		from_hex(rows[i].seed, seed, sizeof(seed));
		from_hex(rows[i].key, key, sizeof(key));
		from_hex(rows[i].signature, want, sizeof(want));
		assert_int_equal(crypto_public_key(seed, made), KODO_OK);
		assert_memory_equal(made, key, sizeof(key));
		assert_int_equal(crypto_sign(seed, str_of(rows[i].text), got), KODO_OK);
		assert_memory_equal(got, want, sizeof(want));
		assert_int_equal(crypto_verify(key, str_of(rows[i].text), got), KODO_OK);
		assert_int_equal(crypto_verify(key, STR("other"), got), KODO_EINVAL);
		for (bit = 0; bit < 8 * sizeof(got); bit += 7) {
			got[bit / 8] ^= (unsigned char)(1u << bit % 8);
			assert_int_equal(
			    crypto_verify(key, str_of(rows[i].text), got), KODO_EINVAL);
			got[bit / 8] ^= (unsigned char)(1u << bit % 8);
		}
		key[0] ^= 1;
		assert_int_equal(crypto_verify(key, str_of(rows[i].text), got), KODO_EINVAL);
	}
}

/* Under a key of small order the signature (that point, 0) holds for one text of up to 8. */
static void
test_small_order(void **state)
{
	static const char *const keys[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	unsigned char key[CRYPTO_KEY_BYTES], r[CRYPTO_KEY_BYTES];
	unsigned char signature[CRYPTO_SIGNATURE_BYTES] = { 0 };
	char text[4] = "";
	size_t i, j, n;
	unsigned sign;

	(void)state;
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		for (sign = 0; sign <= 0x80; sign += 0x80) {
			from_hex(keys[i], key, sizeof(key));
			key[31] |= (unsigned char)sign;
			for (j = 0; j < 4; j++)
				for (n = 0; n < 64; n++) {
					from_hex(keys[j + 1], r, sizeof(r));
					memcpy(signature, r, sizeof(r));
					text[0] = (char)n;
					if (crypto_verify(key, (struct str){ text, 1 },
						signature) != KODO_EINVAL)
						fail_msg("key %zu, sign %#x", i, sign);
				}
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha256),
		cmocka_unit_test(test_ed25519),
		cmocka_unit_test(test_small_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
