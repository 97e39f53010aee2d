/*
 * The original's cache file, out and in: one object with url, organization, feed, connection,
 * providers, registers.
 */
#include "json.h"
#include "registry_int.h"
#include "url.h"

struct export {
	struct view *v;
	struct sink *out;
	struct arena *a;
	bool is_first;
	const struct peer *provider;
};

static void
comma(struct export *x)
{
	if (!x->is_first)
		buf_putc(&x->out->buf, ',');
	x->is_first = false;
}

static enum kodo_err
node_put(void *arg, uint32_t node, const struct statement *s)
{
	struct export *x = arg;
	struct packed p;
	enum kodo_err err = packed_open(s->bytes, &p);

	(void)node;
	if (err != KODO_OK)
		return err;
	comma(x);
	packed_put_node(&x->out->buf, &p, x->provider->created_us, x->provider->modified_us);
	return sink_step(x->out);
}

/* Call each for every provider, in their order. */
static enum kodo_err
providers_each(struct export *x, enum kodo_err (*each)(struct export *x, const struct peer *p))
{
	struct cursor c;
	struct peer p;
	struct str k, v;
	enum kodo_err err = cursor_open(&x->v->t, T_PROVIDER, &c);

	if (err != KODO_OK)
		return err;
	x->is_first = true;
	for (err = cursor_seek(&c, STR_NULL, &k, &v); err == KODO_OK;
	    err = cursor_next(&c, &k, &v)) {
		err = peer_get(&x->v->t, x->a, get_be32(v.p), &p);
		if (err == KODO_OK)
			err = each(x, &p);
		if (err != KODO_OK)
			break;
	}
	cursor_close(&c);
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

static enum kodo_err
provider_put(struct export *x, const struct peer *p)
{
	struct buf *b = &x->out->buf;
	enum kodo_err err;

	comma(x);
	json_put_str(b, p->url);
	buf_puts(b, ":{\"url\":");
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
	x->is_first = true;
	x->provider = p;
	err = registry_each_stated(&x->v->t, p->id, node_put, x);
	x->is_first = false;
	buf_puts(b, "]}");
	return err;
}

static enum kodo_err
register_put(struct export *x, const struct peer *p)
{
	comma(x);
	json_put_str(&x->out->buf, p->url);
	buf_putc(&x->out->buf, ':');
	json_put_time(&x->out->buf, p->registered_us, false);
	return KODO_OK;
}

static enum kodo_err
connection_put(struct export *x)
{
	const struct options *o = x->v->options;
	struct peer p;
	struct str key;
	size_t i;

	x->is_first = true;
	for (i = 0; i < o->n_connect; i++) {
		enum kodo_err err = url_key(x->a, o->connect[i], &key);

		if (err == KODO_OK)
			err = peer_find(&x->v->t, x->a, key, &p);
		if (err != KODO_OK && err != KODO_ENOTFOUND)
			return err;
		comma(x);
		json_put_str(&x->out->buf, o->connect[i]);
		buf_putc(&x->out->buf, ':');
		json_put_time(&x->out->buf, err == KODO_OK ? p.connected_us : 0, false);
	}
	return KODO_OK;
}

static enum kodo_err
export_put(struct export *x)
{
	const struct options *o = x->v->options;
	struct buf *b = &x->out->buf;
	enum kodo_err err;

	buf_puts(b, "{\"url\":");
	json_put_str(b, o->url);
	buf_puts(b, ",\"organization\":");
	json_put_str(b, o->organization);
	buf_puts(b, ",\"feed\":");
	json_put_bool(b, o->feed);
	buf_puts(b, ",\"connection\":{");
	err = connection_put(x);
	buf_puts(b, "},\"providers\":{");
	if (err == KODO_OK)
		err = providers_each(x, provider_put);
	buf_puts(b, "},\"registers\":{");
	if (err == KODO_OK)
		err = providers_each(x, register_put);
	buf_puts(b, "}}");
	return err == KODO_OK ? sink_end(x->out) : err;
}

enum kodo_err
registry_export(struct registry *r, struct sink *out)
{
	struct export x = { .out = out, .a = arena_new() };
	struct view v;
	enum kodo_err err = KODO_ENOMEM;

	if (x.a != NULL)
		err = view_begin(r, 0, &v);
	if (err == KODO_OK) {
		x.v = &v;
		err = export_put(&x);
		view_end(&v);
	}
	arena_free(x.a);
	return err;
}

static enum kodo_err
import_fn(struct edit *e, void *arg)
{
	return cache_take(e, arg);
}

enum kodo_err
registry_import(struct registry *r, struct wire_cache *c, int64_t now_us)
{
	struct edit_run run = { .r = r, .now_us = now_us, .fn = import_fn, .arg = c };

	return registry_edit(&run);
}
