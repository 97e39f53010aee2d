#include "json.h"
#include "limit.h"
#include "registry_int.h"
#include "url.h"

/* --- walking --- */

enum kodo_err
registry_each_stated(struct txn *t, uint32_t peer,
    enum kodo_err (*each)(void *arg, uint32_t node, const struct statement *s), void *arg)
{
	unsigned char kb[12];
	struct statement s;
	struct cursor c;
	struct str k, v;
	enum kodo_err err = cursor_open(t, T_STATED, &c);

	if (err != KODO_OK)
		return err;
	for (err = cursor_seek(&c, key_u32_u64(kb, peer, 0), &k, &v);
	    err == KODO_OK && get_be32(k.p) == peer; err = cursor_next(&c, &k, &v)) {
		uint32_t node = get_be32(v.p);

		err = claim_get(t, node, peer, &s);
		if (err == KODO_ENOTFOUND)
			err = KODO_ECORRUPT;
		if (err == KODO_OK)
			err = each(arg, node, &s);
		if (err != KODO_OK)
			break;
	}
	cursor_close(&c);
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

/* Walk the providers in their order. */
static enum kodo_err
each_provider(struct txn *t, struct arena *a,
    enum kodo_err (*each)(void *arg, const struct peer *p), void *arg)
{
	struct cursor c;
	struct peer p;
	struct str k, v;
	enum kodo_err err = cursor_open(t, T_PROVIDER, &c);

	if (err != KODO_OK)
		return err;
	for (err = cursor_seek(&c, STR_NULL, &k, &v); err == KODO_OK;
	    err = cursor_next(&c, &k, &v)) {
		err = peer_get(t, a, get_be32(v.p), &p);
		if (err == KODO_OK)
			err = each(arg, &p);
		if (err != KODO_OK)
			break;
	}
	cursor_close(&c);
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

struct seen_walk {
	struct txn *t;
	enum kodo_err (*each)(
	    void *arg, uint32_t node, const struct statement *s, const struct peer *source);
	void *arg;
	const struct peer *source;
};

static enum kodo_err
seen_node(void *arg, uint32_t node, const struct statement *s)
{
	struct seen_walk *w = arg;
	struct statement winner;
	unsigned char k[4];
	struct str v;
	enum kodo_err err = store_get(w->t, T_NODE, key_u32(k, node), &v);

	(void)s;
	if (err == KODO_OK)
		err = statement_read(v, &winner);
	if (err != KODO_OK)
		return err == KODO_ENOTFOUND ? KODO_OK : err;
	return winner.peer == w->source->id ? w->each(w->arg, node, &winner, w->source) : KODO_OK;
}

static enum kodo_err
seen_provider(void *arg, const struct peer *p)
{
	struct seen_walk *w = arg;

	w->source = p;
	return registry_each_stated(w->t, p->id, seen_node, w);
}

enum kodo_err
registry_each_seen(struct txn *t, struct arena *a,
    enum kodo_err (*each)(
	void *arg, uint32_t node, const struct statement *s, const struct peer *source),
    void *arg)
{
	struct seen_walk w = { .t = t, .each = each, .arg = arg };
	struct peer self;
	enum kodo_err err = peer_get(t, a, PEER_SELF, &self);

	if (err == KODO_OK)
		err = seen_provider(&w, &self);
	return err == KODO_OK ? each_provider(t, a, seen_provider, &w) : err;
}

/* --- rendering --- */

struct render {
	struct sink *out;
	struct arena *a;
	bool is_first;
	const struct peer *provider;
};

static void
comma(struct render *r)
{
	if (!r->is_first)
		buf_putc(&r->out->buf, ',');
	r->is_first = false;
}

static enum kodo_err
put_statement(struct render *r, const struct statement *s, const struct peer *source)
{
	struct packed p;
	enum kodo_err err = packed_open(s->bytes, &p);

	if (err != KODO_OK)
		return err;
	comma(r);
	packed_put_node(&r->out->buf, &p, source->created_us, source->modified_us);
	return sink_step(r->out);
}

static enum kodo_err
put_seen(void *arg, uint32_t node, const struct statement *s, const struct peer *source)
{
	(void)node;
	return put_statement(arg, s, source);
}

static void
put_greeting_open(struct view *v, struct sink *out)
{
	struct greeting g;

	view_greeting(v, &g);
	buf_putc(&out->buf, '{');
	wire_put_greeting(&out->buf, &g);
}

static enum kodo_err
with_arena(struct view *v, struct sink *out,
    enum kodo_err (*fn)(struct view *, struct sink *, struct arena *))
{
	struct arena *a = arena_new();
	enum kodo_err err;

