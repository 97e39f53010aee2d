#include "core/records/walk.h"
#include "provider_help.h"

struct trace {
	char text[1024];
	size_t n;
	size_t stop_at;		/* the walk ends with KODO_EEXIST at so many; 0: never */
};

static enum kodo_err
trace_add(struct trace *tr, const char *line)
{
	size_t used = strlen(tr->text);

	snprintf(tr->text + used, sizeof(tr->text) - used, "%s ", line);
	return ++tr->n == tr->stop_at ? KODO_EEXIST : KODO_OK;
}

static enum kodo_err
stated(void *arg, uint32_t node, const struct statement *s)
{
	return trace_add(arg, arena_printf(scratch.a, "%u:%.*s", node, STR_ARG(s->bytes)));
}

static enum kodo_err
provider(void *arg, const struct peer *p)
{
	return trace_add(arg, arena_printf(scratch.a, "%u:%.*s", p->id, STR_ARG(p->url)));
}

static enum kodo_err
seen(void *arg, uint32_t node, const struct statement *s, const struct peer *source)
{
	assert_int_equal(s->peer, source->id);
	return trace_add(arg, arena_printf(scratch.a, "%u:%.*s@%.*s", node, STR_ARG(s->bytes),
	    STR_ARG(source->url)));
}

static void
assert_stated(uint32_t peer, const char *want)
{
	struct trace tr = { 0 };

	must(walk_stated(&db.t, peer, stated, &tr));
	assert_string_equal(tr.text, want);
}

static void
assert_seen(const char *want)
{
	struct trace tr = { 0 };

	must(walk_seen(&db.t, scratch.a, seen, &tr));
	assert_string_equal(tr.text, want);
}

static void
nothing_is_there(void **state)
{
	struct trace tr = { 0 };

	(void)state;
	must(walk_stated(&db.t, 1, stated, &tr));
	must(walk_providers(&db.t, scratch.a, provider, &tr));
	/* before the first start there is no record of this service */
	assert_int_equal(walk_seen(&db.t, scratch.a, seen, &tr), KODO_ENOTFOUND);
	self_put();
	must(walk_seen(&db.t, scratch.a, seen, &tr));
	assert_int_equal(tr.n, 0);
}

static void
order_is_that_of_places(void **state)
{
	struct trace tr = { 0 };
	uint32_t a, b, c;

	(void)state;
	self_put();
	a = provider_put("a");
	b = provider_put("b");
	c = provider_put("c");
	says(b, 4, "b4", true);
	says(b, 2, "b2", true);
	says(a, 9, "a9", true);
	says(c, 2, "c2", false);
	says(c, 1, "c1", true);
	says(PEER_SELF, 7, "own", true);
	assert_stated(b, "4:b4 2:b2 ");
	assert_stated(c, "2:c2 1:c1 "); /* seen or not */
	assert_stated(PEER_SELF, "7:own ");
	assert_seen("7:own@http://own:1 9:a9@a 4:b4@b 2:b2@b 1:c1@c ");
	must(walk_providers(&db.t, scratch.a, provider, &tr));
	assert_string_equal(tr.text, "1:a 2:b 3:c ");
}

/* Who came first is not who was known first; and who states nothing is not even read. */
static void
silent_providers_cost_nothing(void **state)
{
	unsigned char k[4];
	struct peer target;
	uint32_t b, silent;

	(void)state;
	self_put();
	target = make("a");
	put(&target);
	b = provider_put("b");
	silent = provider_put("s");
	target.flags = PEER_PROVIDER;
	must(peer_place_put(&db.t, &db.head, &target));
	put(&target);
	says(target.id, 9, "a9", true);
	says(b, 4, "b4", true);
	assert_seen("4:b4@b 9:a9@a ");
	raw_put(T_PEER, key_u32(k, silent), STR("short"));
	assert_seen("4:b4@b 9:a9@a ");
	raw_put(T_PEER, key_u32(k, b), STR("short"));
	assert_int_equal(walk_seen(&db.t, scratch.a, seen, &(struct trace){ 0 }), KODO_ECORRUPT);
	must(store_del(&db.t, T_PEER, key_u32(k, b)));
	assert_int_equal(walk_seen(&db.t, scratch.a, seen, &(struct trace){ 0 }), KODO_ECORRUPT);
}

