/* Where peer.c files a peer: by url keys, by when it is due, as a subscriber, in its place. */
#include "core/records/peer.h"
#include "core/records/url_ids.h"
#include "provider_help.h"

/* --- helpers --- */

/* The id that a url key leads to, 0: none. */
static uint32_t
found(const char *key)
{
	struct peer p = { .id = 0 };
	enum kodo_err err = peer_find(&db.t, scratch.a, str_of(key), &p);

	if (err != KODO_ENOTFOUND)
		must(err);
	return err == KODO_OK ? p.id : 0;
}

/* T_DUE as "class:time/peer ". */
static const char *
due_text(void)
{
	static const char names[DUE_CLASSES] = "afscq";
	static char text[256];
	struct scan s = peer_scan_due(&db.t);
	struct peer_due d;
	size_t n = 0;

	text[0] = '\0';
	while (peer_next_due(&s, &d))
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%c:%lld/%u ",
		    names[d.class], (long long)d.at_us, d.peer);
	must(scan_end(&s));
	return text;
}

static const char *
ids_text(struct scan s, bool (*next)(struct scan *s, uint32_t *id))
{
	static char text[256];
	uint32_t id;
	size_t n = 0;

	text[0] = '\0';
	while (next(&s, &id))
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%u ", id);
	must(scan_end(&s));
	return text;
}

/* --- found by url keys --- */

static void
found_by_key_and_alias(void **state)
{
	struct peer p = make("a"), q = make("b"), self = { .id = PEER_SELF, .key = STR("own") };

	(void)state;
	assert_int_equal(found("a"), 0);
	put(&p);
	put(&q);
	put(&self);
	assert_true(found("a") == 1 && found("b") == 2 && found("own") == 0);
	p.alias = STR("c");
	put(&p);
	assert_true(found("a") == 1 && found("c") == 1);
	p = get(1);
	p.alias = STR("d"); /* another one */
	put(&p);
	assert_true(found("c") == 0 && found("d") == 1);
	p.alias = STR("b"); /* which leads to another peer */
	put(&p);
	assert_true(found("b") == 2 && found("d") == 0);
	p.alias = STR_NULL;
	put(&p);
	assert_true(found("b") == 2 && found("a") == 1);
	assert_int_equal(count(T_PEER_URL), 2);
	p.alias = STR("e"); /* twice in one transaction, without being read between */
	put(&p);
	p.alias = STR_NULL;
	put(&p);
	assert_int_equal(found("e"), 0);
}

static void
url_of_one_that_is_no_more(void **state)
{
	struct peer p = make("a"), q;

	(void)state;
	must(id_set(&db.t, T_PEER_URL, STR("a"), 99)); /* without a record */
	assert_int_equal(peer_find(&db.t, scratch.a, STR("a"), &q), KODO_ENOTFOUND);
	put(&p);
	assert_int_equal(found("a"), 1);
}

static void
deleted_peer_leaves_nothing(void **state)
{
	struct peer p = make("a"), q = make("b");

	(void)state;
	p.flags = PEER_TARGET | PEER_NOTIFIED;
	p.out.work[WORK_CONNECT] = 1;
	p.out.due_us = 5;
	p.out.check_us = 9;
	p.alias = STR("c");
	put(&p);
	put(&q);
	p.out.work[WORK_CONNECT] = 0;
	put(&p);
	assert_int_equal(count(T_BEHIND), 1);
	p.alias = STR("d"); /* not written: what is filed counts */
	p.out.pos = p.out.gone_pos = 3;
	must(peer_del(&db.t, &p));
	assert_int_equal(count(T_PEER), 1);
	assert_int_equal(count(T_PEER_URL), 1);
	assert_int_equal(count(T_DUE) + count(T_BEHIND), 0);
	p = make("p");
	p.alias = STR("b"); /* another's */
	put(&p);
	must(peer_del(&db.t, &p));
	assert_int_equal(found("b"), 2);
	must(id_set(&db.t, T_PEER_URL, STR("b"), 1));
	must(peer_del(&db.t, &q));
	assert_int_equal(count(T_PEER_URL), 1); /* it leads to another by now */
	q = make("q");
	put(&q);
	must(id_set(&db.t, T_PEER_URL, STR("q"), 0));
	must(peer_del(&db.t, &q)); /* and its key to none */
	assert_int_equal(count(T_PEER), 0);
}

