/* Our own member `kodo`, and what its versions do to the nodes of the body. */
#include <stddef.h>
#include <stdlib.h>

#include "limit.h"
#include "url.h"
#include "wire_part.h"

#define VIEW_BYTES 128u	/* a digest in hex, also of 512 bits */

/* A version is a number that the owner raises: what is wrong with it, or NULL. */
static const char *
version_wrong(const struct wire_reader *r, uint64_t version, bool negative)
{
	if (negative || version < 1 || version > LIMIT_VERSION_MAX)
		return "its version is out of range (1 to 9007199254740991)";
	if ((int64_t)version > r->now_us + LIMIT_VERSION_AHEAD_US)
		return "its version is more than 30 days ahead: a clock is wrong";
	return NULL;
}

/* A member "<url>":<version> of versions or gone; target is the list that takes it. */
static void
read_statement(struct wire_reader *r, const struct wire_at *at, struct str value, void *target)
{
	struct buf *list = target;
	struct wire_statement s = { STR_NULL, wire_name(r, at->name), 0, NULL, list->len };
	const size_t n_errors = r->n_errors;
	bool negative = false;
	enum kodo_err err = KODO_EINVAL;
	const char *reason;
	struct url u;

	if (r->err != KODO_OK)
		return;
	if (s.url.len > LIMIT_URL_BYTES) {
		if (list == &r->gone)
			wire_leave_out(r, s.url, "its url is over 2048 bytes");
		return;
	}
	if (jread_kind(value) == JREAD_NUMBER)
		err = jread_integer(r->j, value, &s.version, &negative);
	if (err == KODO_ENOMEM)
		r->err = err;
	else if (err != KODO_OK)
		wire_fail(r, at, value, "Input should be a valid integer");
	else if (url_parse(s.url, &u, &reason) != KODO_OK)
		wire_fail(r, at, value, "Input should be named by a valid URL, %s", reason);
	else
		s.key = wire_key(r, at, value, s.url);
	if (r->n_errors > n_errors || r->err != KODO_OK)
		return;
	s.url = url_shown(s.url);
	s.wrong = version_wrong(r, s.version, negative);
	buf_put(list, &s, sizeof(s));
	if (buf_failed(list))
		r->err = KODO_ENOMEM;
}

static void
read_versions(struct wire_reader *r, const struct wire_at *at, struct str value, void *unused)
{
	(void)unused;
	wire_read_each(r, at, value, read_statement, &r->versions);
}

static void
read_gone(struct wire_reader *r, const struct wire_at *at, struct str value, void *unused)
{
	(void)unused;
	wire_read_each(r, at, value, read_statement, &r->gone);
}

static void
read_piece(struct wire_reader *r, const struct wire_at *at, struct str value, void *target)
{
	struct wire_body *body = target;

	(void)r, (void)at, (void)value;
	body->has_piece = true;
}

