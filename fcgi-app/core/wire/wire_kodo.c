/* The member `kodo`: its versions go to the nodes of the body, all else to the body. */
#include <stddef.h>
#include <stdlib.h>

#include "core/base/ascii.h"
#include "core/base/limit.h"
#include "core/base/url.h"
#include "core/wire/wire_private.h"

#define VIEW_BYTES 128u	/* a digest in hex, also of 512 bits */

/* A version that is none; out of range, so wire_versions_end finds it. */
#define VERSION_NONE UINT64_MAX

/* The reason to leave out what has this version, or NULL. */
static const char *
version_wrong(const struct wire_reader *r, uint64_t version)
{
	if (version > LIMIT_VERSION_MAX)
		return "its version is out of range (1 to 9007199254740991)";
	if ((int64_t)version > r->now_us + LIMIT_VERSION_AHEAD_US)
		return "its version is more than 30 days ahead: a clock is wrong";
	return NULL;
}

/*
 * A member "<url>":<integer>. False: an error. A url over its ceiling leaves out->key null.
 */
static bool
read_numbered(struct wire_reader *r, const struct wire_at *at, struct str value, struct arena *a,
    struct wire_gone *out, bool *negative)
{
	const char *reason;
	struct url u;
	enum kodo_err err = KODO_EINVAL;

	*out = (struct wire_gone){ wire_name(r, at->name), STR_NULL, 0 };
	*negative = false;
	if (jread_kind(value) == JREAD_NUMBER)
		err = jread_integer(r->j, value, &out->version, negative);
	if (err == KODO_EINVAL)
		wire_fail(r, at, value, "Input should be a valid integer");
	if (err == KODO_OK && url_parse(out->url, &u, &reason) == KODO_EINVAL) {
		wire_fail(r, at, value, "Input should be named by a valid URL, %s", reason);
		err = KODO_EINVAL;
	}
	if (err == KODO_OK && out->url.len <= LIMIT_URL_BYTES)
		err = url_key(a, out->url, &out->key);
	if (err == KODO_ENOMEM)
		r->err = err;
	out->url = url_shown(out->url);
	return err == KODO_OK && r->err == KODO_OK;
}

/* The same of a version. */
static bool
read_versioned(struct wire_reader *r, const struct wire_at *at, struct str value, struct arena *a,
    struct wire_gone *out)
{
	bool negative;
	const bool done = read_numbered(r, at, value, a, out, &negative);

	if (negative || out->version == 0)
		out->version = VERSION_NONE;
	return done;
}

/* A list of records that have a key: nodes or tombstones. */
struct keyed {
	char *p;
	size_t size;	/* of a record */
	size_t key_at;
};

static struct str *
key_of(const struct keyed *k, size_t i)
{
	return (struct str *)(void *)(k->p + i * k->size + k->key_at);
}

static int
order_cmp(const void *va, const void *vb, void *keyed)
{
	const uint32_t a = *(const uint32_t *)va, b = *(const uint32_t *)vb;
	int c = str_cmp(*key_of(keyed, a), *key_of(keyed, b));

	return c != 0 ? c : (a > b) - (a < b);
}

/*
 * The n records of k in the order of their keys, equal keys as they came. The caller frees. NULL:
 * memory.
 */
static uint32_t *
order_new(struct wire_reader *r, struct keyed *k, size_t n)
{
	uint32_t *order = malloc((n + 1) * sizeof(*order));
	size_t i;

	if (order == NULL) {
		r->err = KODO_ENOMEM;
		return NULL;
	}
	for (i = 0; i < n; i++)
		order[i] = (uint32_t)i;
	qsort_r(order, n, sizeof(*order), order_cmp, k);
	return order;
}

/* Drop the records whose key was made null. */
static void
compact(struct buf *list, const struct keyed *k)
{
	size_t i, n = 0;

	for (i = 0; i < list->len / k->size; i++) {
		if (key_of(k, i)->p != NULL)
			memmove(k->p + n++ * k->size, k->p + i * k->size, k->size);
	}
	list->len = n * k->size;
}

/* Of records with equal keys the last wins, at the place of the first. */
static void
last_wins(struct wire_reader *r, struct buf *list, size_t size, size_t key_at)
{
	struct keyed k = { list->p, size, key_at };
	const size_t n = list->len / size;
	uint32_t *order;
	size_t i, first;

	if (n < 2 || (order = order_new(r, &k, n)) == NULL)
		return;
	for (i = 1, first = 0; i < n; i++) {
		if (!str_eq(*key_of(&k, order[i]), *key_of(&k, order[first]))) {
			first = i;
			continue;
		}
		memcpy(k.p + order[first] * size, k.p + order[i] * size, size);
		*key_of(&k, order[i]) = STR_NULL;
	}
	free(order);
	compact(list, &k);
}

/* The nodes of the body in the order of their keys. */
struct order {
	const uint32_t *at;
	size_t n;
	bool is_back;
};