/* A record of T_PEER_URL that cannot be read is not taken for one that is not there. */
static void
damaged_url_is_told(void **state)
{
	struct peer p = make("a"), q = make("b");
	unsigned char key[16];
	struct scan s;
	size_t n;

	(void)state;
	put(&p);
	s = scan_prefix(&db.t, T_PEER_URL, STR_NULL);
	assert_true(scan_next(&s));
	n = s.k.len;
	memcpy(key, s.k.p, n);
	must(scan_end(&s));
	raw_put(T_PEER_URL, (struct str){ (const char *)key, n }, STR("\1"));
	assert_int_equal(peer_find(&db.t, scratch.a, STR("a"), &p), KODO_ECORRUPT);
	p = get(1);
	assert_int_equal(peer_put(&db.t, &p), KODO_ECORRUPT);
	q.alias = STR("a");
	assert_int_equal(peer_put(&db.t, &q), KODO_ECORRUPT);
	assert_int_equal(peer_del(&db.t, &q), KODO_ECORRUPT);
	p = get(1);
	assert_int_equal(peer_del(&db.t, &p), KODO_ECORRUPT);
}

/* --- filed by time, and as subscribers --- */

static void
due_moves_with_the_record(void **state)
{
	struct peer p = make("a"), self = { .id = PEER_SELF, .flags = PEER_TARGET | PEER_NOTIFIED };

	(void)state;
	p.flags = PEER_PROVEN;
	p.out.due_us = 50; /* without work it says nothing */
	put(&p);
	assert_string_equal(due_text(), "");
	p.out.work[WORK_NOTIFY] = 1;
	put(&p);
	assert_string_equal(due_text(), "a:50/1 ");
	put(&p);
	assert_string_equal(due_text(), "a:50/1 ");
	p = get(1);
	p.out.due_us = 1ll << 40;
	put(&p);
	assert_string_equal(due_text(), "a:1099511627776/1 ");
	p.flags = PEER_PROVEN | PEER_PAUSED;
	put(&p);
	assert_string_equal(due_text(), "q:1099511627776/1 ");
	p.flags = PEER_PROVEN;
	p.out.attempts = PEER_PATIENCE;
	put(&p);
	assert_string_equal(due_text(), "f:1099511627776/1 ");
	p.out.attempts++;
	put(&p);
	assert_string_equal(due_text(), "q:1099511627776/1 ");
	p = get(1);
	p.flags = 0; /* whatever came of its probes, a stranger has a class of its own */
	put(&p);
	assert_string_equal(due_text(), "s:1099511627776/1 ");
	p.flags = PEER_TARGET;
	put(&p);
	assert_string_equal(due_text(), "q:1099511627776/1 ");
	p = get(1);
	p.out.work[WORK_NOTIFY] = 0;
	put(&p);
	assert_string_equal(due_text(), "");
	self.out.work[WORK_CONNECT] = 1;
	self.out.check_us = 7;
	put(&self); /* nothing is sent to this service */
	assert_string_equal(due_text(), "");
	assert_int_equal(count(T_BEHIND), 0);
}

static void
checks_are_quiet_and_behind_work(void **state)
{
	struct peer p = make("a");

	(void)state;
	p.flags = PEER_TARGET;
	p.out.check_us = 30;
	put(&p);
	assert_string_equal(due_text(), "c:30/1 ");
	p.out.check_us = 40;
	put(&p);
	assert_string_equal(due_text(), "c:40/1 ");
	p.out.attempts = 1;
	put(&p);
	assert_string_equal(due_text(), "q:40/1 ");
	p.out.attempts = 0;
	p.out.work[WORK_CONNECT] = 1;
	p.out.due_us = 39;
	put(&p);
	assert_string_equal(due_text(), "a:39/1 c:40/1 ");
	p.out.due_us = 40; /* a check must not come before the work, nor with it */
	put(&p);
	assert_string_equal(due_text(), "a:40/1 c:41/1 ");
	p = get(1);
	p.out.due_us = 100;
	put(&p);
	assert_string_equal(due_text(), "a:100/1 c:101/1 ");
	assert_int_equal(get(1).out.check_us, 101);
	p.out.work[WORK_CONNECT] = 0;
	p.out.check_us = 20;
	put(&p);
	assert_string_equal(due_text(), "c:20/1 ");
	p.out.check_us = 0;
	put(&p);
	assert_string_equal(due_text(), "");
}

static void
active_ones_come_first(void **state)
{
	struct peer p[4];
	size_t i;

	(void)state;
	assert_string_equal(due_text(), "");
	for (i = 0; i < 4; i++) {
		p[i] = make(arena_printf(scratch.a, "p%zu", i));
		p[i].out.work[WORK_CONNECT] = 1;
		p[i].out.due_us = (int64_t[]){ 300, 256, 255, 1 }[i];
		p[i].flags = PEER_TARGET | (i == 3 ? PEER_PAUSED : 0u);
		put(&p[i]);
	}
	assert_string_equal(due_text(), "a:255/3 a:256/2 a:300/1 q:1/4 ");
}

