#include "core/probe/probe.h"
#include "core/records/peer.h"
#include "core/registry/registry_private.h"
#include "core/views/flows_each.h"
#include "core/views/word_index.h"

#define HITS	64u	/* flows found at a time */
#define TIMES	(QUERY_BIT(QUERY_CREATED) | QUERY_BIT(QUERY_MODIFIED))

/* --- nodes and rows --- */

static enum kodo_err
times_get(struct view *v, uint32_t peer, struct flows_node *n)
{
	struct commit_cache *cache = &v->registry->cache;
	struct times *slot = &cache->times[peer % TIMES_CACHED];
	const bool is_cached = cache->seen == store_seen(&v->t);
	enum kodo_err err = KODO_OK;

	if (is_cached && slot->is_set && slot->peer == peer) {
		n->created_us = slot->created_us;
		n->modified_us = slot->modified_us;
		return KODO_OK;
	}
	err = peer_get_times(&v->t, peer, &n->created_us, &n->modified_us);
	if (is_cached)
		*slot = (struct times){ .peer = peer, .is_set = err == KODO_OK,
			.created_us = n->created_us, .modified_us = n->modified_us };
	return err == KODO_ENOTFOUND ? KODO_ECORRUPT : err;
}

enum kodo_err
flows_node_open(struct view *v, uint32_t id, const struct statement *s, unsigned fields,
    struct flows_node *out)
{
	enum kodo_err err = packed_open(s->bytes, &out->p);

	out->id = id;
	out->created_us = out->modified_us = 0;
	out->liveness = (struct node_liveness){ STR_NULL, 0, 0 };
	out->probes = out->registry = STR_NULL;
	out->changed_us = s->at_us;
	if (err == KODO_OK && (fields & TIMES) != 0)
		err = times_get(v, s->peer, out);
	if (err == KODO_OK && (fields & QUERY_LIVENESS_FIELDS) != 0)
		err = node_liveness_get(v, id, s->peer, &out->liveness);
	if (err == KODO_OK && (fields & QUERY_BIT(QUERY_PROBE)) != 0 && v->options->probe)
		err = node_probes_get(v, id, &out->probes);
	if (err == KODO_OK && (fields & QUERY_BIT(QUERY_REGISTRY)) != 0)
		err = node_source_get(v, id, s->peer, &out->registry);
	return err;
}

static void
row_node(const struct flows_node *n, struct row *row)
{
	*row = (struct row){ .organization = n->p.organization, .created_us = n->created_us,
		.modified_us = n->modified_us, .heartbeat_us = n->p.heartbeat_us,
		.state = n->liveness.state, .heard_us = n->liveness.heard_us,
		.alive_us = n->liveness.silent_us == 0,
		.changed_us = n->changed_us, .registry = n->registry };
}

enum kodo_err
flows_row(struct arena *a, const struct flows_node *n, uint32_t flow, unsigned fields,
    struct row *out)
{
	struct packed_flow f;
	enum kodo_err err = packed_flow(&n->p, flow, &f);

	row_node(n, out);
	out->folded = f.folded;
	out->queries = f.queries;
	if ((fields & QUERY_BIT(QUERY_PROBE)) != 0)
		out->probe = probe_names[probe_result_of(n->probes, &n->p, flow).verdict];
	if (err == KODO_OK && (fields & QUERY_BIT(QUERY_URL)) != 0)
		err = packed_raw(a, f.url, &out->url);
	if (err == KODO_OK && (fields & QUERY_BIT(QUERY_NAME)) != 0)
		err = packed_raw(a, f.name, &out->name);
	if (err == KODO_OK && (fields & QUERY_BIT(QUERY_AUTHOR)) != 0)
		err = packed_raw(a, f.author, &out->author);
	if (err == KODO_OK && (fields & QUERY_BIT(QUERY_DESCRIPTION)) != 0)
		err = packed_raw(a, f.description, &out->description);
	if (err == KODO_OK && (fields & QUERY_BIT(QUERY_RANK)) != 0)
		err = packed_bounds_of(&n->p, &f, &out->bounds);
	if (err == KODO_OK && (fields & QUERY_BIT(QUERY_ENTRY)) != 0 && f.entry.p != NULL)
		err = packed_raw(a, f.entry, &out->entry);
	if (err == KODO_OK && (fields & QUERY_BIT(QUERY_TAGS)) != 0)
		err = packed_tags(a, f.tags, &out->tags, &out->n_tags);
	return err;
}

