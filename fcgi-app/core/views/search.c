/*
 * GET /flows: filter and order in one pass over the node records, or, without a filter, a page of
 * the default order.
 */
#include "core/base/json.h"
#include "core/base/memfind.h"
#include "core/registry/registry_private.h"
#include "core/views/search.h"

#define HITS		64u	/* flows found at a time */

struct search {
	struct view *v;
	struct arena *a;		/* until the answer is rendered */
	struct arena *scratch;		/* one node's rows */
	const struct search_query *fq;
	struct search_sink *out;
	struct sorter *sorter;
	uint64_t filtered;
	uint64_t looked_at;
};

/* A node's record, opened. */
struct opened {
	uint32_t id;
	struct packed p;
	struct times times;
};

static enum kodo_err
times_get(struct search *l, uint32_t peer, struct times *out)
{
	struct commit_cache *k = &l->v->registry->cache;
	struct times *slot = &k->times[peer % TIMES_CACHED];
	bool is_kept = k->seen == store_seen(&l->v->t);
	enum kodo_err err;

	*out = *slot;
	if (is_kept && slot->is_set && slot->peer == peer)
		return KODO_OK;
	err = peer_get_times(&l->v->t, peer, &out->created_us, &out->modified_us);
	out->peer = peer;
	out->is_set = err == KODO_OK;
	if (is_kept)
		*slot = *out;
	return err == KODO_ENOTFOUND ? KODO_ECORRUPT : err;
}

static enum kodo_err
node_open(struct search *l, uint32_t id, const struct statement *s, struct opened *n)
{
	enum kodo_err err = packed_open(s->bytes, &n->p);

	n->id = id;
	return err == KODO_OK ? times_get(l, s->peer, &n->times) : err;
}

static void
row_node(const struct opened *n, struct row *row)
{
	*row = (struct row){ .organization = n->p.organization, .created_us = n->times.created_us,
		.modified_us = n->times.modified_us, .heartbeat_us = n->p.heartbeat_us };
}

/* Fill in the fields of one flow that mask asks for; texts with escapes and the tags go to a. */
static enum kodo_err
row_flow(struct arena *a, const struct opened *n, uint32_t flow, unsigned mask, struct row *row)
{
	struct packed_flow f;
	enum kodo_err err = KODO_OK;

	packed_flow(&n->p, flow, &f);
	row->folded = f.folded;
	if ((mask & QUERY_BIT(QUERY_URL)) != 0)
		err = packed_raw(a, f.url, &row->url);
	if (err == KODO_OK && (mask & QUERY_BIT(QUERY_NAME)) != 0)
		err = packed_raw(a, f.name, &row->name);
	if (err == KODO_OK && (mask & QUERY_BIT(QUERY_AUTHOR)) != 0)
		err = packed_raw(a, f.author, &row->author);
	if (err == KODO_OK && (mask & QUERY_BIT(QUERY_DESCRIPTION)) != 0)
		err = packed_raw(a, f.description, &row->description);
	if (err == KODO_OK && (mask & QUERY_BIT(QUERY_TAGS)) != 0)
		err = packed_tags(a, f.tags, &row->tags, &row->n_tags);
	return err;
}

/* --- rendering the page --- */

static enum kodo_err
item_put(struct search *l, const struct opened *n, uint32_t flow, bool is_first)
{
	int direction = order_tags_direction(l->fq->by);
	struct buf sorted = BUF_INIT(0);
	struct str *tags = NULL;
	struct row row;
	size_t i;
	enum kodo_err err = KODO_OK;

	if (l->out->each == NULL && direction == 0) {
		if (!is_first)
			buf_putc(&l->out->out->buf, ',');
		packed_put_item(&l->out->out->buf, &n->p, flow, n->times.created_us,
		    n->times.modified_us, STR_NULL);
		return sink_step(l->out->out);
	}
	row_node(n, &row);
	err = row_flow(l->a, n, flow, ~0u, &row);
	if (err == KODO_OK && direction != 0 && row.n_tags > 0) {
		tags = arena_dup(l->a, row.tags, row.n_tags * sizeof(*tags));
		if (tags == NULL)
			return KODO_ENOMEM;
		order_sort_tags(tags, row.n_tags, direction);
		row.tags = tags;
	}
	if (err != KODO_OK)
		return err;
	if (l->out->each != NULL)
		return l->out->each(l->out, &row);
	buf_putc(&sorted, '[');
	for (i = 0; i < row.n_tags; i++) {
		if (i > 0)
			buf_putc(&sorted, ',');
		json_put_str(&sorted, row.tags[i]);
	}
	buf_putc(&sorted, ']');
	if (!is_first)
		buf_putc(&l->out->out->buf, ',');
	packed_put_item(&l->out->out->buf, &n->p, flow, n->times.created_us, n->times.modified_us,
	    buf_str(&sorted));
	err = buf_failed(&sorted) ? sorted.err : sink_step(l->out->out);
	buf_free(&sorted);
	return err;
}

