/* `kodo check` of the stored state: each table that is damaged is found. */
#include "core/base/hash.h"
#include "core/check/integrity.h"
#include "core/flow/packed_private.h"
#include "core/records/changelog.h"
#include "core/records/peer.h"
#include "core/records/record.h"
#include "core/records/url_ids.h"
#include "core/registry/requests.h"
#include "core/registry/startup.h"
#include "registry_help.h"

#define TARGET "http://t:1"

static void
errors_count(void *arg, enum finding kind, const char *line)
{
	unsigned *n = arg;

	(void)line;
	if (kind == FINDING_ERROR)
		++*n;
}

static unsigned
errors_of(struct fixture *f)
{
	unsigned n = 0;

	must(integrity_check(f->r, f->now_us, errors_count, &n));
	return n;
}

static void
answer(struct fixture *f, const char *from)
{
	const char *body = arena_printf(f->a,
	    "{\"url\":\"%s\",\"organization\":null,\"registry\":true,\"feed\":true,\"idle\":true,"
	    "\"now\":\"2025-01-13T14:00:00Z\",\"message\":[],\"nodes\":[]}", from);
	struct exchange_result res = { .status = 201, .body = str_of(body) };
	struct exchange_job job;
	int64_t due_us;
	bool wake;

	must(schedule_next(f->r, f->a, f->now_us, NULL, 0, &job, &due_us, NULL));
	assert_int_equal(job.kind, EXCHANGE_CONNECT);
	must(outcome_take(f->r, f->a, &job, &res, f->now_us, &wake));
}

/* A registry with a target that calls itself otherwise, a node, and a removed node. */
static void
start(struct fixture *f)
{
	struct receipt in;
	struct wire_body b;

	fixture_options(f, "http://localhost:3367", true, true, TARGET, 1);
	fixture_apply(f, START_NOW);
	answer(f, "http://alias:1");
	b = body_of(f, "http://n:1", false,
	    arena_printf(f->a, "[%s]", node_json(f, "http://n:1", "N", 1)), NULL);
	must(registry_connect(f->r, &b, f->now_us, &in));
	check_clean(f);
}

static uint64_t
peers_of(struct fixture *f)
{
	struct store_stat st;

	must(store_stat(registry_store(f->r), &st));
	return st.entries[T_PEER];
}

/* --- a target that changes its name --- */

static void
connects_from(struct fixture *f, const char *url)
{
	struct wire_body b = body_of(f, url, true, "[]", NULL);
	struct receipt in;

	must(registry_connect(f->r, &b, f->now_us, &in));
	must(registry_update(f->r, &b, f->now_us, &in));
	assert_true(in.known);
	check_clean(f);
}

static void
old_alias_leads_nowhere(void **state)
{
	struct fixture *f = *state;
	struct exchange_result gone = { .status = 200, .body = STR("") };
	struct exchange_job job;
	uint64_t before;
	int64_t due_us;
	bool wake;

	start(f);
	fixture_apply(f, START_NOW);
	answer(f, "http://other:1");
	check_clean(f);
	/* the target is dropped */
	fixture_options(f, "http://localhost:3367", true, true, NULL, 1);
	fixture_apply(f, START_NOW);
	while (schedule_next(f->r, f->a, f->now_us, NULL, 0, &job, &due_us, NULL) == KODO_OK)
		must(outcome_take(f->r, f->a, &job, &gone, f->now_us, &wake));
	check_clean(f);
	before = peers_of(f);
	connects_from(f, "http://alias:1");
	connects_from(f, "http://alias:1");
	connects_from(f, "http://other:1");
	assert_int_equal(peers_of(f), before + 2);
}

/* --- damage --- */

