/*
 * A stand-in for a legacy peer, the original system as in PROTOCOL.md: no versions; every update is
 * passed on to every feeding provider but the sender, changed or not; what vanished from a
 * provider's list is forgotten, and no peer notified; the provider that connected first with a node
 * url wins; answers are 200, 201 or 204, and a message is given up after some attempts.
 */
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"
#include "core/base/url.h"
#include "core/flow/packed.h"
#include "mesh.h"

#define PROVIDERS 16u
#define NODES 32u
#define QUEUE 512u
#define ATTEMPTS 5u

struct held { /* a node of a provider */
	struct str key;
	struct str bytes;
};

struct provider {
	unsigned service;
	bool feeds;
	struct held nodes[NODES];
	size_t n_nodes;
};

struct legacy {
	struct service *s;
	struct arena *a; /* grows: histories are short */
	struct provider providers[PROVIDERS];
	size_t n_providers;
	struct message queue[QUEUE];
	size_t n_queue;
	unsigned attempts;
	int64_t due_us;
};

struct legacy *
legacy_new(struct service *s)
{
	struct legacy *o = calloc(1, sizeof(*o));

	if (o == NULL)
		abort();
	o->s = s;
	o->a = arena_new();
	return o;
}

static void
queue_clear(struct legacy *o)
{
	size_t i;

	for (i = 0; i < o->n_queue; i++)
		free(o->queue[i].body);
	o->n_queue = 0;
}

void
legacy_free(struct legacy *o)
{
	if (o == NULL)
		return;
	queue_clear(o);
	arena_free(o->a);
	free(o);
}

/* --- bodies --- */

static void
greeting_put(struct legacy *o, struct buf *out)
{
	struct greeting g = { .url = str_of(service_url(o->s->mesh, o->s->i, 0)),
		.registry = true,
		.feed = true,
		.idle = true,
		.now_us = service_now(o->s) };

	buf_putc(out, '{');
	wire_put_greeting(out, &g);
}

static void
node_put(struct buf *out, struct str bytes, bool *is_first)
{
	struct packed p;

	if (packed_open(bytes, &p) != KODO_OK)
		return;
	if (!*is_first)
		buf_putc(out, ',');
	*is_first = false;
	packed_put_node(out, &p, MESH_T0_US, MESH_T0_US);
}

static void
own_put(struct legacy *o, struct buf *out, bool *is_first)
{
	struct node own = { .url = str_of(service_url(o->s->mesh, o->s->i, 0)) };
	struct buf packed = BUF_INIT(0);

	own.n_flows = mesh_flows(o->a, o->s->mesh->h, o->s->i, o->s->flows_variant, &own.flows);
	if (own.n_flows == 0)
		return;
	packed_write(&packed, &own);
	node_put(out, buf_str(&packed), is_first);
	buf_free(&packed);
}

/* Is the url one that an earlier provider has? */
static bool
is_taken(const struct legacy *o, size_t before, struct str key)
{
	size_t i, j;

	for (i = 0; i < before; i++)
		for (j = 0; j < o->providers[i].n_nodes; j++)
			if (str_eq(o->providers[i].nodes[j].key, key))
				return true;
	return false;
}

static void
view_put(struct legacy *o, struct buf *out)
{
	bool is_first = true;
	size_t i, j;

	greeting_put(o, out);
	buf_puts(out, ",\"nodes\":[");
	own_put(o, out, &is_first);
	for (i = 0; i < o->n_providers; i++)
		for (j = 0; j < o->providers[i].n_nodes; j++)
			if (!is_taken(o, i, o->providers[i].nodes[j].key))
				node_put(out, o->providers[i].nodes[j].bytes, &is_first);
	buf_puts(out, "]}");
}

/* --- what it wants to send --- */

static void
message_put(struct legacy *o, unsigned to, const char *path, const char *body)
{
	struct message *m = &o->queue[o->n_queue];

	if (o->n_queue == QUEUE)
		return;
	m->to = to;
	snprintf(m->path, sizeof(m->path), "%s", path);
	m->body = strdup(body);
	o->n_queue++;
	mesh_poll_later(o->s, o->s->mesh->now_us);
}

