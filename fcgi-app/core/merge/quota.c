#include "core/base/address.h"
#include "core/merge/quota.h"
#include "core/records/known.h"
#include "core/records/tally.h"

/* what a new provider takes, and a new node beside its bytes and a quarter, in pages */
#define PROVIDER_BYTES	65536u
#define NODE_BYTES	4096u
#define LEFT_OUT_URL_BYTES	200u	/* as wire_left_out has it */

/* Providers that one public address may make. */
static enum kodo_err
check_client(struct change *ch, struct str address, struct quota_refusal *out)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr a;
	uint64_t n;
	enum kodo_err err;

	if (ch->o->quota_providers == 0 || address.len != sizeof(a))
		return KODO_OK;
	memcpy(&a, address.p, sizeof(a));
	if (!address_is_public(&a))
		return KODO_OK;
	err = tally_providers(ch->t, &a, &n);
	if (err != KODO_OK || n < ch->o->quota_providers)
		return err;
	return why_set(&out->why, KODO_ETOOBIG,
	    "Too many providers from %s: at most %u (quota_providers)", address_text(&a, text),
	    ch->o->quota_providers);
}

/* Peers that nobody vouches for, of all the world. */
static enum kodo_err
check_strangers(struct change *ch, const struct peer *p, struct quota_refusal *out)
{
	uint64_t n;
	enum kodo_err err;

	if (ch->o->quota_strangers == 0 || !peer_is_stranger(p) || p->filed.tally.is_stranger)
		return KODO_OK;
	err = tally_strangers(ch->t, &n);
	if (err != KODO_OK || n < ch->o->quota_strangers)
		return err;
	out->is_full = true;
	return why_set(&out->why, KODO_ETOOBIG,
	    "Too many peers that nobody vouches for: at most %u (quota_strangers)",
	    ch->o->quota_strangers);
}

enum kodo_err
quota_provider(struct change *ch, const struct peer *p, struct str address,
    struct quota_refusal *out)
{
	enum kodo_err err;

	*out = (struct quota_refusal){ .is_full = false };
	if ((p->flags & PEER_TARGET) != 0)
		return KODO_OK;
	/* a provider that moves to another address counts there */
	if ((p->flags & PEER_PROVIDER) != 0)
		return str_eq(tally_client(address), p->filed.tally.client)
		    ? KODO_OK : check_client(ch, address, out);
	if (change_room(ch, PROVIDER_BYTES) < PROVIDER_BYTES) {
		out->is_full = true;
		return why_set(&out->why, KODO_ETOOBIG,
		    "This registry is nearly full: it takes no new providers (map_max_mib)");
	}
	err = check_client(ch, address, out);
	return err == KODO_OK ? check_strangers(ch, p, out) : err;
}

/* --- what a peer holds --- */

static struct peer_holds
size_of(struct str bytes)
{
	struct packed pk;

	if (packed_open(bytes, &pk) != KODO_OK)
		return (struct peer_holds){ 0 };
	return (struct peer_holds){ 1, pk.n_flows, bytes.len };
}

static void
add(struct peer_holds *sum, struct peer_holds n)
{
	sum->nodes += n.nodes;
	sum->flows += n.flows;
	sum->bytes += n.bytes;
}

/* The quota that sum is over, or NULL. */
static const char *
over(const struct options *o, const struct peer_holds *sum)
{
	const struct {
		uint64_t used, quota;
		const char *reason;
	} rows[] = {
		{ sum->nodes, o->quota_nodes, "the peer has more nodes than quota_nodes allows" },
		{ sum->flows, o->quota_flows, "the peer has more flows than quota_flows allows" },
		{ sum->bytes, (uint64_t)o->quota_mib << 20,
		    "the peer has more bytes than quota_mib allows" },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].quota > 0 && rows[i].used > rows[i].quota)
			return rows[i].reason;
	return NULL;
}

static uint64_t
need_of(const struct peer_holds *n)
{
	return n->bytes + n->bytes / 4 + n->nodes * NODE_BYTES;
}

/* A body of p that may be over something. */
struct cut {
	struct change *ch;
	const struct peer *p;
	bool is_whole, is_target;
	uint64_t room;
	struct peer_holds sum;
};

