/* One simulated service: its life, and what the HTTP handlers do with a request. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/url.h"
#include "core/check/integrity.h"
#include "core/flow/packed.h"
#include "core/records/head.h"
#include "core/records/peer.h"
#include "core/records/record.h"
#include "core/registry/reply.h"
#include "core/registry/requests.h"
#include "core/registry/startup.h"
#include "core/storage/sink.h"
#include "core/storage/store.h"
#include "core/trust/document.h"
#include "core/views/render.h"
#include "entry_log.h"
#include "mesh.h"

#define FAT_BYTES 2500

const char *mesh_trust = "known";

const char *
service_url(const struct mesh *m, unsigned i, unsigned variant)
{
	static char urls[4][64];
	static unsigned next;
	char *out = urls[next++ % 4];

	(void)m;
	snprintf(out, sizeof(urls[0]), "http://s%u:%u", i, 1000 + variant);
	return out;
}

bool
service_find(struct str url, unsigned *i, unsigned *variant, char path[MESH_PATH_BYTES])
{
	char text[80], *colon, *slash;

	snprintf(text, sizeof(text), "%.*s", STR_ARG(url));
	if (strncmp(text, "http://s", 8) != 0)
		return false;
	*i = (unsigned)strtoul(text + 8, &colon, 10);
	*variant = (unsigned)strtoul(colon + 1, &slash, 10) - 1000;
	snprintf(path, MESH_PATH_BYTES, "%.*s", (int)MESH_PATH_BYTES - 1, slash);
	return *i < MESH_MAX;
}

int64_t
service_now(const struct service *s)
{
	return MESH_T0_US + s->mesh->now_us + s->offset_us;
}

static void
must(struct service *s, enum kodo_err err, const char *what)
{
	if (err != KODO_OK)
		mesh_fail(s->mesh, "s%u: %s: %s\n", s->i, what, kodo_err_text(err));
}

/* --- its flows --- */

unsigned
mesh_n_flows(const struct history *h, unsigned i, unsigned variant)
{
	return variant == 0 ? 0 : 1 + variant % 3 + h->more_flows[i];
}

size_t
mesh_flows(
    struct arena *a, const struct history *h, unsigned i, unsigned variant, const struct flow **out)
{
	size_t n = mesh_n_flows(h, i, variant), j;
	struct flow *flows = arena_zalloc(a, (n + 1) * sizeof(*flows));
	char *fat = arena_alloc(a, FAT_BYTES);

	memset(fat, 'f', FAT_BYTES);
	for (j = 0; j < n; j++) {
		flows[j].url = str_of(arena_printf(a, "/f%zu", j));
		flows[j].name = str_of(arena_printf(a, "s%u variant %u", i, variant));
		flows[j].description = h->is_fat[i] ? (struct str){ fat, FAT_BYTES } : STR_NULL;
	}
	*out = flows;
	return n;
}

char *
mesh_view_line(
    struct arena *a, const struct history *h, const char *url, unsigned i, unsigned variant)
{
	return arena_printf(a, "  %s \"s%u variant %u\" %u", url, i, variant,
	    mesh_n_flows(h, i, variant));
}

/* --- its life --- */

