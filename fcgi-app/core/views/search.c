/*
 * GET /flows: filter and order in one pass over the nodes, or, without a filter, a page of the
 * default order.
 */
#include "core/base/json.h"
#include "core/metrics/metrics.h"
#include "core/records/flow_order.h"
#include "core/views/flows_each.h"
#include "core/views/item_extras.h"
#include "core/views/search_private.h"

/* Entries of the default order read at a time, as a page may be the whole registry. */
#define CHUNK	1000u

struct search {
	struct view *v;
	struct arena *a;		/* until the answer is rendered */
	const struct search_query *fq;
	struct search_sink *out;
	struct sorter *sorter;
	uint64_t n_before;		/* matches that are not behind the cursor */
	uint32_t last_node, last_flow;	/* the item that was put last */
	uint32_t name_node;		/* name_at is of this node; 0: of none yet */
	size_t name_at;			/* see find_folded_name */
};

/* --- rendering the page --- */

/* tags: JSON that replaces the item's own, or null */
static enum kodo_err
item_put_json(
    struct search *s, const struct flows_node *n, uint32_t flow, struct str tags, bool is_first)
{
	struct sink *out = s->out->out;

	if (!is_first)
		buf_putc(&out->buf, ',');
	packed_put_item(&out->buf, &n->p, flow, n->created_us, n->modified_us, tags);
	if (s->fq->extras != 0 && out->buf.len > 0) {
		out->buf.len--;	/* before the brace that ends the item */
		item_extras_put(&out->buf, s->fq->extras, n, flow);
		buf_putc(&out->buf, '}');
	}
	return sink_step(out);
}

static enum kodo_err
item_put_sorted(struct search *s, const struct flows_node *n, uint32_t flow, const struct row *row,
    bool is_first)
{
	struct buf tags = BUF_INIT(0);
	enum kodo_err err;

	json_put_texts(&tags, row->tags, row->n_tags);
	err = buf_failed(&tags) ? tags.err : item_put_json(s, n, flow, buf_str(&tags), is_first);
	buf_free(&tags);
	return err;
}

static enum kodo_err
item_put(struct search *s, const struct flows_node *n, uint32_t flow, bool is_first)
{
	const int direction = order_tags_direction(s->fq->by);
	struct str *tags;
	struct row row;
	enum kodo_err err;

	if (s->out->each == NULL && direction == 0)
		return item_put_json(s, n, flow, STR_NULL, is_first);
	err = flows_row(s->a, n, flow, ~0u, &row);
	if (err != KODO_OK)
		return err;
	if (direction != 0 && row.n_tags > 0) {
		tags = arena_dup(s->a, row.tags, row.n_tags * sizeof(*tags));
		if (tags == NULL)
			return KODO_ENOMEM;
		order_sort_tags(tags, row.n_tags, direction);
		row.tags = tags;
	}
	return s->out->each != NULL ? s->out->each(s->out, &row, n->p.url)
				    : item_put_sorted(s, n, flow, &row, is_first);
}

static enum kodo_err
entry_open(struct search *s, uint32_t node, uint32_t flow, struct flows_node *out)
{
	/* signs of life cost three reads, so only where they are shown, or a cursor has them */
	const unsigned fields = s->out->each != NULL ? ~0u :
	    (QUERY_NODE_FIELDS & ~QUERY_LIVENESS_FIELDS) | s->fq->extras |
	    order_needs(s->fq->by);
	struct statement winner;
	enum kodo_err err = record_get_seen(&s->v->t, node, &winner);

	if (err == KODO_OK)
		err = flows_node_open(s->v, node, &winner, fields, out);
	if (err == KODO_OK && flow >= out->p.n_flows)
		err = KODO_ECORRUPT;
	return err == KODO_ENOTFOUND ? KODO_ECORRUPT : err;
}

static enum kodo_err
entry_put(struct search *s, uint32_t node, uint32_t flow, bool is_first)
{
	struct flows_node n;
	enum kodo_err err = entry_open(s, node, flow, &n);

	s->last_node = node;
	s->last_flow = flow;
	return err == KODO_OK ? item_put(s, &n, flow, is_first) : err;
}

