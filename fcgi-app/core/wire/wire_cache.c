/* The cache file of the original, see wire.h. */
#include <stddef.h>

#include "core/base/limit.h"
#include "core/base/url.h"
#include "core/wire/wire_private.h"

struct cache_in {
	struct wire_cache cache;
	struct buf providers;	/* struct wire_cache_provider */
	struct buf connection;	/* struct wire_cache_time */
	struct buf registers;
	struct buf *times;	/* the one of connection and registers that is read */
};

static void
read_nodes(struct wire_reader *r, const struct wire_at *at, struct str value, void *target)
{
	struct wire_cache_provider *provider = target;

	buf_reset(&r->nodes);
	wire_read_each(r, at, value, wire_read_node, NULL);
	if (r->n_errors > 0 || r->err != KODO_OK)
		return;
	wire_nodes_end(r);
	provider->nodes = wire_take(r, &r->nodes, sizeof(struct wire_node), &provider->n_nodes);
}

#define PROVIDER(member) offsetof(struct wire_cache_provider, member)

static const struct wire_field provider_fields[] = {
	{ "url", WIRE_URL, true, LIMIT_URL_BYTES, PROVIDER(from.url), NULL },
	{ "organization", WIRE_TEXT, false, LIMIT_NAME_BYTES, PROVIDER(from.organization), NULL },
	{ "feed", WIRE_BOOL, true, 0, PROVIDER(from.feed), NULL },
	{ "created", WIRE_TIME, false, 0, PROVIDER(created_us), NULL },
	{ "modified", WIRE_TIME, false, 0, PROVIDER(modified_us), NULL },
	{ "nodes", WIRE_LIST, true, 0, 0, read_nodes },
};

static void
read_provider(struct wire_reader *r, const struct wire_at *at, struct str value, void *target)
{
	struct cache_in *c = target;
	struct wire_cache_provider p;

	if (jread_kind(value) != JREAD_OBJECT) {
		wire_fail(r, at, value,
		    "Input should be a valid dictionary or instance of Provider");
		return;
	}
	memset(&p, 0, sizeof(p));
	r->lenient = true;
	r->over = STR_NULL;
	wire_read_fields(r, at, WIRE_TABLE(provider_fields), value, &p);
	if (wire_is_clean(r)) {
		p.key = wire_key(r, at, value, p.from.url);
		wire_push(r, &c->providers, &p, sizeof(p));
	} else if (r->over.p != NULL) {
		wire_leave_out(r, p.from.url, NULL);
	}
	r->over = STR_NULL;
	r->lenient = false;
}

static void
read_providers(struct wire_reader *r, const struct wire_at *at, struct str value, void *target)
{
	const enum jread_kind kind = jread_kind(value);

	if (kind == JREAD_OBJECT || kind == JREAD_LIST)
		wire_read_each(r, at, value, read_provider, target);
	else
		wire_fail(r, at, value, "Input should be a valid dictionary or list");
}

static void
read_time(struct wire_reader *r, const struct wire_at *at, struct str value, void *target)
{
	struct cache_in *c = target;
	struct wire_cache_time t = { STR_NULL, STR_NULL, 0 };

	r->lenient = true;
	r->over = STR_NULL;
	wire_read_url(r, at, at->name, &t.url);
	if (jread_kind(value) != JREAD_NULL)
		wire_read_time(r, at, value, &t.at_us);
	if (wire_is_clean(r)) {
		t.key = wire_key(r, at, value, t.url);
		wire_push(r, c->times, &t, sizeof(t));
	} else if (r->over.p != NULL) {
		wire_leave_out(r, t.url, NULL);
	}
	r->over = STR_NULL;
	r->lenient = false;
}

