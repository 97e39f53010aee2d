#include <stddef.h>

#include "core/base/limit.h"
#include "core/base/url.h"
#include "core/wire/wire_private.h"

struct flow_in {
	struct flow flow;
	struct str tags[LIMIT_TAGS];
	struct str queries[LIMIT_QUERIES];
};

struct node_in {
	struct str url;
	struct str audience;
	struct str organization;
	struct str status;
	/* created and modified are checked and dropped: a node has those of its provider */
	int64_t created_us;
	int64_t modified_us;
	int64_t heartbeat_us;
};

static void
read_tag(struct wire_reader *r, const struct wire_at *at, struct str value, void *target)
{
	struct flow_in *f = target;
	struct str tag;

	wire_read_text(r, at, value, LIMIT_TAG_BYTES, &tag);
	if (at->index < LIMIT_TAGS)
		f->tags[at->index] = tag;
}

static void
read_tags(struct wire_reader *r, const struct wire_at *at, struct str value, void *target)
{
	struct flow_in *f = target;

	f->flow.tags = f->tags;
	f->flow.n_tags = wire_read_each(r, at, value, read_tag, f);
	if (f->flow.n_tags > LIMIT_TAGS)
		wire_over(r, at, value, LIMIT_TAGS, NULL);
}

/* An optional text of later originals; null where it is no text, or too long. */
static void
read_optional(struct wire_reader *r, struct str value, size_t max, struct str *out)
{
	if (jread_kind(value) != JREAD_TEXT)
		return;
	if (jread_text(r->j, r->texts, value, out) != KODO_OK)
		r->err = KODO_ENOMEM;
	if (out->len > max)
		*out = STR_NULL;
}

/* Only an address counts: originals put the place of their code there. */
static void
read_entry(struct wire_reader *r, const struct wire_at *at, struct str value, void *target)
{
	struct flow_in *f = target;
	struct url u;

	(void)at;
	read_optional(r, value, LIMIT_URL_BYTES, &f->flow.entry);
	if (f->flow.entry.p != NULL && url_parse(f->flow.entry, &u, NULL) != KODO_OK)
		f->flow.entry = STR_NULL;
}

/* A hint for those that look for it: where it is anything else than it should be it is dropped. */
static void
read_queries(struct wire_reader *r, const struct wire_at *at, struct str value, void *target)
{
	struct flow_in *f = target;
	struct jread_walk w;
	struct str key, item;
	size_t n = 0;

	(void)at;
	if (jread_kind(value) != JREAD_LIST)
		return;
	jread_begin(&w, value);
	while (jread_next(&w, &key, &item)) {
		struct str text = STR_NULL;

		read_optional(r, item, LIMIT_QUERY_TEXT_BYTES, &text);
		if (text.len == 0 || n == LIMIT_QUERIES)
			return;
		f->queries[n++] = text;
	}
	if (n < LIMIT_QUERIES_LEAST)
		return;
	f->flow.queries = f->queries;
	f->flow.n_queries = n;
}

#define FLOW(member) offsetof(struct flow_in, flow.member)

static const struct wire_field flow_fields[] = {
	{ "url", WIRE_TEXT, true, LIMIT_URL_BYTES, FLOW(url), NULL },
	{ "name", WIRE_TEXT, true, LIMIT_NAME_BYTES, FLOW(name), NULL },
	{ "description", WIRE_TEXT, false, LIMIT_DESCRIPTION_BYTES, FLOW(description), NULL },
	{ "author", WIRE_TEXT, false, LIMIT_NAME_BYTES, FLOW(author), NULL },
	{ "tags", WIRE_LIST, false, 0, 0, read_tags },
	{ "entry", WIRE_ANY, false, 0, 0, read_entry },
	{ "queries", WIRE_ANY, false, 0, 0, read_queries },
};

/* Do the nodes so far and the one at hand keep to LIMIT_STORED_BYTES and its times? */
static bool
fits(const struct wire_reader *r)
{
	const size_t size =
	    r->stored + packed_size(&r->packer, &(struct packed_end){ .heartbeat_us = 0 });

	return size <= LIMIT_STORED_BYTES + LIMIT_STORED_TIMES * r->json.len;
}