enum damage {
	DAMAGE_PEER_URL,
	DAMAGE_PEER_URL_OTHER,
	DAMAGE_PEER_URL_MORE,
	DAMAGE_ALIAS,
	DAMAGE_NODE_URL,
	DAMAGE_NODE_URL_OTHER,
	DAMAGE_NODE_URL_MORE,
	DAMAGE_PROVIDER,
	DAMAGE_PROVIDER_OTHER,
	DAMAGE_PROVIDER_MORE,
	DAMAGE_CHANGES,
	DAMAGE_CHANGES_OTHER,
	DAMAGE_CHANGES_MORE,
	DAMAGE_CHANGES_SHORT,
	DAMAGE_CHANGES_KEY,
	DAMAGE_CHANGED,
	DAMAGE_CHANGED_OTHER,
	DAMAGE_CHANGED_MORE,
	DAMAGE_CHANGED_SHORT,
	DAMAGE_CHANGED_KEY,
	DAMAGE_LOG_OF_NO_NODE,
	DAMAGE_LOG_WITHOUT_NODE,
	DAMAGE_LOG_AHEAD,
	DAMAGE_BEHIND,
	DAMAGE_BEHIND_OTHER,
	DAMAGE_BEHIND_MORE,
	DAMAGE_BEHIND_KEY,
	DAMAGE_BEHIND_AHEAD,
	DAMAGE_MAX
};

struct damaged {
	enum damage what;
	struct arena *a;
};

/* What T_CHANGED has of a node. */
static struct str
last_of(uint64_t at)
{
	static char v[20];
	unsigned char kb[8];

	memcpy(v, key_u64(kb, at).p, sizeof(kb));
	return (struct str){ v, sizeof(v) };
}

/* Of the log of changes. */
static enum kodo_err
damage_changes(struct txn *t, enum damage what, uint32_t node)
{
	unsigned char kb[8], vb[8];
	struct changelog_entry e;
	struct str key, other;
	struct head h;

	must(changelog_get(t, node, &e));
	must(head_get(t, &h));
	key = key_u64(kb, e.at);
	switch ((int)what) {
	case DAMAGE_CHANGES:
		return store_del(t, T_CHANGES, key);
	case DAMAGE_CHANGES_OTHER:
		return store_put(t, T_CHANGES, key, key_u32_u32(vb, node + 1, 0));
	case DAMAGE_CHANGES_MORE:
		return store_put(t, T_CHANGES, key_u64(kb, 1), key_u32_u32(vb, node, 0));
	case DAMAGE_CHANGES_SHORT:
		return store_put(t, T_CHANGES, key, STR("short"));
	case DAMAGE_CHANGES_KEY:
		return store_put(t, T_CHANGES, STR("\0\0\1"), key_u32_u32(vb, node, 0));
	case DAMAGE_CHANGED:
		return store_del(t, T_CHANGED, key_u32(vb, node));
	case DAMAGE_CHANGED_OTHER:
		return store_put(t, T_CHANGED, key_u32(vb, node), last_of(e.at + 100));
	case DAMAGE_CHANGED_MORE:
		return store_put(t, T_CHANGED, key_u32(vb, node + 100), last_of(e.at));
	case DAMAGE_CHANGED_SHORT:
		return store_put(t, T_CHANGED, key_u32(vb, node), STR("short"));
	case DAMAGE_CHANGED_KEY:
		return store_put(t, T_CHANGED, STR("\0\0\1"), last_of(e.at));
	case DAMAGE_LOG_OF_NO_NODE:
		return changelog_put(t, &h, node + 100, 0, 0, &(bool){ false });
	case DAMAGE_LOG_WITHOUT_NODE:
		return changelog_del(t, &h, node);
	case DAMAGE_LOG_AHEAD: /* nobody would be sent it */
		must(store_del(t, T_CHANGES, key));
		other = key_u64(kb, h.logged + 1);
		must(store_put(t, T_CHANGES, other, key_u32_u32(vb, node, 0)));
		return store_put(t, T_CHANGED, key_u32(vb, node), last_of(h.logged + 1));
	}
	return KODO_EINVAL;
}

static struct str
behind_key(struct arena *a, uint64_t pos, uint32_t peer)
{
	char *k = arena_zalloc(a, 12);

	key_u64((unsigned char *)k, pos);
	key_u32((unsigned char *)k + 8, peer);
	return (struct str){ k, 12 };
}

