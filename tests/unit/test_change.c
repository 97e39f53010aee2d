#include "core/merge/change.h"
#include "change_help.h"

#define MANY	1000u

static struct head
stored_head(void)
{
	struct head h;

	must(head_get(&db.t, &h));
	return h;
}

/* --- begin and end --- */

static void
head_is_counted_up(void **state)
{
	(void)state;
	assert_int_equal(ch.head.state, FIRST_STATE);
	assert_int_equal(stored_head().state, FIRST_STATE - 1);
	assert_true(ch.now_us == NOW_US && ch.o == &options && ch.t == &db.t && ch.a == scratch.a);
	assert_false(ch.is_due || ch.is_list || ch.is_view_changed);
	ch.head.total = 99;
	commit();
	assert_int_equal(stored_head().state, FIRST_STATE);
	assert_int_equal(stored_head().total, 99);
	assert_int_equal(stored_head().view, 7);
	begin();
	ch.is_view_changed = true;
	commit();
	assert_int_equal(stored_head().view, 8);
	begin();
	assert_int_equal(ch.head.state, FIRST_STATE + 2);
}

static void
state_without_a_head(void **state)
{
	struct change none;

	(void)state;
	raw_put(T_META, STR("head"), STR("short"));
	assert_int_equal(change_begin(&none, &db.t, scratch.a, NOW_US, &options), KODO_ECORRUPT);
	must(store_del(&db.t, T_META, STR("head")));
	assert_int_equal(change_begin(&none, &db.t, scratch.a, NOW_US, &options), KODO_ENOTFOUND);
	assert_int_equal(change_end(&none, KODO_ENOTFOUND), KODO_ENOTFOUND);
}

static void
failed_change_writes_nothing(void **state)
{
	struct peer *p = peer_in("a", PEER_TARGET), q;
	struct str bytes = pack(
	    "http://n:1", &(struct flow){ .url = STR("/1"), .name = STR("n") }, 1);
	uint32_t row = 0;

	(void)state;
	must(record_put_seen(&db.t, 1, &(struct statement){ .bytes = bytes }));
	must(flow_order_add(&ch.order, 1, bytes, &row, 1));
	ch.is_view_changed = true;
	assert_int_equal(change_end(&ch, KODO_ETOOBIG), KODO_ETOOBIG);
	assert_int_equal(stored_head().state, FIRST_STATE - 1);
	assert_int_equal(stored_head().view, 7);
	assert_int_equal(peer_get(&db.t, scratch.a, p->id, &q), KODO_ENOTFOUND);
	assert_null(raw_get(T_ORDER, STR("\0\0\0\0")).p);
	assert_true(ch.peers == NULL && ch.n_peers == 0 && ch.order.rows == NULL);
}

static void
order_is_written_at_the_end(void **state)
{
	struct str bytes = pack(
	    "http://n:1", &(struct flow){ .url = STR("/1"), .name = STR("n") }, 1);
	uint32_t row = 0;

	(void)state;
	must(record_put_seen(&db.t, 1, &(struct statement){ .bytes = bytes }));
	must(flow_order_add(&ch.order, 1, bytes, &row, 1));
	assert_null(raw_get(T_ORDER, STR("\0\0\0\0")).p);
	commit();
	assert_int_equal(raw_get(T_ORDER, STR("\0\0\0\0")).len, 8);
	assert_int_equal(stored_head().next_block, 2);
	assert_true(ch.peers == NULL && ch.order.rows == NULL);
}

/* --- the cache of peers --- */

