#include <inttypes.h>

#include "core/cluster/apply.h"
#include "core/cluster/snapshot.h"
#include "core/cluster/state_digest.h"
#include "core/storage/derived.h"

#define SPARE_BYTES	((uint64_t)64 << 20)
#define MAP_MAX_BYTES	((uint64_t)1 << 40)	/* of the copy, which does not grow */

enum kodo_err
cluster_snapshot_write(struct registry *r, int fd, struct why *why)
{
	return store_copy(registry_store(r), fd, why);
}

/* Only what each machine has for itself stays. */
static enum kodo_err
empty(struct txn *t, enum store_table table, struct arena *a)
{
	struct scan s;
	struct str *keys = NULL;
	size_t n = 0, cap = 0, i;
	enum kodo_err err;

	if (table != T_META)
		return store_del_under(t, table, STR_NULL);
	s = scan_prefix(t, table, STR_NULL);
	while (scan_next(&s)) {
		if (state_digest_leaves_out(table, s.k))
			continue;
		keys = arena_grow(a, keys, n, &cap, sizeof(*keys));
		s.err = keys == NULL ? KODO_ENOMEM : arena_str(a, s.k, &keys[n++]);
	}
	err = scan_end(&s);
	for (i = 0; i < n && err == KODO_OK; i++)
		err = store_del(t, table, keys[i]);
	return err;
}

struct install {
	struct txn *from;
	struct arena *a;
	uint64_t revision;
};

static enum kodo_err
install_fn(struct txn *t, void *arg)
{
	struct install *in = arg;
	int table;
	enum kodo_err err = KODO_OK;

	for (table = 0; table < T_MAX && err == KODO_OK; table++) {
		struct scan s = scan_prefix(in->from, (enum store_table)table, STR_NULL);

		s.err = empty(t, (enum store_table)table, in->a);
		while (scan_next(&s))
			if (!state_digest_leaves_out((enum store_table)table, s.k))
				s.err = store_put(t, (enum store_table)table, s.k, s.v);
		err = scan_end(&s);
	}
	return err == KODO_OK ? cluster_applied_put(t, in->revision) : err;
}

/*
 * In one transaction the pages of what goes cannot be used for what comes: there must be room for
 * both. The map's ceiling, which a state alone must keep to, does not count for that long.
 */
static enum kodo_err
write_beside(struct registry *r, struct store *copy, struct install *in, struct why *why)
{
	struct store *st = registry_store(r);
	struct store_stat here, there;
	uint64_t need;
	enum kodo_err err = store_stat(st, &here);

	if (err == KODO_OK)
		err = store_stat(copy, &there);
	if (err != KODO_OK)
		return err;
	need = here.used_bytes + 2 * there.used_bytes + SPARE_BYTES;
	if (need > here.map_max_bytes)
		store_set_map_max(st, need);
	err = store_write(st, install_fn, in);
	store_set_map_max(st, here.map_max_bytes);
	if (err == KODO_EFULL)
		return why_set(why, err, "the copy cannot be taken over: %s cannot grow by %" PRIu64
		    " MiB: free so much on its disk, or raise the limit of its address space",
		    registry_state(r)->path, (need - here.used_bytes) >> 20);
	return err;
}

static enum kodo_err
install(struct registry *r, struct store *copy, struct arena *a, struct why *why)
{
	struct txn t;
	struct install in = { .from = &t, .a = a };
	uint64_t here = 0;
	enum kodo_err err = cluster_applied_now(r, &here);

	if (err == KODO_OK)
		err = store_begin(copy, STORE_READ, &t);
	if (err != KODO_OK)
		return why_set(why, err, "the copy cannot be read: %s", kodo_err_text(err));
	err = cluster_applied(&t, &in.revision);
	if (err == KODO_OK && in.revision < here)
		err = why_set(why, KODO_ECONFLICT, "the copy is of revision %" PRIu64
		    ", and %" PRIu64 " is here already", in.revision, here);
	else if (err == KODO_OK) {
		/* before it, too, should the machine fail in between */
		derived_drop(registry_state(r));
		err = write_beside(r, copy, &in, why);
		derived_drop(registry_state(r));
	}
	if (err != KODO_OK && why->text[0] == '\0')
		why_set(why, err, "the copy cannot be taken over: %s", kodo_err_text(err));
	return store_end(&t, err);
}

enum kodo_err
cluster_snapshot_install(struct registry *r, struct str folder, struct why *why)
{
	struct arena *a = arena_new();
	struct store *copy = NULL;
	struct state s;
	enum kodo_err err = a == NULL ? KODO_ENOMEM : state_open(&s, folder, false, why);

	if (err == KODO_OK)
		err = store_open(&s, STORE_FIND, MAP_MAX_BYTES, why, &copy);
	if (err == KODO_OK)
		err = install(r, copy, a, why);
	store_close(copy);
	arena_free(a);
	return err;
}