/* --- the pass --- */

static enum kodo_err
pass(struct flows_each *e, const struct flows_node *n, uint32_t flow)
{
	e->n_matches++;
	return e->each(e, n, flow);
}

static enum kodo_err
pass_if_match(struct flows_each *e, const struct flows_node *n, uint32_t flow)
{
	struct row row;
	enum query_verdict verdict;
	enum kodo_err err = flows_row(e->scratch, n, flow, query_needs(e->q), &row);

	if (err != KODO_OK)
		return err;
	verdict = query_match(e->q, &row);
	return verdict == QUERY_YES ? pass(e, n, flow) : query_verdict_error(verdict);
}

/*
 * Only flows whose folded text holds the needle can match. They are found some at a time, so that
 * their items are on their way from memory while others are searched.
 */
static enum kodo_err
pass_needle(struct flows_each *e, const struct flows_node *n)
{
	const bool decides = query_is_needle(e->q);
	const bool skips = decides && e->skip_flow != NULL;
	struct str rest = n->p.texts, text;
	const char *hit = rest.p;
	uint32_t flows[HITS], flow = 0;
	size_t i, found;
	enum kodo_err err = KODO_OK;

	while (err == KODO_OK && hit != NULL) {
		for (found = 0; found < HITS && (hit = query_find(e->q, rest)) != NULL;) {
			flow = packed_flow_at(&n->p, flow, (size_t)(hit - n->p.texts.p));
			text = packed_text(&n->p, flow);
			if (text.p == NULL || hit < text.p || hit >= text.p + text.len)
				return KODO_ECORRUPT;
			rest.p = text.p + text.len;
			rest.len = (size_t)(n->p.texts.p + n->p.texts.len - rest.p);
			if (!query_may_match(e->q, text))
				continue;
			e->looked_at++;
			if (skips && e->skip_flow(e, n, flow)) {
				e->n_matches++;
				continue;
			}
			packed_prefetch(&n->p, flow);
			flows[found++] = flow;
		}
		for (i = 0; i < found && err == KODO_OK; i++)
			err = decides ? pass(e, n, flows[i]) : pass_if_match(e, n, flows[i]);
	}
	return err;
}

/* What the fields of the node alone decide. */
static enum query_verdict
node_verdict(const struct flows_each *e, const struct flows_node *n)
{
	struct row row;

	if (e->q == NULL || query_is_all(e->q))
		return QUERY_YES;
	if ((query_needs(e->q) & QUERY_NODE_FIELDS) == 0)
		return QUERY_MAYBE;
	row_node(n, &row);
	return query_match_partial(e->q, &row, QUERY_NODE_FIELDS);
}

static enum kodo_err
pass_node(struct flows_each *e, const struct flows_node *n)
{
	const enum query_verdict verdict = node_verdict(e, n);
	uint32_t i;
	enum kodo_err err = query_verdict_error(verdict);

	if (verdict == QUERY_NO || err != KODO_OK)
		return err;
	if (verdict == QUERY_MAYBE && query_needle(e->q).len > 0)
		return pass_needle(e, n);
	e->looked_at += n->p.n_flows;
	if (verdict == QUERY_YES && e->skip_node != NULL && e->skip_node(e, n)) {
		e->n_matches += n->p.n_flows;
		return KODO_OK;
	}
	for (i = 0; i < n->p.n_flows && err == KODO_OK; i++)
		err = verdict == QUERY_YES ? pass(e, n, i) : pass_if_match(e, n, i);
	return err;
}