	if (a == NULL)
		return KODO_ENOMEM;
	err = fn(v, out, a);
	if (err == KODO_OK)
		err = sink_end(out);
	arena_free(a);
	return err;
}

static enum kodo_err
put_connect(struct view *v, struct sink *out, struct arena *a)
{
	struct render r = { .out = out, .a = a, .is_first = true };
	enum kodo_err err;

	put_greeting_open(v, out);
	buf_puts(&out->buf, ",\"nodes\":[");
	err = registry_each_seen(&v->t, a, put_seen, &r);
	buf_puts(&out->buf, "]}");
	return err;
}

enum kodo_err
view_put_connect(struct view *v, struct sink *out)
{
	return with_arena(v, out, put_connect);
}

static enum kodo_err
put_stated(void *arg, uint32_t node, const struct statement *s)
{
	struct render *r = arg;

	(void)node;
	return put_statement(r, s, r->provider);
}

struct map_render {
	struct view *v;
	struct render r;
	bool is_keyed;		/* providers are members by their url, as in the original's cache */
};

static enum kodo_err
put_provider(void *arg, const struct peer *p)
{
	struct map_render *m = arg;
	struct buf *b = &m->r.out->buf;
	enum kodo_err err;

	comma(&m->r);
	if (m->is_keyed) {
		json_put_str(b, p->url);
		buf_putc(b, ':');
	}
	buf_puts(b, "{\"url\":");
	json_put_str(b, p->url);
	buf_puts(b, ",\"organization\":");
	json_put_str(b, p->organization);
	buf_puts(b, ",\"feed\":");
	json_put_bool(b, (p->flags & PEER_FEED) != 0);
	buf_puts(b, ",\"created\":");
	json_put_time(b, p->created_us, false);
	buf_puts(b, ",\"modified\":");
	json_put_time(b, p->modified_us, false);
	buf_puts(b, ",\"nodes\":[");
	m->r.is_first = true;
	m->r.provider = p;
	err = registry_each_stated(&m->v->t, p->id, put_stated, &m->r);
	m->r.is_first = false;
	buf_puts(b, "]}");
	return err;
}

static void
put_time_member(struct render *r, struct str url, int64_t at_us)
{
	comma(r);
	json_put_str(&r->out->buf, url);
	buf_putc(&r->out->buf, ':');
	json_put_time(&r->out->buf, at_us, false);
}

/* `connection`: every configured target, in the order of the option. */
static enum kodo_err
put_connection(struct map_render *m)
{
	const struct options *o = m->v->options;
	struct str key;
	struct peer p;
	size_t i;

	m->r.is_first = true;
	for (i = 0; i < o->n_connect; i++) {
		enum kodo_err err = url_key(m->r.a, o->connect[i], &key);

		if (err == KODO_OK)
			err = peer_find(&m->v->t, m->r.a, key, &p);
		if (err != KODO_OK && err != KODO_ENOTFOUND)
			return err;
		put_time_member(&m->r, o->connect[i], err == KODO_OK ? p.connected_us : 0);
	}
	return KODO_OK;
}

static enum kodo_err
put_register(void *arg, const struct peer *p)
{
	struct map_render *m = arg;

	if (p->registered_us != 0)
		put_time_member(&m->r, p->url, p->registered_us);
	return KODO_OK;
}

static enum kodo_err
put_registers(struct map_render *m)
{
	m->r.is_first = true;
	return each_provider(&m->v->t, m->r.a, put_register, m);
}

static enum kodo_err
put_map(struct view *v, struct sink *out, struct arena *a)
{
	struct map_render m = { .v = v, .r = { .out = out, .a = a, .is_first = true } };
	enum kodo_err err;

	put_greeting_open(v, out);
	buf_puts(&out->buf, ",\"providers\":[");
	err = each_provider(&v->t, a, put_provider, &m);
	buf_puts(&out->buf, "],\"connection\":{");
	if (err == KODO_OK)
		err = put_connection(&m);
	buf_puts(&out->buf, "},\"registers\":{");
	if (err == KODO_OK)
		err = put_registers(&m);
	buf_puts(&out->buf, "}}");
	return err;
}

enum kodo_err
view_put_map(struct view *v, struct sink *out)
{
	return with_arena(v, out, put_map);
}

static enum kodo_err
put_export(struct view *v, struct sink *out, struct arena *a)
{
	struct map_render m = { .v = v, .r = { .out = out, .a = a }, .is_keyed = true };
	struct buf *b = &out->buf;
	enum kodo_err err;

	buf_puts(b, "{\"url\":");
	json_put_str(b, v->options->url);
	buf_puts(b, ",\"organization\":");
	json_put_str(b, v->options->organization);
	buf_puts(b, ",\"feed\":");
	json_put_bool(b, v->options->feed);
	buf_puts(b, ",\"connection\":{");
	err = put_connection(&m);
	buf_puts(b, "},\"providers\":{");
	m.r.is_first = true;
	if (err == KODO_OK)
		err = each_provider(&v->t, a, put_provider, &m);
	buf_puts(b, "},\"registers\":{");
	if (err == KODO_OK)
		err = put_registers(&m);
	buf_puts(b, "}}");
	return err;
}

enum kodo_err
registry_export(struct registry *r, struct sink *out)
{
	struct view v;
	enum kodo_err err = view_begin(r, 0, &v);

	if (err != KODO_OK)
		return err;
	err = with_arena(&v, out, put_export);
	view_end(&v);
	return err;
}

/* --- the kodo member --- */

static void
kodo_put(struct buf *b, struct str url, uint64_t version)
{
	if (b->len > 0)
		buf_putc(b, ',');
	json_put_str(b, url);
	buf_putc(b, ':');
	json_put_u64(b, version);
}

void
kodo_begin(struct kodo_member *m, const struct head *h, const struct peer *to)
{
	m->life = head_life(h);
	m->sent = h->state;
	m->heard_life = to == NULL ? 0 : to->heard_life;
	m->heard = to == NULL ? 0 : to->heard_sent;
}

void
kodo_put_version(struct kodo_member *m, struct str url, uint64_t version)
{
	if (version > 0)
		kodo_put(&m->versions, url, version);
}

void
kodo_put_gone(struct kodo_member *m, struct str url, uint64_t version)
{
	if (version > 0)
		kodo_put(&m->gone, url, version);
}

void
kodo_end(struct kodo_member *m, struct buf *out, uint64_t piece, bool more, struct str view)
{
	buf_puts(out, ",\"kodo\":{\"versions\":{");
	buf_put_str(out, buf_str(&m->versions));
	buf_puts(out, "},\"gone\":{");
	buf_put_str(out, buf_str(&m->gone));
	buf_putc(out, '}');
	if (piece != 0) {
		buf_puts(out, ",\"piece\":");
		json_put_u64(out, piece);
		buf_puts(out, ",\"more\":");
		json_put_bool(out, more);
	}
	if (m->part.id.p != NULL) {
		buf_puts(out, ",\"part\":{\"id\":");
		json_put_str(out, m->part.id);
		buf_printf(out, ",\"from\":%llu,\"of\":%llu}", (unsigned long long)m->part.from,
		    (unsigned long long)m->part.of);
	}
	if (m->has_taken) {
		buf_puts(out, ",\"has\":");
		json_put_u64(out, m->taken);
	}
	if (m->life != 0) {
		buf_puts(out, ",\"life\":");
		json_put_u64(out, m->life);
		buf_puts(out, ",\"sent\":");
		json_put_u64(out, m->sent);
	}
	if (m->heard_life != 0) {
		buf_puts(out, ",\"heard_life\":");
		json_put_u64(out, m->heard_life);
		buf_puts(out, ",\"heard\":");
		json_put_u64(out, m->heard);
	}
	if (m->told.p != NULL) {
		buf_puts(out, ",\"told\":");
		json_put_str(out, m->told);
	}
	if (view.p != NULL) {
		buf_puts(out, ",\"view\":");
		json_put_str(out, view);
	}
	buf_putc(out, '}');
	if ((buf_failed(&m->versions) || buf_failed(&m->gone)) && out->err == KODO_OK)
		out->err = KODO_ENOMEM;
	buf_free(&m->versions);
	buf_free(&m->gone);
}
