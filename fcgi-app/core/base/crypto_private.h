/*
 * What crypto.c and crypto_jwk.c use of libcrypto. The only includer of OpenSSL's headers.
 */
#ifndef KODO_CRYPTO_PRIVATE_H
#define KODO_CRYPTO_PRIVATE_H

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

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
	LIBCRYPTO(EVP_DigestVerify)             \
	LIBCRYPTO(EVP_DigestVerifyInit_ex)      \
	LIBCRYPTO(EVP_PKEY_CTX_new_from_name)   \
	LIBCRYPTO(EVP_PKEY_CTX_free)            \
	LIBCRYPTO(EVP_PKEY_fromdata_init)       \
	LIBCRYPTO(EVP_PKEY_fromdata)

struct libcrypto {
#define LIBCRYPTO(name) __typeof__(&(name)) name;
	LIBCRYPTO_FUNCTIONS
#undef LIBCRYPTO
};

/* NULL: it cannot be opened. Opened once in a process, never closed. */
const struct libcrypto *crypto_lib(void);

#endif
