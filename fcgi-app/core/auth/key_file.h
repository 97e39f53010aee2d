/*
 * The last good key set of the issuer, in a file of the state folder: the runner writes it, each
 * responder reads it. It stays through any outage of the issuer, with the time of its fetching.
 */
#ifndef KODO_KEY_FILE_H
#define KODO_KEY_FILE_H

#include <stdint.h>

#include "core/base/arena.h"
#include "core/storage/state.h"

#define KEY_FILE	"jwks"
/* its time: when a token named a key that is not in the set */
#define KEY_FILE_WANTED	"jwks.wanted"

struct key_file {
	/* the option auth_jwks_url then: keys of another issuer do not count */
	struct str url;
	int64_t fetched_us;	/* when json was; 0: never */
	int64_t tried_us;	/* the last attempt; 0: none */
	uint64_t n_failures;	/* in a row, since the last success */
	struct str error;	/* of the last attempt; empty: it was a success */
	struct str json;	/* the key set as it came */
};

/* KODO_ENOTFOUND: there is none, or none that we have written. KODO_EIO, KODO_ENOMEM. */
enum kodo_err key_file_read(
    struct arena *a, const struct state *s, struct key_file *out) MUST_CHECK;
/*
 * Is the file another one than that of *seen, which becomes its present state (all 0: there is
 * none)? Costs a stat.
 */
bool key_file_is_new(const struct state *s, struct state_secret_stamp *seen);
/* Errors as path_replace. */
enum kodo_err key_file_write(const struct state *s, const struct key_file *f) MUST_CHECK;

/*
 * When the keys of url have to be fetched next: at once if it was never tried, an hour after a
 * success, soon and then ever later (at most 5 min) after failures, and if a key is wanted since
 * the last attempt, 5 min after that. wanted_us: the time of KEY_FILE_WANTED, 0 for none.
 */
int64_t key_file_due_us(
    const struct key_file *f, struct str url, int64_t wanted_us, int64_t now_us);

/*
 * Set the time of KEY_FILE_WANTED to now. What fails is lost: the next token with that key does the
 * same.
 */
void key_file_want(const struct state *s);

#endif