static void
options_make(struct service *s)
{
	struct arena *a = s->options_arena;
	char *argv[12 + 2 * MESH_MAX];
	struct why why = { "" };
	int argc = 0;
	unsigned j;

	arena_reset(a);
	argv[argc++] = arena_strz(a, STR("--url"));
	argv[argc++] = arena_strz(a, str_of(service_url(s->mesh, s->i, s->url_variant)));
	argv[argc++] = arena_strz(a, STR("--trust"));
	argv[argc++] = arena_strz(a, str_of(mesh_trust));
	argv[argc++] = arena_strz(a, STR("--expire-days"));
	argv[argc++] = arena_strz(a, STR("1"));
	if (s->role == ROLE_NODE)
		argv[argc++] = arena_strz(a, STR("--no-registry"));
	if (s->role != ROLE_REGISTRY)
		argv[argc++] = arena_strz(a, STR("--no-feed"));
	for (j = 0; j < s->mesh->h->n; j++) {
		if ((s->connect & 1u << j) == 0)
			continue;
		argv[argc++] = arena_strz(a, STR("--connect"));
		argv[argc++] = arena_strz(a, str_of(service_url(s->mesh, j, 0)));
	}
	argv[argc] = NULL;
	if (option_load_service(a, argc, argv, true, &s->options, &why) != KODO_OK)
		mesh_fail(s->mesh, "s%u: %s\n", s->i, why.text);
	s->options.cache_reset = s->is_reset;
	s->options.audit_max_mib = 0; /* it is not looked at */
	s->options.state_path = str_of(s->dir);
	s->options.cache_data = STR("/nonexistent/cache.json");
	s->options.n_flows = mesh_flows(a, s->mesh->h, s->i, s->flows_variant, &s->options.flows);
}

/*
 * What a new state draws from the system's randomness comes from the seed here, so that a history
 * can be replayed.
 */
void
service_open(struct service *s)
{
	struct why why = { "" };
	struct head h = { .options_gen = 0 };
	struct txn t;

	if (registry_open(str_of(s->dir), true, &why, &s->r) != KODO_OK) {
		mesh_fail(s->mesh, "s%u: %s\n", s->i, why.text);
		return;
	}
	entry_log_follow(s);
	must(s, store_begin(registry_store(s->r), STORE_READ, &t), "read");
	must(s, store_end(&t, head_get(&t, &h)), "read");
	if (h.options_gen == 0)
		must(s, registry_epoch_set(s->r, mesh_random(&s->mesh->random),
		    service_now(s)), "epoch");
}

void
service_start(struct service *s, enum registry_start kind)
{
	struct why why = { "" };

	if (s->legacy != NULL) {
		s->is_up = true;
		legacy_start(s->legacy);
	} else {
		if (s->r == NULL)
			service_open(s);
		s->is_up = true;
		options_make(s);
		if (startup_apply(s->r, &s->options, STR("stamp"), kind, service_now(s), NULL,
			&why) != KODO_OK)
			mesh_fail(s->mesh, "s%u: %s\n", s->i, why.text);
	}
	if (kind == START_NOW)
		s->has_left = false;
	mesh_poll_later(s, s->mesh->now_us);
}

void
service_stop(struct service *s)
{
	unsigned i;

	s->is_up = false;
	s->boots++;
	s->poll_us = INT64_MAX;
	s->round_us = 0;
	for (i = 0; i < MESH_SLOTS; i++) {
		s->slots[i].is_busy = false;
		s->slots[i].gen++;
	}
	registry_close(s->r);
	s->r = NULL;
}

void
service_wipe(struct service *s)
{
	static const char *const names[] = { "data.mdb", "lock.mdb", "write.lock", "counts.json",
		"key", "copy" };
	char path[256];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", s->dir, names[i]);
		unlink(path);
	}
	entry_log_mark(s, MARK_WIPED);
	s->has_copy = false;
	s->key += s->key != 0 ? MESH_MAX : 0; /* another one */
	rmdir(s->dir);
}

static bool
file_copy(const struct service *s, const char *from, const char *to)
{
	char path[256], block[65536];
	FILE *in, *out = NULL;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", s->dir, from);
	in = fopen(path, "rb");
	if (in == NULL)
		return false;
	snprintf(path, sizeof(path), "%s/%s", s->dir, to);
	out = fopen(path, "wb");
	while (out != NULL && (n = fread(block, 1, sizeof(block), in)) > 0)
		if (fwrite(block, 1, n, out) != n)
			abort();
	fclose(in);
	return out != NULL && fclose(out) == 0;
}

void
service_copy(struct service *s)
{
	s->has_copy = s->legacy == NULL && file_copy(s, "data.mdb", "copy");
	if (s->has_copy)
		entry_log_mark(s, MARK_COPIED);
}