static void
read_connection(struct wire_reader *r, const struct wire_at *at, struct str value, void *target)
{
	struct cache_in *c = target;
	const enum jread_kind kind = jread_kind(value);

	c->times = &c->connection;
	if (kind == JREAD_OBJECT)
		wire_read_each(r, at, value, read_time, c);
	else if (kind != JREAD_LIST)	/* later originals: just the urls, which options name too */
		wire_fail(r, at, value, "Input should be a valid dictionary or list");
}

static void
read_registers(struct wire_reader *r, const struct wire_at *at, struct str value, void *target)
{
	struct cache_in *c = target;

	c->times = &c->registers;
	wire_read_each(r, at, value, read_time, c);
}

#define CACHE(member) offsetof(struct cache_in, cache.member)

static const struct wire_field cache_fields[] = {
	{ "url", WIRE_TEXT, true, LIMIT_URL_BYTES, CACHE(url), NULL },
	{ "organization", WIRE_TEXT, false, LIMIT_NAME_BYTES, CACHE(organization), NULL },
	{ "feed", WIRE_BOOL, false, 0, CACHE(feed), NULL },
	{ "connection", WIRE_ANY, false, 0, 0, read_connection },
	{ "providers", WIRE_ANY, true, 0, 0, read_providers },
	{ "registers", WIRE_OBJECT, false, 0, 0, read_registers },
};

/* The first error as one line. */
static enum kodo_err
refuse(const struct wire_reader *r, struct why *why)
{
	const struct wire_error *e = (const struct wire_error *)(const void *)r->errors.p;

	if (e->key.p == NULL)
		return why_set(why, KODO_EINVAL, "not a cache of kodo: %.*s (byte %zu)",
		    STR_ARG(e->message), r->error_at);
	return why_set(why, KODO_EINVAL, "not a cache of kodo: %.*s: %.*s (byte %zu)",
	    STR_ARG(e->key), STR_ARG(e->message), r->error_at);
}

static enum kodo_err
read_cache(struct wire_reader *r, struct cache_in *c, struct why *why)
{
	struct jread_fault fault;
	struct str value;

	if (!jread_check(r->json, &value, &fault))
		return why_set(why, KODO_EINVAL, "not a cache of kodo: %s (byte %zu)",
		    r->json.len == 0 ? "it is empty"
		    : fault.text == NULL ? "it is cut off" : fault.text, fault.at);
	if (jread_kind(value) != JREAD_OBJECT)
		wire_fail(r, NULL, value, "it should be one JSON object");
	else
		wire_read_fields(r, NULL, WIRE_TABLE(cache_fields), value, c);
	if (r->err == KODO_OK && r->n_errors > 0)
		return refuse(r, why);
	c->cache.url = url_shown(c->cache.url);
	c->cache.providers = wire_take(r, &c->providers, sizeof(struct wire_cache_provider),
	    &c->cache.n_providers);
	c->cache.connection = wire_take(r, &c->connection, sizeof(struct wire_cache_time),
	    &c->cache.n_connection);
	c->cache.registers = wire_take(r, &c->registers, sizeof(struct wire_cache_time),
	    &c->cache.n_registers);
	c->cache.left_out = wire_take(r, &r->left_out, sizeof(struct wire_left_out),
	    &c->cache.n_left_out);
	return r->err;
}

enum kodo_err
wire_read_cache(struct arena *a, struct str json, struct wire_cache *out, struct why *why)
{
	struct cache_in c = { .providers = BUF_INIT(0), .connection = BUF_INIT(0),
	    .registers = BUF_INIT(0) };
	struct wire_reader r;
	enum kodo_err err;

	memset(out, 0, sizeof(*out));
	c.cache.json = json;
	err = wire_reader_init(&r, a, json);
	r.is_cache = true;
	if (err == KODO_OK)
		err = read_cache(&r, &c, why);
	if (err == KODO_OK)
		*out = c.cache;
	else if (err == KODO_ENOMEM)
		why_set(why, err, "out of memory");
	buf_free(&c.providers);
	buf_free(&c.connection);
	buf_free(&c.registers);
	wire_reader_free(&r);
	return err;
}
