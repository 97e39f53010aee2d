/*
 * Records of a real state with bytes changed, as a disk or a hand may change them: whatever reads
 * or changes that state ends with an answer or an error, in bounded time and memory.
 *
 * An input is a list of changes of 5 bytes: number of a record (2), place in its key and value (2),
 * what the byte there is xored with. LMDB's own pages are whole: tests/faults/damage.py damages
 * them too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/isotime.h"
#include "core/base/path.h"
#include "core/base/url.h"
#include "core/check/integrity.h"
#include "core/exchange/outcome.h"
#include "core/exchange/schedule.h"
#include "core/registry/expire.h"
#include "core/registry/reply.h"
#include "core/registry/requests.h"
#include "core/registry/startup.h"
#include "core/registry/target.h"
#include "core/registry/wait.h"
#include "core/views/changes.h"
#include "core/views/counts.h"
#include "core/views/facets.h"
#include "core/views/peer_status.h"
#include "core/views/provenance.h"
#include "core/views/render.h"
#include "core/views/search.h"

#define T0		1764000000000000ll	/* a day in November 2025 */
#define DAY_US		(86400ll * 1000000)
#define OWN		"http://own:1"
#define CHANGE_BYTES	5u
#define CHANGES_MAX	16u
#define JOBS_MAX	24u
#define ALLOC_MAX	(64ull << 20)		/* of one arena or answer */
#define SECONDS_MAX	20u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* A key or value in the file. */
struct piece {
	size_t at, len;
};

static struct {
	char dir[64], file[96];
	struct arena *a;		/* of the options and texts */
	struct options o;
	struct flow flows[3];
	struct str bytes;		/* of data.mdb, whole */
	struct piece (*records)[2];
	size_t n_records;
	int64_t now_us;
} base;

/* The state at hand. */
static struct registry *reg;
static struct arena *arena;

static void
must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz_records: %s\n", what);
	abort();
}

/* What a damaged state may answer: that it is, or that nothing is found; for no other reason. */
static void
may(enum kodo_err err)
{
	must(err == KODO_OK || err == KODO_ECORRUPT || err == KODO_ENOTFOUND ||
	    err == KODO_EVERSION || err == KODO_ECONFLICT, kodo_err_text(err));
}

/* --- bodies --- */

static struct wire_body
body_read(struct arena *a, enum wire_kind kind, const char *json)
{
	struct wire_refusal no;
	struct wire_body b;

	must(wire_read(a, kind, str_of(json), base.now_us, base.o.url_key, &b, &no) == KODO_OK,
	    json);
	return b;
}

#define FLOWS(n) \
	"{\"url\":\"/a" n "\",\"name\":\"Alpha " n "\",\"description\":\"says \\\"" n "\\\"\"," \
	"\"author\":\"ann@example.com\",\"tags\":[\"x\",\"y" n "\"]}," \
	"{\"url\":\"//b\",\"name\":\"beta\",\"description\":null,\"author\":null,\"tags\":[]}," \
	"{\"url\":\"\",\"name\":\"Alpha " n "\",\"tags\":[\"q\\\"\",\"x\",\"\xc3\x84\"]}"
#define NODE(url, n) \
	"{\"url\":\"" url "\",\"organization\":\"Org " n "\"," \
	"\"heartbeat\":\"2025-11-24T16:00:00Z\",\"status\":\"up\",\"flows\":[" FLOWS(n) "]}"
#define BODY(url, feed, nodes, kodo) \
	"{\"url\":\"" url "\",\"organization\":\"Of \\u00e4\",\"registry\":" feed "," \
	"\"feed\":" feed ",\"idle\":true,\"now\":\"2025-11-24T16:00:00Z\",\"message\":[]," \
	"\"nodes\":[" nodes "]" kodo "}"
#define KODO(sent, rest) ",\"kodo\":{\"life\":77,\"sent\":" sent rest "}"
#define VERSIONS ",\"versions\":{\"http://r:1\":1763000000000001,\"http://n:1\":1763000000000002," \
	"\"http://m:1\":1763000000000003},\"gone\":{\"http://g:1\":1763000000000004}"

enum post { POST_CONNECT, POST_UPDATE, POST_RECONNECT, POST_DISCONNECT };