static void
read_flow(struct wire_reader *r, const struct wire_at *at, struct str value, void *unused)
{
	struct flow_in f;

	(void)unused;
	if (jread_kind(value) != JREAD_OBJECT) {
		wire_fail(r, at, value, "Input should be a valid dictionary or instance of Flow");
		return;
	}
	memset(&f.flow, 0, sizeof(f.flow));
	arena_reset(r->flow_a);
	r->texts = r->flow_a;
	wire_read_fields(r, at, WIRE_TABLE(flow_fields), value, &f);
	r->texts = r->node_a;
	if (!wire_is_clean(r))
		return;
	packed_add(&r->packer, &f.flow);
	if (!fits(r))
		wire_over(r, at->up, value, LIMIT_STORED_TIMES,
		    "times the body when stored");
}

static void
read_flows(struct wire_reader *r, const struct wire_at *at, struct str value, void *target)
{
	const struct node_in *n = target;

	packed_begin(&r->packer, n->url, n->organization);
	if (wire_read_each(r, at, value, read_flow, NULL) > LIMIT_NODE_FLOWS)
		wire_over(r, at, value, LIMIT_NODE_FLOWS, NULL);
}

static void
read_audience(struct wire_reader *r, const struct wire_at *at, struct str value, void *target)
{
	struct node_in *n = target;

	(void)at;
	read_optional(r, value, LIMIT_URL_BYTES, &n->audience);
}

#define NODE(member) offsetof(struct node_in, member)

static const struct wire_field node_fields[] = {
	{ "url", WIRE_URL, true, LIMIT_URL_BYTES, NODE(url), NULL },
	{ "audience", WIRE_ANY, false, 0, 0, read_audience },
	{ "organization", WIRE_TEXT, false, LIMIT_NAME_BYTES, NODE(organization), NULL },
	{ "flows", WIRE_LIST, true, 0, 0, read_flows },
	{ "created", WIRE_TIME, false, 0, NODE(created_us), NULL },
	{ "modified", WIRE_TIME, false, 0, NODE(modified_us), NULL },
	{ "heartbeat", WIRE_TIME, false, 0, NODE(heartbeat_us), NULL },
	{ "status", WIRE_TEXT, false, LIMIT_NAME_BYTES, NODE(status), NULL },
};

/* Append the node at hand to the list of nodes. */
static void
node_add(struct wire_reader *r, const struct wire_at *at, struct str value, const struct node_in *n)
{
	const struct packed_end end = { n->status, n->audience, n->heartbeat_us };
	const size_t size = packed_size(&r->packer, &end);
	/* never grows: it is the arena's */
	struct buf packed = { NULL, 0, size + 1, size, KODO_OK };
	struct wire_node out = { .version = 0 };

	out.key = wire_key(r, at, value, n->url);
	packed.p = arena_alloc(r->a, packed.cap);
	if (packed.p == NULL) {
		r->err = KODO_ENOMEM;
		return;
	}
	r->stored += size;
	packed_end(&r->packer, &end, &packed);
	if (buf_failed(&packed))
		r->err = KODO_ENOMEM;
	out.bytes = buf_str(&packed);
	wire_push(r, &r->nodes, &out, sizeof(out));
}

void
wire_read_node(struct wire_reader *r, const struct wire_at *at, struct str value, void *unused)
{
	const struct str over_before = r->over;
	const bool lenient_before = r->lenient;
	struct arena *const texts_before = r->texts;
	struct node_in n;

	(void)unused;
	if (jread_kind(value) != JREAD_OBJECT) {
		wire_fail(r, at, value, "Input should be a valid dictionary or instance of Node");
		return;
	}
	memset(&n, 0, sizeof(n));
	arena_reset(r->node_a);
	r->texts = r->node_a;
	r->lenient = true;
	r->over = STR_NULL;
	wire_read_fields(r, at, WIRE_TABLE(node_fields), value, &n);
	if (wire_is_clean(r))
		node_add(r, at, value, &n);
	else if (r->over.p != NULL && r->n_errors == 0)
		wire_leave_out(r, n.url, NULL);
	r->over = over_before;
	r->lenient = lenient_before;
	r->texts = texts_before;
}