/* Of the subscribers by position. */
static enum kodo_err
damage_behind(struct txn *t, const struct damaged *d)
{
	const struct str none = STR("");
	struct head h;
	struct peer p;
	struct str key;

	must(head_get(t, &h));
	must(peer_find(t, d->a, STR(TARGET), &p));
	key = behind_key(d->a, p.filed.pos, p.id);
	assert_true(p.filed.has_pos);
	switch ((int)d->what) {
	case DAMAGE_BEHIND:
		return store_del(t, T_BEHIND, key);
	case DAMAGE_BEHIND_OTHER:
		must(store_del(t, T_BEHIND, key));
		return store_put(t, T_BEHIND, behind_key(d->a, p.filed.pos + 1, p.id), none);
	case DAMAGE_BEHIND_MORE:
		return store_put(t, T_BEHIND, behind_key(d->a, p.filed.pos + 1, p.id), none);
	case DAMAGE_BEHIND_KEY:
		return store_put(t, T_BEHIND, STR("\0\0\1"), none);
	case DAMAGE_BEHIND_AHEAD: /* it would never learn what comes until then */
		p.out.pos = p.out.gone_pos = h.logged + 1;
		return peer_put(t, &p);
	}
	return KODO_EINVAL;
}

static enum kodo_err
damage_fn(struct txn *t, void *arg)
{
	struct damaged *d = arg;
	unsigned char kb[8], vb[4];
	struct peer p;
	uint32_t node;

	must(peer_find(t, d->a, STR("http://n:1"), &p));
	must(node_find(t, STR("http://n:1"), &node));
	if (d->what >= DAMAGE_BEHIND)
		return damage_behind(t, d);
	if (d->what >= DAMAGE_CHANGES)
		return damage_changes(t, d->what, node);
	switch ((int)d->what) {
	case DAMAGE_PEER_URL:
		return id_set(t, T_PEER_URL, p.key, 0);
	case DAMAGE_PEER_URL_OTHER:
		return id_set(t, T_PEER_URL, p.key, p.id - 1);
	case DAMAGE_PEER_URL_MORE:
		return id_set(t, T_PEER_URL, STR("http://x:1"), p.id + 1);
	case DAMAGE_ALIAS:
		return id_set(t, T_PEER_URL, STR("http://alias:1"), 0);
	case DAMAGE_NODE_URL:
		return id_set(t, T_NODE_URL, STR("http://n:1"), 0);
	case DAMAGE_NODE_URL_OTHER:
		return id_set(t, T_NODE_URL, STR("http://n:1"), node - 1);
	case DAMAGE_NODE_URL_MORE:
		return id_set(t, T_NODE_URL, STR("http://x:1"), node + 1);
	case DAMAGE_PROVIDER:
		return store_del(t, T_PROVIDER, key_u64(kb, p.order));
	case DAMAGE_PROVIDER_OTHER:
		return store_put(t, T_PROVIDER, key_u64(kb, p.order), key_u32(vb, p.id + 1));
	case DAMAGE_PROVIDER_MORE:
		return store_put(t, T_PROVIDER, key_u64(kb, p.order + 1), key_u32(vb, p.id));
	}
	return KODO_EINVAL;
}

static void
damage_is_found(void **state)
{
	struct fixture *f = *state;
	struct damaged d = { .a = f->a };
	unsigned missed = 0;

	for (d.what = 0; d.what < DAMAGE_MAX; d.what++) {
		fixture_teardown(state);
		fixture_setup(state);
		f = *state;
		d.a = f->a;
		start(f);
		must(store_write(registry_store(f->r), damage_fn, &d));
		if (errors_of(f) == 0) {
			print_error("damage %d is not found\n", (int)d.what);
			missed++;
		}
	}
	assert_int_equal(missed, 0);
}

/* Reading a table may fail in other ways than that something is not there. */
static enum kodo_err
alias_spoil(struct txn *t, void *arg)
{
	unsigned char kb[8];

	(void)arg;
	return store_put(
	    t, T_PEER_URL, key_u64(kb, hash_text(HASH_STORED, STR("http://alias:1"))), STR("x"));
}