/* POST a body, and render the answer to it. */
static enum kodo_err
post(enum post what, const char *json)
{
	static const enum wire_kind kinds[] = { [POST_CONNECT] = WIRE_CONNECT,
		[POST_UPDATE] = WIRE_UPDATE, [POST_RECONNECT] = WIRE_DEFAULT,
		[POST_DISCONNECT] = WIRE_DISCONNECT };
	struct wire_body b = body_read(arena, kinds[what], json);
	struct sink out = SINK_INIT(registry_state(reg));
	struct receipt in;
	uint64_t ticket;
	bool rest;
	enum kodo_err err = KODO_OK, replied;

	switch (what) {
	case POST_CONNECT:
		err = registry_connect(reg, &b, base.now_us, &in);
		break;
	case POST_UPDATE:
		err = registry_update(reg, &b, base.now_us, &in);
		break;
	case POST_RECONNECT:
		err = registry_reconnect(reg, &b, base.now_us, &in);
		break;
	case POST_DISCONNECT:
		err = registry_disconnect(reg, &b, base.now_us, &in, &ticket);
	}
	may(err);
	replied = reply_put(reg, &b, what == POST_CONNECT, false, base.now_us, &out, &rest);
	may(replied);
	sink_free(&out);
	return err != KODO_OK ? err : replied;
}

/* --- what reads --- */

static void
nothing(void *arg, enum finding kind, const char *line)
{
	unsigned *errors = arg;

	(void)line;
	*errors += kind == FINDING_ERROR;
}

static enum kodo_err
row_drop(struct search_sink *s, const struct row *row, struct str node)
{
	(void)s;
	(void)row;
	(void)node;
	return KODO_OK;
}

static void
search(struct view *v, const char *q, const char *by, uint64_t p, bool as_rows)
{
	struct search_query fq = { .p = p, .pp = 5 };
	struct sink out = SINK_INIT(registry_state(reg));
	struct search_sink s = { .out = &out, .each = as_rows ? row_drop : NULL };
	struct search_result res;

	must(query_compile(arena, str_of(q), &fq.q) == KODO_OK, q);
	must(order_parse(arena, str_of(by), &fq.by) == KODO_OK, by);
	may(search_flows(v, arena, &fq, &s, &res));
	if (res.next.p != NULL && cursor_read(arena, fq.by, res.next, &fq.after) == KODO_OK) {
		fq.p = 0;
		may(search_flows(v, arena, &fq, &s, &res));
	}
	must(out.buf.len < ALLOC_MAX, "a page that is too long");
	sink_free(&out);
}

static void
searches(struct view *v)
{
	static const char *const queries[] = { "", "alpha", "org n", "org n alpha",
		"name==\"beta\"", "organization==\"Org n\" and tags:\"x\"", "name~\"alpha\"",
		"description=~\"s.y\"", "url~\"own\" or author!=null", "not tags:\"x\"" };
	static const char *const orders[] = { "", "url", "name:d", "tags:d,name", "organization",
		"author,description", "heartbeat:d", "modified" };
	struct row row;
	size_t i;

	for (i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		search(v, queries[i], orders[i % 8], 0, i % 3 == 0);
		search(v, queries[i], orders[(i + 3) % 8], i % 2, i % 3 == 1);
	}
	search(v, "", "", 1, false);
	may(search_own_flow(v, arena, STR("own0"), STR(""), &row));
}

static void
changes(struct view *v, const char *q, uint64_t behind)
{
	struct changes_query cq = { .behind = behind, .limit = 100 };
	struct sink out = SINK_INIT(registry_state(reg));
	struct changes_told *told = NULL;
	struct changes found;
	enum kodo_err err;

	must(query_compile(arena, str_of(q), &cq.q) == KODO_OK, q);
	may(changes_told_new(v, cq.q, &told));
	cq.told = told;
	err = changes_find(v, arena, &cq, &found);
	may(err);
	if (err == KODO_OK)
		may(changes_put(v, arena, 0, &found, &out));
	sink_free(&out);
	changes_told_free(told);
}

static enum kodo_err
peer_drop(void *arg, const struct peer_state *p)
{
	(void)arg;
	(void)peer_status_failure(p);
	return KODO_OK;
}

static void
render(struct view *v, enum kodo_err (*fn)(struct view *v, struct sink *out))
{
	struct sink out = SINK_INIT(registry_state(reg));

	may(fn(v, &out));
	sink_free(&out);
}

static enum kodo_err
export(struct view *v, struct sink *out)
{
	(void)v;
	return render_export(reg, out);
}