static void
one_copy_of_a_peer(void **state)
{
	struct peer *p = peer_in("http://a:1", PEER_TARGET), *q, stored;

	(void)state;
	assert_int_equal(p->id, 1);
	must(change_peer(&ch, 1, &q));
	assert_ptr_equal(p, q); /* although it is not in the store yet */
	must(change_peer_find(&ch, STR("http://a:1"), &q));
	assert_ptr_equal(p, q);
	must(change_peer_make(&ch, STR("http://A:1"), STR("http://a:1"), &q));
	assert_ptr_equal(p, q);
	assert_str(q->url, "http://a:1");
	p->alias = STR("http://b:1");
	next_change();
	must(change_peer(&ch, 1, &p));
	must(change_peer_find(&ch, STR("http://a:1"), &q));
	assert_ptr_equal(p, q);
	must(change_peer_find(&ch, STR("http://b:1"), &q));
	assert_ptr_equal(p, q);
	p->out.attempts = 5;
	must(peer_get(&db.t, scratch.a, 1, &stored));
	assert_int_equal(stored.out.attempts, 0);
	commit();
	must(peer_get(&db.t, scratch.a, 1, &stored));
	assert_int_equal(stored.out.attempts, 5);
	begin();
	must(change_peer_find(&ch, STR("http://b:1"), &q)); /* by its alias, into the cache */
	must(change_peer(&ch, 1, &p));
	assert_ptr_equal(p, q);
	assert_int_equal(ch.n_peers, 1);
}

static void
peer_that_is_not_known(void **state)
{
	struct peer *p = (void *)&ch;
	unsigned char k[4];

	(void)state;
	assert_int_equal(change_peer(&ch, 9, &p), KODO_ENOTFOUND);
	assert_null(p);
	p = (void *)&ch;
	assert_int_equal(change_peer_find(&ch, STR("http://a:1"), &p), KODO_ENOTFOUND);
	assert_null(p);
	raw_put(T_PEER, key_u32(k, 9), STR("short"));
	assert_int_equal(change_peer(&ch, 9, &p), KODO_ECORRUPT);
	assert_int_equal(ch.n_peers, 0);
	assert_int_equal(ch.head.next_peer, 1);
}

static void
made_peers_keep_their_texts(void **state)
{
	char url[] = "http://a:1", key[] = "http://key:1";
	struct peer *p, *again;

	(void)state;
	must(change_peer_make(&ch, str_of(url), str_of(key), &p));
	memset(url, 'x', sizeof(url) - 1);
	memset(key, 'x', sizeof(key) - 1);
	assert_str(p->url, "http://a:1");
	assert_str(p->key, "http://key:1");
	must(change_peer_make(&ch, STR("u"), STR("k"), &p));
	assert_int_equal(p->id, 2);
	must(change_peer_make(&ch, STR("u"), STR("k"), &again)); /* not the first of the cache */
	assert_ptr_equal(p, again);
	assert_int_equal(ch.head.next_peer, 3);
}

/* In whatever order they are asked for. */
static void
many_peers(void **state)
{
	static struct peer *all[MANY + 1];
	struct peer *p;
	uint32_t i, id;

	(void)state;
	for (i = 1; i <= MANY; i++)
		peer_in(arena_printf(scratch.a, "p%u", i), PEER_TARGET);
	next_change();
	for (i = 1; i <= MANY; i++) {
		id = i * 3 % (MANY + 1);
		all[id] = peer_again(id);
		all[id]->out.attempts = id;
	}
	for (id = 1; id <= MANY; id++) {
		must(change_peer(&ch, id, &p));
		assert_ptr_equal(p, all[id]);
		assert_int_equal(p->id, id);
		assert_ptr_equal(ch.peers[id - 1], p);
	}
	assert_int_equal(ch.n_peers, MANY);
	next_change();
	for (id = 1; id <= MANY; id++)
		assert_int_equal(peer_again(id)->out.attempts, id);
}

