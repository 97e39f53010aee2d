/*
 * The Ed25519 key of a state, by which the service shows that it is the same as before. It lies in
 * the state folder: a state that was lost has another one, a copy that was restored the same.
 */
#ifndef KODO_OWN_KEY_H
#define KODO_OWN_KEY_H

#include "core/base/buf.h"
#include "core/base/crypto.h"
#include "core/storage/state.h"

#define OWN_KEY_FORMER	4u	/* rotations that are remembered */

/* A former key, and its signature of the one after it (rotation_put). */
struct rotation {
	unsigned char key[CRYPTO_KEY_BYTES];
	unsigned char signature[CRYPTO_SIGNATURE_BYTES];
};

struct own_key {
	unsigned char seed[CRYPTO_SEED_BYTES];
	unsigned char key[CRYPTO_KEY_BYTES];
	int64_t since_us;
	struct rotation former[OWN_KEY_FORMER];	/* the oldest first */
	size_t n_former;
};

/*
 * Made at the first call. KODO_ECORRUPT: its file holds something else. Otherwise as
 * state_secret_read and crypto.h.
 */
enum kodo_err own_key_get(
    const struct state *s, int64_t now_us, struct own_key *out) MUST_CHECK;
/* Replace it by a new one, which the old one signs for. */
enum kodo_err own_key_rotate(
    const struct state *s, int64_t now_us, struct own_key *out) MUST_CHECK;

/* All of it as its file has it, for the other machines of a cluster. Errors as own_key_get. */
#define OWN_KEY_TEXT	2048u
enum kodo_err own_key_text(
    const struct state *s, int64_t now_us, char out[OWN_KEY_TEXT]) MUST_CHECK;
/*
 * Take another machine's in place of the own one. KODO_ECONFLICT: the own one is a rotation of it,
 * and stays. KODO_ECORRUPT: it is none. Otherwise as own_key_get and state_secret_write.
 */
enum kodo_err own_key_take(const struct state *s, int64_t now_us, struct str text) MUST_CHECK;

static inline struct str
key_bytes(const unsigned char key[CRYPTO_KEY_BYTES])
{
	return (struct str){ (const char *)key, CRYPTO_KEY_BYTES };
}

/*
 * Does a chain of rotations lead from the key known to the one that speaks? KODO_EINVAL: no, or one
 * of the signatures on the way is none.
 */
enum kodo_err rotation_leads(struct str known, const struct rotation *former, size_t n,
    struct str key) MUST_CHECK;

#endif
