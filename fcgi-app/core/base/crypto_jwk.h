/*
 * Signatures as JOSE has them (RFC 7518, 8037), by the public keys of a JSON Web Key Set.
 */
#ifndef KODO_CRYPTO_JWK_H
#define KODO_CRYPTO_JWK_H

#include "core/base/err.h"
#include "core/base/str.h"

enum crypto_key_type { CRYPTO_RSA, CRYPTO_P256, CRYPTO_ED25519 };

enum crypto_scheme { CRYPTO_RS256, CRYPTO_RS384, CRYPTO_RS512, CRYPTO_ES256, CRYPTO_EDDSA,
    CRYPTO_SCHEMES };

#define CRYPTO_RSA_MAX_BYTES	1024u	/* of n; what is longer costs too much time */
#define CRYPTO_RSA_E_MAX_BYTES	8u	/* of e; nearly all have 65537 */
#define CRYPTO_POINT_BYTES	32u	/* of x and y */

/* The numbers of a public key, as bytes, the most significant first. Borrowed. */
struct crypto_jwk {
	enum crypto_key_type type;
	struct str first;	/* n of RSA, else x of CRYPTO_POINT_BYTES */
	struct str second;	/* e of RSA, y of P-256, null of Ed25519 */
};

/* The only type of key that a scheme goes with. */
enum crypto_key_type crypto_scheme_type(enum crypto_scheme scheme);

/*
 * Is signature, in the form of RFC 7518 (of ES256 two numbers of 32 bytes, not DER), one of text?
 * KODO_EINVAL: no; or scheme does not go with the key, or the key is none. KODO_ENOMEM; KODO_EIO as
 * crypto.h.
 */
enum kodo_err crypto_jwk_verify(const struct crypto_jwk *key, enum crypto_scheme scheme,
    struct str text, struct str signature) MUST_CHECK;

#endif