static uint64_t
ref_of(uint32_t node, uint32_t flow)
{
	return (uint64_t)node << 32 | flow;
}

/* The flow as a row for cursors, with its rank in the words asked for. */
static enum kodo_err
ranked_row(struct search *s, const struct flows_node *n, uint32_t flow, struct row *row)
{
	const bool is_ranked = query_words(s->fq->q) != NULL;
	enum query_verdict verdict;
	enum kodo_err err = flows_row(s->a, n, flow, order_needs(s->fq->by) |
	    (is_ranked ? query_needs(s->fq->q) : 0), row);

	if (err != KODO_OK || !is_ranked)
		return err;
	verdict = query_match(s->fq->q, row);
	row->rank = query_rank(s->fq->q);
	return query_verdict_error(verdict);
}

/* The cursor behind the last item, if n_left items are behind it. */
static enum kodo_err
next_write(struct search *s, uint64_t n_left, struct search_result *res)
{
	struct flows_node n;
	struct row row;
	enum kodo_err err;

	if (n_left == 0 || s->last_node == 0 || !cursor_can_hold(s->fq->by))
		return KODO_OK;
	err = entry_open(s, s->last_node, s->last_flow, &n);
	if (err == KODO_OK)
		err = ranked_row(s, &n, s->last_flow, &row);
	return err == KODO_OK ? cursor_write(s->a, s->fq->by, &row,
		ref_of(s->last_node, s->last_flow), &res->next) : err;
}

static void
begin(struct search *s, struct search_result *res)
{
	if (s->out->begin != NULL)
		s->out->begin(s->out, res);
}

static uint64_t
page_skip(const struct search_query *fq)
{
	return fq->p > UINT64_MAX / fq->pp ? UINT64_MAX : fq->p * fq->pp;
}

/* Has a page of n items too many? */
static bool
is_too_long(const struct search_query *fq, uint64_t n)
{
	return fq->max > 0 && n > fq->max;
}

/* --- without a filter, in the default order --- */

struct cursor_search {
	struct search *s;
	struct arena *a;	/* of a row */
};

/* Is the entry behind the cursor? */
static enum kodo_err
is_behind(void *arg, struct flow_order_entry at, bool *out)
{
	struct cursor_search *c = arg;
	struct flows_node n;
	struct row row;
	enum kodo_err err = entry_open(c->s, at.node, at.flow, &n);

	arena_reset(c->a);
	if (err == KODO_OK)
		err = flows_row(c->a, &n, at.flow, order_needs(c->s->fq->by), &row);
	/* in the default order, whoever is alive: list_alive_first walks it twice */
	if (order_is_alive_first(c->s->fq->by))
		row.alive_us = cursor_first_time(c->s->fq->after);
	if (err == KODO_OK)
		*out = cursor_is_behind(c->s->fq->after, &row, ref_of(at.node, at.flow));
	return err;
}

/* The place of the first entry behind the cursor. */
static enum kodo_err
find_skip(struct search *s, uint64_t *out)
{
	struct cursor_search c = { .s = s, .a = arena_new() };
	enum kodo_err err = c.a == NULL
	    ? KODO_ENOMEM
	    : flow_order_find(&s->v->t, s->a, is_behind, &c, out);

	arena_free(c.a);
	return err;
}

static enum kodo_err
list_default(struct search *s, struct search_result *res)
{
	const struct flow_order_entry *e;
	uint64_t skip = page_skip(s->fq), left = s->fq->pp;
	struct arena *chunk = arena_new();
	size_t i, n = 0;
	bool is_first = true;
	enum kodo_err err = KODO_OK;

	if (chunk == NULL)
		return KODO_ENOMEM;
	if (s->fq->after != NULL)
		err = find_skip(s, &skip);
	res->filtered = res->total;
	if (skip < res->total)
		res->looked_at = left < res->total - skip ? left : res->total - skip;
	if (err == KODO_OK && is_too_long(s->fq, res->looked_at))
		err = KODO_EINVAL;
	else
		begin(s, res);
	while (err == KODO_OK && left > 0) {
		err = flow_order_page(&s->v->t, chunk, skip, left < CHUNK ? left : CHUNK, &e, &n);
		for (i = 0; i < n && err == KODO_OK; i++) {
			err = entry_put(s, e[i].node, e[i].flow, is_first);
			is_first = false;
		}
		skip += n;
		left -= n;
		arena_reset(chunk);
		if (n < CHUNK)
			break;
	}
	arena_free(chunk);
	return err == KODO_OK ? next_write(s, skip < res->total ? res->total - skip : 0, res) : err;
}