static void
damage_is_an_error(void **state)
{
	static const char body[] =
	    "{\"url\":\"http://alias:1\",\"organization\":null,\"registry\":true,\"feed\":true,"
	    "\"idle\":true,\"now\":\"2025-01-13T14:00:00Z\",\"message\":[],\"nodes\":[]}";
	struct fixture *f = *state;
	struct exchange_result res = { .status = 201, .body = STR(body) };
	struct exchange_job job;
	int64_t due_us;
	bool wake;

	fixture_options(f, "http://localhost:3367", true, true, TARGET, 1);
	fixture_apply(f, START_NOW);
	must(store_write(registry_store(f->r), alias_spoil, NULL));
	must(schedule_next(f->r, f->a, f->now_us, NULL, 0, &job, &due_us, NULL));
	assert_int_equal(
	    outcome_take(f->r, f->a, &job, &res, f->now_us, &wake), KODO_ECORRUPT);
}

/* The length of a name in the record of http://n:1 wraps. */
static enum kodo_err
row_spoil(struct txn *t, void *arg)
{
	struct fixture *f = arg;
	struct statement s;
	struct packed p;
	uint32_t node;
	char *bytes;

	must(node_find(t, STR("http://n:1"), &node));
	must(record_get_seen(t, node, &s));
	must(packed_open(s.bytes, &p));
	bytes = arena_dup(f->a, s.bytes.p, s.bytes.len);
	bytes[(const char *)p.table - s.bytes.p + PACKED_ROW_NAME + 1] = (char)0xff;
	s.bytes.p = bytes;
	return record_put_winner(t, node, VERDICT_SHOWN, &s);
}

struct lines {
	unsigned n;
	char last[256];
};

static void
errors_note(void *arg, enum finding kind, const char *line)
{
	struct lines *l = arg;

	if (kind != FINDING_ERROR)
		return;
	l->n++;
	snprintf(l->last, sizeof(l->last), "%s", line);
}

/* A damaged row is an error of whoever reads it, and one finding: no other follows from it. */
static void
damaged_row_is_one_finding(void **state)
{
	struct fixture *f = *state;
	struct search_query fq = { .pp = 100 };
	struct search_result res;
	struct lines found = { 0 };
	struct wire_body b;
	struct receipt in;
	struct view v;
	struct sink out;
	struct search_sink s = { .out = &out };

	start(f);
	must(store_write(registry_store(f->r), row_spoil, f));
	must(integrity_check(f->r, f->now_us, errors_note, &found));
	assert_int_equal(found.n, 1);
	assert_non_null(strstr(found.last, "the record of node "));
	out = (struct sink)SINK_INIT(registry_state(f->r));
	must(query_compile(f->a, STR("name ~ \"n\""), &fq.q));
	must(order_parse(f->a, STR("url"), &fq.by));
	must(view_begin(f->r, f->now_us, &v));
	assert_int_equal(search_flows(&v, f->a, &fq, &s, &res), KODO_ECORRUPT);
	view_end(&v);
	sink_free(&out);
	b = body_of(f, "http://n:1", false,
	    arena_printf(f->a, "[%s]", node_json(f, "http://n:1", "M", 1)), NULL);
	assert_int_equal(registry_connect(f->r, &b, f->now_us, &in), KODO_ECORRUPT);
}

/* A peer that is filed as due, and has nothing to do by its record, would be found for ever. */
static enum kodo_err
due_spoil(struct txn *t, void *arg)
{
	unsigned char k[13] = { DUE_ACTIVE, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1 };

	(void)arg;
	return store_put(t, T_DUE, (struct str){ (const char *)k, sizeof(k) }, STR(""));
}

static void
due_by_no_record_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	int64_t due_us;

	start(f);
	must(store_write(registry_store(f->r), due_spoil, NULL));
	assert_int_equal(schedule_next(f->r, f->a, f->now_us, NULL, 0, &job, &due_us, NULL),
	    KODO_ECORRUPT);
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(old_alias_leads_nowhere),
		T(damage_is_found),
		T(damage_is_an_error),
		T(damaged_row_is_one_finding),
		T(due_by_no_record_is_an_error),
	};

	return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