/* NULL: it is not in the body. */
static struct wire_node *
node_of(struct wire_reader *r, const struct order *o, struct str key)
{
	struct wire_node *nodes = (struct wire_node *)(void *)r->nodes.p;
	size_t low = 0, high = o->n;

	while (low < high) {
		const size_t mid = low + (high - low) / 2;
		const int c = str_cmp(key, nodes[o->at[mid]].key);

		if (c == 0)
			return &nodes[o->at[mid]];
		if (c < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

static void
read_version(struct wire_reader *r, const struct wire_at *at, struct str value, void *target)
{
	const struct order *o = target;
	struct wire_node *node;
	struct wire_gone s;

	arena_reset(r->flow_a);
	if (!read_versioned(r, at, value, r->flow_a, &s) || s.key.p == NULL)
		return;
	node = node_of(r, o, s.key);
	if (node != NULL) {
		node->version = s.version;
		node->is_back = o->is_back;
	}
}

static void
read_silent_url(struct wire_reader *r, const struct wire_at *at, struct str value, void *target)
{
	struct wire_silent silent;
	struct wire_node *node;
	struct wire_gone s;
	bool negative;

	if (!read_numbered(r, at, value, r->a, &s, &negative) || s.key.p == NULL)
		return;
	/* its clock may be ahead */
	if (s.version > (uint64_t)r->now_us)
		s.version = (uint64_t)r->now_us;
	silent = (struct wire_silent){ s.key, negative ? -1 : (int64_t)s.version };
	node = node_of(r, target, s.key);
	if (node != NULL)
		node->silent_us = silent.since_us;
	else
		wire_push(r, &r->silent, &silent, sizeof(silent));
}

static void
read_gone_url(struct wire_reader *r, const struct wire_at *at, struct str value, void *unused)
{
	struct wire_gone s;

	(void)unused;
	if (!read_versioned(r, at, value, r->a, &s))
		return;
	if (s.key.p == NULL)
		wire_leave_out(r, s.url, "its url is over 2048 bytes");
	else
		wire_push(r, &r->gone, &s, sizeof(s));
}

/* Each member of an object that names nodes. */
static void
named_read(struct wire_reader *r, const struct wire_at *at, struct str value, bool is_back,
    void (*each)(struct wire_reader *, const struct wire_at *, struct str, void *))
{
	struct keyed k = { r->nodes.p, sizeof(struct wire_node), offsetof(struct wire_node, key) };
	const size_t n = r->nodes.len / sizeof(struct wire_node);
	uint32_t *order = order_new(r, &k, n);
	struct order o = { order, n, is_back };

	if (order != NULL)
		wire_read_each(r, at, value, each, &o);
	free(order);
}

static void
read_versions(struct wire_reader *r, const struct wire_at *at, struct str value, void *unused)
{
	(void)unused;
	named_read(r, at, value, false, read_version);
}

static void
read_back(struct wire_reader *r, const struct wire_at *at, struct str value, void *unused)
{
	(void)unused;
	named_read(r, at, value, true, read_version);
}

static void
read_gone(struct wire_reader *r, const struct wire_at *at, struct str value, void *unused)
{
	(void)unused;
	wire_read_each(r, at, value, read_gone_url, NULL);
	last_wins(r, &r->gone, sizeof(struct wire_gone), offsetof(struct wire_gone, key));
}

static void
read_silent(struct wire_reader *r, const struct wire_at *at, struct str value, void *unused)
{
	(void)unused;
	named_read(r, at, value, false, read_silent_url);
	last_wins(r, &r->silent, sizeof(struct wire_silent), offsetof(struct wire_silent, key));
}

static void
read_list_id(struct wire_reader *r, const struct wire_at *at, struct str value, void *target)
{
	struct wire_body *body = target;

	(void)r, (void)at, (void)value;
	body->has_list = true;
}

static void
check_hex(struct wire_reader *r, const struct wire_at *at, struct str value, struct str text)
{
	size_t i;

	for (i = 0; i < text.len; i++) {
		if (ascii_hex_value(text.p[i]) < 0) {
			wire_fail(r, at, value, "Input should be a digest in hex");
			return;
		}
	}
}

static void
read_view(struct wire_reader *r, const struct wire_at *at, struct str value, void *target)
{
	const struct wire_body *body = target;

	check_hex(r, at, value, body->view);
}

static void
read_has(struct wire_reader *r, const struct wire_at *at, struct str value, void *target)
{
	struct wire_body *body = target;

	(void)r, (void)at, (void)value;
	body->has_taken = true;
}

#define BODY(member) offsetof(struct wire_body, member)

static void
read_chunk_id(struct wire_reader *r, const struct wire_at *at, struct str value, void *target)
{
	const struct wire_body *body = target;

	if (body->chunk.id.len == 0)
		wire_fail(r, at, value, "Input should be a digest in hex");
	check_hex(r, at, value, body->chunk.id);
}

static const struct wire_field chunk_fields[] = {
	{ "id", WIRE_TEXT, true, VIEW_BYTES, BODY(chunk.id), read_chunk_id },
	{ "from", WIRE_INTEGER, true, 0, BODY(chunk.from), NULL },
	{ "of", WIRE_INTEGER, true, 0, BODY(chunk.of), NULL },
};

/* The chunk's one node holds no flows outside of the range. */
static void
check_range(struct wire_reader *r, const struct wire_at *at, struct str value,
    const struct wire_range *range)
{
	const struct wire_node *node = (const struct wire_node *)(const void *)r->nodes.p;
	struct packed p;

	if (r->n_listed != 1) {
		wire_fail(r, at, value, "Input should stand beside one node, not %zu", r->n_listed);
		return;
	}
	if (r->nodes.len == 0 || packed_open(node->bytes, &p) != KODO_OK)
		return;	/* left out */
	if (range->of > LIMIT_NODE_FLOWS) {
		wire_leave_out(r, p.url, "its flows are more than 100000");
		buf_reset(&r->nodes);
	} else if (range->from > range->of || p.n_flows > range->of - range->from) {
		wire_fail(r, at, value, "Input should be a run within the node's flows");
	}
}

static void
read_chunk(struct wire_reader *r, const struct wire_at *at, struct str value, void *target)
{
	const size_t n_errors = r->n_errors;
	struct wire_body *body = target;

	body->has_chunk = true;
	wire_read_fields(r, at, WIRE_TABLE(chunk_fields), value, body);
	if (r->n_errors == n_errors && r->err == KODO_OK)
		check_range(r, at, value, &body->chunk);
}

static const struct wire_field kodo_fields[] = {
	{ "versions", WIRE_OBJECT, false, 0, 0, read_versions },
	{ "back", WIRE_OBJECT, false, 0, 0, read_back },
	{ "gone", WIRE_OBJECT, false, 0, 0, read_gone },
	{ "silent", WIRE_OBJECT, false, 0, 0, read_silent },
	{ "piece", WIRE_INTEGER, false, 0, BODY(list_id), read_list_id },
	{ "more", WIRE_BOOL, false, 0, BODY(more), NULL },
	{ "part", WIRE_OBJECT, false, 0, 0, read_chunk },
	{ "has", WIRE_INTEGER, false, 0, BODY(taken), read_has },
	{ "life", WIRE_INTEGER, false, 0, BODY(epoch), NULL },
	{ "sent", WIRE_INTEGER, false, 0, BODY(sequence), NULL },
	{ "former_life", WIRE_INTEGER, false, 0, BODY(former_epoch), NULL },
	{ "heard_life", WIRE_INTEGER, false, 0, BODY(acked_epoch), NULL },
	{ "heard", WIRE_INTEGER, false, 0, BODY(acked), NULL },
	{ "view", WIRE_TEXT, false, VIEW_BYTES, BODY(view), read_view },
	{ "told", WIRE_TEXT, false, VIEW_BYTES, BODY(told), NULL },
	{ "entries", WIRE_BOOL, false, 0, BODY(keeps_entries), NULL },
};

void
wire_read_kodo(struct wire_reader *r, const struct wire_at *at, struct str value, void *target)
{
	struct wire_body *body = target;

	body->has_kodo = true;
	wire_read_fields(r, at, WIRE_TABLE(kodo_fields), value, body);
}

void
wire_nodes_end(struct wire_reader *r)
{
	last_wins(r, &r->nodes, sizeof(struct wire_node), offsetof(struct wire_node, key));
}

static void
nodes_check_versions(struct wire_reader *r)
{
	struct keyed k = { r->nodes.p, sizeof(struct wire_node), offsetof(struct wire_node, key) };
	struct wire_node *nodes = (struct wire_node *)(void *)r->nodes.p;
	const char *wrong;
	struct packed p;
	size_t i;

	for (i = 0; i < r->nodes.len / k.size; i++) {
		wrong = version_wrong(r, nodes[i].version);
		if (wrong == NULL)
			continue;
		if (packed_open(nodes[i].bytes, &p) == KODO_OK)
			wire_leave_out(r, p.url, wrong);
		nodes[i].key = STR_NULL;
	}
	compact(&r->nodes, &k);
}

static void
gone_check_versions(struct wire_reader *r)
{
	struct keyed k = { r->gone.p, sizeof(struct wire_gone), offsetof(struct wire_gone, key) };
	struct wire_gone *gone = (struct wire_gone *)(void *)r->gone.p;
	const char *wrong;
	size_t i;

	for (i = 0; i < r->gone.len / k.size; i++) {
		wrong = version_wrong(r, gone[i].version);
		if (wrong == NULL)
			continue;
		wire_leave_out(r, gone[i].url, wrong);
		gone[i].key = STR_NULL;
	}
	compact(&r->gone, &k);
}

void
wire_versions_end(struct wire_reader *r)
{
	nodes_check_versions(r);
	gone_check_versions(r);
}
