#include "core/base/buf.h"
#include "core/records/codec.h"
#include "core/records/peer.h"
#include "provider_help.h"

#define SECOND_US	1000000ll
#define NUMBER_BYTES	(5 * 4 + 13 * 8 + 3 * 4 + 32 * 8 + 4)	/* before the texts */

/* Every field of a record, in the order of the format. */
#define FIELDS(U32, U64, TEXT) \
	U32(flags) U32(out.attempts) U32(out.ceiling_bytes) U32(out.successes) U32(resync.n) \
	U64(order) U64(in.list) U64(in.list_order) U64(out.list) U64(out.pos) U64(out.gone_pos) \
	U64(in.epoch) U64(in.sequence) U64(in.connect_sequence) \
	U64(in.former_epoch) U64(in.older_us) U64(in.skew_us) \
	U64(chunk.id) U32(chunk.node) U32(chunk.next) U32(chunk.tries) \
	U64(holds.nodes) U64(holds.flows) U64(holds.bytes) \
	U64(created_us) U64(modified_us) U64(in.registered_us) U64(out.connected_us) \
	U64(in.at_us) U64(out.at_us) U64(out.failed_us) \
	U64(out.failures) U64(out.due_us) U64(out.check_us) U64(resync.at_us) \
	U64(trust.since_us) U64(trust.proved_us) U64(trust.asked_us) U64(trust.refused_us) \
	U64(liveness.due_us) U64(liveness.silent_us) U64(liveness.fell_us) U64(liveness.shown_us) \
	U32(liveness.tries) \
	U64(out.work[WORK_PROVE]) U64(out.tried[WORK_PROVE]) \
	U64(out.work[WORK_LEAVE]) U64(out.tried[WORK_LEAVE]) \
	U64(out.work[WORK_CONNECT]) U64(out.tried[WORK_CONNECT]) \
	U64(out.work[WORK_RECONNECT]) U64(out.tried[WORK_RECONNECT]) \
	U64(out.work[WORK_NOTIFY]) U64(out.tried[WORK_NOTIFY]) \
	TEXT(url) TEXT(key) TEXT(alias) TEXT(organization) TEXT(in.address) TEXT(out.leave_urls) \
	TEXT(out.acked_url) TEXT(out.error) TEXT(trust.key) TEXT(trust.addresses) \
	U64(out.asked_us)	/* a rest: 0 is left out */

/* A peer whose fields are all different; the due time lies before that of the digest check. */
static struct peer
distinct(void)
{
	struct peer p = { .id = 77 };
	uint64_t n = 0x01020304050600;

#define U32(m) p.m = (uint32_t)++n;
#define U64(m) p.m = (__typeof__(p.m))++n;
#define TEXT(m) p.m = str_of(arena_printf(scratch.a, "text %llu", (unsigned long long)++n));
	FIELDS(U32, U64, TEXT)
#undef U32
#undef U64
#undef TEXT
	return p;
}

/* --- the record --- */

static void
every_field_is_read_as_written(void **state)
{
	struct peer p = distinct(), have;

	(void)state;
	put(&p);
	have = get(77);
	assert_int_equal(have.id, 77);
#define NUMBER(m) assert_int_equal(have.m, p.m);
#define TEXT(m) assert_true(str_eq(have.m, p.m) && have.m.p != NULL);
	FIELDS(NUMBER, NUMBER, TEXT)
#undef NUMBER
#undef TEXT
}

/* An older program wrote them: the order of the fields is the format. */
static void
fields_are_stored_in_order(void **state)
{
	struct buf b = BUF_INIT(0);
	struct peer p = distinct();
	unsigned char k[4];

	(void)state;
	put(&p);
#define U32(m) buf_put_u32(&b, p.m);
#define U64(m) buf_put_u64(&b, (uint64_t)p.m);
#define TEXT(m) write_str(&b, p.m);
	FIELDS(U32, U64, TEXT)
#undef U32
#undef U64
#undef TEXT
	assert_true(str_eq(raw_get(T_PEER, key_u32(k, 77)), buf_str(&b)));
	buf_free(&b);
}

