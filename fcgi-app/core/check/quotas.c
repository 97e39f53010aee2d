#include <stdio.h>

#include "core/base/address.h"
#include "core/check/quotas.h"
#include "core/records/peer.h"
#include "core/records/tally.h"
#include "core/records/walk.h"

#define RESERVE_NEAR	((uint64_t)1 << 20)

struct quotas {
	struct view *v;
	struct arena *a;
	void (*say)(void *arg, enum finding kind, const char *line);
	void *arg;
};

/* The most that a peer holds of something, and which peer. */
struct most {
	uint64_t n;
	char url[256];
};

/* A recount of the peers. */
struct recount {
	uint64_t n_strangers, n_made;
	struct most nodes, flows, bytes;
	bool is_wrong;		/* a record says that its peer holds something else */
};

#define say(to, ...) finding_say((to)->say, (to)->arg, __VA_ARGS__)

/* What is used of a quota; a warning from nine tenths on. who: whose use it is, "" for all. */
static void
say_use(const struct quotas *q, const char *what, uint64_t used, unsigned quota,
    const char *option, const char *who)
{
	const bool is_near = quota > 0 && used >= (uint64_t)quota - quota / 10;

	say(q, is_near ? FINDING_WARNING : FINDING_OK, "quota: %s: %llu%s%s of %u%s%s%s", what,
	    (unsigned long long)used, who[0] == '\0' ? "" : " by ", who, quota,
	    quota == 0 ? ", which is none" : "",
	    is_near ? "; if it is no attack, raise " : "", is_near ? option : "");
}

static enum kodo_err
hold_add(void *arg, uint32_t node, const struct statement *s)
{
	struct peer_holds *sum = arg;
	struct packed pk;

	(void)node;
	if (packed_open(s->bytes, &pk) != KODO_OK)
		return KODO_ECORRUPT;
	sum->nodes++;
	sum->flows += pk.n_flows;
	sum->bytes += s->bytes.len;
	return KODO_OK;
}

static void
most_note(struct most *m, uint64_t n, const struct peer *p)
{
	if (n <= m->n || (p->flags & PEER_TARGET) != 0)
		return;
	m->n = n;
	str_copy(m->url, sizeof(m->url), p->url);
}

static enum kodo_err
peer_recount(const struct quotas *q, const struct peer *p, struct recount *out)
{
	struct peer_holds sum = { 0 };
	enum kodo_err err = walk_stated(&q->v->t, p->id, hold_add, &sum);

	out->n_strangers += peer_tally(p).is_stranger;
	out->n_made += peer_tally(p).client.len > 0;
	out->is_wrong |= sum.nodes != p->holds.nodes || sum.flows != p->holds.flows ||
	    sum.bytes != p->holds.bytes;
	most_note(&out->nodes, sum.nodes, p);
	most_note(&out->flows, sum.flows, p);
	most_note(&out->bytes, sum.bytes, p);
	return err;
}

static enum kodo_err
recount(const struct quotas *q, struct recount *out)
{
	struct peer p;
	uint32_t id = 0;
	enum kodo_err err;

	*out = (struct recount){ 0 };
	while ((err = peer_next(&q->v->t, q->a, &id, &p)) == KODO_OK) {
		err = peer_recount(q, &p, out);
		if (err != KODO_OK)
			break;
		arena_reset(q->a);
	}
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

static enum kodo_err
peers_check(const struct quotas *q)
{
	const struct options *o = q->v->options;
	char text[INET6_ADDRSTRLEN];
	struct tally_sum sum;
	struct recount n;
	uint64_t strangers;
	enum kodo_err err = recount(q, &n);

	if (err == KODO_OK)
		err = tally_strangers(&q->v->t, &strangers);
	if (err == KODO_OK)
		err = tally_sum(&q->v->t, &sum);
	/* a record of a peer that cannot be read is named elsewhere */
	if (err == KODO_ENOMEM)
		return err;
	if (err != KODO_OK || strangers != n.n_strangers || sum.n_providers != n.n_made ||
	    n.is_wrong) {
		say(q, FINDING_ERROR, "the tallies of peers are wrong; " STORE_RESTORE);
		return KODO_OK;
	}
	say_use(q, "providers of one address", sum.most, o->quota_providers, "quota_providers",
	    sum.most == 0 ? "" : address_text(&sum.client, text));
	say_use(q, "peers that nobody vouches for", strangers, o->quota_strangers,
	    "quota_strangers", "");
	say_use(q, "nodes of one peer", n.nodes.n, o->quota_nodes, "quota_nodes", n.nodes.url);
	say_use(q, "flows of one peer", n.flows.n, o->quota_flows, "quota_flows", n.flows.url);
	say_use(q, "MiB of one peer", n.bytes.n >> 20, o->quota_mib, "quota_mib", n.bytes.url);
	return KODO_OK;
}

/* New things leave the rest of the map to changes of what is there. */
static void
reserve_check(const struct quotas *q)
{
	const uint64_t room = store_room(&q->v->t, RESERVE_NEAR);

	if (room < RESERVE_NEAR)
		say(q, FINDING_WARNING, "reserve: %llu KiB are left for new providers and nodes, "
		    "what is more is refused; raise map_max_mib, or remove some",
		    (unsigned long long)room >> 10);
	else
		say(q, FINDING_OK, "reserve: new providers and nodes are taken");
}

enum kodo_err
quotas_check(struct view *v, void (*say_line)(void *arg, enum finding kind, const char *line),
    void *arg)
{
	const struct quotas q = { v, arena_new(), say_line, arg };
	enum kodo_err err = q.a == NULL ? KODO_ENOMEM : peers_check(&q);

	reserve_check(&q);
	arena_free(q.a);
	return err;
}