enum kodo_err
flows_each_node(struct flows_each *e, uint32_t id, const struct statement *s)
{
	const unsigned fields = e->fields | (e->q == NULL ? 0 : query_needs(e->q));
	struct flows_node n;
	enum kodo_err err = flows_node_open(e->v, id, s, fields, &n);

	return err == KODO_OK ? pass_node(e, &n) : err;
}

/*
 * The nodes to come: to read one means waiting for memory, so that it is asked for while those
 * before it are searched, first what says where its texts are, then the begin of these.
 */
#define AHEAD		4u
#define HEAD_BYTES	512u	/* up to the end of the flow table, of most nodes */
#define AHEAD_BYTES	2048u	/* of the texts; those behind are asked for in time by memfind */
#define LINE_BYTES	64u

struct ahead {
	struct scan scan;
	struct {
		struct str k, v;
	} all[AHEAD];
	unsigned from, n;
};

static void
prefetch(struct str s, size_t most)
{
	size_t at;

	for (at = 0; at < most && at < s.len; at += LINE_BYTES)
		__builtin_prefetch(s.p + at);
}

/* Take up one more. */
static void
ahead_take(struct ahead *a)
{
	const unsigned i = (a->from + a->n) % AHEAD;

	if (!scan_next(&a->scan))
		return;
	a->all[i].k = a->scan.k;
	a->all[i].v = a->scan.v;
	prefetch(a->scan.v, HEAD_BYTES);
	a->n++;
}

static void
ahead_touch(const struct ahead *a)
{
	const unsigned i = (a->from + 1) % AHEAD;
	struct record rec;
	struct packed p;

	if (a->n < 2 || record_read(a->all[i].k, a->all[i].v, &rec) != KODO_OK ||
	    packed_open(rec.said.bytes, &p) != KODO_OK)
		return;
	prefetch(p.texts, AHEAD_BYTES);
}

static bool
ahead_next(struct ahead *a, struct record *out)
{
	unsigned i = a->from;

	while (a->n < AHEAD && a->scan.err == KODO_OK && !a->scan.is_over)
		ahead_take(a);
	if (a->n == 0 || a->scan.err != KODO_OK)
		return false;
	ahead_touch(a);
	a->from = (a->from + 1) % AHEAD;
	a->n--;
	a->scan.err = record_read(a->all[i].k, a->all[i].v, out);
	return a->scan.err == KODO_OK;
}

/* Nodes from .. to - 1. */
static enum kodo_err
pass_range(struct flows_each *e, uint32_t from, uint32_t to)
{
	struct ahead a = { .n = 0 };
	struct record rec;

	a.scan = record_scan_winners(&e->v->t, VERDICT_SHOWN, from);
	while (ahead_next(&a, &rec) && rec.node < to) {
		a.scan.err = flows_each_node(e, rec.node, &rec.said);
		arena_reset(e->scratch);
	}
	return scan_end(&a.scan);
}

enum kodo_err
flows_each(struct flows_each *e)
{
	const struct words *words = e->q == NULL ? NULL : query_words(e->q);
	struct arena *a = arena_new();
	struct word_index index = { .is_known = false };
	size_t i;
	enum kodo_err err = a == NULL ? KODO_ENOMEM : KODO_OK;

	e->n_matches = e->looked_at = 0;
	e->scratch = arena_new();
	if (e->scratch == NULL)
		err = KODO_ENOMEM;
	if (err == KODO_OK && words != NULL)
		err = word_index_find(e->v, a, words, &index);
	e->index_is_old = index.is_old;
	if (err == KODO_OK && !index.is_known)
		err = pass_range(e, 0, UINT32_MAX);
	for (i = 0; i < index.n && err == KODO_OK; i++)
		err = pass_range(e, index.ranges[i].from, index.ranges[i].to);
	arena_free(e->scratch);
	arena_free(a);
	return err;
}