static enum kodo_err
entry_put(struct search *l, uint32_t node, uint32_t flow, bool is_first)
{
	struct opened n;
	struct statement s;
	enum kodo_err err = record_get_seen(&l->v->t, node, &s);

	if (err == KODO_OK)
		err = node_open(l, node, &s, &n);
	if (err == KODO_OK && flow >= n.p.n_flows)
		err = KODO_ECORRUPT;
	if (err == KODO_OK)
		err = item_put(l, &n, flow, is_first);
	arena_reset(l->scratch);
	return err == KODO_ENOTFOUND ? KODO_ECORRUPT : err;
}

static void
begin(struct search *l, struct search_result *res)
{
	res->total = l->v->head.total;
	res->filtered = l->filtered;
	res->looked_at = l->looked_at;
	if (l->out->begin != NULL)
		l->out->begin(l->out, res);
}

static uint64_t
page_skip(const struct search_query *fq)
{
	return fq->p > UINT64_MAX / fq->pp ? UINT64_MAX : fq->p * fq->pp;
}

/* --- without a filter, in the default order --- */

/* entries looked up at a time, so that a page of the whole registry does not need memory for all */
#define PART	1000u

static enum kodo_err
list_default(struct search *l, struct search_result *res)
{
	const struct flow_order_entry *e;
	uint64_t skip = page_skip(l->fq), left = l->fq->pp;
	struct arena *part;
	size_t i, n = 0;
	bool is_first = true;
	enum kodo_err err = KODO_OK;

	l->filtered = l->v->head.total;
	if (skip < l->filtered)
		l->looked_at = left < l->filtered - skip ? left : l->filtered - skip;
	begin(l, res);
	part = arena_new();
	if (part == NULL)
		return KODO_ENOMEM;
	do {
		err = flow_order_page(&l->v->t, part, skip, left < PART ? left : PART, &e, &n);
		for (i = 0; i < n && err == KODO_OK; i++) {
			err = entry_put(l, e[i].node, e[i].flow, is_first);
			is_first = false;
		}
		skip += n;
		left -= n;
		arena_reset(part);
	} while (err == KODO_OK && n == PART && left > 0);
	arena_free(part);
	return err;
}

/* --- with a filter or another order --- */

/* The JSON of a flow's text. */
static struct str
text_written(const struct opened *n, uint32_t flow, enum query_field field)
{
	struct packed_flow f;

	if (field == QUERY_NAME)
		return packed_name(&n->p, flow);
	packed_flow(&n->p, flow, &f);
	return field == QUERY_URL ? f.url : field == QUERY_AUTHOR ? f.author : f.description;
}

/* Are all flows of a node surely not on the page, by a field that they share? */
static bool
is_node_beyond(const struct search *l, const struct opened *n)
{
	bool descending;

	switch ((int)order_first(l->fq->by, &descending)) {
	case QUERY_ORGANIZATION:
		return sorter_is_beyond(l->sorter, n->p.organization, 0);
	case QUERY_CREATED:
		return sorter_is_beyond(l->sorter, STR_NULL, n->times.created_us);
	case QUERY_MODIFIED:
		return sorter_is_beyond(l->sorter, STR_NULL, n->times.modified_us);
	case QUERY_HEARTBEAT:
		return sorter_is_beyond(l->sorter, STR_NULL, n->p.heartbeat_us);
	default:
		return false;
	}
}

/*
 * Is a flow surely not on the page? The begin of one field tells for most of those that are not;
 * where an escape is in it, nothing is known.
 */
