#include "core/base/crypto_jwk.h"
#include "core/base/crypto_private.h"

/* SEC 1, 2.3.3: before both coordinates */
#define POINT_UNCOMPRESSED	0x04
#define DER_INTEGER	0x02
#define DER_SEQUENCE	0x30
/* two numbers of 32 bytes, each with tag, length and perhaps a zero before it, in a sequence */
#define DER_BYTES	(2 + 2 * (3 + CRYPTO_POINT_BYTES))

static const struct {
	enum crypto_key_type type;
	const char *digest;	/* NULL: the scheme has its own */
} schemes[CRYPTO_SCHEMES] = {
	[CRYPTO_RS256] = { CRYPTO_RSA, "SHA256" },
	[CRYPTO_RS384] = { CRYPTO_RSA, "SHA384" },
	[CRYPTO_RS512] = { CRYPTO_RSA, "SHA512" },
	[CRYPTO_ES256] = { CRYPTO_P256, "SHA256" },
	[CRYPTO_EDDSA] = { CRYPTO_ED25519, NULL },
};

enum crypto_key_type
crypto_scheme_type(enum crypto_scheme scheme)
{
	return schemes[scheme].type;
}

/* A number in the byte order of this machine, as libcrypto takes it. */
static OSSL_PARAM
number_param(const char *name, struct str bytes, unsigned char *to)
{
	const bool is_little = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
	size_t i;

	for (i = 0; i < bytes.len; i++)
		to[i] = (unsigned char)bytes.p[is_little ? bytes.len - 1 - i : i];
	return (OSSL_PARAM){ name, OSSL_PARAM_UNSIGNED_INTEGER, to, bytes.len, 0 };
}

/* NULL: it is no key, or memory ran out. */
static EVP_PKEY *
key_of_params(const struct libcrypto *lib, const char *name, OSSL_PARAM *params)
{
	EVP_PKEY_CTX *ctx = lib->EVP_PKEY_CTX_new_from_name(NULL, name, NULL);
	EVP_PKEY *key = NULL;

	if (ctx != NULL && lib->EVP_PKEY_fromdata_init(ctx) == 1 &&
	    lib->EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	lib->EVP_PKEY_CTX_free(ctx);
	return key;
}

static EVP_PKEY *
rsa_key(const struct libcrypto *lib, const struct crypto_jwk *key)
{
	unsigned char n[CRYPTO_RSA_MAX_BYTES], e[CRYPTO_RSA_E_MAX_BYTES];
	OSSL_PARAM params[3] = { 0 };

	if (key->first.len > sizeof(n) || key->second.len > sizeof(e))
		return NULL;
	params[0] = number_param(OSSL_PKEY_PARAM_RSA_N, key->first, n);
	params[1] = number_param(OSSL_PKEY_PARAM_RSA_E, key->second, e);
	return key_of_params(lib, "RSA", params);
}

/* libcrypto sees whether the point is on the curve. */
static EVP_PKEY *
p256_key(const struct libcrypto *lib, const struct crypto_jwk *key)
{
	static char curve[] = "P-256";
	unsigned char point[1 + 2 * CRYPTO_POINT_BYTES] = { POINT_UNCOMPRESSED };
	OSSL_PARAM params[3] = {
		{ OSSL_PKEY_PARAM_GROUP_NAME, OSSL_PARAM_UTF8_STRING, curve, sizeof(curve) - 1, 0 },
		{ OSSL_PKEY_PARAM_PUB_KEY, OSSL_PARAM_OCTET_STRING, point, sizeof(point), 0 },
	};

	if (key->first.len != CRYPTO_POINT_BYTES || key->second.len != CRYPTO_POINT_BYTES)
		return NULL;
	memcpy(point + 1, key->first.p, CRYPTO_POINT_BYTES);
	memcpy(point + 1 + CRYPTO_POINT_BYTES, key->second.p, CRYPTO_POINT_BYTES);
	return key_of_params(lib, "EC", params);
}

static EVP_PKEY *
ed25519_key(const struct libcrypto *lib, const struct crypto_jwk *key)
{
	return lib->EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL,
	    (const unsigned char *)key->first.p, key->first.len);
}

/* The number in DER: without zeros before it, but with one where it would be negative. */
static size_t
put_integer(unsigned char *to, struct str number)
{
	size_t pad;

	while (number.len > 1 && number.p[0] == 0)
		number = str_skip(number, 1);
	pad = (unsigned char)number.p[0] >> 7;
	to[0] = DER_INTEGER;
	to[1] = (unsigned char)(number.len + pad);
	to[2] = 0;
	memcpy(to + 2 + pad, number.p, number.len);
	return 2 + pad + number.len;
}

/* A signature of ES256 as libcrypto takes it, in der; null: its length is wrong. */
static struct str
es256_der(struct str raw, unsigned char der[DER_BYTES])
{
	size_t n = 2;

	if (raw.len != 2 * CRYPTO_POINT_BYTES)
		return STR_NULL;
	n += put_integer(der + n, (struct str){ raw.p, CRYPTO_POINT_BYTES });
	n += put_integer(der + n, str_skip(raw, CRYPTO_POINT_BYTES));
	der[0] = DER_SEQUENCE;
	der[1] = (unsigned char)(n - 2);
	return (struct str){ (const char *)der, n };
}

enum kodo_err
crypto_jwk_verify(const struct crypto_jwk *key, enum crypto_scheme scheme, struct str text,
    struct str signature)
{
	static EVP_PKEY *(*const load[])(const struct libcrypto *, const struct crypto_jwk *) = {
		[CRYPTO_RSA] = rsa_key,
		[CRYPTO_P256] = p256_key,
		[CRYPTO_ED25519] = ed25519_key,
	};
	const struct libcrypto *lib = crypto_lib();
	unsigned char der[DER_BYTES];
	EVP_MD_CTX *ctx;
	EVP_PKEY *public;
	enum kodo_err err = KODO_EINVAL;

	if (lib == NULL)
		return KODO_EIO;
	if (scheme == CRYPTO_ES256)
		signature = es256_der(signature, der);
	if (key->type != schemes[scheme].type || signature.len == 0)
		return KODO_EINVAL;
	ctx = lib->EVP_MD_CTX_new();
	if (ctx == NULL)
		return KODO_ENOMEM;
	public = load[key->type](lib, key);
	if (public != NULL && lib->EVP_DigestVerifyInit_ex(
		ctx, NULL, schemes[scheme].digest, NULL, NULL, public, NULL) == 1 &&
	    lib->EVP_DigestVerify(ctx, (const unsigned char *)signature.p, signature.len,
		(const unsigned char *)text.p, text.len) == 1)
		err = KODO_OK;
	lib->EVP_MD_CTX_free(ctx);
	lib->EVP_PKEY_free(public);
	return err;
}
