#include "core/base/ascii.h"
#include "core/base/hash.h"
#include "core/base/json.h"
#include "core/base/url.h"
#include "core/base/utf8.h"
#include "core/records/url_ids.h"
#include "core/views/flows_each.h"
#include "http/bridges/bridge.h"

enum kodo_err
bridge_flow_of(struct call *c, struct view *v, const struct row *row, struct str node,
    struct bridge_flow *out)
{
	struct statement s;
	struct str key;
	uint32_t id;
	enum kodo_err err;

	*out = (struct bridge_flow){ .row = *row, .node = node };
	err = identifier_of(c->a, node, row->url, &out->id);
	if (err == KODO_OK)
		err = url_key(c->a, node, &key);
	if (err == KODO_OK)
		err = node_find(&v->t, key, &id);
	if (err == KODO_OK)
		err = record_get_seen(&v->t, id, &s);
	if (err != KODO_OK)
		return err == KODO_ENOMEM ? err : KODO_ECORRUPT;
	out->version = s.version;
	out->is_own = s.peer == PEER_SELF;
	return KODO_OK;
}

/* --- by identifier --- */

struct lookup {
	struct call *c;
	struct view *v;
	const struct identifier *id;
	struct str item;	/* identifier_place; null: not known */
	struct bridge_flow *out;
	struct arena *scratch;	/* of a flow that is looked at */
	bool is_found;
};

/* Is it that flow, by its url? */
static enum kodo_err
is_asked(struct lookup *l, const struct flows_node *n, struct str url, bool *out)
{
	const size_t before = n->p.url.len < url.len ? n->p.url.len : url.len;
	struct identifier id;
	enum kodo_err err;

	*out = l->item.p != NULL ? str_eq(str_skip(url, before), l->item)
				 : identifier_may_be(l->id, n->p.url, url);
	if (!*out)
		return KODO_OK;
	err = identifier_of(l->scratch, n->p.url, url, &id);
	*out = err == KODO_OK && str_eq(id.host, l->id->host) && str_eq(id.slug, l->id->slug);
	return err;
}

/* Look for it in a node. */
static enum kodo_err
look_in(struct lookup *l, uint32_t node)
{
	struct flows_node n;
	struct statement s;
	struct str url;
	uint32_t i;
	enum kodo_err err = record_get_seen(&l->v->t, node, &s);

	if (err == KODO_ENOTFOUND)
		return KODO_OK;
	if (err == KODO_OK)
		err = flows_node_open(l->v, node, &s, QUERY_NODE_FIELDS, &n);
	for (i = 0; err == KODO_OK && !l->is_found && i < n.p.n_flows; i++) {
		arena_reset(l->scratch);
		err = packed_raw(l->scratch, packed_url(&n.p, i), &url);
		if (err == KODO_OK)
			err = is_asked(l, &n, url, &l->is_found);
	}
	if (err != KODO_OK || !l->is_found)
		return err;
	*l->out = (struct bridge_flow){ .node = n.p.url, .id = *l->id, .version = s.version,
		.is_own = s.peer == PEER_SELF };
	return flows_row(l->c->a, &n, i - 1, ~0u, &l->out->row);
}

/* KODO_EEXIST: it is found, which ends the pass. */
static enum kodo_err
each_node(void *arg, uint32_t node, struct str key)
{
	struct lookup *l = arg;
	bool is_there = false;
	enum kodo_err err;

	arena_reset(l->scratch);
	err = identifier_is_at(l->scratch, l->id, key, &is_there);
	if (err == KODO_OK && is_there)
		err = look_in(l, node);
	return err == KODO_OK && l->is_found ? KODO_EEXIST : err;
}

enum kodo_err
bridge_find(struct call *c, struct view *v, const struct identifier *id, struct bridge_flow *out)
{
	struct lookup l = { .c = c, .v = v, .id = id, .out = out, .scratch = arena_new() };
	struct str key;
	uint32_t node;
	enum kodo_err err = l.scratch == NULL ? KODO_ENOMEM
	    : identifier_place(c->a, id, &key, &l.item);

	if (err == KODO_OK && key.p == NULL)
		err = id_each(&v->t, T_NODE_URL, each_node, &l);
	else if (err == KODO_OK)
		err = node_find(&v->t, key, &node);
	if (err == KODO_OK && key.p != NULL)
		err = look_in(&l, node);
	arena_free(l.scratch);
	if (err == KODO_EEXIST)
		return KODO_OK;
	return err == KODO_OK && !l.is_found ? KODO_ENOTFOUND : err;
}

/* --- pages --- */

static enum kodo_err
put_flow(struct bridge_page *page, const struct bridge_flow *f)
{
	struct sink *out = &page->call->res->body;
	const size_t before = out->buf.len;
	bool is_put = true;
	enum kodo_err err;

	if (page->n > 0 && !page->is_text)
		buf_putc(&out->buf, ',');
	err = page->put(page, f, &is_put);
	if (err == KODO_OK && !is_put && !buf_failed(&out->buf))
		out->buf.len = before;
	page->n += is_put;
	return err == KODO_OK ? sink_step(out) : err;
}