/*
 * The same with silent ones last: the default order twice, with who is alive and with who is not.
 * Entries are passed over at a fraction of what it costs to sort them.
 */
struct alive_walk {
	struct search *s;
	struct silent_nodes silent;
	uint64_t skip, left;
	bool counts;			/* nothing is put */
	bool is_first, is_more;
};

/* from: the place in the default order. */
static enum kodo_err
alive_pass(struct alive_walk *w, struct arena *chunk, uint64_t from, bool is_silent)
{
	const struct flow_order_entry *e;
	size_t i, n = CHUNK;
	enum kodo_err err = KODO_OK;

	while (err == KODO_OK && !w->is_more && n == CHUNK) {
		err = flow_order_page(&w->s->v->t, chunk, from, CHUNK, &e, &n);
		for (i = 0; i < n && err == KODO_OK && !w->is_more; i++) {
			if (silent_nodes_has(&w->silent, e[i].node) != is_silent)
				continue;
			if (w->skip > 0) {
				w->skip--;
				continue;
			}
			w->is_more = w->left == 0;
			if (w->is_more)
				break;
			if (!w->counts)
				err = entry_put(w->s, e[i].node, e[i].flow, w->is_first);
			w->is_first = false;
			w->left--;
		}
		from += n;
		arena_reset(chunk);
	}
	return err;
}

/* Who is alive, then who is not, behind the page before. */
static enum kodo_err
alive_passes(struct alive_walk *w, struct arena *chunk, uint64_t from)
{
	const struct cursor *after = w->s->fq->after;
	const bool is_behind_alive = after != NULL && cursor_first_time(after) == 0;
	enum kodo_err err = KODO_OK;

	if (!is_behind_alive)
		err = alive_pass(w, chunk, from, false);
	return err == KODO_OK ? alive_pass(w, chunk, is_behind_alive ? from : 0, true) : err;
}

static enum kodo_err
list_alive_first(struct search *s, struct search_result *res)
{
	const struct search_query *fq = s->fq;
	struct alive_walk w = { .s = s, .is_first = true }, count;
	struct arena *chunk = arena_new();
	uint64_t from = 0;
	enum kodo_err err =
	    chunk == NULL ? KODO_ENOMEM : node_liveness_silent(s->v, &w.silent);

	if (err == KODO_OK && fq->after != NULL)
		err = find_skip(s, &from);
	w.skip = page_skip(fq);
	w.left = fq->pp;
	count = w;
	count.counts = true;
	count.left = fq->max;
	if (err == KODO_OK && is_too_long(fq, fq->pp))
		err = alive_passes(&count, chunk, from);
	if (err == KODO_OK && count.is_more)
		err = KODO_EINVAL;
	res->filtered = res->total;
	if (err == KODO_OK)
		begin(s, res);
	if (err == KODO_OK && w.skip < res->total)
		err = alive_passes(&w, chunk, from);
	arena_free(chunk);
	res->looked_at = fq->pp - w.left;
	return err == KODO_OK ? next_write(s, w.is_more, res) : err;
}

/* --- with a filter or another order --- */

/* Null: damaged. */
static struct str
text_json(const struct flows_node *n, uint32_t flow, enum query_field field)
{
	struct packed_flow f;

	if (field == QUERY_NAME)
		return packed_name(&n->p, flow);
	if (field == QUERY_URL)
		return packed_url(&n->p, flow);
	if (packed_flow(&n->p, flow, &f) != KODO_OK)
		return STR_NULL;
	return field == QUERY_AUTHOR ? f.author : f.description;
}

