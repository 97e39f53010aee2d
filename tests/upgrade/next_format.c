/*
 * A format after the present one, for tests of the way there: winners lie in a table of another
 * name, and the former one is empty, so that a program of the former format that goes on reading
 * finds nothing. How long it takes, and whether it fails, the environment says. Of a cluster's log
 * it also reads entries of the next format, and writes the present one.
 */
#include <stdlib.h>
#include <unistd.h>

#include "core/cluster/entry.h"
#include "core/flow/packed.h"
#include "core/storage/store_private.h"

const uint32_t store_format_own = 100u * 13u + PACKED_FORMAT;
const uint64_t entry_format_newest = ENTRY_FORMAT + 1;

static enum kodo_err
move_nodes(struct txn *t)
{
	const char *slow = getenv("KODO_TEST_SLOW_MS"), *fails = getenv("KODO_TEST_FAILS");
	MDB_cursor *c = NULL;
	MDB_val key, val;
	MDB_dbi old;
	int rc = mdb_dbi_open(t->mdb, "node", 0, &old);

	if (rc == 0)
		rc = mdb_cursor_open(t->mdb, old, &c);
	while (rc == 0 && (rc = mdb_cursor_get(c, &key, &val, MDB_NEXT)) == 0)
		rc = mdb_put(t->mdb, t->store->dbi[T_NODE], &key, &val, MDB_APPEND);
	if (c != NULL)
		mdb_cursor_close(c);
	if (rc == MDB_NOTFOUND)
		rc = mdb_drop(t->mdb, old, 0);
	if (slow != NULL)
		usleep((useconds_t)strtol(slow, NULL, 10) * 1000);
	if (fails != NULL)
		return KODO_ECORRUPT;
	return rc == 0 ? KODO_OK : store_write_err(t->store, rc);
}

const struct migration store_migrations[] = {
	{ 100u * 12u + PACKED_FORMAT, 100u * 13u + PACKED_FORMAT, move_nodes },
	{ 0, 0, NULL },
};

const char *const store_table_names[T_MAX] = {
	[T_META] = "meta",
	[T_PEER] = "peer",
	[T_PEER_URL] = "peer_url",
	[T_PROVIDER] = "provider",
	[T_BEHIND] = "behind",
	[T_NODE_URL] = "node_url",
	[T_NODE] = "node of next",
	[T_SHADOW] = "shadow",
	[T_STATED] = "stated",
	[T_ORDER] = "order",
	[T_OUT] = "out",
	[T_NODE_CHUNK] = "part",
	[T_DUE] = "due",
	[T_CHANGES] = "changes",
	[T_CHANGED] = "changed",
	[T_TALLY] = "tally",
	[T_HIDDEN] = "hidden",
	[T_DENIED] = "denied",
	[T_TOLD] = "told",
	[T_LIVENESS] = "liveness",
	[T_PROBE] = "probe",
	[T_PROBE_HOST] = "probe_host",
	[T_IMPORT] = "import",
};