static enum kodo_err
put_row(struct search_sink *s, const struct row *row, struct str node)
{
	struct bridge_page *page = s->arg;
	struct bridge_flow f;
	enum kodo_err err;

	/* a node may have a url twice: the first one is it */
	if (str_eq(row->url, page->last))
		return KODO_OK;
	page->last = row->url;
	err = bridge_flow_of(page->call, page->view, row, node, &f);
	return err == KODO_OK ? put_flow(page, &f) : err;
}

/* KODO_EINVAL: it is refused. */
static enum kodo_err
read_order(struct bridge_page *page, struct search_query *sq)
{
	struct call *c = page->call;
	enum kodo_err err = search_order(c->a, sq->q, page->by, &sq->by);

	if (err == KODO_OK && page->after.len > 0)
		err = cursor_read(c->a, sq->by, page->after, &sq->after);
	if (err == KODO_EINVAL)
		response_fail(c->res, 400, "the place to go on from is of another question");
	return err;
}

/* What is asked for, as a query with its order and its place. KODO_EINVAL: refused. */
static enum kodo_err
query_make(struct bridge_page *page, struct search_query *sq)
{
	struct why why = { "" };
	enum kodo_err err = search_compile(page->call->a, &page->asked, &sq->q, NULL, &why);

	if (err == KODO_EINVAL)
		response_fail(page->call->res, 400,
		    arena_strz(page->call->a, str_of(why.text)));
	return err == KODO_OK ? read_order(page, sq) : err;
}

enum kodo_err
bridge_page_check(struct bridge_page *page)
{
	struct search_query sq = { .pp = page->pp };

	return query_make(page, &sq);
}

enum kodo_err
bridge_page_put(struct bridge_page *page)
{
	struct call *c = page->call;
	struct search_query sq = { .pp = page->pp };
	struct search_sink s = { .out = &c->res->body, .each = put_row, .arg = page };
	enum kodo_err err = query_make(page, &sq);

	page->n = 0;
	page->last = STR_NULL;
	if (err == KODO_OK)
		err = search_flows(page->view, c->a, &sq, &s, &page->found);
	if (err == KODO_ETOOBIG) {
		response_fail(c->res, 400, "the search takes too many steps");
		err = KODO_EINVAL;
	}
	return err;
}

enum kodo_err
bridge_own_put(struct bridge_page *page)
{
	struct view *v = page->view;
	struct arena *a = page->call->a;
	struct bridge_flow f = { .is_own = true };
	struct flows_node n;
	struct statement own;
	uint32_t id, i;
	enum kodo_err err = node_find(&v->t, v->options->url_key, &id);

	if (err == KODO_OK)
		err = record_get_seen(&v->t, id, &own);
	if (err == KODO_OK)
		err = flows_node_open(v, id, &own, QUERY_NODE_FIELDS, &n);
	for (i = 0; err == KODO_OK && i < n.p.n_flows && (page->pp == 0 || page->n < page->pp);
	    i++) {
		f.node = n.p.url;
		f.version = own.version;
		err = flows_row(a, &n, i, ~0u, &f.row);
		if (err == KODO_OK)
			err = identifier_of(a, n.p.url, f.row.url, &f.id);
		if (err == KODO_OK)
			err = put_flow(page, &f);
	}
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

uint64_t
bridge_variant(const struct options *o, struct str text)
{
	uint64_t mask = 0;
	size_t i;

	for (i = 0; i < o->n_bridges; i++)
		mask ^= hash_text(HASH_STORED, o->bridges[i]);
	return hash_text(HASH_STORED, text) ^ mask;
}

/* --- members --- */

bool
bridge_has_tag(const struct row *row, const char *tag)
{
	size_t i;

	for (i = 0; i < row->n_tags; i++)
		if (str_eq(row->tags[i], str_of(tag)))
			return true;
	return false;
}

void
bridge_put_short(struct buf *b, struct str text, size_t max)
{
	if (utf8_bytes(text, max) < text.len)
		text.len = utf8_bytes(text, max - 1);
	else
		max = 0;
	buf_putc(b, '"');
	json_put_inside(b, text);
	buf_puts(b, max > 0 ? "\342\200\246\"" : "\"");
}

/* A % that begins no escape is written as one, or it would be no url (RFC 3986, 2.4). */
static void
put_escapes(struct buf *b, struct str url)
{
	size_t i;

	for (i = 0; i < url.len; i++) {
		const bool is_escape = i + 2 < url.len && ascii_hex_value(url.p[i + 1]) >= 0 &&
		    ascii_hex_value(url.p[i + 2]) >= 0;

		url_put_link(b, (struct str){ url.p + i, 1 });
		if (url.p[i] == '%' && !is_escape)
			buf_puts(b, "25");
	}
}

void
bridge_put_link(struct buf *b, const char *name, struct str url, const char *behind)
{
	struct buf link = BUF_INIT(0);

	put_escapes(&link, url);
	buf_puts(&link, behind);
	json_put_key(b, name);
	json_put_str(b, buf_str(&link));
	if (buf_failed(&link) && b->err == KODO_OK)
		b->err = link.err;
	buf_free(&link);
}
