/*
 * A JSON Web Key Set (RFC 7517), and of it the keys that we can use: RSA of 2048 bits and more,
 * P-256 and Ed25519, for signatures. The others are left out, as the RFC wants it.
 */
#ifndef KODO_JWKS_H
#define KODO_JWKS_H

#include "core/base/arena.h"
#include "core/base/crypto_jwk.h"

struct jwks_key {
	struct str kid;		/* null: it has none */
	struct crypto_jwk key;
	bool has_scheme;	/* it is for one scheme alone */
	enum crypto_scheme scheme;
	bool is_ambiguous;	/* while reading: another one of this type has the same kid */
};

struct jwks {
	const struct jwks_key *keys;
	size_t n;
	size_t n_left_out;
};

/* The scheme of an alg. False: it is none of ours. */
bool jwks_scheme(struct str alg, enum crypto_scheme *out);

/*
 * Read json; all lives in a or points into json. KODO_EINVAL: it is no key set, with *reason, a
 * static text. KODO_OK also where none of its keys can be used. KODO_ENOMEM.
 */
enum kodo_err jwks_read(struct arena *a, struct str json, struct jwks *out,
    const char **reason) MUST_CHECK;

/*
 * The key for a token of that scheme and kid (null: it names none, and then there must be one key
 * alone that fits). NULL: none; *has_kid: one of that kid is there, but is not for the scheme.
 */
const struct jwks_key *jwks_find(
    const struct jwks *set, struct str kid, enum crypto_scheme scheme, bool *has_kid);

#endif
