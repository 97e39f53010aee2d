#include <stddef.h>

#include "core/base/limit.h"
#include "core/base/url.h"
#include "core/wire/wire_private.h"

/* The sender's url, which must not be our own. */
static void
read_sender(struct wire_reader *r, const struct wire_at *at, struct str value, void *target)
{
	struct wire_body *body = target;

	body->from_key = wire_key(r, at, value, body->from.url);
	if (body->from_key.p != NULL && r->own_key.p != NULL && str_eq(body->from_key, r->own_key))
		wire_fail(r, at, value,
		    "Input should be the url of another service, %.*s is this service itself",
		    STR_ARG(body->from.url));
}

/* A list of texts on its way; max: room in it. */
struct texts {
	struct str *list;
	size_t max;
	size_t n;
};

static void
read_message_line(struct wire_reader *r, const struct wire_at *at, struct str value, void *target)
{
	struct texts *t = target;
	struct str line;

	wire_read_text(r, at, value, LIMIT_DESCRIPTION_BYTES, &line);
	if (t->n < t->max)
		t->list[t->n++] = line;
}

static void
read_url_of_list(struct wire_reader *r, const struct wire_at *at, struct str value, void *target)
{
	const size_t n_errors = r->n_errors;
	struct texts *t = target;
	struct str url;

	wire_read_url(r, at, value, &url);
	if (r->n_errors == n_errors && t->n < t->max)
		t->list[t->n++] = wire_key(r, at, value, url);
}

/* Read a list of texts by read, which appends to t; over max: see wire_over. */
static void
read_texts(struct wire_reader *r, const struct wire_at *at, struct str value, size_t max,
    wire_read_fn *read, struct texts *t)
{
	struct jread_walk w;
	struct str key, element;

	t->max = t->n = 0;
	jread_begin(&w, value);
	while (t->max < max && jread_next(&w, &key, &element))
		t->max++;
	t->list = arena_alloc(r->a, (t->max + 1) * sizeof(*t->list));
	if (t->list == NULL) {
		r->err = KODO_ENOMEM;
		return;
	}
	if (wire_read_each(r, at, value, read, t) > max)
		wire_over(r, at, value, (uint32_t)max, NULL);
}

static void
read_message(struct wire_reader *r, const struct wire_at *at, struct str value, void *target)
{
	struct wire_body *body = target;
	struct texts t;

	read_texts(r, at, value, LIMIT_MESSAGES, read_message_line, &t);
	body->from.message = t.list;
	body->from.n_message = t.n;
}

static void
read_urls(struct wire_reader *r, const struct wire_at *at, struct str value, void *target)
{
	struct wire_body *body = target;
	struct texts t;

	read_texts(r, at, value, LIMIT_DISCONNECT_URLS, read_url_of_list, &t);
	body->urls = t.list;
	body->n_urls = t.n;
}

static void
read_nodes(struct wire_reader *r, const struct wire_at *at, struct str value, void *unused)
{
	(void)unused;
	r->n_listed = wire_read_each(r, at, value, wire_read_node, NULL);
	if (r->n_listed > LIMIT_BODY_NODES)
		wire_over(r, at, value, LIMIT_BODY_NODES, NULL);
	wire_nodes_end(r);
}

#define FROM(member) offsetof(struct wire_body, from.member)

/* The begin of all bodies but a disconnect, in the order of errors. */
#define GREETING_FIELDS \
	{ "url", WIRE_URL, true, LIMIT_URL_BYTES, FROM(url), read_sender }, \
	{ "organization", WIRE_TEXT, false, LIMIT_NAME_BYTES, FROM(organization), NULL }, \
	{ "registry", WIRE_BOOL, true, 0, FROM(registry), NULL }, \
	{ "feed", WIRE_BOOL, true, 0, FROM(feed), NULL }, \
	{ "idle", WIRE_BOOL, true, 0, FROM(idle), NULL }, \
	{ "now", WIRE_TIME, true, 0, FROM(now_us), NULL }, \
	{ "message", WIRE_LIST, true, 0, 0, read_message }

/* The last one: its versions are those of nodes read before. */
#define KODO_FIELD { "kodo", WIRE_OBJECT, false, 0, 0, wire_read_kodo }

static const struct wire_field default_fields[] = {
	GREETING_FIELDS,
	KODO_FIELD,
};

