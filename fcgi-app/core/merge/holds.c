#include "core/flow/packed.h"
#include "core/merge/holds.h"

static void
less(uint64_t *n, uint64_t by)
{
	*n -= by < *n ? by : *n;	/* of a damaged state */
}

void
holds_move(struct peer *p, const struct statement *before, const struct statement *now)
{
	struct packed pk;

	if (p == NULL)
		return;
	if (before->peer != PEER_TOMB && packed_open(before->bytes, &pk) == KODO_OK) {
		less(&p->holds.nodes, 1);
		less(&p->holds.flows, pk.n_flows);
		less(&p->holds.bytes, before->bytes.len);
	}
	if (now != NULL && packed_open(now->bytes, &pk) == KODO_OK) {
		p->holds.nodes++;
		p->holds.flows += pk.n_flows;
		p->holds.bytes += now->bytes.len;
	}
}