/* GET /, /flows, /counts, /changes, /map, /connect; kodo export, peers, explain. */
static void
read_all(void)
{
	static enum kodo_err (*const renders[])(struct view *, struct sink *) = { render_connect,
		render_map, counts_put };
	static const char *const urls[] = { OWN, "http://n:1", "http://m:1/flows/a", "http://g:1",
		"http://r:1" };
	struct sink out = SINK_INIT(registry_state(reg));
	struct provenance of;
	struct facets facets;
	struct query *q;
	struct view v;
	size_t i;
	enum kodo_err err = view_begin(reg, base.now_us, &v);

	may(err);
	if (err != KODO_OK)
		return;
	searches(&v);
	for (i = 0; i < sizeof(renders) / sizeof(renders[0]); i++)
		render(&v, renders[i]);
	must(query_compile(arena, STR("alpha"), &q) == KODO_OK, "a query");
	may(facets_count(&v, arena, q, &facets));
	changes(&v, "", 0);
	changes(&v, "alpha", 2);
	may(peer_status_each(&v, arena, peer_drop, NULL));
	for (i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
		may(provenance_find(&v, arena, str_of(urls[i]), &of));
	view_end(&v);
	may(export(NULL, &out));
	sink_free(&out);
	must(arena_used(arena) < ALLOC_MAX, "more memory than a few kilobytes ask for");
	arena_reset(arena);
}

static unsigned
check(void)
{
	unsigned errors = 0;

	may(integrity_check(reg, base.now_us, nothing, &errors));
	return errors;
}

/* --- what changes --- */

static const struct exchange_result results[] = {
	{ .status = 200, .body = { "{}", 2 } }, { .error = "Connection refused" },
	{ .status = 404, .body = { "{}", 2 } }, { .status = 400, .body = { "no", 2 } },
	{ .status = 500 }, { .reset = true, .error = "reset" },
};

/* The runner: jobs are built, and each answered in another way. */
static void
run_jobs(void)
{
	const size_t n_results = sizeof(results) / sizeof(results[0]);
	struct exchange_job job;
	int64_t due_us;
	size_t i;
	bool wake;
	enum kodo_err err = KODO_OK;

	for (i = 0; i < JOBS_MAX && err == KODO_OK; i++) {
		err = schedule_next(reg, arena, base.now_us, NULL, 0, &job, &due_us, NULL);
		may(err);
		if (err == KODO_OK)
			may(outcome_take(
			    reg, arena, &job, &results[i % n_results], base.now_us, &wake));
		if (i % 8 == 7)
			base.now_us += 60 * 1000000ll;
	}
	arena_reset(arena);
}

static void
change_all(void)
{
	struct why why = { "" };
	uint64_t ticket;
	bool is;

	(void)!post(POST_CONNECT, BODY("http://n:1", "false", NODE("http://n:1", "other"), ""));
	(void)!post(POST_UPDATE, BODY("http://r:1", "true", NODE("http://m:1", "m2"),
	    KODO("9", ",\"versions\":{\"http://m:1\":1763000000000009},\"view\":\"0\"")));
	(void)!post(POST_UPDATE, BODY("http://r:1", "true", NODE("http://c:1", "c"),
	    KODO("10", ",\"part\":{\"id\":\"a\",\"from\":3,\"of\":6}")));
	(void)!post(POST_RECONNECT, BODY("http://t:1", "true", "", KODO("11", "")));
	(void)!post(POST_DISCONNECT,
	    "{\"provider\":\"http://l:1\",\"url\":[\"http://n:1\",\"http://l:1\"]}");
	may(startup_apply(reg, &base.o, STR("again"), START_NOW, base.now_us, NULL, &why));
	may(registry_leave_target(reg, STR_NULL, base.now_us, &ticket));
	may(wait_is_tried(reg, ticket, base.now_us, &is));
	may(registry_connect_again(reg, STR("http://t:1"), base.now_us, &ticket));
	may(registry_evict(reg, STR("http://n:1"), base.now_us, &ticket));
	base.now_us += 40 * DAY_US;
	may(expire_run(reg, base.now_us));
	arena_reset(arena);
}

/* --- the state --- */

static void
options_make(void)
{
	static char *argv[] = { "--url", OWN, "--organization", "Own", "--connect", "http://t:1" };
	struct why why = { "" };
	size_t i;

	must(option_load_service(base.a, 6, argv, true, &base.o, &why) == KODO_OK, why.text);
	base.o.state_path = str_of(base.dir);
	base.o.cache_data = STR("/nonexistent/cache.json");
	for (i = 0; i < 3; i++)
		base.flows[i] = (struct flow){ .url = str_of(arena_printf(base.a, "/own%zu", i)),
			.name = str_of(arena_printf(base.a, "Own %zu", i)) };
	base.o.flows = base.flows;
	base.o.n_flows = 3;
}

/* The target, a node, a kodo peer and a legacy one; shadows, a tombstone, a chunk, what is owed. */
static void
state_make(void)
{
	struct why why = { "" };

	must(startup_apply(reg, &base.o, STR("stamp"), START_NOW, base.now_us, NULL, &why) ==
	    KODO_OK, why.text);
	must(post(POST_CONNECT, BODY("http://n:1", "false", NODE("http://n:1", "n"), "")) ==
	    KODO_OK, "n");
	must(post(POST_CONNECT, BODY("http://r:1", "true", NODE("http://r:1", "r") ","
	    NODE("http://n:1", "n2") "," NODE("http://m:1", "m"), KODO("1", VERSIONS))) == KODO_OK,
	    "r");
	must(post(POST_CONNECT, BODY("http://l:1", "true", NODE("http://l:1", "l") ","
	    NODE("http://m:1", "m3"), "")) == KODO_OK, "l");
	must(post(POST_UPDATE, BODY("http://r:1", "true", NODE("http://c:1", "c"),
	    KODO("2", ",\"part\":{\"id\":\"a\",\"from\":0,\"of\":6}"))) == KODO_OK, "chunk");
	run_jobs();
	base.now_us = T0;
	must(check() == 0, "the state is not clean");
}

/* Where the file is mapped. */
static uintptr_t
map_begin(void)
{
	unsigned long long begin = 0;
	char line[512];
	FILE *f = fopen("/proc/self/maps", "r");

	while (f != NULL && begin == 0 && fgets(line, sizeof(line), f) != NULL)
		if (strstr(line, base.file) != NULL)
			begin = strtoull(line, NULL, 16);
	if (f != NULL)
		fclose(f);
	must(begin != 0, "data.mdb is not mapped");
	return (uintptr_t)begin;
}

static void
records_find(void)
{
	const uintptr_t map = map_begin();
	size_t cap = 0;
	struct scan s;
	struct txn t;
	int table;

	must(store_begin(registry_store(reg), STORE_READ, &t) == KODO_OK, "begin");
	for (table = 0; table < T_MAX; table++) {
		s = scan_prefix(&t, (enum store_table)table, STR_NULL);
		while (scan_next(&s)) {
			base.records = arena_grow(base.a, base.records, base.n_records, &cap,
			    sizeof(*base.records));
			must(base.records != NULL, "memory");
			base.records[base.n_records][0] =
			    (struct piece){ (uintptr_t)s.k.p - map, s.k.len };
			base.records[base.n_records++][1] =
			    (struct piece){ (uintptr_t)s.v.p - map, s.v.len };
		}
		must(scan_end(&s) == KODO_OK, "scan");
	}
	must(store_end(&t, KODO_OK) == KODO_OK, "end");
}

static void
state_remove(void)
{
	static const char *const names[] = { "data.mdb", "lock.mdb", "write.lock", "counts.json",
	    "key", "wake" };
	char path[128];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", base.dir, names[i]);
		unlink(path);
	}
	rmdir(base.dir);
}