static void
who_has_nothing_goes(void **state)
{
	static const struct {
		uint32_t flags;
		uint64_t epoch, work;
		bool stays;
	} rows[] = {
		{ 0, 0, 0, false },
		{ PEER_KODO | PEER_FADING | PEER_LEFT, 0, 0, false },
		{ 0, 5, 0, true },
		{ 0, 0, 1, true },
		{ PEER_TARGET, 0, 0, true },
		{ PEER_PROVIDER, 0, 0, true },
	};
	struct peer *p, found;
	uint32_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		p = peer_in(arena_printf(scratch.a, "p%u", i), rows[i].flags);
		p->in.epoch = rows[i].epoch;
		p->out.work[WORK_RECONNECT] = rows[i].work;
	}
	peer_again(PEER_SELF);
	commit();
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(peer_get(&db.t, scratch.a, 1 + i, &found),
		    rows[i].stays ? KODO_OK : KODO_ENOTFOUND);
	must(peer_get(&db.t, scratch.a, PEER_SELF, &found));
	begin();
	peer_again(3)->in.epoch = 0; /* one that was stored */
	commit();
	assert_int_equal(peer_find(&db.t, scratch.a, STR("p2"), &found), KODO_ENOTFOUND);
}

/* --- work --- */

static void
when_work_is_due(void **state)
{
	static const struct {
		bool now, had;
		uint32_t attempts;
		int64_t due_s;		/* from now on */
		bool is_due_now;
	} rows[] = {
		{ false, false, 0, 0, true },
		{ false, false, 0, 50, true },		/* nothing was to be done: no backoff */
		{ false, false, 0, -50, true },
		{ false, false, 3, 50, false },		/* the backoff goes on */
		{ false, false, 3, 0, true },
		{ false, false, 3, -50, true },		/* it is long past */
		{ false, true, 0, 50, false },
		{ false, true, 3, 50, false },
		{ false, true, 3, -50, false },		/* due already */
		{ true, false, 3, 50, true },
		{ true, true, 3, 50, true },
		{ true, true, 0, -50, true },
	};
	struct peer p;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const int64_t due_us = NOW_US + rows[i].due_s * SECOND_US;

		p = (struct peer){ .id = 1, .flags = PEER_PAUSED | PEER_TARGET };
		p.out.attempts = rows[i].attempts;
		p.out.due_us = due_us;
		p.out.work[WORK_LEAVE] = rows[i].had ? 5 : 0;
		ch.is_due = false;
		change_want(&ch, &p, WORK_RECONNECT, rows[i].now);
		assert_int_equal(p.out.work[WORK_RECONNECT], FIRST_STATE);
		assert_int_equal(p.out.work[WORK_LEAVE], rows[i].had ? 5 : 0);
		assert_int_equal(p.out.due_us, rows[i].is_due_now ? NOW_US : due_us);
		/* also of work that begins with a wait the runner must know */
		assert_int_equal(ch.is_due, rows[i].now || !rows[i].had);
		assert_int_equal(p.out.attempts, rows[i].now ? 0 : rows[i].attempts);
		assert_int_equal(p.flags,
		    rows[i].now ? PEER_TARGET : PEER_TARGET | PEER_PAUSED);
	}
}

static void
connect_notes_the_url(void **state)
{
	struct peer target = { .id = 1, .flags = PEER_TARGET | PEER_PAUSED };
	struct peer other = { .id = 2, .flags = PEER_PROVIDER | PEER_PROVEN };

	(void)state;
	target.out.attempts = other.out.attempts = 3;
	target.out.due_us = other.out.due_us = NOW_US + SECOND_US;
	change_want_connect(&ch, &target);
	assert_str(target.out.acked_url, "http://own:1");
	assert_int_equal(target.out.work[WORK_CONNECT], FIRST_STATE);
	assert_int_equal(target.out.due_us, NOW_US);
	assert_int_equal(target.flags, PEER_TARGET);
	assert_true(ch.is_due);
	change_want_connect(&ch, &other);
	assert_null(other.out.acked_url.p);
	assert_int_equal(other.out.work[WORK_CONNECT], FIRST_STATE);
	assert_int_equal(other.out.due_us, NOW_US);
}