static unsigned
providers_count(struct service *s)
{
	struct scan scan;
	struct txn t;
	uint32_t id;
	unsigned n = 0;

	service_open(s);
	must(s, store_begin(registry_store(s->r), STORE_READ, &t), "read");
	scan = peer_scan_providers(&t);
	while (peer_next_provider(&scan, &id))
		n++;
	must(s, store_end(&t, scan_end(&scan)), "read");
	service_stop(s);
	return n;
}

bool
service_restore(struct service *s)
{
	unsigned n;

	if (!s->has_copy) {
		service_wipe(s);
		return false;
	}
	n = providers_count(s);
	if (!file_copy(s, "copy", "data.mdb"))
		mesh_fail(s->mesh, "s%u: cannot restore\n", s->i);
	entry_log_mark(s, MARK_RESTORED);
	return providers_count(s) >= n;
}

void
service_leave(struct service *s)
{
	struct receipt in;
	uint64_t ticket;

	must(s, registry_leave(s->r, service_now(s), &ticket, &in), "leave");
	s->has_left = true;
	mesh_poll_later(s, s->mesh->now_us);
}

/* --- requests, as fcgi-app/http answers them --- */

static void
fail_put(struct answer *out, unsigned status)
{
	out->status = status;
	wire_put_error(&out->body, status, STR("simulated"), NULL, 0);
}

static enum kodo_err
request_take(struct service *s, const char *path, const struct wire_body *b, struct receipt *in)
{
	int64_t now_us = service_now(s);
	uint64_t ticket;

	if (strcmp(path, "/connect") == 0)
		return registry_connect(s->r, b, now_us, in);
	if (strcmp(path, "/update") == 0)
		return registry_update(s->r, b, now_us, in);
	if (strcmp(path, "/disconnect") == 0)
		return registry_disconnect(s->r, b, now_us, in, &ticket);
	return registry_reconnect(s->r, b, now_us, in);
}

/* Of a node that comes in chunks either all flows are seen or none. */
static void
whole_check(struct service *s, struct arena *a)
{
	const struct history *h = s->mesh->h;
	const char *view = service_view(s, a), *at = view;

	while ((at = strstr(at, " \"s")) != NULL) {
		char *end;
		unsigned i = (unsigned)strtoul(at + 3, &end, 10);
		unsigned variant = (unsigned)strtoul(end + strlen(" variant "), &end, 10);

		if (strtoul(end + 1, NULL, 10) != mesh_n_flows(h, i % MESH_MAX, variant))
			mesh_fail(s->mesh, "s%u shows an incomplete node:\n%s", s->i, view);
		at = end;
	}
}

static void
map_answer(struct service *s, struct answer *out)
{
	struct sink sink = SINK_INIT(NULL);
	struct view v;

	must(s, view_begin(s->r, service_now(s), &v), "view");
	must(s, render_map(&v, &sink), "map");
	view_end(&v);
	out->status = 200;
	buf_put_str(&out->body, buf_str(&sink.buf));
	sink_free(&sink);
}

static void
greeting_answer(struct service *s, struct answer *out)
{
	struct greeting g;
	struct view v;

	must(s, view_begin(s->r, service_now(s), &v), "view");
	view_greeting(&v, &g);
	out->status = 200;
	buf_putc(&out->body, '{');
	wire_put_greeting(&out->body, &g);
	buf_putc(&out->body, '}');
	view_end(&v);
}

