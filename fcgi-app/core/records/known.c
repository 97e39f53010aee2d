#include "core/records/known.h"

enum kodo_err
known_statement(struct txn *t, uint32_t node, uint32_t peer, struct statement *out)
{
	enum verdict verdict;
	enum kodo_err err = record_get_winner(t, node, out, &verdict);

	if (err == KODO_OK && out->peer == peer)
		return KODO_OK;
	if (err == KODO_OK || err == KODO_ENOTFOUND)
		err = record_get_shadow(t, node, peer, out);
	return err;
}

enum kodo_err
known_get(struct txn *t, uint32_t node, struct known *out)
{
	enum kodo_err err;

	*out = (struct known){ 0 };
	err = record_get_winner(t, node, &out->winner, &out->verdict);
	if (err == KODO_OK) {
		out->is_seen = true;
		out->version = out->winner.version;
	} else if (err != KODO_ENOTFOUND) {
		return err;
	}
	err = record_get_shadow(t, node, PEER_TOMB, &out->tomb);
	if (err == KODO_OK) {
		out->is_gone = true;
		if (out->tomb.version > out->version)
			out->version = out->tomb.version;
	}
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}