static void
unwanted_work_goes(void **state)
{
	struct peer *p = peer_in("a", PEER_TARGET), *q = peer_in("b", PEER_TARGET);
	int i;

	(void)state;
	must(outbox_put(&db.t, p->id, 5, 1));
	must(outbox_put(&db.t, p->id, 6, 1));
	must(outbox_pause(&db.t, p->id, 6, 1, STR("no")));
	must(outbox_put(&db.t, q->id, 5, 1));
	for (i = 0; i < WORK_MAX; i++)
		p->out.work[i] = 9;
	for (i = 0; i < WORK_MAX; i++) {
		must(change_unwant(&ch, p, (enum peer_work)i));
		assert_int_equal(p->out.work[i], 0);
		assert_int_equal(peer_has_work(p), i < WORK_MAX - 1);
		assert_string_equal(outbox_text(),
		    i == WORK_NOTIFY ? "2/5:1 " : "1/5:1 1/6:1! 2/5:1 ");
	}
}

/* --- notifying --- */

static void
who_is_notified(void **state)
{
	static const struct {
		uint32_t flags;
		bool registry, feed, want;
	} rows[] = {
		{ PEER_TARGET, true, true, true }, { PEER_TARGET, false, false, true },
		{ PEER_TARGET | PEER_LEFT, true, true, false },
		{ PEER_TARGET | PEER_LEFT | PEER_PROVIDER | PEER_FEED, true, true, true },
		{ PEER_TARGET | PEER_PROVIDER | PEER_FEED, true, false, true },
		{ PEER_PROVIDER | PEER_FEED, true, true, true },
		{ PEER_PROVIDER | PEER_FEED, true, false, false },
		{ PEER_PROVIDER | PEER_FEED, false, true, false },
		{ PEER_PROVIDER, true, true, false }, { PEER_FEED, true, true, false },
		{ 0, true, true, false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct peer *p = peer_in(arena_printf(scratch.a, "p%zu", i), rows[i].flags);

		options.registry = rows[i].registry;
		options.feed = rows[i].feed;
		assert_int_equal(change_is_subscriber(&ch, p), rows[i].want);
		must(change_notify(&ch, 5, p->id));
		assert_int_equal(p->out.work[WORK_NOTIFY], rows[i].want ? FIRST_STATE : 0);
		assert_string_equal(outbox_text(), rows[i].want
		    ? arena_printf(scratch.a, "%u/5:%u ", p->id, FIRST_STATE) : "");
		must(outbox_clear(&db.t, p->id));
	}
	must(change_notify(&ch, 5, 999)); /* nobody */
	assert_string_equal(outbox_text(), "");
}

static void
notifying_keeps_the_backoff_and_ends_a_pause_of_the_node(void **state)
{
	struct peer *p = peer_in("a", PEER_TARGET);

	(void)state;
	p->flags |= PEER_PAUSED;
	p->out.attempts = 9;
	p->out.due_us = NOW_US + SECOND_US;
	p->out.work[WORK_NOTIFY] = 1;
	must(outbox_put(&db.t, 1, 5, 1));
	must(outbox_pause(&db.t, 1, 5, 1, STR("no")));
	must(change_notify(&ch, 5, 1));
	assert_string_equal(outbox_text(), "1/5:42 ");
	assert_true((p->flags & PEER_PAUSED) != 0 && p->out.attempts == 9 && !ch.is_due);
	assert_int_equal(p->out.due_us, NOW_US + SECOND_US);
	assert_int_equal(p->out.work[WORK_NOTIFY], FIRST_STATE);
}

/* A change costs the same for any number of subscribers: nothing is written for each. */
static void
change_moves_the_entry(void **state)
{
	(void)state;
	must(change_notify_all(&ch, 5, PEER_SELF)); /* there are no subscribers */
	assert_string_equal(log_text(), "5:43/0 ");
	commit();
	assert_false(ch.is_due);
	assert_true(stored_head().logged == 43 && stored_head().state == 43);
	begin();
	peer_in("a", PEER_TARGET);
	peer_in("b", PEER_PROVIDER);
	peer_in("c", PEER_PROVIDER | PEER_FEED | PEER_PROVEN);
	peer_in("d", PEER_TARGET);
	next_change();
	assert_string_equal(behind_text(), "43/1 43/3 43/4 ");
	assert_int_equal(ch.head.state, 45);
	must(change_notify_all(&ch, 6, 3));
	must(change_notify_all(&ch, 5, PEER_SELF));
	must(change_notify_all(&ch, 6, 1)); /* again: to the end */
	assert_string_equal(log_text(), "5:47/0 6:48/1 ");
	assert_int_equal(ch.n_peers, 0);
	commit();
	assert_true(ch.is_due);
	assert_true(stored_head().logged == 48 && stored_head().state == 48);
	assert_string_equal(behind_text(), "43/1 43/3 43/4 ");
	assert_string_equal(outbox_text(), "");
	begin();
	commit();
	assert_false(ch.is_due); /* nothing is new */
}

/* Whoever caused all that is new has nothing to learn, if it knew the rest. */
static void
cause_is_not_behind(void **state)
{
	static const struct {
		uint32_t causes[3];	/* of three nodes, 9: not changed */
		const char *want;
		bool is_due;
	} rows[] = {
		{ { 1, 9, 9 }, "42/2 43/1 ", true },
		{ { 1, 1, 1 }, "42/2 45/1 ", true },
		{ { 1, 2, 9 }, "42/1 42/2 ", true },	/* of each other */
		{ { 2, 1, 1 }, "42/1 42/2 ", true },
		{ { 1, 1, 2 }, "42/1 42/2 ", true },
		{ { 1, PEER_SELF, 1 }, "42/1 42/2 ", true },
		{ { PEER_SELF, 1, 1 }, "42/1 42/2 ", true },
		{ { 9, 9, 9 }, "42/1 42/2 ", false },
	};
	size_t i, j;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (i > 0) {
			change_teardown(state);
			change_setup(state);
		}
		ch.head.logged = FIRST_STATE;
		peer_in("a", PEER_TARGET);
		peer_in("b", PEER_TARGET);
		commit();
		begin();
		ch.head.state = FIRST_STATE;
		peer_again(1);
		peer_again(2);
		for (j = 0; j < 3; j++)
			if (rows[i].causes[j] != 9)
				must(change_notify_all(&ch, 5 + (uint32_t)j, rows[i].causes[j]));
		commit();
		assert_string_equal(behind_text(), rows[i].want);
		assert_int_equal(ch.is_due, rows[i].is_due);
		begin();
	}
}