static void
post_answer(struct service *s, struct arena *a, const char *path, struct str body,
    const struct speaker *who, struct answer *out, bool *wake)
{
	bool is_connect = strcmp(path, "/connect") == 0,
	    is_reconnect = strcmp(path, "/reconnect") == 0;
	enum wire_kind kind = is_reconnect     ? WIRE_DEFAULT
	    : strcmp(path, "/disconnect") == 0 ? WIRE_DISCONNECT
	    : is_connect                       ? WIRE_CONNECT : WIRE_UPDATE;
	struct sink sink = SINK_INIT(NULL);
	struct wire_refusal no;
	struct wire_body b;
	struct receipt in;
	bool rest;

	if (wire_read(a, kind, body, service_now(s), s->options.url_key, &b, &no) != KODO_OK) {
		fail_put(out, 400);
		return;
	}
	if (b.n_left_out > 0)
		mesh_trace(s->mesh, "    s%u leaves out %.*s: %.*s", s->i,
		    STR_ARG(b.left_out[0].url), STR_ARG(b.left_out[0].reason));
	if (!is_reconnect && s->role == ROLE_NODE) {
		fail_put(out, 404);
		return;
	}
	b.speaker = who;
	must(s, request_take(s, path, &b, &in), path);
	*wake = in.wake;
	if (in.refusal != NULL) {
		mesh_trace(s->mesh, "    s%u refuses: %s", s->i, in.refusal);
		fail_put(out, 403);
		return;
	}
	if (!in.known) {
		fail_put(out, 404);
		return;
	}
	if (b.has_chunk)
		whole_check(s, a);
	out->status = is_connect ? 201 : 200;
	must(s,
	    reply_put(
		s->r, &b, is_connect, is_reconnect, service_now(s), &sink, &rest),
	    "answer");
	*wake |= rest;
	buf_put_str(&out->body, buf_str(&sink.buf));
	sink_free(&sink);
}

void
service_key(uint64_t number, unsigned char key[CRYPTO_KEY_BYTES])
{
	memset(key, 0, CRYPTO_KEY_BYTES);
	memcpy(key, &number, sizeof(number));
}

static void
document_answer(struct service *s, struct answer *out)
{
	struct own_key own = { .since_us = 1 };

	service_key(s->key, own.key);
	out->status = 200;
	document_put(&out->body, s->options.url, &own);
}

/* The runner sleeps unless it is woken, as the handlers do. */
void
service_answer(struct service *s, const char *path, struct str body, const struct speaker *who,
    struct answer *out)
{
	unsigned ceiling = s->mesh->h->ceiling_bytes[s->i];
	struct arena *a = arena_new();
	bool wake = s->legacy != NULL;

	if (ceiling != 0 && body.len > ceiling)
		fail_put(out, 413);
	else if (s->legacy != NULL)
		legacy_answer(s->legacy, path, body, out);
	else if (strcmp(path, DOCUMENT_PATH) == 0)
		document_answer(s, out);
	else if (strcmp(path, "/map") == 0)
		map_answer(s, out);
	else if (strcmp(path, "/") == 0 || strcmp(path, "/home") == 0)
		greeting_answer(s, out);
	else
		post_answer(s, a, path, body, who, out, &wake);
	arena_free(a);
	if (wake)
		mesh_poll_later(s, s->mesh->now_us);
}

/* --- what somebody says who has no right to --- */

static char *
lie_make(struct arena *a, const struct service *s, const struct service *other, int64_t value)
{
	const char *url = service_url(s->mesh, other->i, other->url_variant);
	char *node = arena_printf(a,
	    "{\"url\":\"%s\",\"organization\":null,\"flows\":[{\"url\":\"/f0\",\"name\":"
	    "\"s%u variant 9999\",\"description\":null,\"author\":null,\"tags\":[]}]}",
	    url, other->i);
	char *version = arena_printf(a, "\"%s\":%lld", url,
	    (long long)(service_now(s) + value % 29 * 86400 * SECOND_US));
	const bool is_gone = value % 2 != 0;

	return arena_printf(a,
	    "{\"url\":\"%s\",\"organization\":null,\"registry\":true,\"feed\":false,"
	    "\"message\":[],\"nodes\":[%s],\"kodo\":{\"versions\":{%s},\"gone\":{%s},"
	    "\"life\":1,\"sent\":%u}}",
	    service_url(s->mesh, MESH_LIAR, 0), is_gone ? "" : node, is_gone ? "" : version,
	    is_gone ? version : "", ++s->mesh->n_lies);
}

