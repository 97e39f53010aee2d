#include "core/records/known.h"

static enum kodo_err
record_get(struct txn *t, enum store_table table, struct str key, struct statement *out)
{
	struct str v;
	enum kodo_err err = store_get(t, table, key, &v);

	return err == KODO_OK ? statement_read(v, out) : err;
}

enum kodo_err
known_winner(struct txn *t, uint32_t node, struct statement *out)
{
	unsigned char k[4];

	return record_get(t, T_NODE, key_u32(k, node), out);
}

static enum kodo_err
shadow_get(struct txn *t, uint32_t node, uint32_t peer, struct statement *out)
{
	unsigned char k[8];

	return record_get(t, T_SHADOW, key_u32_u32(k, node, peer), out);
}

enum kodo_err
known_statement(struct txn *t, uint32_t node, uint32_t peer, struct statement *out)
{
	enum kodo_err err = known_winner(t, node, out);

	if (err == KODO_OK && out->peer == peer)
		return KODO_OK;
	return err == KODO_OK || err == KODO_ENOTFOUND ? shadow_get(t, node, peer, out) : err;
}

enum kodo_err
known_get(struct txn *t, uint32_t node, struct known *out)
{
	enum kodo_err err;

	*out = (struct known){ 0 };
	err = known_winner(t, node, &out->winner);
	if (err == KODO_OK) {
		out->is_seen = true;
		out->version = out->winner.version;
	} else if (err != KODO_ENOTFOUND) {
		return err;
	}
	err = shadow_get(t, node, PEER_TOMB, &out->tomb);
	if (err == KODO_OK) {
		out->is_gone = true;
		if (out->tomb.version > out->version)
			out->version = out->tomb.version;
	}
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}