static void
tombstones_are_no_statements(void **state)
{
	struct statement tomb = said(1, 9, "http://n:1");
	uint32_t a;

	(void)state;
	self_put();
	a = provider_put("a");
	says(a, 4, "a4", true);
	says(a, 5, "a5", false); /* hidden by the tombstone */
	must(record_put_shadow(&db.t, 5, PEER_TOMB, &tomb));
	must(record_put_shadow(&db.t, 6, PEER_TOMB, &tomb));
	assert_stated(a, "4:a4 5:a5 ");
	assert_seen("4:a4@a ");
}

static void
callbacks_end_walks(void **state)
{
	struct trace tr;
	uint32_t a;
	size_t i;

	(void)state;
	self_put();
	says(PEER_SELF, 9, "own", true);
	a = provider_put("a");
	provider_put("b");
	says(a, 4, "a4", true);
	says(a, 2, "a2", true);
	for (i = 1; i <= 3; i++) {
		tr = (struct trace){ .stop_at = i };
		assert_int_equal(walk_seen(&db.t, scratch.a, seen, &tr), KODO_EEXIST);
		assert_int_equal(tr.n, i);
	}
	for (i = 1; i <= 2; i++) {
		tr = (struct trace){ .stop_at = i };
		assert_int_equal(walk_stated(&db.t, a, stated, &tr), KODO_EEXIST);
		assert_int_equal(tr.n, i);
		tr = (struct trace){ .stop_at = i };
		assert_int_equal(walk_providers(&db.t, scratch.a, provider, &tr), KODO_EEXIST);
		assert_int_equal(tr.n, i);
	}
}

static void
damage_is_told(void **state)
{
	struct trace tr = { 0 };
	unsigned char k[8];
	uint32_t a;

	(void)state;
	self_put();
	a = provider_put("a");
	says(a, 4, "a4", true);
	must(place_put(&db.t, a, 1000, 5)); /* it says nothing of that one */
	assert_int_equal(walk_stated(&db.t, a, stated, &tr), KODO_ECORRUPT);
	assert_int_equal(walk_seen(&db.t, scratch.a, seen, &tr), KODO_ECORRUPT);
	assert_string_equal(tr.text, "4:a4 4:a4@a ");
	must(place_del(&db.t, a, 1000));
	raw_put(T_NODE, key_u32(k, 4), STR("short"));
	assert_int_equal(walk_stated(&db.t, a, stated, &tr), KODO_ECORRUPT);
	assert_int_equal(walk_seen(&db.t, scratch.a, seen, &tr), KODO_ECORRUPT);
	must(record_del_seen(&db.t, 4));
	assert_int_equal(walk_stated(&db.t, a, stated, &tr), KODO_ECORRUPT);
	assert_int_equal(tr.n, 2);
	/* a place that leads to no peer; a peer that cannot be read */
	raw_put(T_PROVIDER, key_u64(k, 0), key_u32((unsigned char[4]){ 0 }, 99));
	assert_int_equal(walk_providers(&db.t, scratch.a, provider, &tr), KODO_ECORRUPT);
	assert_int_equal(walk_seen(&db.t, scratch.a, seen, &tr), KODO_ECORRUPT);
	raw_put(T_PEER, key_u32((unsigned char[4]){ 0 }, 99), STR("short"));
	assert_int_equal(walk_providers(&db.t, scratch.a, provider, &tr), KODO_ECORRUPT);
	assert_int_equal(tr.n, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RECORDS_TEST(nothing_is_there),
		RECORDS_TEST(order_is_that_of_places),
		RECORDS_TEST(silent_providers_cost_nothing),
		RECORDS_TEST(tombstones_are_no_statements),
		RECORDS_TEST(callbacks_end_walks),
		RECORDS_TEST(damage_is_told),
	};

	return cmocka_run_group_tests_name("walk", tests, NULL, NULL);
}