/* So that what a former build wrote is read, and reads what is written. */
static void
rest_is_left_out_where_it_is_0(void **state)
{
	struct peer p = distinct();
	unsigned char k[4];
	size_t len;

	(void)state;
	put(&p);
	len = raw_get(T_PEER, key_u32(k, 77)).len;
	p.out.asked_us = 0;
	put(&p);
	assert_int_equal(raw_get(T_PEER, key_u32(k, 77)).len, len - 8);
	assert_int_equal(get(77).out.asked_us, 0);
	assert_true(str_eq(get(77).trust.addresses, p.trust.addresses));
}

static void
null_is_not_empty(void **state)
{
	struct peer p = make("a"), have;

	(void)state;
	p.organization = STR("");
	put(&p);
	have = get(p.id);
	assert_true(have.organization.p != NULL && have.organization.len == 0);
	assert_true(have.alias.p == NULL && have.out.error.p == NULL &&
	    have.out.acked_url.p == NULL && have.out.leave_urls.p == NULL);
}

static void
texts_are_copied(void **state)
{
	struct peer p = make("http://a:1"), have;

	(void)state;
	put(&p);
	have = get(p.id);
	must(store_del_under(&db.t, T_PEER, STR_NULL));
	p.url = STR("http://b:1");
	put(&p);
	assert_str(have.url, "http://a:1");
	assert_str(have.key, "http://a:1");
}

static void
short_record(void **state)
{
	int64_t created_us, modified_us;
	struct peer p = distinct();
	unsigned char k[4];
	struct str whole;
	uint32_t id;
	size_t i;

	(void)state;
	assert_int_equal(peer_get(&db.t, scratch.a, 77, &p), KODO_ENOTFOUND);
	created_us = modified_us = 9;
	assert_int_equal(peer_get_times(&db.t, 77, &created_us, &modified_us), KODO_ENOTFOUND);
	assert_true(created_us == 0 && modified_us == 0);
	put(&p);
	whole = raw_get(T_PEER, key_u32(k, 77));
	for (i = 0; i < whole.len; i++) {
		if (i == whole.len - 8)
			continue; /* all but the rest */
		raw_put(T_PEER, key_u32(k, 77), bytes_of(whole.p, i));
		assert_int_equal(peer_get(&db.t, scratch.a, 77, &p), KODO_ECORRUPT);
		id = 77;
		assert_int_equal(peer_next(&db.t, scratch.a, &id, &p), KODO_ECORRUPT);
		assert_int_equal(id, 77);
		assert_int_equal(peer_get_times(&db.t, 77, &created_us, &modified_us),
		    i < NUMBER_BYTES ? KODO_ECORRUPT : KODO_OK);
	}
	assert_int_equal(created_us, distinct().created_us);
	assert_int_equal(modified_us, distinct().modified_us);
}

static void
new_peer_is_empty(void **state)
{
	static const struct peer none;
	struct peer p, q;

	(void)state;
	db.head.next_peer = 5;
	memset(&p, 0xff, sizeof(p));
	peer_init(&p, &db.head, STR("url"), STR("key"));
	peer_init(&q, &db.head, STR("url"), STR("key"));
	assert_true(p.id == 5 && q.id == 6 && db.head.next_peer == 7);
	assert_str(p.url, "url");
	assert_str(p.key, "key");
	p.id = 0;
	p.url = p.key = STR_NULL;
	assert_memory_equal(&p, &none, sizeof(p));
}

/* --- what follows from its fields --- */