static void
pass_on(struct legacy *o, unsigned from, const char *path, const char *body)
{
	size_t i;

	for (i = 0; i < o->n_providers; i++)
		if (o->providers[i].feeds && o->providers[i].service != from)
			message_put(o, o->providers[i].service, path, body);
}

void
legacy_start(struct legacy *o)
{
	struct buf b = BUF_INIT(0);
	unsigned i;

	view_put(o, &b);
	for (i = 0; i < o->s->mesh->h->n; i++)
		if ((o->s->connect & 1u << i) != 0)
			message_put(o, i, "/connect", buf_z(&b));
	buf_free(&b);
}

bool
legacy_next(struct legacy *o, int64_t now_us, struct message *out, int64_t *due_us)
{
	*due_us = INT64_MAX;
	if (o->n_queue == 0)
		return false;
	if (o->due_us > now_us) {
		*due_us = o->due_us;
		return false;
	}
	*out = o->queue[0];
	out->body = strdup(o->queue[0].body);
	return true;
}

/* --- what it takes in --- */

static struct provider *
provider_find(struct legacy *o, struct str key, bool make)
{
	unsigned service;
	size_t i;

	if (key.len < 9)
		return NULL;
	service = (unsigned)strtoul(key.p + 8, NULL, 10);
	for (i = 0; i < o->n_providers; i++)
		if (o->providers[i].service == service)
			return &o->providers[i];
	if (!make || o->n_providers == PROVIDERS || service >= MESH_MAX)
		return NULL;
	o->providers[o->n_providers] = (struct provider){ .service = service };
	return &o->providers[o->n_providers++];
}

static void
node_hold(struct legacy *o, struct provider *p, const struct wire_node *n)
{
	size_t i;

	for (i = 0; i < p->n_nodes; i++)
		if (str_eq(p->nodes[i].key, n->key))
			break;
	if (i == NODES)
		return;
	if (i == p->n_nodes)
		p->n_nodes++;
	if (arena_str(o->a, n->key, &p->nodes[i].key) != KODO_OK ||
	    arena_str(o->a, n->bytes, &p->nodes[i].bytes) != KODO_OK)
		abort();
}

static void
list_take(struct legacy *o, const struct wire_body *b)
{
	struct provider *p = provider_find(o, b->from_key, true);
	size_t i;

	if (p == NULL)
		return;
	p->feeds = b->from.feed;
	p->n_nodes = 0;
	for (i = 0; i < b->n_nodes; i++)
		node_hold(o, p, &b->nodes[i]);
}

/* The nodes of the body, under our own name. */
static void
echo(struct legacy *o, const struct wire_body *b, unsigned from)
{
	struct buf out = BUF_INIT(0);
	bool is_first = true;
	size_t i;

	if (b->n_nodes == 0)
		return;
	greeting_put(o, &out);
	buf_puts(&out, ",\"nodes\":[");
	for (i = 0; i < b->n_nodes; i++)
		node_put(&out, b->nodes[i].bytes, &is_first);
	buf_puts(&out, "]}");
	pass_on(o, from, "/update", buf_z(&out));
	buf_free(&out);
}

static void
removal_pass_on(struct legacy *o, const struct str *urls, size_t n, unsigned from)
{
	struct buf out = BUF_INIT(0);

	if (n == 0)
		return;
	wire_put_disconnect(&out, str_of(service_url(o->s->mesh, o->s->i, 0)), urls, n);
	buf_putc(&out, '}');
	pass_on(o, from, "/disconnect", buf_z(&out));
	buf_free(&out);
}

static void
provider_remove(struct legacy *o, struct provider *p)
{
	struct str urls[NODES];
	unsigned from = p->service;
	size_t i, n = p->n_nodes, at = (size_t)(p - o->providers);

	for (i = 0; i < n; i++)
		urls[i] = p->nodes[i].key;
	o->n_providers--;
	memmove(p, p + 1, (o->n_providers - at) * sizeof(*p));
	removal_pass_on(o, urls, n, from);
}