/* Is no flow of a node on the page, by a field that they share? False: not known. */
static bool
is_node_beyond(const struct search *s, const struct flows_node *n)
{
	bool descending;

	switch ((int)order_first(s->fq->by, &descending)) {
	case QUERY_ORGANIZATION:
		return sorter_is_beyond(s->sorter, n->p.organization, 0);
	case QUERY_CREATED:
		return sorter_is_beyond(s->sorter, STR_NULL, n->created_us);
	case QUERY_MODIFIED:
		return sorter_is_beyond(s->sorter, STR_NULL, n->modified_us);
	case QUERY_HEARTBEAT:
		return sorter_is_beyond(s->sorter, STR_NULL, n->p.heartbeat_us);
	case QUERY_CHANGED:
		return sorter_is_beyond(s->sorter, STR_NULL, n->changed_us);
	default:
		return false;
	}
}

/*
 * Is a flow certainly not on the page? The first bytes of one field decide for most; with an escape
 * among them nothing is known.
 */
static bool
is_beyond(const struct search *s, const struct flows_node *n, uint32_t flow)
{
	bool descending;
	const enum query_field field = order_first(s->fq->by, &descending);
	struct str text;

	if ((QUERY_BIT(field) & QUERY_NODE_FIELDS) != 0)
		return is_node_beyond(s, n);
	if (field == QUERY_TAGS || field == QUERY_PROBE || field == QUERY_ENTRY)
		return false;
	if (field == QUERY_RANK)
		return sorter_is_beyond(s->sorter, STR_NULL, query_rank(s->fq->q));
	text = text_json(n, flow, field);
	if (text.p == NULL)
		return false;	/* it is said where the flow is read */
	if (text.len < 2 || text.p[0] != '"')
		return sorter_is_beyond(s->sorter, STR_NULL, 0);
	text = (struct str){ text.p + 1, text.len - 2 };
	text.len = text.len < SORTER_START ? text.len : SORTER_START;
	return memchr(text.p, '\\', text.len) == NULL && sorter_is_beyond(s->sorter, text, 0);
}

static enum kodo_err
row_keep(struct flows_each *e, const struct flows_node *n, uint32_t flow)
{
	const unsigned tags = QUERY_BIT(QUERY_TAGS);
	struct search *s = e->arg;
	struct packed_flow f;
	struct row row;
	unsigned needs;
	enum kodo_err err;

	if (is_beyond(s, n, flow))
		return KODO_OK;
	needs = order_needs(s->fq->by);
	err = flows_row(s->a, n, flow, needs & ~(tags | QUERY_BIT(QUERY_RANK)), &row);
	row.rank = query_rank(s->fq->q);
	if (err == KODO_OK && (needs & tags) != 0) {
		/* the sorter copies tags */
		err = packed_flow(&n->p, flow, &f);
		if (err == KODO_OK)
			err = packed_tags(e->scratch, f.tags, &row.tags, &row.n_tags);
	}
	if (err == KODO_OK && s->fq->after != NULL &&
	    !cursor_is_behind(s->fq->after, &row, ref_of(n->id, flow))) {
		s->n_before++;
		return KODO_OK;
	}
	return err == KODO_OK ? sorter_add(s->sorter, &row, ref_of(n->id, flow)) : err;
}

/* Where names begin in the folded texts of a node: after the organization. 0: not known. */
static size_t
find_folded_name(const struct flows_node *n)
{
	const struct str organization = n->p.organization;
	size_t i;

	/* folding keeps the length of ASCII */
	for (i = 0; i < organization.len; i++)
		if ((unsigned char)organization.p[i] >= 0x80)
			return 0;
	return organization.len + 1;
}

/*
 * As is_beyond, by the folded name: it is in the CPU's cache after the search for the needle, and
 * the name itself is not. Only for orders that begin with ascending names: no character that folds
 * to an ASCII letter is before this letter in upper case. The comparison stops at the possible end
 * of the name, and at characters beyond ASCII.
 */
