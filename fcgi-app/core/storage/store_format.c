#include "core/flow/packed.h"
#include "core/storage/store_private.h"

/*
 * Raise the first factor with any change of a table's keys or records, and add a migration from the
 * one before; PACKED_FORMAT has its own.
 */
const uint32_t store_format_own = 100u * 12u + PACKED_FORMAT;

const struct migration store_migrations[] = {
	{ 0, 0, NULL },
};

const char *const store_table_names[T_MAX] = {
	[T_META] = "meta",
	[T_PEER] = "peer",
	[T_PEER_URL] = "peer_url",
	[T_PROVIDER] = "provider",
	[T_BEHIND] = "behind",
	[T_NODE_URL] = "node_url",
	[T_NODE] = "node",
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