static void
cause_that_was_behind_stays_so(void **state)
{
	struct peer *p;

	(void)state;
	must(change_notify_all(&ch, 5, PEER_SELF));
	p = peer_in("a", PEER_TARGET);
	next_change();
	must(change_notify_all(&ch, 6, PEER_SELF));
	next_change();
	must(change_notify_all(&ch, 7, 1));
	p = peer_again(1);
	p->out.pos = 43; /* with one of both */
	p->out.gone_pos = 45;
	next_change();
	assert_string_equal(behind_text(), "43/1 ");
	p = peer_again(1);
	assert_true(p->out.pos == 43 && p->out.gone_pos == 45);
	p->out.pos = p->out.gone_pos = ch.head.logged;
	must(change_notify_all(&ch, 7, 1));
	next_change();
	assert_true(peer_again(1)->out.pos == ch.head.logged);
	assert_true(peer_again(1)->out.gone_pos == ch.head.logged);
	ch.is_due = false;
	must(change_notify_all(&ch, 8, 1));
	commit();
	assert_false(ch.is_due); /* no message to anybody */
	begin();
}

/* It gets the list, whatever was changed since. */
static void
who_becomes_a_subscriber_in_the_change(void **state)
{
	struct peer *p;

	(void)state;
	must(change_notify_all(&ch, 5, PEER_SELF));
	peer_in("a", PEER_TARGET);
	peer_in("b", PEER_PROVIDER | PEER_PROVEN);
	next_change();
	assert_string_equal(behind_text(), "43/1 ");
	peer_again(2)->flags |= PEER_FEED;
	peer_again(PEER_SELF)->flags |= PEER_TARGET; /* never this service itself */
	must(change_notify_all(&ch, 6, PEER_SELF));
	next_change();
	assert_string_equal(behind_text(), "43/1 45/2 ");
	peer_again(1)->flags |= PEER_LEFT;
	p = peer_again(2);
	next_change();
	assert_string_equal(behind_text(), "45/2 ");
	must(change_notify_all(&ch, 7, PEER_SELF));
	peer_again(1)->flags &= ~(uint32_t)PEER_LEFT; /* again one */
	options.feed = false;
	p = peer_again(2); /* and this one none any more */
	next_change();
	assert_string_equal(behind_text(), "48/1 ");
	p = peer_again(2);
	assert_int_equal(p->flags, PEER_PROVIDER | PEER_FEED | PEER_PROVEN);
}