static const struct wire_field connect_fields[] = {
	GREETING_FIELDS,
	{ "nodes", WIRE_LIST, true, 0, 0, read_nodes },
	KODO_FIELD,
};

static const struct wire_field answer_fields[] = {
	GREETING_FIELDS,
	{ "nodes", WIRE_LIST, false, 0, 0, read_nodes },
	KODO_FIELD,
};

static const struct wire_field disconnect_fields[] = {
	{ "provider", WIRE_URL, true, LIMIT_URL_BYTES, FROM(url), read_sender },
	{ "url", WIRE_LIST, true, 0, 0, read_urls },
	KODO_FIELD,
};

static const struct {
	const struct wire_field *fields;
	size_t n;
	const char *name;	/* in errors, that of the original */
} kinds[] = {
	[WIRE_CONNECT] = { WIRE_TABLE(connect_fields), "Connect" },
	[WIRE_UPDATE] = { WIRE_TABLE(connect_fields), "Connect" },
	[WIRE_DEFAULT] = { WIRE_TABLE(default_fields), "Default" },
	[WIRE_DISCONNECT] = { WIRE_TABLE(disconnect_fields), "Disconnect" },
	[WIRE_ANSWER] = { WIRE_TABLE(answer_fields), "Connect" },
};

/* Check the text; a fault of it as a whole goes to no. */
static bool
take_value(struct wire_reader *r, struct str *value, struct wire_refusal *no)
{
	struct wire_error empty = { STR("'data'"), STR("data"), STR("body") };
	struct jread_fault fault;

	if (r->json.len == 0) {
		buf_put(&r->errors, &empty, sizeof(empty));
		r->n_errors = 1;
		return false;
	}
	if (jread_check(r->json, value, &fault))
		return true;
	if (fault.text == NULL)
		no->detail = STR("Input data was truncated");
	else
		no->detail = str_of(arena_printf(r->a, "JSON is malformed: %s (byte %zu)",
		    fault.text, fault.at));
	if (no->detail.p == NULL)
		r->err = KODO_ENOMEM;
	return false;
}

static void
read_body(struct wire_reader *r, enum wire_kind kind, struct wire_refusal *no)
{
	struct str value;

	if (!take_value(r, &value, no))
		return;
	if (jread_kind(value) != JREAD_OBJECT) {
		wire_fail(r, NULL, value, "Input should be a valid dictionary or instance of %s",
		    kinds[kind].name);
		return;
	}
	wire_read_fields(r, NULL, kinds[kind].fields, kinds[kind].n, value, r->body);
	if (r->body->has_chunk && kind != WIRE_UPDATE)
		wire_fail(r, NULL, value, "Input should be an /update if it is a part of a node");
	if (r->n_errors == 0 && r->err == KODO_OK)
		wire_versions_end(r);
}

enum kodo_err
wire_read(struct arena *a, enum wire_kind kind, struct str json, int64_t now_us, struct str own_key,
    struct wire_body *out, struct wire_refusal *no)
{
	struct wire_reader r;
	enum kodo_err err;

	memset(out, 0, sizeof(*out));
	memset(no, 0, sizeof(*no));
	err = wire_reader_init(&r, a, json);
	if (err != KODO_OK)
		goto out;
	r.body = out;
	out->source = (struct wire_source){ json, kind, now_us };
	r.now_us = now_us;
	r.own_key = own_key;
	read_body(&r, kind, no);
	no->errors = wire_take(&r, &r.errors, sizeof(struct wire_error), &no->n_errors);
	out->nodes = wire_take(&r, &r.nodes, sizeof(struct wire_node), &out->n_nodes);
	out->silent = wire_take(&r, &r.silent, sizeof(struct wire_silent), &out->n_silent);
	out->gone = wire_take(&r, &r.gone, sizeof(struct wire_gone), &out->n_gone);
	out->left_out = wire_take(&r, &r.left_out, sizeof(struct wire_left_out), &out->n_left_out);
	err = r.err;
	if (err == KODO_OK && (no->detail.p != NULL || no->n_errors > 0))
		err = KODO_EINVAL;
out:
	wire_reader_free(&r);
	if (err != KODO_OK)
		memset(out, 0, sizeof(*out));
	return err;
}