static bool
is_beyond(const struct search *l, const struct opened *n, uint32_t flow)
{
	bool descending;
	const enum query_field field = order_first(l->fq->by, &descending);
	struct str text;

	if ((QUERY_BIT(field) & QUERY_NODE_FIELDS) != 0)
		return is_node_beyond(l, n);
	if (field == QUERY_TAGS)
		return false;
	text = text_written(n, flow, field);
	if (text.len < 2 || text.p[0] != '"')
		return sorter_is_beyond(l->sorter, STR_NULL, 0);
	text = (struct str){ text.p + 1, text.len - 2 };
	text.len = text.len < SORTER_START ? text.len : SORTER_START;
	return memchr(text.p, '\\', text.len) == NULL && sorter_is_beyond(l->sorter, text, 0);
}

static enum kodo_err
row_keep(struct search *l, const struct opened *n, uint32_t flow)
{
	const unsigned tags = QUERY_BIT(QUERY_TAGS);
	unsigned mask;
	struct row row;
	enum kodo_err err;

	l->filtered++;
	if (is_beyond(l, n, flow))
		return KODO_OK;
	mask = order_needs(l->fq->by);
	row_node(n, &row);
	err = row_flow(l->a, n, flow, mask & ~tags, &row);
	/* the sorter copies tags */
	if (err == KODO_OK && (mask & tags) != 0)
		err = row_flow(l->scratch, n, flow, tags, &row);
	return err == KODO_OK ? sorter_add(l->sorter, &row, (uint64_t)n->id << 32 | flow) : err;
}

static enum kodo_err
row_try(struct search *l, const struct opened *n, uint32_t flow)
{
	struct row row;
	enum kodo_err err;

	row_node(n, &row);
	err = row_flow(l->scratch, n, flow, query_needs(l->fq->q), &row);
	if (err != KODO_OK)
		return err;
	switch (query_match(l->fq->q, &row)) {
	case QUERY_YES:
		return row_keep(l, n, flow);
	case QUERY_OVER_BUDGET:
		return KODO_ETOOBIG;
	case QUERY_NO:
	case QUERY_MAYBE:
	default:
		return KODO_OK;
	}
}

static struct str
text_from(struct str s, size_t at)
{
	return (struct str){ s.p + at, s.len - at };
}

/*
 * Where a name begins in the folded texts of a node, behind the organization; 0: that is not known,
 * or the order does not begin with names.
 */
static size_t
find_folded_name(const struct search *l, const struct opened *n)
{
	const struct str organization = n->p.organization;
	bool descending;
	size_t i;

	if (order_first(l->fq->by, &descending) != QUERY_NAME || descending)
		return 0;
	/* folding keeps the length of ASCII */
	for (i = 0; i < organization.len; i++)
		if ((unsigned char)organization.p[i] >= 0x80)
			return 0;
	return organization.len + 1;
}

/*
 * As is_beyond, by the folded name, which lies in the cache since it was searched, where the name
 * itself would have to come from memory. A character that folds to an ASCII letter is not before
 * this letter in upper case; where the name may end, or others begin, this stops.
 */
static bool
is_beyond_folded(const struct search *l, const struct opened *n, uint32_t flow, size_t at)
{
	const char *name = n->p.texts.p + packed_text_begin(&n->p, flow) + at;
	char start[SORTER_START];
	size_t i;

	for (i = 0; i < SORTER_START && name[i] > ' ' && name[i] < 0x7f; i++)
		start[i] = (char)(name[i] - (name[i] >= 'a' && name[i] <= 'z' ? 'a' - 'A' : 0));
	return sorter_is_beyond(l->sorter, (struct str){ start, i }, 0);
}

/*
 * Only the flows whose folded text holds the needle can match. They are found some at a time, so
 * that their items are on their way from memory while others are looked for.
 */
static enum kodo_err
node_needle(struct search *l, const struct opened *n, struct str needle)
{
	const bool decides = query_is_needle(l->fq->q);
	size_t name = 0;
	struct str rest = n->p.texts;
	const uint64_t looked_at = l->looked_at;
	uint32_t flows[HITS], flow = 0;
	const char *hit = rest.p;
	size_t i, found;
	enum kodo_err err = KODO_OK;

	while (err == KODO_OK && hit != NULL) {
		for (found = 0; found < HITS;) {
			hit = memfind(rest, needle);
			if (hit == NULL)
				break;
			flow = packed_flow_at(&n->p, flow, (size_t)(hit - n->p.texts.p));
			rest = text_from(n->p.texts, packed_text_begin(&n->p, flow + 1));
			if (l->looked_at++ == looked_at && decides)
				name = find_folded_name(l, n);
			if (name > 0 && is_beyond_folded(l, n, flow, name)) {
				l->filtered++;
				continue;
			}
			packed_prefetch(&n->p, flow);
			flows[found++] = flow;
		}
		for (i = 0; i < found && err == KODO_OK; i++)
			err = decides ? row_keep(l, n, flows[i]) : row_try(l, n, flows[i]);
	}
	return err;
}

