/*
 * SHA-256 and Ed25519 (RFC 8032), by libcrypto.
 *
 * libcrypto is opened at the first call, not at the start of the program: linked, it would add more
 * to each plain CGI process than that takes for its answer. Where it cannot be opened, all of these
 * are KODO_EIO, and the reason is logged once.
 */
#ifndef KODO_CRYPTO_H
#define KODO_CRYPTO_H

#include "core/base/err.h"
#include "core/base/str.h"

#define CRYPTO_SHA256_BYTES	32u
#define CRYPTO_SEED_BYTES	32u	/* the private key */
#define CRYPTO_KEY_BYTES	32u	/* the public key */
#define CRYPTO_SIGNATURE_BYTES	64u

enum kodo_err crypto_sha256(
    struct str text, unsigned char out[CRYPTO_SHA256_BYTES]) MUST_CHECK;

/* The public key to a private one. */
enum kodo_err crypto_public_key(const unsigned char seed[CRYPTO_SEED_BYTES],
    unsigned char key[CRYPTO_KEY_BYTES]) MUST_CHECK;
enum kodo_err crypto_sign(const unsigned char seed[CRYPTO_SEED_BYTES], struct str text,
    unsigned char out[CRYPTO_SIGNATURE_BYTES]) MUST_CHECK;
/*
 * KODO_EINVAL: it is no signature of text by that key; or that is a point of small order, under
 * which one signature holds for many texts, and which nobody has a private key for.
 */
enum kodo_err crypto_verify(const unsigned char key[CRYPTO_KEY_BYTES], struct str text,
    const unsigned char signature[CRYPTO_SIGNATURE_BYTES]) MUST_CHECK;

#endif