static bool
skip_flow(struct flows_each *e, const struct flows_node *n, uint32_t flow)
{
	struct search *s = e->arg;
	struct str name;
	char start[SORTER_START];
	size_t i;

	if (s->name_node != n->id) {
		s->name_node = n->id;
		s->name_at = find_folded_name(n);
	}
	name = packed_text(&n->p, flow);
	if (s->name_at == 0 || s->name_at >= name.len)
		return false;
	name = (struct str){ name.p + s->name_at, name.len - s->name_at };
	for (i = 0; i < SORTER_START && i < name.len && name.p[i] > ' ' && name.p[i] < 0x7f; i++)
		start[i] = (char)(name.p[i] -
		    (name.p[i] >= 'a' && name.p[i] <= 'z' ? 'a' - 'A' : 0));
	return sorter_is_beyond(s->sorter, (struct str){ start, i }, 0);
}

static bool
skip_node(struct flows_each *e, const struct flows_node *n)
{
	return is_node_beyond(e->arg, n);
}

/* The page and its numbers. */
static enum kodo_err
scan(struct search *s, struct search_result *res, const uint64_t **refs, size_t *found)
{
	struct flows_each e = { .v = s->v, .q = s->fq->q, .fields = order_needs(s->fq->by),
		.arg = s, .each = row_keep, .skip_node = skip_node };
	/* one item more tells that a page is too long, and the rest need not be sorted */
	const uint64_t pp = is_too_long(s->fq, s->fq->pp) ? s->fq->max + 1 : s->fq->pp;
	bool descending;
	enum kodo_err err;

	if (order_first(s->fq->by, &descending) == QUERY_NAME && !descending)
		e.skip_flow = skip_flow;
	err = sorter_new(s->a, s->fq->by, page_skip(s->fq), pp, &s->sorter);
	if (err == KODO_OK)
		err = flows_each(&e);
	if (err == KODO_OK)
		err = sorter_result(s->sorter, refs, found);
	res->filtered = e.n_matches;
	res->looked_at = e.looked_at;
	res->index_is_old |= e.index_is_old;
	return err;
}

static enum kodo_err
list_scan(struct search *s, struct search_result *res)
{
	const uint64_t *refs = NULL;
	size_t i, found = 0;
	enum kodo_err err = scan(s, res, &refs, &found);

	if (err == KODO_OK && res->filtered == 0 && query_words(s->fq->q) != NULL) {
		err = search_near(s->v, s->a, s->fq->q, &res->meant);
		if (err == KODO_OK && res->meant.p != NULL)
			err = scan(s, res, &refs, &found);
		if (res->filtered == 0)
			res->meant = STR_NULL;
	}
	if (err == KODO_OK && is_too_long(s->fq, found))
		err = KODO_EINVAL;
	if (err != KODO_OK)
		return err;
	if (found > 0) {
		s->last_node = (uint32_t)(refs[found - 1] >> 32);
		s->last_flow = (uint32_t)refs[found - 1];
		err = next_write(s,
		    res->filtered - s->n_before - page_skip(s->fq) - found, res);
	}
	if (err == KODO_OK)
		begin(s, res);
	for (i = 0; i < found && err == KODO_OK; i++)
		err = entry_put(s, (uint32_t)(refs[i] >> 32), (uint32_t)refs[i], i == 0);
	return err;
}

const char *const search_way_names[SEARCH_WAYS] = {
	[SEARCH_ORDER] = "order", [SEARCH_NEEDLE] = "needle", [SEARCH_SCAN] = "scan"
};

enum kodo_err
search_flows(struct view *v, struct arena *a, const struct search_query *fq, struct search_sink *s,
    struct search_result *res)
{
	struct search search = { .v = v, .a = a, .fq = fq, .out = s };

	*res = (struct search_result){ .total = v->head.total, .way = SEARCH_SCAN };
	if (query_is_all(fq->q) &&
	    (order_is_default(fq->by) || order_is_alive_first(fq->by)))
		res->way = SEARCH_ORDER;
	else if (query_needle(fq->q).len > 0)
		res->way = SEARCH_NEEDLE;
	metrics_add(&(struct metric){ SEARCH_METRIC, { search_way_names[res->way] } }, 1);
	if (res->way != SEARCH_ORDER)
		return list_scan(&search, res);
	return order_is_default(fq->by) ? list_default(&search, res)
					: list_alive_first(&search, res);
}