static void
read_view(struct wire_reader *r, const struct wire_at *at, struct str value, void *target)
{
	const struct wire_body *body = target;
	size_t i;

	for (i = 0; i < body->view.len; i++) {
		const char c = body->view.p[i];

		if ((c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F')) {
			wire_fail(r, at, value, "Input should be a digest in hex");
			return;
		}
	}
}

#define BODY(member) offsetof(struct wire_body, member)

static const struct wire_field kodo_fields[] = {
	{ "versions", WIRE_OBJECT, false, 0, 0, read_versions },
	{ "gone", WIRE_OBJECT, false, 0, 0, read_gone },
	{ "piece", WIRE_INTEGER, false, 0, BODY(piece), read_piece },
	{ "more", WIRE_BOOL, false, 0, BODY(more), NULL },
	{ "view", WIRE_TEXT, false, VIEW_BYTES, BODY(view), read_view },
};

void
wire_read_kodo(struct wire_reader *r, const struct wire_at *at, struct str value, void *target)
{
	struct wire_body *body = target;

	body->has_kodo = true;
	wire_read_fields(r, at, WIRE_TABLE(kodo_fields), value, body);
}

static int
statement_cmp(const void *va, const void *vb)
{
	const struct wire_statement *a = va, *b = vb;
	int c = str_cmp(a->key, b->key);

	return c != 0 ? c : (a->sequence > b->sequence) - (a->sequence < b->sequence);
}

/*
 * Sort by key, and of equal keys keep the last one that was said. Sorted, not hashed, so that no
 * choice of urls makes it slow.
 */
static size_t
statements_settle(struct buf *list)
{
	struct wire_statement *s = (struct wire_statement *)(void *)list->p;
	const size_t n = list->len / sizeof(*s);
	size_t i, kept = 0;

	if (n == 0)
		return 0;
	qsort(s, n, sizeof(*s), statement_cmp);
	for (i = 0; i < n; i++) {
		if (i + 1 == n || !str_eq(s[i].key, s[i + 1].key))
			s[kept++] = s[i];
	}
	list->len = kept * sizeof(*s);
	return kept;
}

static void
gone_settle(struct wire_reader *r)
{
	const size_t n = statements_settle(&r->gone);
	const struct wire_statement *s = (const struct wire_statement *)(const void *)r->gone.p;
	struct wire_gone *out;
	size_t i, n_gone = 0;

	if (n == 0 || r->err != KODO_OK)
		return;
	out = arena_alloc(r->a, n * sizeof(*out));
	if (out == NULL) {
		r->err = KODO_ENOMEM;
		return;
	}
	for (i = 0; i < n; i++) {
		if (s[i].wrong != NULL)
			wire_leave_out(r, s[i].url, s[i].wrong);
		else
			out[n_gone++] = (struct wire_gone){ s[i].url, s[i].key, s[i].version };
	}
	r->body->gone = out;
	r->body->n_gone = n_gone;
}

static int
order_cmp(const void *va, const void *vb, void *nodes)
{
	const struct wire_node *n = nodes;
	const uint32_t a = *(const uint32_t *)va, b = *(const uint32_t *)vb;
	int c = str_cmp(n[a].key, n[b].key);

	return c != 0 ? c : (a > b) - (a < b);
}

static int
key_cmp(const void *key, const void *statement)
{
	return str_cmp(*(const struct str *)key, ((const struct wire_statement *)statement)->key);
}

/* A node that lost, or is left out, loses its key; nodes_compact drops it. */
static void
node_version(struct wire_reader *r, struct wire_node *n)
{
	const struct wire_statement *s;

	if (r->versions.len == 0)
		return;
	s = bsearch(&n->key, r->versions.p, r->versions.len / sizeof(*s), sizeof(*s), key_cmp);
	if (s == NULL)
		return;
	if (s->wrong != NULL) {
		wire_leave_out(r, s->url, s->wrong);
		n->key = STR_NULL;
	}
	n->version = s->version;
}

static void
nodes_compact(struct wire_reader *r)
{
	struct wire_node *n = (struct wire_node *)(void *)r->nodes.p;
	const size_t count = r->nodes.len / sizeof(*n);
	size_t i, kept = 0;

	for (i = 0; i < count; i++) {
		if (n[i].key.p != NULL)
			n[kept++] = n[i];
	}
	r->nodes.len = kept * sizeof(*n);
}

/* Of nodes with equal keys the last wins, at the place of the first. */
static void
nodes_settle(struct wire_reader *r)
{
	struct wire_node *n = (struct wire_node *)(void *)r->nodes.p;
	const size_t count = r->nodes.len / sizeof(*n);
	uint32_t *order;
	size_t i, first;

	if (count == 0)
		return;
	order = malloc(count * sizeof(*order));
	if (order == NULL) {
		r->err = KODO_ENOMEM;
		return;
	}
	for (i = 0; i < count; i++)
		order[i] = (uint32_t)i;
	qsort_r(order, count, sizeof(*order), order_cmp, n);
	for (first = 0; first < count; first = i) {
		struct wire_node *winner = &n[order[first]];

		for (i = first + 1; i < count && str_eq(n[order[i]].key, winner->key); i++) {
			winner->bytes = n[order[i]].bytes;
			n[order[i]].key = STR_NULL;
		}
		node_version(r, winner);
	}
	free(order);
	nodes_compact(r);
}

void
wire_settle(struct wire_reader *r)
{
	statements_settle(&r->versions);
	nodes_settle(r);
	gone_settle(r);
}
