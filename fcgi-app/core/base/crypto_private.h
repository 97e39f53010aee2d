/*
 * What crypto.c uses of libcrypto. The only includer of OpenSSL's headers.
 */
#ifndef KODO_CRYPTO_PRIVATE_H
#define KODO_CRYPTO_PRIVATE_H

#include <openssl/crypto.h>
#include <openssl/evp.h>

/* The functions used, and so the names that are looked up. */
#define LIBCRYPTO_FUNCTIONS                     \
	LIBCRYPTO(OPENSSL_init_crypto)          \
	LIBCRYPTO(EVP_sha256)                   \
	LIBCRYPTO(EVP_Digest)                   \
	LIBCRYPTO(EVP_MD_CTX_new)               \
	LIBCRYPTO(EVP_MD_CTX_free)              \
	LIBCRYPTO(EVP_PKEY_new_raw_private_key) \
	LIBCRYPTO(EVP_PKEY_new_raw_public_key)  \
	LIBCRYPTO(EVP_PKEY_get_raw_public_key)  \
	LIBCRYPTO(EVP_PKEY_free)                \
	LIBCRYPTO(EVP_DigestSignInit)           \
	LIBCRYPTO(EVP_DigestSign)               \
	LIBCRYPTO(EVP_DigestVerifyInit)         \
	LIBCRYPTO(EVP_DigestVerify)

struct libcrypto {
#define LIBCRYPTO(name) __typeof__(&(name)) name;
	LIBCRYPTO_FUNCTIONS
#undef LIBCRYPTO
};

/* NULL: it cannot be opened. Opened once in a process, never closed. */
const struct libcrypto *crypto_lib(void);

#endif
