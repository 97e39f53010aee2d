/*
 * A digest of the logical state: what entries have made of it. Equal on all machines after the same
 * entry, whatever else their files hold.
 */
#ifndef KODO_STATE_DIGEST_H
#define KODO_STATE_DIGEST_H

#include "core/storage/store.h"

#define STATE_DIGEST_SIZE	17u	/* hex, with its end */

/*
 * All that is logical, read once (state_digest.c has the table of what is). Errors as scans.
 */
enum kodo_err state_digest(struct txn *t, char out[STATE_DIGEST_SIZE]) MUST_CHECK;

/* Is a record of one machine alone? */
bool state_digest_leaves_out(enum store_table table, struct str key);

#endif