static void
position_put(struct peer *p, uint64_t pos, uint64_t gone_pos)
{
	p->out.pos = pos;
	p->out.gone_pos = gone_pos;
	put(p);
}

/* The one that is furthest behind first. */
static void
subscribers_by_their_positions(void **state)
{
	struct peer p[300];
	size_t i;

	(void)state;
	assert_string_equal(behind_text(), "");
	for (i = 0; i < 300; i++) {
		p[i] = make(arena_printf(scratch.a, "p%zu", i));
		p[i].flags = i == 2 || i == 255 || i == 256 ? PEER_NOTIFIED : PEER_TARGET;
		p[i].out.pos = p[i].out.gone_pos = 256;
		put(&p[i]);
	}
	assert_string_equal(behind_text(), "256/3 256/256 256/257 ");
	position_put(&p[256], 255, 900); /* the lower one counts */
	position_put(&p[2], UINT64_MAX, 257);
	assert_string_equal(behind_text(), "255/257 256/256 257/3 ");
	position_put(&p[2], UINT64_MAX, 257); /* in its place */
	position_put(&p[255], 1ull << 40, 1ull << 40);
	assert_string_equal(behind_text(), "255/257 257/3 1099511627776/256 ");
	p[2] = get(3);
	position_put(&p[2], 0, 257);
	assert_string_equal(behind_text(), "0/3 255/257 1099511627776/256 ");
	p[2].flags = PEER_TARGET; /* it is none any more */
	put(&p[2]);
	p[0].flags |= PEER_NOTIFIED;
	put(&p[0]);
	must(peer_del(&db.t, &p[256]));
	assert_string_equal(behind_text(), "256/1 1099511627776/256 ");
}

/* Other work has a time, and takes the changelog along. */
static void
who_has_work_is_not_found_by_position(void **state)
{
	struct peer p = make("a");
	int i;

	(void)state;
	p.flags = PEER_TARGET | PEER_NOTIFIED;
	p.out.due_us = 50;
	p.out.check_us = 90;
	position_put(&p, 7, 8);
	for (i = 0; i < WORK_MAX; i++) {
		assert_string_equal(behind_text(), "7/1 ");
		assert_string_equal(due_text(), "c:90/1 "); /* a check is none */
		p.out.work[i] = 1;
		put(&p);
		assert_string_equal(behind_text(), "");
		assert_string_equal(due_text(), "a:50/1 c:90/1 ");
		p = get(1);
		p.out.work[i] = 0;
		put(&p);
	}
	p.out.work[WORK_NOTIFY] = 1; /* the position moves meanwhile */
	position_put(&p, 7, 8);
	p.out.work[WORK_NOTIFY] = 0;
	position_put(&p, 9, 10);
	assert_string_equal(behind_text(), "9/1 ");
}

static void
filed_as_the_record_says(void **state)
{
	struct peer p = make("a"), q;
	unsigned n = 9;

	(void)state;
	put(&p);
	q = get(1);
	assert_true(peer_is_filed(&db.t, &q, &n) && n == 0);
	p.flags = PEER_TARGET | PEER_NOTIFIED;
	p.out.check_us = 9;
	position_put(&p, 5, 6);
	q = get(1);
	assert_true(peer_is_filed(&db.t, &q, &n) && n == 1);
	must(store_del(&db.t, T_BEHIND, STR("\0\0\0\0\0\0\0\5\0\0\0\1")));
	assert_string_equal(behind_text(), "");
	assert_false(peer_is_filed(&db.t, &q, &n));
	raw_put(T_BEHIND, STR("\0\0\0\0\0\0\0\6\0\0\0\1"), STR("")); /* elsewhere */
	assert_false(peer_is_filed(&db.t, &q, &n));
	p.out.work[WORK_LEAVE] = 1;
	p.out.due_us = 5;
	put(&p);
	q = get(1);
	assert_true(peer_is_filed(&db.t, &q, &n) && n == 2);
	must(store_del(&db.t, T_DUE, STR("\0\0\0\0\0\0\0\0\5\0\0\0\1")));
	assert_string_equal(due_text(), "c:9/1 ");
	assert_false(peer_is_filed(&db.t, &q, &n));
	p.out.due_us = 6;
	put(&p);
	q = get(1);
	assert_true(peer_is_filed(&db.t, &q, &n));
	must(store_del(&db.t, T_DUE, STR("\3\0\0\0\0\0\0\0\x09\0\0\0\1")));
	assert_string_equal(due_text(), "a:6/1 ");
	assert_false(peer_is_filed(&db.t, &q, &n));
	assert_int_equal(n, 2);
}

/* --- places and walks --- */

