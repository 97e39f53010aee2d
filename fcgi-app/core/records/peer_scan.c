/* Peers in the orders in which they are filed. */
#include "core/records/codec.h"
#include "core/records/peer.h"

struct scan
peer_scan_providers(struct txn *t)
{
	return scan_prefix(t, T_PROVIDER, STR_NULL);
}

bool
peer_next_provider(struct scan *s, uint32_t *id)
{
	if (!scan_next_sized(s, 8, 4))
		return false;
	*id = get_be32(s->v.p);
	return true;
}

struct scan
peer_scan_behind(struct txn *t)
{
	return scan_prefix(t, T_BEHIND, STR_NULL);
}

bool
peer_next_behind(struct scan *s, struct peer_behind *out)
{
	if (!scan_next_sized(s, 12, 0))
		return false;
	*out = (struct peer_behind){ get_be64(s->k.p), get_be32(s->k.p + 8) };
	return true;
}

struct scan
peer_scan_due(struct txn *t)
{
	return scan_prefix(t, T_DUE, STR_NULL);
}

bool
peer_next_due(struct scan *s, struct peer_due *out)
{
	if (!scan_next_sized(s, 13, 0))
		return false;
	*out = (struct peer_due){ .class = (enum due_class)(unsigned char)s->k.p[0],
		.at_us = (int64_t)get_be64(s->k.p + 1),
		.peer = get_be32(s->k.p + 9) };
	return true;
}