static void
unwanted_news_are_passed_over(void **state)
{
	struct peer *p;

	(void)state;
	p = peer_in("a", PEER_TARGET);
	next_change();
	must(change_notify_all(&ch, 5, PEER_SELF));
	next_change();
	assert_string_equal(behind_text(), "0/1 ");
	p = peer_again(1);
	must(change_unwant(&ch, p, WORK_CONNECT));
	assert_true(p->out.pos == 0 && p->out.gone_pos == 0);
	must(change_unwant(&ch, p, WORK_NOTIFY));
	assert_true(p->out.pos == ch.head.logged && p->out.gone_pos == ch.head.logged);
	next_change();
	assert_string_equal(behind_text(), arena_printf(scratch.a, "%llu/1 ",
	    (unsigned long long)ch.head.logged));
}

static void
damage_is_told(void **state)
{
	unsigned char k[4];

	(void)state;
	peer_in("a", PEER_TARGET);
	next_change();
	raw_put(T_PEER, key_u32(k, 1), STR("short"));
	assert_int_equal(change_notify(&ch, 5, 1), KODO_ECORRUPT);
	must(change_notify_all(&ch, 5, PEER_SELF)); /* it is not asked for */
	commit();
	raw_put(T_CHANGED, key_u32(k, 5), STR("short"));
	begin();
	assert_int_equal(change_notify_all(&ch, 5, PEER_SELF), KODO_ECORRUPT);
	must(change_notify_all(&ch, 6, PEER_SELF));
	raw_put(T_BEHIND, STR("\0"), STR(""));
	assert_int_equal(change_end(&ch, KODO_OK), KODO_ECORRUPT);
	begin();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CHANGE_TEST(head_is_counted_up),
		CHANGE_TEST(state_without_a_head),
		CHANGE_TEST(failed_change_writes_nothing),
		CHANGE_TEST(order_is_written_at_the_end),
		CHANGE_TEST(one_copy_of_a_peer),
		CHANGE_TEST(peer_that_is_not_known),
		CHANGE_TEST(made_peers_keep_their_texts),
		CHANGE_TEST(many_peers),
		CHANGE_TEST(who_has_nothing_goes),
		CHANGE_TEST(when_work_is_due),
		CHANGE_TEST(connect_notes_the_url),
		CHANGE_TEST(unwanted_work_goes),
		CHANGE_TEST(who_is_notified),
		CHANGE_TEST(notifying_keeps_the_backoff_and_ends_a_pause_of_the_node),
		CHANGE_TEST(change_moves_the_entry),
		CHANGE_TEST(cause_is_not_behind),
		CHANGE_TEST(cause_that_was_behind_stays_so),
		CHANGE_TEST(who_becomes_a_subscriber_in_the_change),
		CHANGE_TEST(unwanted_news_are_passed_over),
		CHANGE_TEST(damage_is_told),
	};

	return cmocka_run_group_tests_name("change", tests, NULL, NULL);
}
