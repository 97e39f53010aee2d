/*
 * JSON Web Tokens (RFC 7519, 8725): one is checked against the keys of its issuer, and tells the
 * roles of its bearer.
 *
 * Which key is meant says the token's kid, which algorithm that key goes with says the key: alg is
 * held against it. What a token brings along to be trusted by (jku, jwk, x5u, x5c) refuses it.
 */
#ifndef KODO_JWT_H
#define KODO_JWT_H

#include <stdint.h>

#include "core/auth/jwks.h"

enum jwt_role { JWT_REGISTRY = 1u << 0, JWT_FLOWS = 1u << 1 };

#define JWT_SKEW_S	60	/* clocks may differ so much */

/* What a token is held against. */
struct jwt_rules {
	const struct jwks *keys;
	struct str audience;
	/* of the claim with the roles: names parted by slashes, %AUD% is the audience */
	struct str role_path;
	int64_t now_us;
};

enum jwt_fault {
	JWT_GOOD,
	JWT_TOO_LONG,
	JWT_NO_PARTS,
	JWT_NO_HEADER,
	JWT_NO_ALG,
	JWT_OTHER_ALG,
	JWT_OTHER_TYPE,
	JWT_CRITICAL,
	JWT_OWN_KEY,
	JWT_UNKNOWN_KEY,	/* a newer key set may have it */
	JWT_WRONG_KEY,
	JWT_WRONG_SIGNATURE,
	JWT_NO_CLAIMS,
	JWT_NO_EXP,
	JWT_EXPIRED,
	JWT_TOO_EARLY,
	JWT_WRONG_TIME,
	JWT_WRONG_AUDIENCE,
	JWT_FAULTS
};

/* In words, without anything of the token; they can stand in a quoted-string. */
const char *jwt_fault_text(enum jwt_fault fault);

/* The role of that name, as tokens have it; 0: none of ours. */
unsigned jwt_role_of(struct str name);

/*
 * Check token. *fault: JWT_GOOD, and *roles is a mask of enum jwt_role; else it is refused, and
 * *roles is 0. KODO_ENOMEM; KODO_EIO: there is no libcrypto.
 */
enum kodo_err jwt_check(struct arena *a, struct str token, const struct jwt_rules *rules,
    unsigned *roles, enum jwt_fault *fault) MUST_CHECK;

#endif
