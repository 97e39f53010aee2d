#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

#include "core/base/crypto.h"
#include "core/base/crypto_private.h"
#include "core/base/log.h"

#define SONAME	"libcrypto.so.3"

static const struct {
	const char *name;
	size_t at;	/* in struct libcrypto */
} functions[] = {
#define LIBCRYPTO(name) { #name, offsetof(struct libcrypto, name) },
	LIBCRYPTO_FUNCTIONS
#undef LIBCRYPTO
};

#define N_FUNCTIONS	(sizeof(functions) / sizeof(functions[0]))

static bool
lib_open(struct libcrypto *lib)
{
	void *handle = dlopen(SONAME, RTLD_NOW | RTLD_LOCAL), *found = handle;
	size_t i;

	for (i = 0; found != NULL && i < N_FUNCTIONS; i++) {
		found = dlsym(handle, functions[i].name);
		memcpy((char *)lib + functions[i].at, &found, sizeof(found));
	}
	if (found == NULL) {
		log_error("cannot open %s (Debian: libssl3), so nothing can be signed: %s", SONAME,
		    dlerror());
		return false;
	}
	/* its configuration has nothing for us, and takes as long to read as all the rest */
	return lib->OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) == 1;
}

const struct libcrypto *
crypto_lib(void)
{
	static enum { UNTRIED, OPEN, MISSING } tried;
	static struct libcrypto lib;

	if (tried == UNTRIED)
		tried = lib_open(&lib) ? OPEN : MISSING;
	return tried == OPEN ? &lib : NULL;
}

enum kodo_err
crypto_sha256(struct str text, unsigned char out[CRYPTO_SHA256_BYTES])
{
	const struct libcrypto *lib = crypto_lib();

	if (lib == NULL)
		return KODO_EIO;
	return lib->EVP_Digest(text.p == NULL ? "" : text.p, text.len, out, NULL, lib->EVP_sha256(),
		   NULL) == 1 ? KODO_OK : KODO_ENOMEM;
}

enum kodo_err
crypto_public_key(const unsigned char seed[CRYPTO_SEED_BYTES], unsigned char key[CRYPTO_KEY_BYTES])
{
	const struct libcrypto *lib = crypto_lib();
	size_t n = CRYPTO_KEY_BYTES;
	EVP_PKEY *pair;
	bool ok;

	if (lib == NULL)
		return KODO_EIO;
	pair = lib->EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, CRYPTO_SEED_BYTES);
	ok = pair != NULL && lib->EVP_PKEY_get_raw_public_key(pair, key, &n) == 1;
	lib->EVP_PKEY_free(pair);
	return ok ? KODO_OK : KODO_ENOMEM;
}

enum kodo_err
crypto_sign(const unsigned char seed[CRYPTO_SEED_BYTES], struct str text,
    unsigned char out[CRYPTO_SIGNATURE_BYTES])
{
	const struct libcrypto *lib = crypto_lib();
	size_t n = CRYPTO_SIGNATURE_BYTES;
	EVP_MD_CTX *ctx;
	EVP_PKEY *pair;
	bool ok;

	if (lib == NULL)
		return KODO_EIO;
	pair = lib->EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, CRYPTO_SEED_BYTES);
	ctx = lib->EVP_MD_CTX_new();
	ok = pair != NULL && ctx != NULL &&
	    lib->EVP_DigestSignInit(ctx, NULL, NULL, NULL, pair) == 1 &&
	    lib->EVP_DigestSign(ctx, out, &n, (const unsigned char *)text.p, text.len) == 1;
	lib->EVP_MD_CTX_free(ctx);
	lib->EVP_PKEY_free(pair);
	return ok ? KODO_OK : KODO_ENOMEM;
}

/*
 * The points of order 1, 2, 4 and 8, the sign of x left out: what Cremers and Jackson (Prime, Order
 * Please!, CSF 2019) and Chalkias et al. (Taming the Many EdDSAs, SSR 2020, table 6) list, and
 * libsodium refuses (ge25519_has_small_order). The last two encode y = 0 and 1 over p.
 */
static bool
is_small_order(const unsigned char key[CRYPTO_KEY_BYTES])
{
	static const unsigned char points[][CRYPTO_KEY_BYTES] = {
		{ 0 },
		{ 1 },
		{ 0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2,
		    0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38,
		    0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05 },
		{ 0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d,
		    0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7,
		    0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a },
#define TO_P 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, \
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, \
	0xff, 0x7f
		{ 0xec, TO_P },
		{ 0xed, TO_P },
		{ 0xee, TO_P },
#undef TO_P
	};
	size_t i;

	for (i = 0; i < sizeof(points) / sizeof(points[0]); i++)
		if (memcmp(key, points[i], CRYPTO_KEY_BYTES - 1) == 0 &&
		    (key[CRYPTO_KEY_BYTES - 1] & 0x7f) == points[i][CRYPTO_KEY_BYTES - 1])
			return true;
	return false;
}

enum kodo_err
crypto_verify(const unsigned char key[CRYPTO_KEY_BYTES], struct str text,
    const unsigned char signature[CRYPTO_SIGNATURE_BYTES])
{
	const struct libcrypto *lib = crypto_lib();
	enum kodo_err err = KODO_ENOMEM;
	EVP_MD_CTX *ctx;
	EVP_PKEY *public;

	if (lib == NULL)
		return KODO_EIO;
	if (is_small_order(key))
		return KODO_EINVAL;
	public = lib->EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, CRYPTO_KEY_BYTES);
	ctx = lib->EVP_MD_CTX_new();
	if (ctx != NULL && public != NULL &&
	    lib->EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, public) == 1)
		err = lib->EVP_DigestVerify(ctx, signature, CRYPTO_SIGNATURE_BYTES,
			  (const unsigned char *)text.p, text.len) == 1 ? KODO_OK : KODO_EINVAL;
	lib->EVP_MD_CTX_free(ctx);
	lib->EVP_PKEY_free(public);
	return err;
}