static void
removal_take(struct legacy *o, struct provider *p, const struct wire_body *b)
{
	size_t i, j;

	for (i = 0; i < b->n_urls; i++)
		if (str_eq(b->urls[i], b->from_key)) {
			provider_remove(o, p);
			return;
		}
	for (i = 0; i < b->n_urls; i++)
		for (j = 0; j < p->n_nodes; j++)
			if (str_eq(p->nodes[j].key, b->urls[i])) {
				p->nodes[j] = p->nodes[--p->n_nodes];
				break;
			}
	removal_pass_on(o, b->urls, b->n_urls, p->service);
}

static void
default_put(struct legacy *o, struct answer *out)
{
	greeting_put(o, &out->body);
	buf_putc(&out->body, '}');
}

/* Its map, as far as a digest check reads it. */
static void
map_put(struct legacy *o, struct answer *out)
{
	size_t i;

	greeting_put(o, &out->body);
	buf_puts(&out->body, ",\"registers\":{");
	for (i = 0; i < o->n_providers; i++) {
		if (i > 0)
			buf_putc(&out->body, ',');
		json_put_str(&out->body,
		    str_of(service_url(o->s->mesh, o->providers[i].service,
			o->s->mesh->services[o->providers[i].service].url_variant)));
		buf_puts(&out->body, ":\"2025-11-24T16:00:00Z\"");
	}
	buf_puts(&out->body, "}}");
}

static void
post_take(struct legacy *o, const char *path, const struct wire_body *b, struct answer *out)
{
	struct provider *p = provider_find(o, b->from_key, strcmp(path, "/connect") == 0);

	if (p == NULL) {
		out->status = 404;
	} else if (strcmp(path, "/connect") == 0) {
		out->status = 201;
		list_take(o, b);
		echo(o, b, p->service);
		if (b->from.feed)
			view_put(o, &out->body);
		else
			default_put(o, out);
		return;
	} else if (strcmp(path, "/update") == 0) {
		size_t i;

		for (i = 0; i < b->n_nodes; i++)
			node_hold(o, p, &b->nodes[i]);
		echo(o, b, p->service);
	} else {
		removal_take(o, p, b);
		out->status = 204;
		return;
	}
	default_put(o, out);
}

void
legacy_answer(struct legacy *o, const char *path, struct str body, struct answer *out)
{
	bool is_default = strcmp(path, "/reconnect") == 0;
	enum wire_kind kind = is_default       ? WIRE_DEFAULT
	    : strcmp(path, "/disconnect") == 0 ? WIRE_DISCONNECT : WIRE_CONNECT;
	struct wire_refusal no;
	struct wire_body b;
	struct buf view = BUF_INIT(0);

	out->status = 200;
	if (strcmp(path, "/map") == 0) {
		map_put(o, out);
		return;
	}
	if (strcmp(path, "/") == 0 || strcmp(path, "/home") == 0) {
		default_put(o, out);
		return;
	}
	if (wire_read(o->a, kind, body, service_now(o->s), STR_NULL, &b, &no) != KODO_OK) {
		out->status = 400;
	} else if (is_default) {
		view_put(o, &view);
		message_put(
		    o, (unsigned)strtoul(b.from_key.p + 8, NULL, 10), "/connect", buf_z(&view));
		buf_free(&view);
		default_put(o, out);
	} else {
		post_take(o, path, &b, out);
	}
}

void
legacy_done(struct legacy *o, unsigned status, struct str body, int64_t now_us)
{
	bool is_connect;
	struct wire_refusal no;
	struct wire_body b;

	if (o->n_queue == 0)
		return;
	is_connect = strcmp(o->queue[0].path, "/connect") == 0;
	if ((status < 200 || status > 299) && status != 404 && ++o->attempts < ATTEMPTS) {
		o->due_us = now_us + SECOND_US;
		return;
	}
	if (is_connect && status == 201 &&
	    wire_read(o->a, WIRE_CONNECT, body, now_us, STR_NULL, &b, &no) == KODO_OK &&
	    b.from.feed)
		list_take(o, &b);
	o->attempts = 0;
	o->due_us = 0;
	free(o->queue[0].body);
	memmove(&o->queue[0], &o->queue[1], --o->n_queue * sizeof(o->queue[0]));
}