/* What p says of the node already. */
static enum kodo_err
before_of(const struct cut *c, struct str key, struct peer_holds *out)
{
	struct statement s;
	uint32_t node;
	enum kodo_err err = node_find(c->ch->t, key, &node);

	*out = (struct peer_holds){ 0 };
	if (err == KODO_OK)
		err = known_statement(c->ch->t, node, c->p->id, &s);
	if (err == KODO_OK)
		*out = size_of(s.bytes);
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

/* Why a node is left out; NULL: it is not, and counts. */
static enum kodo_err
judge(struct cut *c, const struct wire_node *n, const char **reason)
{
	const struct peer_holds size = size_of(n->bytes);
	struct peer_holds sum = c->sum, before;
	enum kodo_err err = before_of(c, n->key, &before);

	*reason = NULL;
	if (err != KODO_OK || n->is_back)
		return err;
	if (!c->is_whole) {
		sum.nodes -= before.nodes;
		sum.flows -= before.flows;
		sum.bytes -= before.bytes;
	}
	add(&sum, size);
	if (before.nodes == 0 && need_of(&size) > c->room)
		*reason = "this registry is nearly full, and takes no new nodes (map_max_mib)";
	else if (!c->is_target)
		*reason = over(c->ch->o, &sum);
	if (*reason != NULL)
		return KODO_OK;
	c->sum = sum;
	if (before.nodes == 0)
		c->room -= need_of(&size);
	return KODO_OK;
}

static enum kodo_err
leave_out(struct change *ch, const struct wire_node *n, const char *reason)
{
	struct wire_left_out *all;
	struct packed pk;
	enum kodo_err err = packed_open(n->bytes, &pk);

	if (err != KODO_OK)
		return err;
	all = arena_grow(ch->a, ch->left_out, ch->n_left_out, &ch->cap_left_out, sizeof(*all));
	if (all == NULL)
		return KODO_ENOMEM;
	ch->left_out = all;
	if (pk.url.len > LEFT_OUT_URL_BYTES)
		pk.url.len = LEFT_OUT_URL_BYTES;
	all[ch->n_left_out] = (struct wire_left_out){ .reason = str_of(reason) };
	return arena_str(ch->a, pk.url, &all[ch->n_left_out++].url);
}

/* Node by node. */
static enum kodo_err
cut_nodes(struct cut *c, const struct wire_body *b, struct wire_body *out)
{
	const size_t before = c->ch->n_left_out;
	const char *reason, *last = "";
	size_t i;
	enum kodo_err err = KODO_OK;

	out->n_nodes = 0;
	out->nodes = arena_alloc(c->ch->a, b->n_nodes * sizeof(*out->nodes));
	if (out->nodes == NULL)
		return KODO_ENOMEM;
	for (i = 0; i < b->n_nodes && err == KODO_OK; i++) {
		err = judge(c, &b->nodes[i], &reason);
		if (err == KODO_OK && reason != NULL)
			err = leave_out(c->ch, &b->nodes[i], last = reason);
		else
			out->nodes[out->n_nodes++] = b->nodes[i];
	}
	if (err == KODO_OK && c->ch->n_left_out > before)
		log_warning("left out %zu nodes from %.*s: %s", c->ch->n_left_out - before,
		    STR_ARG(c->p->url), last);
	return err;
}

enum kodo_err
quota_cut(struct change *ch, const struct peer *p, const struct wire_body *b, bool is_whole,
    struct wire_body *out)
{
	struct cut c = { .ch = ch, .p = p, .is_whole = is_whole,
		.is_target = (p->flags & PEER_TARGET) != 0 };
	struct peer_holds body = { 0 }, sum;
	size_t i;

	*out = *b;
	if (p->id == PEER_SELF || b->n_nodes == 0)
		return KODO_OK;
	for (i = 0; i < b->n_nodes; i++)
		add(&body, size_of(b->nodes[i].bytes));
	c.room = change_room(ch, need_of(&body));
	if (!is_whole)
		c.sum = p->holds;
	sum = c.sum;
	add(&sum, body);
	if (need_of(&body) <= c.room && (c.is_target || over(ch->o, &sum) == NULL))
		return KODO_OK;
	return cut_nodes(&c, b, out);
}