static void
predicates(void **state)
{
	static const struct {
		uint32_t flags;
		bool is_live_target, is_subscriber, is_idle;
	} rows[] = {
		{ 0, false, false, true },
		{ PEER_TARGET, true, true, false },
		{ PEER_TARGET | PEER_LEFT, false, false, false },
		{ PEER_LEFT, false, false, true },
		{ PEER_TARGET | PEER_LEFT | PEER_PROVIDER | PEER_FEED, false, true, false },
		{ PEER_PROVIDER, false, false, false },
		{ PEER_FEED, false, false, true },
		{ PEER_PROVIDER | PEER_FEED, false, true, false },
		{ PEER_PROVIDER | PEER_REGISTRY, false, false, false },
		{ PEER_KODO | PEER_PAUSED | PEER_FADING | PEER_RESYNC | PEER_NOTIFIED,
		    false, false, true },
	};
	struct peer p = { .id = 1 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		p.flags = rows[i].flags;
		assert_int_equal(peer_is_live_target(&p), rows[i].is_live_target);
		assert_int_equal(peer_is_subscriber(&p), rows[i].is_subscriber);
		assert_int_equal(peer_is_idle(&p), rows[i].is_idle);
	}
	p.flags = 0;
	p.id = PEER_SELF;
	assert_false(peer_is_idle(&p));
}

/* Neither nodes nor removals behind it are delivered. */
static void
lower_position_counts(void **state)
{
	struct peer p = { .id = 1 };

	(void)state;
	assert_true(peer_pos(&p) == 0);
	p.out.pos = UINT64_MAX;
	p.out.gone_pos = 1ull << 40;
	assert_true(peer_pos(&p) == 1ull << 40);
	p.out.pos = 7;
	assert_true(peer_pos(&p) == 7);
}

static void
work_of_any_kind(void **state)
{
	struct peer p = { .id = 1 };
	int i;

	(void)state;
	assert_false(peer_has_work(&p));
	for (i = 0; i < WORK_MAX; i++) {
		p.out.tried[i] = 1;
		assert_false(peer_has_work(&p));
		assert_true(peer_is_idle(&p));
		p.out.work[i] = 1;
		assert_true(peer_has_work(&p));
		assert_false(peer_is_idle(&p));
		p.out.work[i] = p.out.tried[i] = 0;
	}
}

static void
backoff_doubles_up_to_a_ceiling(void **state)
{
	static const int64_t waits_ms[] = { 500, 500, 1000, 2000, 4000, 8000, 8000, 8000 };
	uint32_t i;

	(void)state;
	for (i = 0; i < 8; i++)
		assert_int_equal(peer_backoff_us(i, PEER_BACKOFF_MAX_US), waits_ms[i] * 1000);
	assert_int_equal(peer_backoff_us(UINT32_MAX, PEER_PAUSE_US), PEER_PAUSE_US);
	assert_int_equal(peer_backoff_us(10, PEER_PAUSE_US), 256 * SECOND_US);
	assert_int_equal(peer_backoff_us(11, PEER_PAUSE_US), PEER_PAUSE_US);
	assert_int_equal(peer_backoff_us(1, 1000), 1000);
	assert_int_equal(peer_backoff_us(5, 3 * SECOND_US), 3 * SECOND_US);
}

static void
dialects(void **state)
{
	struct peer p = { .flags = ~(uint32_t)PEER_KODO };
	const struct peer_dialect *d = peer_dialect(&p);

	(void)state;
	assert_false(d->has_versions || d->takes_chunks || d->hears_itself);
	p.flags = PEER_KODO;
	d = peer_dialect(&p);
	assert_true(d->has_versions && d->takes_chunks && d->hears_itself);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RECORDS_TEST(every_field_is_read_as_written),
		RECORDS_TEST(fields_are_stored_in_order),
		RECORDS_TEST(rest_is_left_out_where_it_is_0),
		RECORDS_TEST(null_is_not_empty),
		RECORDS_TEST(texts_are_copied),
		RECORDS_TEST(short_record),
		RECORDS_TEST(new_peer_is_empty),
		RECORDS_TEST(predicates),
		RECORDS_TEST(lower_position_counts),
		RECORDS_TEST(work_of_any_kind),
		RECORDS_TEST(backoff_doubles_up_to_a_ceiling),
		RECORDS_TEST(dialects),
	};

	return cmocka_run_group_tests_name("peer", tests, NULL, NULL);
}