static enum kodo_err
node_filter(struct search *l, const struct opened *n)
{
	struct str needle = query_needle(l->fq->q);
	enum query_verdict verdict = QUERY_MAYBE;
	struct row row;
	uint32_t i;
	enum kodo_err err = KODO_OK;

	if (query_is_all(l->fq->q)) {
		verdict = QUERY_YES;
	} else if ((query_needs(l->fq->q) & QUERY_NODE_FIELDS) != 0) {
		row_node(n, &row);
		verdict = query_match_partial(l->fq->q, &row, QUERY_NODE_FIELDS);
	}
	if (verdict == QUERY_NO)
		return KODO_OK;
	if (verdict == QUERY_OVER_BUDGET)
		return KODO_ETOOBIG;
	if (verdict == QUERY_MAYBE && needle.len > 0)
		return node_needle(l, n, needle);
	l->looked_at += n->p.n_flows;
	if (verdict == QUERY_YES && is_node_beyond(l, n)) {
		l->filtered += n->p.n_flows;
		return KODO_OK;
	}
	for (i = 0; i < n->p.n_flows && err == KODO_OK; i++)
		err = verdict == QUERY_YES ? row_keep(l, n, i) : row_try(l, n, i);
	return err;
}

static enum kodo_err
list_scan(struct search *l, struct search_result *res)
{
	const uint64_t *refs = NULL;
	struct opened n;
	struct record rec;
	struct scan s;
	size_t i, found = 0;
	enum kodo_err err;

	err = sorter_new(l->a, l->fq->by, page_skip(l->fq), l->fq->pp, &l->sorter);
	if (err != KODO_OK)
		return err;
	s = record_scan_seen(&l->v->t);
	while (record_next(&s, &rec)) {
		s.err = node_open(l, rec.node, &rec.said, &n);
		if (s.err == KODO_OK)
			s.err = node_filter(l, &n);
		arena_reset(l->scratch);
	}
	err = scan_end(&s);
	if (err == KODO_OK)
		err = sorter_result(l->sorter, &refs, &found);
	if (err != KODO_OK)
		return err;
	begin(l, res);
	for (i = 0; i < found && err == KODO_OK; i++)
		err = entry_put(l, (uint32_t)(refs[i] >> 32), (uint32_t)refs[i], i == 0);
	return err;
}

enum kodo_err
search_flows(struct view *v, struct arena *a, const struct search_query *fq, struct search_sink *s,
    struct search_result *res)
{
	struct search l = { .v = v, .a = a, .fq = fq, .out = s, .scratch = arena_new() };
	enum kodo_err err = KODO_ENOMEM;

	*res = (struct search_result){ .way = SEARCH_SCAN };
	if (query_is_all(fq->q) && order_is_default(fq->by))
		res->way = SEARCH_ORDER;
	else if (query_needle(fq->q).len > 0)
		res->way = SEARCH_NEEDLE;
	if (l.scratch != NULL)
		err = res->way == SEARCH_ORDER ? list_default(&l, res) : list_scan(&l, res);
	arena_free(l.scratch);
	return err;
}

enum kodo_err
search_own_flow(struct view *v, struct arena *a, struct str flow_path, struct row *out)
{
	struct search l = { .v = v, .a = a, .scratch = a };
	struct opened n;
	struct statement s;
	uint32_t id, i;
	enum kodo_err err = node_find(&v->t, v->options->url_key, &id);

	if (err == KODO_OK)
		err = record_get_seen(&v->t, id, &s);
	if (err == KODO_OK)
		err = node_open(&l, id, &s, &n);
	if (err != KODO_OK)
		return err;
	for (i = 0; i < n.p.n_flows; i++) {
		row_node(&n, out);
		err = row_flow(a, &n, i, ~0u, out);
		if (err != KODO_OK)
			return err;
		/* the item's url ends in /flows/<flow_path> */
		if (out->url.len > flow_path.len &&
		    memcmp(out->url.p + out->url.len - flow_path.len, flow_path.p, flow_path.len) ==
			0 &&
		    out->url.len == n.p.url.len + sizeof("/flows/") - 1 + flow_path.len)
			return KODO_OK;
	}
	return KODO_ENOTFOUND;
}