static void
places_in_the_order_of_first_connects(void **state)
{
	struct peer p = make("a"), q = make("b");

	(void)state;
	assert_string_equal(ids_text(peer_scan_providers(&db.t), peer_next_provider), "");
	db.head.next_order = 255;
	must(peer_place_put(&db.t, &db.head, &q));
	must(peer_place_put(&db.t, &db.head, &p));
	assert_true(q.order == 255 && p.order == 256 && db.head.next_order == 257);
	assert_string_equal(ids_text(peer_scan_providers(&db.t), peer_next_provider), "2 1 ");
	must(peer_place_del(&db.t, &q));
	assert_int_equal(q.order, 0);
	assert_string_equal(ids_text(peer_scan_providers(&db.t), peer_next_provider), "1 ");
	raw_put(T_PROVIDER, STR("\0\0\0\0\0\0\0\0"), STR("\0\0\0\x09"));
	must(peer_place_del(&db.t, &q)); /* it has none: no. 0 is not its */
	must(peer_place_put(&db.t, &db.head, &q)); /* behind */
	assert_string_equal(ids_text(peer_scan_providers(&db.t), peer_next_provider), "9 1 2 ");
}

static void
all_but_this_service(void **state)
{
	struct peer self = { .id = PEER_SELF }, p;
	uint32_t id = 0;

	(void)state;
	assert_int_equal(peer_next(&db.t, scratch.a, &id, &p), KODO_ENOTFOUND);
	put(&self);
	id = 0;
	assert_int_equal(peer_next(&db.t, scratch.a, &id, &p), KODO_ENOTFOUND);
	p = make("a");
	put(&p);
	db.head.next_peer = 300;
	p = make("b");
	put(&p);
	id = 0;
	must(peer_next(&db.t, scratch.a, &id, &p));
	assert_true(p.id == 1 && id == 2);
	assert_str(p.url, "a");
	must(peer_del(&db.t, &p)); /* changed meanwhile */
	must(peer_next(&db.t, scratch.a, &id, &p));
	assert_true(p.id == 300 && id == 301);
	assert_int_equal(peer_next(&db.t, scratch.a, &id, &p), KODO_ENOTFOUND);
	assert_int_equal(id, 301);
}

static void
damaged_entries(void **state)
{
	struct peer_behind at;
	struct peer_due d;
	struct scan s;
	struct peer p;
	uint32_t id = 0;
	size_t i;

	(void)state;
	for (i = 1; i < 13; i++) {
		raw_put(T_DUE, bytes_of("\0\0\0\0\0\0\0\0\5\0\0\0\1", i), STR(""));
		s = peer_scan_due(&db.t);
		assert_false(peer_next_due(&s, &d));
		assert_int_equal(scan_end(&s), KODO_ECORRUPT);
		must(store_del_under(&db.t, T_DUE, STR_NULL));
	}
	for (i = 1; i < 12; i++) {
		raw_put(T_BEHIND, bytes_of("\0\0\0\0\0\0\0\5\0\0\0\1", i), STR(""));
		s = peer_scan_behind(&db.t);
		assert_false(peer_next_behind(&s, &at));
		assert_int_equal(scan_end(&s), KODO_ECORRUPT);
		must(store_del_under(&db.t, T_BEHIND, STR_NULL));
	}
	raw_put(T_BEHIND, STR("\0\0\0\0\0\0\0\5\0\0\0\1"), STR("x"));
	s = peer_scan_behind(&db.t);
	assert_false(peer_next_behind(&s, &at));
	assert_int_equal(scan_end(&s), KODO_ECORRUPT);
	raw_put(T_PROVIDER, STR("\0\0\0\0\0\0\0\1"), STR("\0\0\1"));
	s = peer_scan_providers(&db.t);
	assert_false(peer_next_provider(&s, &id));
	assert_int_equal(scan_end(&s), KODO_ECORRUPT);
	raw_put(T_PEER, STR("\0\1\1"), STR(""));
	id = 1;
	assert_int_equal(peer_next(&db.t, scratch.a, &id, &p), KODO_ECORRUPT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RECORDS_TEST(found_by_key_and_alias),
		RECORDS_TEST(url_of_one_that_is_no_more),
		RECORDS_TEST(deleted_peer_leaves_nothing),
		RECORDS_TEST(damaged_url_is_told),
		RECORDS_TEST(due_moves_with_the_record),
		RECORDS_TEST(checks_are_quiet_and_behind_work),
		RECORDS_TEST(active_ones_come_first),
		RECORDS_TEST(subscribers_by_their_positions),
		RECORDS_TEST(who_has_work_is_not_found_by_position),
		RECORDS_TEST(filed_as_the_record_says),
		RECORDS_TEST(places_in_the_order_of_first_connects),
		RECORDS_TEST(all_but_this_service),
		RECORDS_TEST(damaged_entries),
	};

	return cmocka_run_group_tests_name("peer_filing", tests, NULL, NULL);
}
