#include <stdlib.h>

#include "core/base/url.h"
#include "core/records/peer.h"
#include "core/records/walk.h"
#include "core/views/render.h"
#include "core/wire/kodo_member.h"

/* A line is the body of a connect, with versions and tombstones. */
struct line {
	struct view *v;
	struct sink *out;
	struct arena *a;
	struct kodo_member kodo;
	bool is_first;		/* node of its line */
	bool is_begun;		/* there is a line before */
};

struct tomb {
	struct str key, url, from;
	uint64_t version;
};

struct tombs {
	struct arena *a;
	struct buf list;	/* of struct tomb */
};

static void
line_begin(struct line *l, const struct greeting *g)
{
	struct buf *b = &l->out->buf;

	kodo_begin(&l->kodo, 0, 0, 0, 0, 0);
	buf_puts(b, l->is_begun ? "\n{" : "{");
	l->is_begun = true;
	wire_put_greeting(b, g);
	buf_puts(b, ",\"nodes\":[");
	l->is_first = true;
}

static enum kodo_err
line_end(struct line *l)
{
	struct buf *b = &l->out->buf;

	buf_putc(b, ']');
	kodo_end(&l->kodo, b, 0, false, STR_NULL);
	buf_putc(b, '}');
	return buf_failed(b) ? b->err : sink_step(l->out);
}

static enum kodo_err
put_node(void *arg, uint32_t node, const struct statement *s)
{
	struct line *l = arg;
	struct packed p;
	enum kodo_err err = packed_open(s->bytes, &p);

	(void)node;
	if (err != KODO_OK)
		return err;
	if (!l->is_first)
		buf_putc(&l->out->buf, ',');
	l->is_first = false;
	packed_put_node(&l->out->buf, &p, 0, 0);
	if (s->version != 0)
		kodo_put_version(&l->kodo, p.url, s->version, false);
	return sink_step(l->out);
}

static enum kodo_err
put_provider(void *arg, const struct peer *p)
{
	struct line *l = arg;
	const struct greeting g = { .url = p->url, .organization = p->organization,
		.registry = (p->flags & PEER_REGISTRY) != 0, .feed = (p->flags & PEER_FEED) != 0,
		.idle = true, .now_us = p->modified_us };
	enum kodo_err err;

	line_begin(l, &g);
	err = walk_stated(&l->v->t, p->id, put_node, l);
	if (err == KODO_OK)
		return line_end(l);
	kodo_free(&l->kodo);
	return err;
}

/* --- tombstones --- */

static enum kodo_err
add_tomb(struct tombs *all, struct view *v, const struct statement *s)
{
	struct tomb tomb = { .version = s->version, .from = v->options->url };
	struct peer p;
	enum kodo_err err = arena_str(all->a, s->bytes, &tomb.url);

	if (err == KODO_OK)
		err = url_key(all->a, tomb.url, &tomb.key);
	if (err == KODO_OK && s->peer != PEER_SELF) {
		err = peer_get(&v->t, all->a, s->peer, &p);
		/* who is forgotten may as well have been ourselves */
		tomb.from = err == KODO_OK ? p.url : tomb.from;
		err = err == KODO_ENOTFOUND ? KODO_OK : err;
	}
	buf_put(&all->list, &tomb, sizeof(tomb));
	return err;
}

static int
compare_tombs(const void *x, const void *y)
{
	return str_cmp(((const struct tomb *)x)->key, ((const struct tomb *)y)->key);
}

/* In the order of their keys: ids of nodes differ from state to state. */
static enum kodo_err
put_tombs(struct line *l)
{
	struct tombs all = { .a = l->a, .list = BUF_INIT(0) };
	struct scan s = record_scan_shadows_from(&l->v->t, 0);
	const struct tomb *list;
	struct record r;
	size_t n, i;
	enum kodo_err err;

	while (record_next(&s, &r))
		if (r.is_tomb)
			s.err = add_tomb(&all, l->v, &r.said);
	err = scan_end(&s);
	if (err == KODO_OK && buf_failed(&all.list))
		err = all.list.err;
	n = all.list.len / sizeof(*list);
	if (err == KODO_OK && n > 0)
		qsort(all.list.p, n, sizeof(*list), compare_tombs);
	list = (const void *)all.list.p;
	for (i = 0; err == KODO_OK && i < n; i++) {
		const struct greeting g = { .url = list[i].from, .idle = true, .now_us = 1 };

		line_begin(l, &g);
		kodo_put_gone(&l->kodo, list[i].url, list[i].version);
		err = line_end(l);
	}
	buf_free(&all.list);
	return err;
}

enum kodo_err
render_lines(struct registry *r, struct sink *out)
{
	struct view v;
	struct line l = { .v = &v, .out = out, .a = arena_new() };
	enum kodo_err err = l.a == NULL ? KODO_ENOMEM : view_begin(r, 0, &v);

	if (err != KODO_OK) {
		arena_free(l.a);
		return err;
	}
	err = walk_providers(&v.t, l.a, put_provider, &l);
	if (err == KODO_OK)
		err = put_tombs(&l);
	if (err == KODO_OK)
		err = sink_end(out);
	view_end(&v);
	arena_free(l.a);
	return err;
}