void
service_lie(struct service *s, const struct service *other, int64_t value)
{
	struct speaker who = { .is_signed = true, .has_address = true };
	struct answer out = { 500, BUF_INIT(0) };
	struct arena *a = arena_new();

	if (s->is_up && s->legacy == NULL && s->role != ROLE_NODE &&
	    s->mesh->h->more_flows[other->i] == 0) {
		s->mesh->lied |= 1u << other->i;
		service_key(MESH_LIAR, who.signer.key);
		who.address.s6_addr[15] = MESH_LIAR;
		service_answer(s, "/connect", str_of(lie_make(a, s, other, value)), &who, &out);
		mesh_trace(s->mesh, "    s%u answers the liar %u", s->i, out.status);
		service_check_nodes(s);
	}
	buf_free(&out.body);
	arena_free(a);
}

/* --- what it shows --- */

static int
line_cmp(const void *x, const void *y)
{
	return strcmp(*(char *const *)x, *(char *const *)y);
}

static char *
node_line(struct arena *a, const struct wire_node *n)
{
	struct packed_flow f;
	struct packed p;

	if (packed_open(n->bytes, &p) != KODO_OK || p.n_flows == 0 ||
	    packed_flow(&p, 0, &f) != KODO_OK)
		return arena_printf(a, "  broken");
	return arena_printf(a, "  %.*s %.*s %u", STR_ARG(p.url), STR_ARG(f.name), p.n_flows);
}

/* Of which service is the url? */
static unsigned
number_of(const char *url)
{
	return (unsigned)strtoul(url + strlen("http://s"), NULL, 10);
}

/* Through the body of GET /connect, as anybody sees it. */
char *
service_view(struct service *s, struct arena *a)
{
	struct sink sink = SINK_INIT(NULL);
	struct wire_refusal no;
	struct wire_body b;
	struct str text;
	struct view v;
	char **lines, *all;
	size_t i, n = 0;

	must(s, view_begin(s->r, service_now(s), &v), "view");
	must(s, render_connect(&v, &sink), "connect");
	view_end(&v);
	must(s, arena_str(a, buf_str(&sink.buf), &text), "view");
	sink_free(&sink);
	must(
	    s, wire_read(a, WIRE_CONNECT, text, service_now(s), STR_NULL, &b, &no), "GET /connect");
	lines = arena_alloc(a, (b.n_nodes + 1) * sizeof(*lines));
	for (i = 0; i < b.n_nodes; i++) {
		lines[n] = node_line(a, &b.nodes[i]);
		n += model_is_held(s->mesh, s->i, number_of(lines[n] + strlen("  ")));
	}
	qsort(lines, n, sizeof(*lines), line_cmp);
	all = arena_printf(a, "%s", "");
	for (i = 0; i < n; i++)
		all = arena_printf(a, "%s%s\n", all, lines[i]);
	return all;
}

static bool
is_mistaken(const struct service *s, struct str url)
{
	const unsigned to = number_of(url.p);

	return to == MESH_LIAR || model_is_mistaken(s->mesh, s->i, to % MESH_MAX);
}

char *
service_pending(struct service *s, struct arena *a)
{
	static const char *const works[WORK_MAX] = { "leave", "connect", "reconnect", "notify" };
	struct peer p;
	struct txn t;
	char *what = NULL;
	uint32_t id = 0;
	int i;

	must(s, store_begin(registry_store(s->r), STORE_READ, &t), "read");
	while (what == NULL && peer_next(&t, a, &id, &p) == KODO_OK)
		for (i = 0; i < WORK_MAX && what == NULL; i++)
			if (p.out.work[i] != 0 && !is_mistaken(s, p.url))
				what = arena_printf(a, "%s %.*s", works[i], STR_ARG(p.url));
	must(s, store_end(&t, KODO_OK), "read");
	return what;
}

static void
fault_note(void *arg, enum finding kind, const char *line)
{
	struct service *s = arg;

	if (kind == FINDING_ERROR)
		mesh_fail(s->mesh, "s%u: check: %s\n", s->i, line);
}

void
service_check(struct service *s)
{
	must(s, integrity_check(s->r, service_now(s), fault_note, s), "check");
}
