#include "core/base/json.h"
#include "core/base/url.h"
#include "core/records/peer.h"
#include "core/records/walk.h"
#include "core/trust/moderation.h"
#include "core/views/cluster_view.h"
#include "core/views/render.h"

struct render {
	struct sink *out;
	struct arena *a;
	bool is_first;
	const struct peer *provider;
	struct txn *t;
	struct moderation moderation; /* of the map; an export has all */
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
	err = walk_seen(&v->t, a, put_seen, &r);
	buf_puts(&out->buf, "]}");
	return err;
}

enum kodo_err
render_connect(struct view *v, struct sink *out)
{
	return with_arena(v, out, put_connect);
}

static enum kodo_err
put_stated(void *arg, uint32_t node, const struct statement *s)
{
	struct render *r = arg;
	struct statement winner;
	enum verdict verdict = VERDICT_SHOWN;
	enum kodo_err err = KODO_ENOTFOUND;

	if (r->moderation.n > 0)
		err = record_get_winner(r->t, node, &winner, &verdict);
	if (err == KODO_OK && verdict != VERDICT_SHOWN)
		return KODO_OK;
	return err == KODO_OK || err == KODO_ENOTFOUND ? put_statement(r, s, r->provider) : err;
}

struct map_render {
	struct view *v;
	struct render r;
	bool is_keyed;		/* providers are members named by url, as in the original's cache */
};

static bool
is_moderated(const struct map_render *m, const struct peer *p)
{
	return moderation_verdict(moderation_of_peer(&m->r.moderation, p)) != VERDICT_SHOWN;
}

static enum kodo_err
put_provider(void *arg, const struct peer *p)
{
	struct map_render *m = arg;
	struct buf *b = &m->r.out->buf;
	enum kodo_err err;

	if (is_moderated(m, p))
		return KODO_OK;
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
	err = walk_stated(&m->v->t, p->id, put_stated, &m->r);
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

/* `connection`: each target, in the order of the option. */
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
		put_time_member(&m->r, o->connect[i], err == KODO_OK ? p.out.connected_us : 0);
	}
	return KODO_OK;
}

static enum kodo_err
put_register(void *arg, const struct peer *p)
{
	struct map_render *m = arg;

	if (p->in.registered_us != 0 && !is_moderated(m, p))
		put_time_member(&m->r, p->url, p->in.registered_us);
	return KODO_OK;
}

static enum kodo_err
put_registers(struct map_render *m)
{
	m->r.is_first = true;
	return walk_providers(&m->v->t, m->r.a, put_register, m);
}

static void
put_cluster(const struct view *v, struct buf *b)
{
	struct cluster_status st;

	if (cluster_status_read(registry_state(v->registry), &st) != KODO_OK)
		return;
	buf_puts(b, ",\"cluster\":");
	cluster_view_put(b, &st);
}

static enum kodo_err
put_map(struct view *v, struct sink *out, struct arena *a)
{
	struct map_render m = { .v = v, .r = { .out = out, .a = a, .is_first = true, .t = &v->t } };
	enum kodo_err err = moderation_get(&v->t, a, &m.r.moderation);

	if (err != KODO_OK)
		return err;
	put_greeting_open(v, out);
	buf_puts(&out->buf, ",\"providers\":[");
	err = walk_providers(&v->t, a, put_provider, &m);
	buf_puts(&out->buf, "],\"connection\":{");
	if (err == KODO_OK)
		err = put_connection(&m);
	buf_puts(&out->buf, "},\"registers\":{");
	if (err == KODO_OK)
		err = put_registers(&m);
	buf_putc(&out->buf, '}');
	if (v->options->cluster.p != NULL)
		put_cluster(v, &out->buf);
	buf_putc(&out->buf, '}');
	return err;
}

enum kodo_err
render_map(struct view *v, struct sink *out)
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
		err = walk_providers(&v->t, a, put_provider, &m);
	buf_puts(b, "},\"registers\":{");
	if (err == KODO_OK)
		err = put_registers(&m);
	buf_puts(b, "}}");
	return err;
}

enum kodo_err
render_export(struct registry *r, struct sink *out)
{
	struct view v;
	enum kodo_err err = view_begin(r, 0, &v);

	if (err != KODO_OK)
		return err;
	err = with_arena(&v, out, put_export);
	view_end(&v);
	return err;
}
