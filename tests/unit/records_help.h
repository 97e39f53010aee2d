/*
 * For tests of records: a store in a scratch folder, and a write transaction that spans a test and
 * is given up at its end.
 */
#ifndef RECORDS_HELP_H
#define RECORDS_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/flow/packed.h"
#include "core/records/changelog.h"
#include "core/records/peer.h"
#include "core/records/record.h"
#include "core/storage/store.h"
#include "scratch.h"

static struct {
	struct state state;
	struct store *store;
	struct txn t;
	struct head head;	/* of a new state; tests write it where they need it */
} db;

static inline void
must(enum kodo_err err)
{
	if (err != KODO_OK)
		scratch_fail("%s", kodo_err_text(err));
}

static inline int
records_setup(void **state)
{
	struct why why = { "" };

	if (scratch_setup(state) != 0)
		return -1;
	db.head = (struct head){ .next_node = 1, .next_peer = 1, .next_order = 1, .next_block = 1 };
	if (state_open(&db.state, str_of(scratch_path("s")), true, &why) != KODO_OK ||
	    store_open(&db.state, true, (uint64_t)1 << 30, &why, &db.store) != KODO_OK ||
	    store_begin(db.store, STORE_WRITE, &db.t) != KODO_OK)
		return -1;
	return 0;
}

static inline int
records_teardown(void **state)
{
	if (store_end(&db.t, KODO_EINVAL) != KODO_EINVAL)
		return -1;
	store_close(db.store);
	return scratch_teardown(state);
}

#define RECORDS_TEST(fn) cmocka_unit_test_setup_teardown(fn, records_setup, records_teardown)

/* A key and value as they are stored; in the scratch arena. */
static inline struct str
bytes_of(const void *p, size_t n)
{
	return (struct str){ arena_dup(scratch.a, p, n), n };
}

/* A copy of what is stored under key, null where nothing is. */
static inline struct str
raw_get(enum store_table table, struct str key)
{
	struct str v;
	enum kodo_err err = store_get(&db.t, table, key, &v);

	if (err == KODO_ENOTFOUND)
		return STR_NULL;
	must(err);
	return bytes_of(v.p, v.len);
}

static inline void
raw_put(enum store_table table, struct str key, struct str value)
{
	must(store_put(&db.t, table, key, value));
}

static inline size_t
count(enum store_table table)
{
	struct scan s = scan_prefix(&db.t, table, STR_NULL);
	size_t n = 0;

	while (scan_next(&s))
		n++;
	must(scan_end(&s));
	return n;
}

static inline void
assert_str(struct str have, const char *want)
{
	if ((have.p == NULL) != (want == NULL) || !str_eq(have, str_of(want)))
		scratch_fail("\"%.*s\" is not \"%s\"", STR_ARG(have), want == NULL ? "" : want);
}

static inline enum kodo_err
record_put_seen(struct txn *t, uint32_t node, const struct statement *s)
{
	return record_put_winner(t, node, VERDICT_SHOWN, s);
}

static inline enum kodo_err
record_del_seen(struct txn *t, uint32_t node)
{
	return record_del_winner(t, node, VERDICT_SHOWN);
}

/* A node of those flows, packed, in the scratch arena. */
static inline struct str
pack(const char *url, const struct flow *flows, size_t n)
{
	struct node node = { .url = str_of(url), .flows = flows, .n_flows = n };
	struct buf b = BUF_INIT(0);
	struct str bytes;

	packed_write(&b, &node);
	assert_false(buf_failed(&b));
	bytes = bytes_of(b.p, b.len);
	buf_free(&b);
	return bytes;
}

/* A statement that differs from others by its text alone; it is no packed node. */
static inline struct statement
said(uint32_t peer, uint64_t version, const char *text)
{
	return (struct statement){ .version = version, .peer = peer, .bytes = str_of(text) };
}

/* The changelog as "node:number/skip ". */
static inline const char *
log_text(void)
{
	static char text[512];
	struct scan s = changelog_scan(&db.t, 0);
	struct changelog_entry e;
	size_t n = 0;

	text[0] = '\0';
	while (changelog_next(&s, &e))
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%u:%llu/%u ", e.node,
		    (unsigned long long)e.at, e.skip);
	must(scan_end(&s));
	return text;
}

/* Who is filed by its position, as "position/peer ". */
static inline const char *
behind_text(void)
{
	static char text[512];
	struct scan s = peer_scan_behind(&db.t);
	struct peer_behind e;
	size_t n = 0;

	text[0] = '\0';
	while (peer_next_behind(&s, &e))
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%llu/%u ",
		    (unsigned long long)e.pos, e.peer);
	must(scan_end(&s));
	return text;
}

#endif
