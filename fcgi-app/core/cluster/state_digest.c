#include <stdio.h>

#include "core/base/hash.h"
#include "core/cluster/state_digest.h"

/*
 * What is of one machine alone. T_PROBE_HOST: when a host may be asked again, and its robots.txt,
 * as whoever asks flows had it: a successor asks once too early at most.
 */
static const bool is_local_table[T_MAX] = { [T_PROBE_HOST] = true };

/* Of T_META; the names of registry/startup.c, cluster/apply.c. */
static const char *const local_names[] = {
	"stamp",	/* how this machine's option files look */
	"applied",	/* how far the log was read */
};

bool
state_digest_leaves_out(enum store_table table, struct str key)
{
	size_t i;

	if (table != T_META)
		return is_local_table[table];
	for (i = 0; i < sizeof(local_names) / sizeof(local_names[0]); i++)
		if (str_eq(key, str_of(local_names[i])))
			return true;
	return false;
}

/* Of all before, and of that text: an order of its own for each entry. */
static uint64_t
chain(uint64_t sum, struct str text)
{
	return hash_text((struct hash_key){ sum, text.len }, text);
}

enum kodo_err
state_digest(struct txn *t, char out[STATE_DIGEST_SIZE])
{
	uint64_t sum = 0;
	int table;
	enum kodo_err err = KODO_OK;

	for (table = 0; table < T_MAX && err == KODO_OK; table++) {
		struct scan s = scan_prefix(t, (enum store_table)table, STR_NULL);

		sum = chain(sum, str_of(store_table_name((enum store_table)table)));
		while (scan_next(&s))
			if (!state_digest_leaves_out((enum store_table)table, s.k))
				sum = chain(chain(sum, s.k), s.v);
		err = scan_end(&s);
	}
	snprintf(out, STATE_DIGEST_SIZE, "%016llx", (unsigned long long)sum);
	return err;
}