static void
base_make(void)
{
	struct why why = { "" };

	snprintf(base.dir, sizeof(base.dir), "%s/kodo-records-XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	must(mkdtemp(base.dir) != NULL, "a folder");
	snprintf(base.file, sizeof(base.file), "%s/data.mdb", base.dir);
	atexit(state_remove);
	base.a = arena_new();
	arena = arena_new();
	base.now_us = T0;
	options_make();
	must(registry_open(str_of(base.dir), true, &why, &reg) == KODO_OK, why.text);
	state_make();
	records_find();
	registry_close(reg);
	must(path_read(base.a, base.file, 16u << 20, &base.bytes) == KODO_OK, base.file);
}

static void
file_write(const uint8_t *data, size_t n)
{
	char *copy = arena_dup(arena, base.bytes.p, base.bytes.len);
	size_t i;
	FILE *f;

	must(copy != NULL, "memory");
	for (i = 0; i < n / CHANGE_BYTES && i < CHANGES_MAX; i++, data += CHANGE_BYTES) {
		const struct piece *rec =
		    base.records[(size_t)(data[0] | data[1] << 8) % base.n_records];
		size_t at = (size_t)(data[2] | data[3] << 8) % (rec[0].len + rec[1].len);

		at = at < rec[0].len ? rec[0].at + at : rec[1].at + at - rec[0].len;
		copy[at] = (char)(copy[at] ^ (char)data[4]);
	}
	f = fopen(base.file, "wb");
	must(f != NULL && fwrite(copy, base.bytes.len, 1, f) == 1 && fclose(f) == 0, base.file);
	arena_reset(arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct why why = { "" };
	enum kodo_err err;

	if (base.a == NULL)
		base_make();
	alarm(SECONDS_MAX);
	file_write(data, n);
	base.now_us = T0;
	err = registry_open(str_of(base.dir), false, &why, &reg);
	may(err);
	if (err == KODO_OK) {
		read_all();
		must(check() == 0 || n >= CHANGE_BYTES, "what is whole is called damaged");
		change_all();
		run_jobs();
		read_all();
		(void)check();
		registry_close(reg);
	}
	alarm(0);
	return 0;
}
